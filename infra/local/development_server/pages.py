"""The pages of clients/, served beside the API, as CloudFront serves them on AWS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLIENTS: Final = Path(__file__).resolve().parents[3] / "clients"
FOLDERS: Final = ("pages", "browser")
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

    def __init__(self, service: ASGIApp, config: Mapping[str, Any], base_path: str = "") -> None:
        """`config` is what the pages are told (clients/pages/common/config.js says what that is)."""
        self._service = service
        self._base_path = base_path

        async def to_pages(_: Request) -> Response:
            return RedirectResponse(f"{base_path}/pages/", 302)

        async def tell(_: Request) -> Response:
            return JSONResponse(dict(config))

        self._site = Starlette(
            routes=[
                Route("/", to_pages),
                Route("/pages/config.json", tell),
                *(Mount(f"/{name}", StaticFiles(directory=CLIENTS / name, html=True)) for name in FOLDERS),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(self._base_path)
        if scope["type"] != "http" or path.split("/")[1:2] not in ([""], *([name] for name in FOLDERS)):
            await self._service(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._site({**scope, "path": path, "root_path": ""}, receive, with_headers)
