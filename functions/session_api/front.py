"""What surrounds every request in every process: its place, its id, HEAD, CORS, headers of every reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .gateway import locate, request_id, request_time

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-client-id",
    "x-request-id",
)
REPLY_HEADERS = ("date", "etag", "location", "retry-after", "x-request-id")
PREFLIGHT_SECONDS = 3600


class Front:
    """Hands requests to `app`, in front of which it stands.

    HEAD is answered as GET is, without the body. Pages of other origins may call the API as
    `allowed_origins` says; the template's gateway says the same, for its own replies (401, 429).
    """

    def __init__(
        self, app: ASGIApp, allowed_origins: Callable[[], Sequence[str]], base_path: Callable[[], str]
    ) -> None:
        """The last two are called with the first request."""
        self._app = app
        self._allowed_origins = allowed_origins
        self._base_path = base_path
        self._cors: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_time(scope)
        locate(scope, self._base_path())
        added = [(b"x-request-id", request_id(scope).encode()), (b"x-content-type-options", b"nosniff")]
        is_head = scope["method"] == "HEAD"

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *added]}
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        if is_head:
            scope["method"] = "GET"
        await self._app_of(scope)(scope, receive, finish)

    def _app_of(self, scope: Scope) -> ASGIApp:
        """The app, behind CORS where a page asks: what that needs is imported for the first of them."""
        if not any(name == b"origin" for name, _ in scope["headers"]):
            return self._app
        if self._cors is None:
            self._cors = with_cors(self._app, self._allowed_origins())
        return self._cors


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """`app`, which pages of these origins may call ("*": all of them), without cookies."""
    from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415

    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=REPLY_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
