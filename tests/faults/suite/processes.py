"""Everything that runs: both stores, processes of the service, and the proxies between them."""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from development_server import ports, processes
from quiz_sessions.runtime.outages import SETTLE_SECONDS
from tests.harness.gateway import STAFF, Clock, Request, ToFunction, ToProcess
from tests.harness.http_client import HttpClient, LostError, Reply
from tests.harness.launch import QUIET, ROOT, Launched, service_command
from tests.harness.process import CLOCK_SHIFT, FLUSH_PATH, GATEWAY_CLOCK_SHIFT, PUBLISH_PATH
from tests.harness.proxy import Proxy, proxy_of
from tests.harness.runtime import emulator, running_runtime
from tests.harness.signing_keys import BEACON_KEYS, RECEIPT_KEYS
from tests.harness.stores import Servers, Stores
from tests.harness.valkey import RestrictedValkey

from .history import Span, Weather

LAYER = ROOT / "layers/quiz_sessions"
API = ROOT / "functions/session_api"
START_SECONDS = 30
PATIENCE_SECONDS = 12.0


class FlushFailedError(Exception):
    """A flush met an error that no trouble with a store explains."""


class SuiteValkey(RestrictedValkey):
    """Valkey that writes each change to its file before it replies, so that being killed loses nothing."""

    def _command(self) -> list[str | Path]:
        # "everysec" may put a write off while the disk is busy; the machine itself does not fail here.
        return [*super()._command(), "--appendfsync", "no"]


class _ByLinks(Stores):
    """What a function's environment is made of."""

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "AUTH_MODE": "jwt",
            # Scenes begin without registering the quiz, and go faster than one student.
            "UNKNOWN_QUIZZES": "accept",
            "WRITES_PER_SECOND": "0",
            "STARTS_PER_MINUTE": "0",
            "RECEIPT_KEYS": RECEIPT_KEYS,
            "BEACON_KEYS": BEACON_KEYS,
            **QUIET,
        }


@dataclass
class Process:
    """One process of the service, with proxies of its own to the stores."""

    name: str
    servers: Servers
    folder: Path
    layer: Path
    postgres: Proxy
    valkey: Proxy
    clock_shift: int = 0
    gateway_clock_shift: int = 0
    valkey_options: str = ""
    client: ToProcess = field(init=False)
    _running: Launched | None = None
    _port: int = field(default_factory=ports.choose)

    def __post_init__(self) -> None:
        self.client = ToProcess(HttpClient(self._port, patience=PATIENCE_SECONDS))

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def stores(self) -> Stores:
        return _ByLinks(self.postgres.url, self.valkey.url + self.valkey_options)

    @property
    def links(self) -> tuple[Proxy, Proxy]:
        return self.postgres, self.valkey

    @property
    def pythonpath(self) -> str:
        folders = (self.layer, ROOT, ROOT / "functions", ROOT / "infra/local")
        return ":".join(map(str, folders))

    async def start(self) -> None:
        """Start and wait until it answers."""
        await asyncio.to_thread(self._spawn)
        await self.await_ready()

    async def await_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                if (await self.client.send(Request("GET", "/health", "nobody", 0))).status == 200:
                    return
            except LostError:
                assert time.monotonic() < until, self.log_file.read_text()[-4000:]
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, at once; it is not started again."""
        if self._running is not None:
            self._running.kill()

    async def stop(self) -> None:
        self.kill()
        if self._running is not None:
            await asyncio.to_thread(self._running.stop)
        await self.client.http.close()

    async def flush(self) -> dict[str, Any] | None:
        """Let it flush; its report, None where it was lost.

        Raises:
            FlushFailedError: an error came up that is no store's being away.
        """
        try:
            reply = await self.client.http.request("POST", FLUSH_PATH)
        except LostError:
            return None
        if reply.status == 500:
            raise FlushFailedError(f"{self.name}: the log says why")
        report: dict[str, Any] | None = reply.body if reply.status == 200 else None
        return report

    async def publish(self, refuse: str = "") -> list[tuple[str, int]]:
        """Let it relay; session and revision of what a bus took that refuses the events of one session."""
        reply = await self.client.http.request("POST", f"{PUBLISH_PATH}?refuse={refuse}")
        return [(session, revision) for session, revision in reply.body]

    def _spawn(self) -> None:
        self._running = Launched(
            service_command("api", str(self._port)),
            self.log_file,
            {
                **self.stores.environment(),
                "PYTHONPATH": self.pythonpath,
                CLOCK_SHIFT: str(self.clock_shift),
                GATEWAY_CLOCK_SHIFT: str(self.gateway_clock_shift),
            },
            death_signal=signal.SIGKILL,
            folder=self.folder,
        )


class Function(Process):
    """The API's handler under the Lambda runtime emulator."""

    def __post_init__(self) -> None:
        self._stack = ExitStack()

    @property
    def log_file(self) -> Path:
        return self.folder / "session_api.handler.handler.log"

    async def start(self) -> None:
        runtime = await asyncio.to_thread(
            self._stack.enter_context,
            running_runtime(
                "session_api.handler.handler",
                self.stores,
                self.folder,
                timeout=10,
                pythonpath=self.pythonpath,
            ),
        )
        self.client = ToFunction(runtime.url, PATIENCE_SECONDS)
        await self.await_ready()

    def kill(self) -> None:
        """SIGKILL to the runtime; the emulator starts another one with the next invocation."""
        marker = f"{self.folder}"
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and _runs_handler(entry, marker):
                processes.send(int(entry.name), signal.SIGKILL)

    async def stop(self) -> None:
        await self.client.http.close()
        await asyncio.to_thread(self._stack.close)


def _runs_handler(entry: Path, folder: str) -> bool:
    try:
        command = (entry / "cmdline").read_bytes().split(b"\0")
        return (
            b"awslambdaric" in command
            and Path(command[0].decode()).name.startswith("python")
            and str((entry / "cwd").readlink()) == folder
        )
    except OSError:
        return False


@dataclass
class Stage:
    """What a run plays on.

    Attributes:
        apis: serve students.
        flushers: are asked to flush.
    """

    servers: Servers
    clock: Clock
    weather: Weather
    apis: list[Process]
    flushers: list[Process]

    @property
    def processes(self) -> list[Process]:
        return list({process.name: process for process in (*self.apis, *self.flushers)}.values())

    async def ask(self, method: str, path: str, body: Any = None, by: Process | None = None) -> Reply:
        """A request of exam staff, on a quiet stage."""
        client = self.apis[0].client if by is None else by.client
        return await client.send(Request(method, path, "staff", self.clock.now(), body, STAFF))

    async def flush(self, flusher: Process) -> dict[str, Any] | None:
        """One flush; a clean one is noted."""
        begin = time.monotonic()
        report = await flusher.flush()
        if report is not None and not report["flush_failures"]:
            self.weather.flushes.append(Span(begin, time.monotonic()))
        return report

    def read_logs(self) -> None:
        """Note when processes had trouble with Valkey that nobody made for them."""
        offset = time.monotonic() - time.time()
        for process in self.processes:
            if not process.log_file.exists():
                continue
            began = math.inf
            for line in process.log_file.read_text(errors="replace").splitlines():
                if not line.startswith('{"level"'):
                    continue
                entry = json.loads(line)
                at = datetime.strptime(entry["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp() + offset
                # Each message about an outage is logged once; its last requests end some seconds after it.
                if entry["message"] in ("cache away", "cache refuses writes"):
                    began = min(began, at)
                elif entry["message"] in ("cache back", "cache takes writes again"):
                    self.weather.cache_trouble.append(Span(began - 0.6, at + SETTLE_SECONDS))
                    began = math.inf
                elif "CacheUnavailableError" in entry.get("error", ""):
                    self.weather.cache_trouble.append(Span(at - 0.6, at + 0.05))
            if began < math.inf:
                self.weather.cache_trouble.append(Span(began - 0.6, time.monotonic()))

    def clear(self) -> None:
        """Empty both stores and forget what was."""
        self.servers.stores.clear()
        for process in self.processes:
            if process.log_file.exists():
                os.truncate(process.log_file, 0)
        self.weather = Weather()


@asynccontextmanager
async def stage(
    servers: Servers,
    folder: Path,
    *,
    layer: Path = LAYER,
    apis: int = 2,
    flushers: int = 2,
    function: bool = False,
    skewed: Sequence[str] = (),
    skew_seconds: int = 10,
    ahead_seconds: int = 0,
    patient: bool = False,
) -> AsyncIterator[Stage]:
    """Start the processes; they are called api1, api2 …, flusher1 …, function.

    Args:
        layer: where the service's package is taken from.
        skewed: the names of those whose clocks are wrong.
        ahead_seconds: how far the gateway's clock and all of theirs are ahead of this machine's.
        patient: whether a command to Valkey has seconds, so that a message can be held up for as long as the
            machine takes.
    """
    if layer != LAYER:
        # What was edited may be a statement that the database keeps.
        await asyncio.to_thread(_migrate, servers, layer)
    async with AsyncExitStack() as stack:

        async def started(kind: type[Process], name: str) -> Process:
            shift = ahead_seconds + (skew_seconds if name in skewed else 0)
            options = "?socket_timeout=8" if patient else ""
            postgres = await stack.enter_async_context(proxy_of(servers.postgres.url))
            valkey = await stack.enter_async_context(proxy_of(servers.valkey.url))
            home = folder / name
            home.mkdir()
            process = kind(name, servers, home, layer, postgres, valkey, shift, ahead_seconds, options)
            stack.push_async_callback(process.stop)
            await process.start()
            return process

        names = [f"api{number + 1}" for number in range(apis)]
        flusher_names = [f"flusher{number + 1}" for number in range(flushers)]
        running = await asyncio.gather(*(started(Process, name) for name in (*names, *flusher_names)))
        serving = list(running[:apis])
        if function:
            serving.append(await started(Function, "function"))
        yield Stage(servers, Clock(ahead_seconds), Weather(), serving, list(running[apis:]) or serving)


def _migrate(servers: Servers, layer: Path) -> None:
    path = ":".join(map(str, (layer, ROOT / "functions")))
    subprocess.run(
        [sys.executable, "-c", "from migrate_database.handler import handler; handler({}, None)"],
        env={"PYTHONPATH": path, "DATABASE_URL": servers.postgres.url},
        check=True,
    )


def has_emulator() -> bool:
    try:
        emulator()
    except AssertionError:
        return False
    return True


def copy_of_layer(folder: Path, edit: Callable[[Path], None]) -> Path:
    """A copy of the package of the service, and of the API, edited."""
    target = folder / "layer"
    for package in (LAYER / "quiz_sessions", API):
        shutil.copytree(package, target / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    edit(target)
    return target
