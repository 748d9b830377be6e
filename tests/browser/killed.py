"""Browsers of their own, which are killed, and a server's PostgreSQL, which stands still."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext

from development_server import processes
from tests.harness.launch import DevelopmentServer


def launched(chromium: Browser, executable: str, profile: Path, options: list[str]) -> BrowserContext:
    """A browser with its data in `profile`, as after a restart of the machine."""
    for lock in profile.glob("Singleton*"):
        lock.unlink()
    return chromium.browser_type.launch_persistent_context(profile, executable_path=executable, args=options)


def send(profile: Path, number: signal.Signals) -> int:
    """Send all of its processes a signal; returns how many there are."""
    found = 0
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if f"--user-data-dir={profile}".encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), number)
                found += 1
    return found


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
    (file,) = server.data.rglob("postmaster.pid")
    main = int(file.read_text().splitlines()[0])
    stopped = [main]
    # The main process first: once it stands still it makes no others.
    processes.send(main, signal.SIGSTOP)
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            # proc_pid_stat(5): the parent is the second field after the name.
            if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == main:
                processes.send(int(process.name), signal.SIGSTOP)
                stopped.append(int(process.name))
    try:
        yield
    finally:
        for pid in stopped:
            processes.send(pid, signal.SIGCONT)
