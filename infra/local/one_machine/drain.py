"""Commits what is buffered, until nothing is: before an upgrade, or a look at the database alone."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping
from typing import Final

from quiz_sessions.services.flush import RESERVE_SECONDS, Flusher, FlushReport

from .machine import CommandError, add_data_option, on_services, settings_of, stores_of
from .quarantine import put_back

HELP = "flush until nothing is buffered"
_PAUSE_SECONDS: Final = 0.5


def add_options(parser: argparse.ArgumentParser) -> None:
    """For how long."""
    add_data_option(parser)
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="give up after so long (60)")
    parser.add_argument(
        "--quarantined", action="store_true", help="put the sessions in quarantine back first"
    )


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Drain, and say that nothing is left; raises CommandError where something is."""
    settings = settings_of(options.data, environment)
    with stores_of(options.data, settings) as stores:
        if options.quarantined:
            for session in put_back(stores.redis_url):
                print(f"{session} is out of quarantine")
        flushed = on_services(settings, stores, lambda services: drained(services.flusher, options.seconds))
    print(f"nothing is buffered: {flushed} sessions were flushed")
    return 0


async def drained(flusher: Flusher, seconds: float) -> int:
    """Flush until no session is dirty; returns how many were flushed.

    Raises CommandError: after so many seconds some still are, or some are in quarantine, out of its reach.
    """
    until = time.monotonic() + seconds
    flushed = 0
    while True:
        report = await flusher.run(lambda: until - time.monotonic() + RESERVE_SECONDS)
        flushed += report.sessions_flushed
        if report.dirty_sessions == 0 and report.flush_failures == 0:
            break
        if time.monotonic() >= until:
            raise CommandError(_left(report))
        await asyncio.sleep(_PAUSE_SECONDS)
    if report.sessions_quarantined:
        raise CommandError(
            f"nothing else is buffered, but {report.sessions_quarantined} sessions are in quarantine: "
            "docs/runbook.md#a-session-is-in-quarantine"
        )
    return flushed


def _left(report: FlushReport) -> str:
    if report.flush_failures:
        return (
            f"{report.flush_failures} steps of the last flush failed, as the lines above say; nothing is lost"
        )
    age = round(report.oldest_dirty_age_seconds)
    return (
        f"{report.dirty_sessions} sessions are still buffered, the oldest for {age} s: "
        "whoever takes a quiz goes on writing; stop the service, and drain once more"
    )
