"""Liveness and readiness."""

from __future__ import annotations

from typing import Literal

from .common import reply


@reply
class Health:
    """The process answers."""

    status: Literal["ok"]


@reply
class Readiness:
    """Whether each store answers; "draining" where the process is about to end."""

    status: Literal["ready", "degraded", "draining"]
    database: Literal["up", "down"]
    cache: Literal["up", "down"]
