"""Browsers of their own, which are killed, and a server's PostgreSQL, which stands still."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext

from development_server import processes
from development_server.embedded_postgres import Postgres
from tests.harness.launch import DevelopmentServer

NAME = "chromium"


def unlock(profile: Path) -> None:
    """Take away what says that a browser, which was killed, has it."""
    for lock in profile.glob("Singleton*"):
        lock.unlink()


def launched(chromium: Browser, executable: str, profile: Path, options: list[str]) -> BrowserContext:
    """A browser with its data in `profile`, as after a restart of the machine."""
    unlock(profile)
    return chromium.browser_type.launch_persistent_context(profile, executable_path=executable, args=options)


def send(profile: Path, number: signal.Signals) -> int:
    """Send all of its processes a signal; returns how many there are."""
    found = processes.find(NAME, f"--user-data-dir={profile}")
    for pid in found:
        processes.send(pid, number)
    return len(found)


def kill(profile: Path) -> int:
    """End it at once, without a word; returns how many processes it had."""
    return send(profile, signal.SIGKILL)


@contextmanager
def asleep(profile: Path) -> Iterator[None]:
    """As on a laptop whose lid is closed."""
    send(profile, signal.SIGSTOP)
    try:
        yield
    finally:
        send(profile, signal.SIGCONT)


@contextmanager
def frozen_postgres(server: DevelopmentServer) -> Iterator[None]:
    """Its PostgreSQL answers nothing, and its connections stay open."""
    postgres = Postgres(server.data / "postgres")
    postgres.freeze()
    try:
        yield
    finally:
        postgres.thaw()
