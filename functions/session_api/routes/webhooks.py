"""The webhook: how it is doing, and trying again what was given up."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services

from ..identity import READ_ACTIONS, WRITE_QUIZZES
from ..replies import documented, json_reply
from ..schemas.common import ReasonRequest
from ..schemas.webhooks import WebhookReply
from .parameters import authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.get(
        "/webhooks",
        summary="How the webhook is doing",
        responses=documented(200, "What waits, and what was given up", 403, 422, model=WebhookReply),
    )
    async def get_webhooks(request: Request) -> Response:
        """Where domain events are sent to without an event bus (WEBHOOK_URL)."""
        authenticated(request, services()).require(WRITE_QUIZZES, READ_ACTIONS)
        return json_reply(await services().webhooks.status())

    @router.post(
        "/webhooks/retry",
        summary="Send again what the webhook did not accept",
        responses=documented(200, "All of it is due", 403, 409, 413, 422, model=WebhookReply),
    )
    async def retry_webhooks(request: Request, body: ReasonRequest) -> Response:
        """Also what was given up, and to a receiver that has answered 410. The next flush sends it."""
        caller = authenticated(request, services())
        caller.require(WRITE_QUIZZES)
        return json_reply(
            await services().webhooks.retry(body.reason, by=caller.subject, at=request.state.at)
        )
