"""Liveness and readiness."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from quiz_sessions.services.health import Serving, StoreState

from .common import reply


@reply
class Health:
    """The process answers."""

    status: Literal["ok"]


@reply
class Readiness:
    """Whether the service can serve."""

    status: Serving = field(
        metadata={
            "description": "degraded: the cache is away, and all works without it. unavailable: writes "
            "fail. draining: the process is about to end."
        }
    )
    database: StoreState = field(
        metadata={"description": "refuses_writes: it answers, but is read-only, or its disk is full."}
    )
    cache: StoreState
