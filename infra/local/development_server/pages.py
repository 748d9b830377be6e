"""The pages of clients/, served beside the API, as CloudFront serves them on AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages_deployment.files import FOLDERS, is_served

CLIENTS: Final = Path(__file__).resolve().parents[3] / "clients"
# The template for AWS (infra/web.yaml) says the same.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # As long as it is the same file, asking costs no more than that.
    "Cache-Control": "no-cache",
}


class Pages:
    """Serves `/`, `/pages/` and `/browser/`, and hands every other request to `service`."""

    def __init__(
        self,
        service: ASGIApp,
        config: Mapping[str, Any],
        base_path: str = "",
        *,
        more: Sequence[Route] = (),
        origins: Sequence[str] = (),
    ) -> None:
        """`config` is what the pages are told (clients/pages/common/config.js says what that is).

        `more` are routes of which they need no file; `origins` are others that they may call.
        """
        self._service = service
        self._base_path = base_path
        self._names = {"", *FOLDERS, *(route.path.split("/")[1] for route in more)}
        self._headers = {
            name: value.replace("connect-src 'self'", " ".join(["connect-src 'self'", *origins]))
            for name, value in HEADERS.items()
        }

        async def to_pages(_: Request) -> Response:
            return RedirectResponse(f"{base_path}/pages/", 302)

        async def tell(_: Request) -> Response:
            return JSONResponse(dict(config))

        self._site = Starlette(
            routes=[
                Route("/", to_pages),
                Route("/pages/config.json", tell),
                *more,
                *(Mount(f"/{name}", _Files(directory=CLIENTS / name, html=True)) for name in FOLDERS),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith(f"{self._base_path}/"):
            path = path.removeprefix(self._base_path)
        if scope["type"] != "http" or path.split("/")[1:2] not in ([name] for name in self._names):
            await self._service(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        # It finds its own address by these.
        scope = {**scope, "path": self._base_path + path, "root_path": self._base_path}
        await self._site(scope, receive, with_headers)


class _Files(StaticFiles):
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Where a file lies; nowhere if no page loads one of its kind."""
        full_path, found = super().lookup_path(path)
        # `/pages/` is a folder, with a page in it that is asked for next.
        is_here = Path(full_path).is_dir() or is_served(PurePath(path))
        return (full_path, found) if is_here else ("", None)
