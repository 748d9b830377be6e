"""Runs the API and the regular flush on a set of stores until a signal ends it."""

import asyncio
import contextlib
import dataclasses
import logging
import math
import signal
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import psycopg
from sqlalchemy.exc import OperationalError
from starlette.types import ASGIApp

from migrate_database.handler import upgrade
from migrate_database.months import make_months
from quiz_sessions.bootstrap import build_services
from quiz_sessions.domain.errors import BusyError, DatabaseUnavailableError
from quiz_sessions.runtime.settings import Settings
from quiz_sessions.services.exports import Exporter
from quiz_sessions.services.flush import Flusher
from quiz_sessions.services.status import Surroundings
from session_api.app import create_service
from session_api.server.authorizer import Authorizer
from session_api.server.concurrency_limiter import ConcurrencyLimiter
from session_api.server.http_protocol import Limits
from session_api.server.http_server import HttpServer, http_config
from session_api.server.trusted_proxies import KEEP_ALIVE_SECONDS, BehindProxies, Network

from .demo import Demo
from .embedded import StartError
from .login import Login
from .metrics import Metrics
from .pages import Pages
from .stores import Stores

# Seconds. Together they stay below the ten within which the server promises to be gone.
_FINISH_REQUESTS = 3
_LAST_FLUSH = 3.5
_CLOSE_CONNECTIONS = 0.7
_STOP_STORES = 1.0

_KEEP_ALIVE = 5
"""Seconds for a connection without requests, where browsers come by themselves."""

_SAME_SIGNAL = 0.5
"""A signal to the process group comes twice: make passes its own on."""

_WATCH_EVERY = 1.0
_RETRY_EVERY = 10.0
_LOOK_FOR_EXPORTS_EVERY = 1.0
_REMOVE_EXPORTS_EVERY = 3600.0
_MONTHS_EVERY = 24 * 3600.0

_log = logging.getLogger(__name__)


class Server:
    """One run of the development server."""

    def __init__(
        self,
        stores: Stores,
        settings: Settings,
        listener: socket.socket,
        flush_every: float,
        login: Login,
        *,
        demo: Demo | None = None,
        proxies: Sequence[Network] = (),
        metrics: Metrics | None = None,
    ) -> None:
        """`settings` name the stores; `listener` is listening already; `flush_every` is in seconds.

        With a verifier of `login` requests need the tokens that the gateway asks for on AWS. With a `demo`
        its page can break the stores. `proxies` are the networks of proxies that say whose request they
        pass on. `metrics` are kept where somebody can ask for them.
        """
        self._stores = stores
        self._settings = settings
        self._listener = listener
        self._flush_every = flush_every
        self._login = login
        self._demo = demo
        self._proxies = proxies
        self._metrics = metrics

    async def run(self) -> None:
        """Start, serve until SIGINT or SIGTERM, flush, stop. A second signal skips what takes time.

        Raises whatever kept it from starting, with everything stopped again.
        """
        asked, hurried = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        asked_at = 0.0

        def ask() -> None:
            nonlocal asked_at
            if not asked.is_set():
                asked_at = loop.time()
                asked.set()
            elif loop.time() - asked_at > _SAME_SIGNAL:
                hurried.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ask)
        try:
            starting = asyncio.create_task(asyncio.to_thread(self._start))
            await _first(starting, asyncio.create_task(asked.wait()))
            if not asked.is_set():
                starting.result()
                await self._serve(asked, hurried)
        finally:
            await asyncio.to_thread(self._stores.stop, _STOP_STORES)

    def _start(self) -> None:
        self._stores.start(_say)
        _say("applying migrations ...")
        try:
            upgrade(self._stores.database_url)
        except OperationalError as error:
            # The address and the reason; the driver's advice and the SQL statement add nothing here.
            raise StartError(f"the database: {str(error).splitlines()[0]}") from error

    async def _serve(self, asked: asyncio.Event, hurried: asyncio.Event) -> None:
        services = build_services(
            self._settings,
            watchers=[self._metrics] if self._metrics else [],
            surroundings=Surroundings(self._stores.folders, self._login.known_keys),
        )
        service = create_service(lambda: services, self._authorized)
        limiter: ASGIApp = ConcurrencyLimiter(service, base_path=self._settings.base_path)
        if self._metrics is not None:
            self._metrics.watch(services, self._stores.folders)
            limiter = self._metrics.around(limiter)
        pages: ASGIApp = Pages(
            limiter,
            {"api": "..", "login": self._login.config, "demo": self._demo is not None},
            self._settings.base_path,
            more=self._login.issuer.routes if self._login.issuer else (),
            origins=self._login.origins,
        )
        if self._demo is not None:
            pages = self._demo.before(pages)
        config = http_config(
            BehindProxies(pages, self._proxies),
            Limits.of_this_process(),
            finish_seconds=_FINISH_REQUESTS,
            keep_alive_seconds=KEEP_ALIVE_SECONDS if self._proxies else _KEEP_ALIVE,
            base_path=self._settings.base_path,
        )
        http = HttpServer(config, self._announce)
        drained = asyncio.Event()
        serving = asyncio.create_task(http.serve(sockets=[self._listener]))
        flushing = asyncio.create_task(_flush_until(drained, services.flusher, self._flush_every))
        watching = asyncio.create_task(_watch(self._stores))
        exporting = asyncio.create_task(_export_for_ever(services.exporter))
        months = asyncio.create_task(_make_months(self._stores.database_url))
        hurrying = asyncio.create_task(hurried.wait())
        # Its requests wait until they are accepted.
        showing = asyncio.create_task(self._show())

        await _first(serving, asyncio.create_task(asked.wait()))
        _say("stopping: finishing requests and flushing (once more to hurry) ...")
        http.should_exit = True
        await _first(serving, hurrying, seconds=_FINISH_REQUESTS + 0.3)
        http.force_exit = hurried.is_set()
        drained.set()
        await _first(flushing, hurrying, seconds=_LAST_FLUSH)
        if not flushing.done():
            _log.warning(
                "the last flush did not finish; what is buffered or to be sent may wait for the next start"
            )
        # Cancelled, not awaited: a query on a frozen server answers a cancellation only when it thaws.
        flushing.cancel()
        watching.cancel()
        exporting.cancel()
        months.cancel()
        showing.cancel()
        # It gives back what it has begun.
        await _first(exporting, seconds=_CLOSE_CONNECTIONS)
        await _first(asyncio.create_task(services.close()), seconds=_CLOSE_CONNECTIONS)
        if serving.done():
            serving.result()

    def _authorized(self, app: ASGIApp) -> ASGIApp:
        return app if self._login.verifier is None else Authorizer(app, self._login.verifier)

    async def _show(self) -> None:
        if self._demo is None:
            return
        try:
            await self._demo.run(self._address, _say)
        except httpx.HTTPError:
            _log.exception("the exam of the demo was not made")

    @property
    def _address(self) -> str:
        host, port = self._listener.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def _announce(self) -> None:
        address = self._address
        database, cache = (_public(url) for url in (self._stores.database_url, self._stores.redis_url))
        pages = f"{address}{self._settings.base_path}/"
        _say(f"ready: {address}  pages {pages}  docs {address}/docs  database {database}  cache {cache}")


async def _flush_until(ended: asyncio.Event, flusher: Flusher, every: float) -> None:
    """Flush regularly, and a last time when `ended` is set."""
    loop = asyncio.get_running_loop()
    last, begun = False, loop.time()

    def seconds_left() -> float:
        # The last flush does what one that was under way leaves.
        return math.inf if last or not ended.is_set() else 0.0

    while not last:
        with contextlib.suppress(TimeoutError):
            # A flush that took long, for want of a quick webhook, does not put off the next one.
            await asyncio.wait_for(ended.wait(), max(0.0, begun + every - loop.time()))
        begun = loop.time()
        last = ended.is_set()
        try:
            report = await flusher.run(seconds_left)
        except Exception:
            # The next round may find the stores back.
            _log.exception("the flush failed")
            continue
        if counts := {name: count for name, count in dataclasses.asdict(report).items() if count}:
            _log.info("flush: %s", ", ".join(f"{name} {count}" for name, count in counts.items()))


async def _export_for_ever(exporter: Exporter | None) -> None:
    """Make exports as they are asked for; an event asks a function to do so on AWS."""
    loop = asyncio.get_running_loop()
    removed_at = -math.inf
    while exporter is not None:
        try:
            if loop.time() >= removed_at + _REMOVE_EXPORTS_EVERY:
                removed_at = loop.time()
                await exporter.remove_old()
            made = await exporter.run()
        except (DatabaseUnavailableError, BusyError):
            made = None
        except Exception:
            # The next one may have better luck.
            _log.exception("an export was not made")
            made = None
        if made is None:
            await asyncio.sleep(_LOOK_FOR_EXPORTS_EVERY)
        else:
            _log.info("export %s was made, or tried", made.id)


async def _make_months(database_url: str) -> None:
    """Make the months of the audit log every day, for a server that runs for years."""
    while True:
        await asyncio.sleep(_MONTHS_EVERY)
        try:
            await asyncio.to_thread(make_months, database_url, datetime.now(UTC))
        except psycopg.Error:
            # A year of months lies ahead, and tomorrow is another try.
            _log.exception("the months of the audit log were not made")


async def _watch(stores: Stores) -> None:
    """Bring back embedded servers that end by themselves or are killed."""
    while True:
        revived = await asyncio.to_thread(stores.revive)
        await asyncio.sleep(_WATCH_EVERY if revived else _RETRY_EVERY)


async def _first(*tasks: asyncio.Task[object], seconds: float | None = None) -> None:
    """Wait for the first of `tasks`, at most so many `seconds`, without cancelling any."""
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def _public(url: str) -> str:
    """`url` as it may be shown: without password and options."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname:
        return "as given"
    user, at, place = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return f"{parts.scheme}://{name}{at if name else ''}{place}{parts.path}"


def _say(text: str) -> None:
    print(text, flush=True)
