"""What surrounds every request in every process: its place, its id, HEAD, CORS, headers of every reply.

Slow imports happen inside functions: at the first request that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.runtime.settings import SettingsError

from .gateway import locate, path_of, request_id, request_time
from .request_source import knows_secret

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from quiz_sessions.runtime.telemetry import Telemetry

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-client-id",
    "x-request-id",
    "x-seb-config-key-hash",
)
REPLY_HEADERS = ("date", "etag", "location", "retry-after", "x-request-id")
PREFLIGHT_SECONDS = 3600
ALIVE = "/health"
"""What whoever watches a process asks past the distribution; the reply says only that there is one."""
ALWAYS = ((b"x-content-type-options", b"nosniff"),)
"""Headers of every reply, beside its request's id."""


class _PastTheDistributionError(Exception):
    """A request came past the distribution that alone may pass requests on."""


class Front:
    """Hands requests to `app`, in front of which it stands.

    HEAD is answered as GET is, without the body. Pages of other origins may call the API as
    `allowed_origins` says; the template's gateway says the same, for its own replies (401, 429).
    What fails without a reply is answered with a problem. Where a distribution alone may pass requests on,
    others are refused before anything else is looked at.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_origins: Callable[[], Sequence[str]],
        base_path: Callable[[], str],
        clock: Callable[[], Micros] = current_micros,
        *,
        secrets: Callable[[], Sequence[str]] = tuple,
        telemetry: Callable[[], Telemetry] | None = None,
    ) -> None:
        """`allowed_origins`, `base_path` and `secrets` are called with the first request.

        `telemetry` is that of the process; without it there is one of its own.

        `clock` is what the gateway's time of a request is held against; `secrets` are the secrets of which a
        request has to know one, none where anybody may send it.
        """
        self._app = app
        self._clock = clock
        self._allowed_origins = allowed_origins
        self._base_path = base_path
        self._secrets = secrets
        self._telemetry = telemetry
        self._cors: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_time(scope, self._clock)
        added = [(b"x-request-id", request_id(scope).encode()), *ALWAYS]
        is_head = scope["method"] == "HEAD"
        is_answered = False

        async def finish(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                message = {**message, "headers": [*message["headers"], *added]}
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        if is_head:
            # The server goes by its own scope, and knows that the reply to HEAD is shorter than it says.
            scope = {**scope, "method": "GET"}
        try:
            locate(scope, self._base_path())
            self._check_way(scope)
            await self._app_of(scope)(scope, receive, finish)
        except Exception as error:
            if is_answered:
                raise
            await self._fail(error, scope, receive, finish)

    def _check_way(self, scope: Scope) -> None:
        """Raises _PastTheDistributionError."""
        secrets = self._secrets()
        if secrets and not knows_secret(scope, secrets) and path_of(scope) != ALIVE:
            raise _PastTheDistributionError

    def _app_of(self, scope: Scope) -> ASGIApp:
        """The app, behind CORS where a page asks."""
        if not _is_from_page(scope):
            return self._app
        if self._cors is None:
            self._cors = self._with_cors(self._app)
        return self._cors

    async def _fail(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        from quiz_sessions.runtime.telemetry import Telemetry  # noqa: PLC0415

        telemetry = Telemetry() if self._telemetry is None else self._telemetry()

        from .problems import internal_error, problem  # noqa: PLC0415

        # Not there where the settings that say it can't be read.
        root_path = scope.get("root_path", "")
        reply: ASGIApp
        if isinstance(error, _PastTheDistributionError):
            telemetry.count("OriginRefused")
            detail = "This address serves the distribution in front of it alone."
            reply = problem(403, "forbidden", detail, request_id(scope), root_path=root_path)
        else:
            telemetry.failed("request failed around the app", error, request_id=request_id(scope))
            reply = internal_error(request_id(scope), root_path)
        # Settings that can't be read allow no page.
        with suppress(SettingsError):
            reply = self._with_cors(reply) if _is_from_page(scope) else reply
        await reply(scope, receive, send)

    def _with_cors(self, app: ASGIApp) -> ASGIApp:
        """`app`, which pages of the allowed origins may call ("*": all of them), without cookies."""
        from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415

        return CORSMiddleware(
            app,
            allow_origins=self._allowed_origins(),
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=REPLY_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )


def _is_from_page(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])
