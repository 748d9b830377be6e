"""What API Gateway says of a request, as Mangum hands it on: the same in its payloads 1.0 and 2.0."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.clock import current_micros

PROBLEM_JSON = "application/problem+json"
TEXT_TYPES = ["application/json", PROBLEM_JSON, "text/"]
"""What goes out as it is; the gateway wants everything else in base64."""


def request_context(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    """The event's `requestContext`; empty where there is no gateway."""
    context: dict[str, Any] = scope.get("aws.event", {}).get("requestContext", {})
    return context


def request_time(scope: MutableMapping[str, Any]) -> Micros:
    """When the gateway received the request; without a gateway, when it was first asked for."""
    state = scope.setdefault("state", {})
    if "at" not in state:
        # Whoever lets requests wait in front of the app has noted when they came.
        context = request_context(scope)
        millis = context.get("timeEpoch") or context.get("requestTimeEpoch")
        state["at"] = millis * 1000 if isinstance(millis, int) else current_micros()
    at: Micros = state["at"]
    return at
