"""A process of the service: `python -m tests.harness.process api PORT`, or `flusher SECONDS`.

Whoever calls the API plays the gateway: it says in a header what API Gateway would put into its event. Where
that has no time, the request was received when the development server says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.audit_events import OutboxMessage
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.runtime.settings import Settings
from quiz_sessions.services.outbox_relay import BusRelay
from quiz_sessions.stores.event_bus import EventBus
from session_api.app import create_service
from session_api.server.concurrency_limiter import ConcurrencyLimiter

CLOCK_SHIFT = "CLOCK_SHIFT_SECONDS"
GATEWAY_CLOCK_SHIFT = "GATEWAY_CLOCK_SHIFT_SECONDS"
CONTEXT_HEADER = "x-request-context"
FLUSH_PATH = "/_flush"
PUBLISH_PATH = "/_publish"


def clock(variable: str) -> Callable[[], Micros]:
    """A clock that is wrong by as many seconds as a variable of the environment says."""
    shift = int(os.environ.get(variable, "0")) * 1_000_000
    return lambda: current_micros() + shift


@cache
def services() -> Services:
    return build_services(Settings.from_environment(os.environ), clock=clock(CLOCK_SHIFT))


class Bus(EventBus):
    """A bus in this process that refuses the events of one session."""

    def __init__(self, refused: str | None) -> None:
        super().__init__("a bus without a network")
        self.taken: list[tuple[str, int]] = []
        self._refused = refused

    async def put(self, events: Sequence[OutboxMessage]) -> list[str | None]:
        codes = ["Refused" if str(event.attempt_id) == self._refused else None for event in events]
        self.taken += [
            (str(event.attempt_id), event.revision)
            for event, code in zip(events, codes, strict=True)
            if code is None
        ]
        return codes


def app() -> ASGIApp:
    """Flushes and publishes when asked to; hands everything else to the app with the gateway's context."""
    inner = create_service(services)
    received = ConcurrencyLimiter(inner, clock=clock(GATEWAY_CLOCK_SHIFT))

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"] == FLUSH_PATH:
                report = await services().flusher.run()
                await JSONResponse(asdict(report))(scope, receive, send)
                return
            if scope["path"] == PUBLISH_PATH:
                bus = Bus(Request(scope).query_params.get("refuse"))
                await BusRelay(services().stores.outbox, bus, services().telemetry).run(lambda: True)
                await JSONResponse(bus.taken)(scope, receive, send)
                return
            context = dict(scope["headers"]).get(CONTEXT_HEADER.encode())
            if context is not None:
                told = json.loads(context)
                scope["aws.event"] = {"requestContext": told}
                if not told.get("timeEpoch"):
                    await received(scope, receive, send)
                    return
        await inner(scope, receive, send)

    return front


async def flush_regularly(every: float) -> None:
    flusher = build_services(Settings.from_environment(os.environ), pool_size=1).flusher
    while True:
        await flusher.run()
        await asyncio.sleep(every)


if __name__ == "__main__":
    what, number = sys.argv[1:]
    if what == "flusher":
        asyncio.run(flush_regularly(float(number)))
    else:
        uvicorn.run(app(), port=int(number), lifespan="off", log_config=None, access_log=False)
