"""The API in a container: `python -m session_api.server`. It serves until SIGTERM, then drains and ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping

import uvloop
from starlette.types import ASGIApp

from quiz_sessions.bootstrap import build_services
from quiz_sessions.runtime.settings import Settings, SettingsError
from quiz_sessions.runtime.telemetry import log_libraries
from quiz_sessions.services.status import Surroundings

from ..app import create_service
from .authorizer import READINESS, Authorizer, Verifier
from .balancer import BehindBalancer
from .concurrency_limiter import ConcurrencyLimiter, at_once
from .http_protocol import Limits
from .http_server import HttpServer, http_config, listen
from .public_keys import Jwks, KeysError
from .settings import ServerSettings

KEEP_ALIVE_SECONDS = 75
"""Longer than a balancer keeps a connection (60 s), so that it is the one who closes it: a request that comes
on a connection while this side closes it is lost."""
FINISH_SECONDS = 15
"""For requests that are under way at the end. Each store's time-out is shorter."""
CLOSE_SECONDS = 1.5


def main(environment: Mapping[str, str]) -> int:
    """Serve until a signal; returns the exit code."""
    log_libraries(logging.WARNING)
    try:
        settings = Settings.from_environment(environment)
        own = ServerSettings.from_environment(environment, jwt=settings.jwt)
        verifier = verifier_of(own) if settings.jwt else None
        uvloop.new_event_loop().run_until_complete(serve(settings, own, verifier))
    except (SettingsError, KeysError, OSError) as error:
        logging.getLogger(__name__).error("cannot start: %s", error)
        return 1
    return 0


def verifier_of(own: ServerSettings) -> Verifier:
    """What verifies the tokens. Raises KeysError: without keys the process could serve nobody."""
    assert own.issuer is not None
    assert own.audience is not None
    keys = Jwks(own.jwks) if own.jwks else Jwks.of_issuer(own.issuer)
    return Verifier(keys, own.issuer, own.audience, own.leeway_seconds)


async def serve(settings: Settings, own: ServerSettings, verifier: Verifier | None) -> None:
    """Serve; at a signal be unready, serve on until the balancer has noticed, finish, close.

    Raises OSError where it can't listen.
    """
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    services = build_services(
        settings,
        pool_size=own.database_connections,
        surroundings=Surroundings(token_keys=None if verifier is None else verifier.keys.known),
    )

    def authorized(app: ASGIApp) -> ASGIApp:
        # Who starts and ends containers asks whether one is ready, and has no token.
        return app if verifier is None else Authorizer(app, verifier, READINESS)

    limiter = ConcurrencyLimiter(
        BehindBalancer(create_service(lambda: services, authorized), lambda: services.health.is_draining),
        at_once(own.database_connections),
        base_path=settings.base_path,
    )
    config = http_config(
        limiter,
        Limits.of_this_process(),
        finish_seconds=FINISH_SECONDS,
        base_path=settings.base_path,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
    )
    http = HttpServer(config, lambda: services.telemetry.info("ready", port=own.port))
    serving = asyncio.create_task(http.serve(sockets=[listen(own.host, own.port)]))
    await asyncio.wait([serving, asyncio.create_task(asked.wait())], return_when=asyncio.FIRST_COMPLETED)
    services.health.is_draining = True
    services.telemetry.info("draining", seconds=own.drain_seconds)
    await asyncio.wait([serving], timeout=own.drain_seconds)
    http.should_exit = True
    await serving
    # A frozen store does not keep the process.
    await asyncio.wait([asyncio.create_task(services.close())], timeout=CLOSE_SECONDS)


if __name__ == "__main__":
    code = main(os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit, which waits for threads: one may be waiting for a frozen database.
    os._exit(code)
