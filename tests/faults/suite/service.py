"""One process of the service: the API, and the flush when it is asked for.

The caller plays the gateway: it says in a header what API Gateway would put into its event.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import build_services
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.runtime.settings import Settings
from quiz_sessions.services.flush import Flusher
from session_api.app import create_service

from .clients import CONTEXT_HEADER, FLUSH_PATH

CLOCK_SHIFT = "CLOCK_SHIFT_SECONDS"


class Front:
    """Serves the flush, and hands everything else to the app with the gateway's context."""

    def __init__(self, app: ASGIApp, flusher: Flusher) -> None:
        self._app = app
        self._flusher = flusher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == FLUSH_PATH:
            report = await self._flusher.run()
            await JSONResponse(asdict(report))(scope, receive, send)
            return
        context = dict(scope["headers"]).get(CONTEXT_HEADER.encode())
        if context is not None:
            scope["aws.event"] = {"requestContext": json.loads(context)}
        await self._app(scope, receive, send)


def main(port: int) -> None:
    # A clock that is wrong by so many seconds.
    shift = int(os.environ.get(CLOCK_SHIFT, "0")) * 1_000_000
    services = build_services(Settings.from_environment(os.environ), clock=lambda: current_micros() + shift)
    uvicorn.run(
        Front(create_service(lambda: services), services.flusher),
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
