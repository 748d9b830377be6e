"""The service as a test wants it: built anew on the same stores, with another clock, bus or setting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.services.backpressure import Backpressure
from quiz_sessions.services.flush import FlushLimits, FlushReport


def rebuilt(services: Services, **options: Any) -> Services:
    """The same service, with other options of `build_services`; it shares the connections of `services`."""
    return build_services(services.settings, stores=services.stores, **options)


def with_tokens(services: Services, jwt: bool = True) -> Services:
    """The same service, whose callers are known by their tokens, or are not."""
    return rebuilt(services, cached=replace(services.cached, jwt=jwt))


def with_steady_backpressure(services: Services) -> Services:
    """The same service; what it advises to clients is not random."""
    steady = Backpressure(jitter=lambda: 0.5)
    return rebuilt(services, cached=replace(services.cached, backpressure=steady))


async def flush_at(services: Services, now: Micros, **limits: int) -> FlushReport:
    """One flush at a moment of the test's choice."""
    return await rebuilt(services, clock=lambda: now, flush_limits=FlushLimits(**limits)).flusher.run()
