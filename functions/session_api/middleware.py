"""Middleware around every request: its time and id, its log line, and a reply to unexpected errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import QuizSessionsError
from quiz_sessions.runtime.settings import SettingsError
from quiz_sessions.runtime.telemetry import Telemetry

from .gateway import is_time_refused, request_id, request_time
from .problems import internal_error
from .refusals import refusal_of

_COUNTED = {
    "network_refused": "AccessRefused",
    "safe_exam_browser_required": "AccessRefused",
    "safe_exam_browser_refused": "AccessRefused",
    # By itself, because people mistype.
    "password_required": "PasswordsRefused",
    "password_wrong": "PasswordsRefused",
}
"""Code of a problem -> the metric that counts it."""


class RequestMiddleware:
    """Sets `at` and `request_id` on the request's state; logs and notes requests that failed.

    The gateway's access log has all of them.
    """

    def __init__(
        self, app: ASGIApp, telemetry: Callable[[], Telemetry], services: Callable[[], Services]
    ) -> None:
        self._app = app
        self._telemetry = telemetry
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_time(scope)
        if is_time_refused(scope):
            self._telemetry().count("GatewayTimeRefused")
        state = scope["state"]
        request_id(scope)
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        except Exception as error:
            self._telemetry().failed("request failed", error, request_id=state["request_id"])
            if status:
                raise
            reply = internal_error(state["request_id"], scope.get("root_path", ""))
            await reply(scope, receive, note_status)
            # The services may be what has failed; then there is nobody to note it.
            with suppress(SettingsError, QuizSessionsError):
                await self._note(scope, status)
        else:
            if metric := _COUNTED.get(state.get("code")):
                self._telemetry().count(metric)
            # Browsers ask OPTIONS for themselves.
            if status >= 400 and scope["method"] != "OPTIONS":
                self._telemetry().refused(
                    status,
                    state.get("code"),
                    method=scope["method"],
                    **_addressed(scope),
                    **({"reason": state["reason"]} if "reason" in state else {}),
                    milliseconds=round((time.perf_counter() - started) * 1000, 1),
                    request_id=state["request_id"],
                )
                await self._note(scope, status)

    async def _note(self, scope: Scope, status: int) -> None:
        """Keep a refusal for the timeline of its session, if it is one of a session's."""
        if "session_id" not in scope.get("path_params", {}):
            return
        services = self._services()
        if (refusal := refusal_of(scope, services, status)) is not None:
            await services.refusals.note(refusal)


def _addressed(scope: Scope) -> dict[str, str]:
    """What a request is about, without the ids of users, whose extra time is nobody else's business."""
    route = getattr(scope.get("route"), "path_format", None)
    if route is None:
        return {"path": scope["path"]}
    ids = scope.get("path_params", {})
    return {"path": route, **{name: str(ids[name]) for name in ("session_id", "quiz_id") if name in ids}}
