"""Processes of the service: the development server, the API behind a gateway, the flusher."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import uvicorn
import uvloop

from development_server import ports, processes
from development_server.stores import addresses
from quiz_sessions.bootstrap import Services
from session_api.server.concurrency_limiter import ConcurrencyLimiter
from session_api.server.http_protocol import Limits
from session_api.server.http_server import http_config, listen
from tests.harness.service import app_of
from tests.harness.stores import Stores

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 20
QUIET = {
    "POWERTOOLS_METRICS_DISABLED": "true",
    # Not a line for each request.
    "POWERTOOLS_LOG_LEVEL": "WARNING",
}
T = TypeVar("T")


def eventually(condition: Callable[[], T], seconds: float = START_SECONDS) -> T:
    """What the condition gives, once it is something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


class Launched:
    """A process that ends with this one; what it prints goes to a file."""

    def __init__(
        self,
        command: Sequence[str | Path],
        output: Path,
        environment: Mapping[str, str] | None = None,
        *,
        death_signal: signal.Signals = signal.SIGTERM,
        folder: Path = ROOT,
    ) -> None:
        """`environment` is all it gets beside this process's PATH and PYTHONPATH."""
        self.output = output
        with output.open("ab") as stream:
            self._process = processes.spawn(
                command,
                death_signal=death_signal,
                folder=folder,
                output=stream,
                environment={"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **(environment or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def until(self, look: Callable[[], T | None], seconds: float = START_SECONDS) -> T:
        """What `look` returns, once it is something, while the process lives."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            assert self._process.poll() is None, self.text()[-4000:]
            assert time.monotonic() < deadline, self.text()[-4000:]
            time.sleep(0.03)
        return found

    def listens(self, port: int) -> Self:
        """Itself, once it takes connections."""

        def connects() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                return True
            return False

        self.until(connects)
        return self

    def kill(self) -> None:
        processes.send(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def ends(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """In good order, or at last without."""
        self.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class DevelopmentServer:
    """A running one: where it is, and its stores."""

    process: Launched
    port: int
    stores: Stores
    data: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill_postgres(self) -> None:
        """End its PostgreSQL at once; it brings it back."""
        (file,) = self.data.rglob("postmaster.pid")
        processes.send(int(file.read_text().splitlines()[0]), signal.SIGKILL)


@contextmanager
def development_server(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[DevelopmentServer]:
    """One with its data in `folder`, on a free port; it has stores of its own unless the environment says."""
    data = folder / "data"
    command: list[str | Path] = [sys.executable, "-m", "development_server", "--data", data, *options]
    given = {"PORT": "0", **(environment or {})}
    with Launched(command, folder / "server.log", given) as process:
        pattern = r"ready: http://127.0.0.1:(\d+) .* database (\S+)  cache (\S+)"
        found = process.until(lambda: re.search(pattern, process.text()))
        # What it says of them has no passwords.
        own_database, own_valkey = addresses(data)
        stores = Stores(
            _with_password(found[2], own_database, given.get("DATABASE_URL")),
            _with_password(found[3], own_valkey, given.get("REDIS_URL")),
        )
        yield DevelopmentServer(process, int(found[1]), stores, data)


def _with_password(said: str, *known: str | None) -> str:
    """The one of the addresses that is said without its password."""
    place = said.partition("://")[2].rpartition("@")[2]
    return next(url for url in known if url is not None and place in url)


def service_command(*words: str) -> list[str]:
    """That of `tests.harness.process`."""
    return [sys.executable, "-m", "tests.harness.process", *words]


@contextmanager
def api_process(output: Path, environment: Mapping[str, str]) -> Iterator[tuple[Launched, int]]:
    """One more process of the API, and its port."""
    port = ports.choose()
    with Launched(service_command("api", str(port)), output, environment) as process:
        yield process.listens(port), port


def flusher_process(
    output: Path, every: float, environment: Mapping[str, str]
) -> AbstractContextManager[Launched]:
    """One more flusher."""
    return Launched(service_command("flusher", str(every)), output, environment)


@dataclass(frozen=True)
class Served:
    """The app where a client finds it, and the limiter in front of it."""

    host: str
    port: int
    limiter: ConcurrencyLimiter
    server: uvicorn.Server

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.server.server_state.connections)


@contextmanager
def served(services: Services, limits: Limits | None = None) -> Iterator[Served]:
    """The app as `make run` serves it, but in a thread with its own event loop."""
    limiter = ConcurrencyLimiter(app_of(services))
    server = uvicorn.Server(
        http_config(limiter, limits or Limits.of_this_process(), finish_seconds=STOP_SECONDS)
    )

    async def serve(listening: socket.socket) -> None:
        await server.serve(sockets=[listening])
        await services.close()

    with listen("127.0.0.1", 0) as listening:
        # Requests wait at the listening socket until the server accepts them.
        thread = threading.Thread(target=lambda: uvloop.run(serve(listening)))
        thread.start()
        host, port = listening.getsockname()[:2]
        yield Served(host, port, limiter, server)
        server.should_exit = True
        thread.join(STOP_SECONDS)
    assert not thread.is_alive()
