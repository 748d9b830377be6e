"""Metrics for Prometheus, on one machine: what the telemetry counts, and what a gateway would count."""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quiz_sessions import __version__
from quiz_sessions.bootstrap import Services
from quiz_sessions.runtime.outages import StoreWatch
from quiz_sessions.runtime.settings import SettingsError

PREFIX: Final = "quiz_sessions"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


def address_of(environment: Mapping[str, str]) -> tuple[str, int] | None:
    """Where metrics are asked for: METRICS_HOST (127.0.0.1) and METRICS_PORT; None without a port.

    A port of their own, and not a path of the API: behind a proxy on this machine everybody seems to come
    from it.

    Raises:
        SettingsError: METRICS_PORT is none.
    """
    port = environment.get("METRICS_PORT") or ""
    if not port:
        return None
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise SettingsError(f"METRICS_PORT is a number from 1 to 65535, not {port!r}.")
    return environment.get("METRICS_HOST") or "127.0.0.1", int(port)


def metric_name(name: str) -> str:
    """What Prometheus calls a metric of the telemetry: BufferedWrites is quiz_sessions_buffered_writes.

    To those that count it adds `_total`.
    """
    return f"{PREFIX}_{re.sub('(?<!^)(?=[A-Z])', '_', name).lower()}"


class Metrics:
    """All metrics of a process; a `Watcher` of its telemetry, by whose names they go."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._troubles = Counter(
            f"{PREFIX}_troubles",
            "What went wrong: WARNING where it was survived, ERROR where something failed.",
            ["level"],
            registry=self.registry,
        )
        self._requests = Counter(
            f"{PREFIX}_requests", "Requests to the API.", ["method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            f"{PREFIX}_request_seconds",
            "How long they took.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        for level in ("WARNING", "ERROR"):
            self._troubles.labels(level)
        ProcessCollector(registry=self.registry)

    def listen(self, host: str, port: int) -> None:
        """Answer Prometheus, in a thread of its own, until the process ends. Raises OSError."""
        start_http_server(port, host, self.registry)

    # What the telemetry tells

    def counted(self, name: str, value: float) -> None:
        """A metric that counts has grown."""
        if name not in self._counters:
            self._counters[name] = Counter(
                metric_name(name), f"{name} of the telemetry.", registry=self.registry
            )
        self._counters[name].inc(value)

    def measured(self, name: str, value: float) -> None:
        """A metric that measures is at `value`."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(metric_name(name), f"{name} of the telemetry.", registry=self.registry)
        self._gauges[name].set(value)

    def went_wrong(self, level: str, what: str) -> None:
        """Something went wrong."""
        self._troubles.labels(level).inc()

    # What is looked at when Prometheus asks

    def watch(self, services: Services, folders: Mapping[str, Path]) -> None:
        """Look at the stores of `services`, and at the disks of those that have a folder here."""
        up = self._gauge("store_up", "0 while the store is away or refuses writes.", ["store"])
        for watched in (services.telemetry.database, services.telemetry.cache):
            up.labels(watched.store).set_function(partial(_is_up, watched))
        postgres, valkey = services.stores.postgres, services.stores.valkey
        connections = self._gauge("connections", "Of this process to the store.", ["store"])
        connections.labels("database").set_function(lambda: postgres.connections[0])
        connections.labels("cache").set_function(lambda: valkey.connections or 0)
        in_use = self._gauge("connections_in_use", "Of them.", ["store"])
        in_use.labels("database").set_function(lambda: postgres.connections[1])
        free = self._gauge("disk_free_bytes", "Where the store has its files.", ["store"])
        total = self._gauge("disk_total_bytes", "Where the store has its files.", ["store"])
        for store, folder in folders.items():
            free.labels(store).set_function(partial(_disk, folder, "free"))
            total.labels(store).set_function(partial(_disk, folder, "total"))
        self._gauge("version_info", "1, with the version.", ["version"]).labels(__version__).set(1)

    def around(self, app: ASGIApp) -> ASGIApp:
        """`app`, whose requests are counted and timed."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began, status = time.perf_counter(), 0

            async def note(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await app(scope, receive, note)
            finally:
                self.answered(scope["method"], status, time.perf_counter() - began)

        return counted

    def answered(self, method: str, status: int, seconds: float) -> None:
        """A request was answered; with status 0 it was not."""
        # What anybody makes up must not become a label.
        self._requests.labels(method if method in _METHODS else "other", str(status)).inc()
        self._seconds.observe(seconds)

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)


def _is_up(watched: StoreWatch) -> float:
    return float(watched.outage is None)


def _disk(folder: Path, which: str) -> float:
    """Free or total bytes where a folder lies; NaN while it is gone."""
    try:
        return float(getattr(shutil.disk_usage(folder), which))
    except OSError:
        return math.nan
