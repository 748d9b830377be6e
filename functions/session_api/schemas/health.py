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
    """Whether each store answers."""

    status: Literal["ready", "degraded"]
    database: Literal["up", "down"]
    cache: Literal["up", "down"]
