"""Devices: which one may write to a session, at quizzes that allow one at a time."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services

from ..identity import PROCTOR
from ..replies import documented, session_reply
from ..request_source import source_of
from ..schemas.devices import DeviceRequest
from .parameters import ClientId, ConfigKeyHash, IdempotencyKey, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.post(
        "/sessions/{session_id}/device",
        summary="Let another device have an open session",
        responses=documented(200, "That device may write", 403, 404, 409, 410, 413, 422),
    )
    async def change_device(
        request: Request,
        session_id: UUID,
        body: DeviceRequest,
        *,
        client_id: ClientId = None,
        idempotency_key: IdempotencyKey = None,
        config_key_hash: ConfigKeyHash = None,
    ) -> Response:
        """With `takeover`, where the quiz leaves that to students, the device that asks. With `reason` a
        proctor unlocks the session: the next device that writes or starts has it. What the former device
        sent till then counts; what it sends later is refused and recorded."""
        caller = authenticated(request, services())
        if body.reason is not None:
            caller.require(PROCTOR)
            session = await services().devices.unlock(
                session_id,
                body.reason,
                idempotency_key=idempotency_key,
                by=caller.subject,
                at=request.state.at,
            )
        else:
            session = await services().devices.take_over(
                session_id,
                client_id=client_id,
                source=source_of(request.scope, services().settings.origin_secrets),
                owner=caller.subject,
                at=request.state.at,
            )
        return session_reply(services(), session)
