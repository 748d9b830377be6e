"""What API Gateway's event, in payload 1.0 or 2.0, says about a request; Mangum passes the event on."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.clock import current_micros

PROBLEM_JSON = "application/problem+json"
TEXT_TYPES = ["application/json", PROBLEM_JSON, "text/"]
"""Media types that are returned as text; the gateway needs all others in base64."""

_FIRST_MILLIS = 100_000_000_000
"""A smaller time is in seconds: in milliseconds it would lie before 1973-03-03. `sam local start-api` sends
one in payload 2.0, and always the same one: when it was started itself."""


def request_context(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    """The event's `requestContext`; empty if there is no gateway."""
    context: dict[str, Any] = scope.get("aws.event", {}).get("requestContext", {})
    return context


def request_time(scope: MutableMapping[str, Any]) -> Micros:
    """When the gateway received the request; if it does not say, when this was first called for it."""
    state = scope.setdefault("state", {})
    if "at" not in state:
        # A server that queues requests in front of the app has set it on arrival.
        context = request_context(scope)
        millis = context.get("timeEpoch") or context.get("requestTimeEpoch")
        if isinstance(millis, int) and millis >= _FIRST_MILLIS:
            state["at"] = millis * 1000
        else:
            state["at"] = current_micros()
    at: Micros = state["at"]
    return at
