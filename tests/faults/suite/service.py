"""One process of the service: the API, and the flush when it is asked for.

The caller plays the gateway: it says in a header what API Gateway would put into its event.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.exams import ExamManager
from quiz_sessions.flush import Flusher
from quiz_sessions.manager import SessionManager
from quiz_sessions.models import current_micros
from quiz_sessions.records import Records
from quiz_sessions.settings import Settings
from quiz_sessions.wiring import Services, build_services
from session_api.app import create_service

from .clients import CONTEXT_HEADER, FLUSH_PATH

CLOCK_SHIFT = "CLOCK_SHIFT_SECONDS"


def shifted(services: Services, seconds: int) -> Services:
    """The same process with a clock that is wrong by so many seconds."""
    parts = replace(services.parts, clock=lambda: current_micros() + seconds * 1_000_000)
    return replace(
        services,
        parts=parts,
        manager=SessionManager(parts),
        exams=ExamManager(parts),
        records=Records(parts),
        flusher=Flusher(parts),
    )


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
    services = build_services(Settings.from_environment(os.environ))
    services = shifted(services, int(os.environ.get(CLOCK_SHIFT, "0")))
    uvicorn.run(
        Front(create_service(lambda: services), services.flusher),
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
