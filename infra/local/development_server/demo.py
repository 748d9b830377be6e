"""`--demo`: an exam to watch, and requests that break what it runs on (clients/pages/demo.html presses them).

Nothing of it is in the API, and no server has it that was not started with `--demo`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .embedded import EmbeddedServer
from .loopback import host_of, is_loopback
from .stores import Stores

EXAM: Final = Path(__file__).with_name("demo_exam.json")
FREEZE_SECONDS: Final = 8.0
FLUSH_SECONDS: Final = 5.0
"""Between flushes: who watches does not wait half a minute to see drafts committed."""

_PATIENCE_SECONDS = 30.0
_TRY_AGAIN_SECONDS = 0.5

_log = logging.getLogger(__name__)


def settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """What the demo takes of the environment: it is the same everywhere, and breaks no stores but its own."""
    return {name: environment[name] for name in ("PORT",) if name in environment}


@dataclass
class Demo:
    """The exam, and what breaks it.

    Attributes:
        stores: both of them embedded ones.
        students: how many the page simulates.
        opens_browser: whether the page is opened in the visitor's browser.
        quiz_id: that of the exam, empty until there is one.
    """

    stores: Stores
    students: int = 30
    opens_browser: bool = False
    quiz_id: str = ""
    _address: str = ""
    _thaws_at: float | None = None
    _thawing: asyncio.Task[None] | None = None

    def before(self, app: ASGIApp) -> ASGIApp:
        """The app with the requests of the demo in front of it."""
        demo = Starlette(
            routes=[
                Mount(
                    "/demo",
                    routes=[
                        Route("/state", self._tell),
                        Route("/exam", self._begin, methods=["POST"]),
                        Route("/freeze-postgresql", self._freeze, methods=["POST"]),
                        Route("/kill-valkey", self._kill, methods=["POST"]),
                    ],
                )
            ],
            middleware=[Middleware(_OwnPagesOnly)],
        )

        async def either(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and not is_loopback(host_of(Headers(scope=scope).get("host", ""))):
                # A name of others that leads here: without tokens its pages could do whatever staff can.
                await JSONResponse({"detail": "This server is for its own machine alone."}, 403)(
                    scope, receive, send
                )
                return
            is_demo = scope["type"] == "http" and scope["path"].startswith("/demo/")
            await (demo if is_demo else app)(scope, receive, send)

        return either

    async def run(self, address: str, say: Callable[[str], None]) -> None:
        """Make the exam, say where it is to be seen, and show it."""
        self._address = address
        await self._make_exam()
        page = f"{address}/pages/demo.html"
        say(f"demo: {page}  (Ctrl-C ends it)")
        if self.opens_browser and not await asyncio.to_thread(webbrowser.open, page):
            _log.info("no browser was found to open it in")

    async def _make_exam(self) -> None:
        """A new one each time: what was left of another is in nobody's way."""
        now = datetime.now(UTC)
        quiz_id = f"demo-{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}"
        body = json.loads(await asyncio.to_thread(EXAM.read_text))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        async with httpx.AsyncClient(
            base_url=self._address, timeout=_PATIENCE_SECONDS, trust_env=False
        ) as client:
            while True:
                reply = await client.put(f"/quizzes/{quiz_id}", json=body)
                if reply.status_code < 500 or time.monotonic() > deadline:
                    break
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
        reply.raise_for_status()
        self.quiz_id = quiz_id

    # Requests

    async def _tell(self, _: Request) -> Response:
        return JSONResponse(await self._state())

    async def _begin(self, _: Request) -> Response:
        await self._make_exam()
        return JSONResponse(await self._state())

    async def _freeze(self, _: Request) -> Response:
        if self._thaws_at is None:
            self._thaws_at = time.monotonic() + FREEZE_SECONDS
            await asyncio.to_thread(self.stores.postgres.freeze)
            # Else nothing refers to the task, and it may be collected.
            self._thawing = asyncio.create_task(self._thaw())
        return JSONResponse(await self._state())

    async def _thaw(self) -> None:
        await asyncio.sleep(FREEZE_SECONDS)
        await asyncio.to_thread(self.stores.postgres.thaw)
        self._thaws_at = None

    async def _kill(self, _: Request) -> Response:
        # Whoever watches the stores brings it back.
        await asyncio.to_thread(self.stores.valkey.kill)
        return JSONResponse(await self._state())

    async def _state(self) -> dict[str, Any]:
        left = None if self._thaws_at is None else max(0.0, round(self._thaws_at - time.monotonic(), 1))
        postgresql, valkey = await asyncio.gather(
            _state_of(self.stores.postgres), _state_of(self.stores.valkey)
        )
        return {
            "quiz_id": self.quiz_id,
            "students": self.students,
            "postgresql": {"state": postgresql if left is None else "frozen", "thaws_in": left},
            "valkey": {"state": valkey},
        }


async def _state_of(server: EmbeddedServer) -> str:
    return "running" if await asyncio.to_thread(lambda: server.is_ready) else "away"


class _OwnPagesOnly:
    """Lets only pages in that this server has served, on this machine.

    A page from elsewhere, open in the same browser, could press the buttons as well: its requests have its
    own `Origin`, which no script can change.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_own(Request(scope)):
            refusal = JSONResponse({"detail": "The demo listens to its own page alone."}, 403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_own(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    # Browsers name the origin of each request but those that only read.
    return (
        request.method in ("GET", "HEAD")
        or request.headers.get("origin") == f"http://{request.headers['host']}"
    )


def has_screen(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser that is opened here would be seen by who has started this."""
    if any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "CI")):
        return False
    return platform != "linux" or any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
