"""Runs the development server: `python -m development_server --help`."""

import argparse
import errno
import ipaddress
import logging
import os
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psycopg
import uvloop
from psycopg.conninfo import conninfo_to_dict

from quiz_sessions.runtime.settings import Settings, SettingsError
from quiz_sessions.runtime.telemetry import log_libraries
from session_api.server.http_server import listen
from session_api.server.public_keys import KeysError
from session_api.server.trusted_proxies import trusted_proxies

from . import demo
from .demo import Demo
from .embedded import StartError
from .folder_lock import FolderInUseError, FolderLock
from .login import Login
from .loopback import is_loopback
from .metrics import Metrics, address_of
from .server import Server
from .signing_keys import with_keys
from .stores import UNFINISHED_RESTORE, Stores

_PORTS = 20
"""How many ports a demo tries: it shall begin with one command, whatever runs beside it."""


class _RefusedError(Exception):
    """Why the server cannot start, in one line."""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run until a signal ends it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="development_server", description=__doc__)
    add_options(parser)
    return serve(parser.parse_args(arguments), environment)


def serve(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Run with these options until a signal ends it; returns the exit code."""
    log_libraries(logging.INFO)
    # Their own progress adds nothing to the server's.
    for chatty in ("uvicorn", "alembic", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    _complete(options, environment)
    if options.demo:
        environment = demo.settings_of(environment)
    try:
        if options.demo and not is_loopback(options.host):
            raise _RefusedError("a demo lets visitors break its stores: it listens on this machine alone")
        _lock(options.data)
        listener = _listen(options.host, environment.get("PORT") or "8002", _PORTS if options.demo else 1)
        stores = Stores(
            options.data,
            environment.get("DATABASE_URL") or None,
            environment.get("REDIS_URL") or None,
            postgres_port=options.postgres_port,
            valkey_port=options.valkey_port,
            also_on=options.stores_host,
        )
        _check_address(stores.database_url)
        given = {**environment, "DATABASE_URL": stores.database_url, "REDIS_URL": stores.redis_url}
        settings = Settings.from_environment(given)
        login = Login.by_tokens(environment, options.data) if settings.jwt else Login()
        settings = with_keys(settings, options.data)
        metrics = _metrics(environment)
        if settings.export_bucket is None and settings.export_folder is None:
            settings = replace(settings, export_folder=options.data / "exports")
        shown = Demo(stores, options.students, options.browser) if options.demo else None
        # Not asyncio.run, which waits for ever for tasks that a frozen store keeps from being cancelled.
        loop = uvloop.new_event_loop()
        server = Server(
            stores,
            settings,
            listener,
            options.flush_every,
            login,
            demo=shown,
            proxies=trusted_proxies(environment),
            metrics=metrics,
        )
        loop.run_until_complete(server.run())
    except (_RefusedError, StartError, SettingsError, KeysError, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    except Exception:
        # A fault of the service itself, such as a migration that fails: everything is stopped, show it whole.
        traceback.print_exc()
        return 1
    return 0


def _complete(options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    options.data = options.data or Path(".local/demo" if options.demo else ".local")
    options.flush_every = options.flush_every or (demo.FLUSH_SECONDS if options.demo else 30.0)
    options.browser = options.browser and demo.has_screen(environment)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the server."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="what survives a restart (.local; .local/demo with --demo)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--flush-every", type=float, metavar="SECONDS", help="time between flushes (30; 5 with --demo)"
    )
    parser.add_argument("--postgres-port", type=int, metavar="PORT", help="(as the last time, or any)")
    parser.add_argument("--valkey-port", type=int, metavar="PORT", help="(as the last time, or any)")
    parser.add_argument(
        "--stores-host",
        type=_own_address,
        metavar="ADDRESS",
        help="an address of this machine on which containers reach the stores; these then need no password",
    )
    parser.add_argument("--demo", action="store_true", help="an exam to watch and to break, from a page")
    parser.add_argument(
        "--students", type=int, default=30, metavar="N", help="with --demo: how many are simulated (30)"
    )
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help="with --demo: open no browser"
    )


def _own_address(text: str) -> str:
    address = ipaddress.IPv4Address(text)
    if address.is_unspecified:
        # The stores ask nobody for a password.
        raise argparse.ArgumentTypeError("one address, not every one that this machine has")
    try:
        socket.create_server((text, 0)).close()
    except OSError:
        raise argparse.ArgumentTypeError(f"this machine has no address {text}") from None
    return text


def _lock(folder: Path) -> FolderLock:
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / UNFINISHED_RESTORE).exists():
        raise _RefusedError(f"a restore of {folder} was not finished: run it once more, with --replace")
    try:
        return FolderLock(folder)
    except FolderInUseError as error:
        raise _RefusedError(f"another service (process {error.owner}) runs on {folder}") from None


def _metrics(environment: Mapping[str, str]) -> Metrics | None:
    address = address_of(environment)
    if address is None:
        return None
    metrics = Metrics()
    try:
        metrics.listen(*address)
    except OSError as error:
        host, port = address
        raise _RefusedError(f"METRICS_PORT {port} on {host}: {error.strerror or error}") from None
    return metrics


def _check_address(database_url: str) -> None:
    try:
        conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:
        # Its message may quote a part of the password.
        example = "postgresql://user:password@host:5432/quiz"
        raise _RefusedError(f"DATABASE_URL can't be read; it is an address such as {example}") from None


def _listen(host: str, port: str, tries: int = 1) -> socket.socket:
    """A socket that takes the port now, or one of the next, before anything is started."""
    if not port.isdecimal() or int(port) > 65535:
        raise _RefusedError(f"PORT is a number from 0 to 65535, not {port!r}")
    for number in range(int(port), min(int(port) + tries, 65536)):
        try:
            return listen(host, number)
        except OSError as error:
            failure = error
            if error.errno != errno.EADDRINUSE:
                break
    reason = os.strerror(failure.errno) if failure.errno else failure
    raise _RefusedError(f"port {port} on {host}: {reason} (PORT chooses another)")


if __name__ == "__main__":
    # Nobody collects them here; the log says what they would.
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    code = main(sys.argv[1:], os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit, which waits for threads: one may be waiting for a frozen database.
    os._exit(code)
