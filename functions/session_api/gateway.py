"""What API Gateway's event, in payload 1.0 or 2.0, says about a request; Mangum passes the event on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from uuid import uuid4

from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.clock import current_micros

PROBLEM_JSON = "application/problem+json"
TEXT_TYPES = ["application/json", PROBLEM_JSON, "text/"]
"""Media types that are returned as text; the gateway needs all others in base64."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
_FIRST_MILLIS = 100_000_000_000
"""A smaller time is in seconds: in milliseconds it would lie before 1973-03-03. `sam local start-api` sends
one in payload 2.0, and with every request the same one, and the same id: those of its own start."""
MAX_AGE: Micros = 45_000_000
"""How far the gateway's time of a request may lie behind the function's clock. The gateway ends a request
after 30 seconds; an older time is that of another request, or of a body that was held back."""
MAX_AHEAD: Micros = 15_000_000
"""By how much the two clocks may differ."""


def request_context(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    """The event's `requestContext`; empty if there is no gateway."""
    return context_of(scope.get("aws.event"))


def context_of(event: object) -> dict[str, Any]:
    """The `requestContext` of an event; empty where there is none, or the event is no gateway's."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    return context if isinstance(context, dict) else {}


def _epoch(context: Mapping[str, Any]) -> int | None:
    epoch = context.get("timeEpoch") or context.get("requestTimeEpoch")
    return epoch if isinstance(epoch, int) else None


def request_time(scope: MutableMapping[str, Any], clock: Callable[[], Micros] = current_micros) -> Micros:
    """When the gateway received the request; the time of `clock`, when this was first called for it, where it
    does not say, or says what can't be.
    """
    state = scope.setdefault("state", {})
    if "at" not in state:
        # A server that queues requests in front of the app has set it on arrival.
        now = clock()
        millis = _epoch(request_context(scope))
        is_possible = millis is not None and now - MAX_AGE <= millis * 1000 <= now + MAX_AHEAD
        state["at"] = millis * 1000 if millis is not None and is_possible else now
        state["gateway_time_refused"] = millis is not None and not is_possible
    at: Micros = state["at"]
    return at


def is_time_refused(scope: MutableMapping[str, Any]) -> bool:
    """Whether the gateway told a time that can't be that of the request."""
    return bool(scope.get("state", {}).get("gateway_time_refused"))


def request_id(scope: MutableMapping[str, Any]) -> str:
    """The request's id: the gateway's, else the caller's X-Request-Id if well-formed, else a new one."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        sent = dict(scope["headers"]).get(b"x-request-id", b"")
        known = sent.decode() if _REQUEST_ID.fullmatch(sent) else str(uuid4())
        context = request_context(scope)
        is_sam_local = (_epoch(context) or _FIRST_MILLIS) < _FIRST_MILLIS
        named = context.get("requestId")
        state["request_id"] = named if isinstance(named, str) and named and not is_sam_local else known
    found: str = state["request_id"]
    return found


def locate(scope: MutableMapping[str, Any], base_path: str) -> None:
    """Tell what stands in front of the API in a request's path: it becomes `root_path`, as ASGI has it.

    That is a stage of API Gateway, and `base_path`: of a custom domain's mapping, or of another proxy.

    The path is decoded once. In payload 2.0 API Gateway has decoded it (rawPath); in payload 1.0 it leaves
    that to the function, where Mangum does it.
    """
    event = scope.get("aws.event", {})
    context = request_context(scope)
    stage = context.get("stage") or "$default"
    front = ""
    if event.get("version") == "2.0":
        scope["path"] = event.get("rawPath", scope["path"])
        if stage != "$default":
            front = _front(scope["path"], f"/{stage}")
    elif str(context.get("path", "")).startswith(f"/{stage}/") and not _front(scope["path"], f"/{stage}"):
        # Payload 1.0 has the stage in the context's path alone.
        front = f"/{stage}"
        scope["path"] = front + scope["path"]
    scope["root_path"] = front + _front(scope["path"][len(front) :], base_path)


def path_of(scope: MutableMapping[str, Any]) -> str:
    """The API's own path, without what stands in front of it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _front(path: str, prefix: str) -> str:
    return prefix if prefix and (path == prefix or path.startswith(f"{prefix}/")) else ""
