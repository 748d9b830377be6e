"""Runs the exams at length: `python -m tests.exam --help`."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
from collections.abc import Awaitable
from pathlib import Path

from tests.harness.launch import QUIET, development_server

from .figures import Figures
from .paper import paper
from .room import room
from .scenarios import all_end_at_once, all_start_at_once, exam


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.exam", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--students", type=int, default=200, help="in the exam (200)")
    parser.add_argument("--crowd", type=int, default=1000, help="who start and end together (1000)")
    parser.add_argument("--seconds", type=float, default=180.0, help="how long the exam takes (180)")
    parser.add_argument("--only", choices=["start", "deadline", "exam", "room", "paper"])
    options = parser.parse_args()
    print("seed", options.seed)
    # The checker flushes as well.
    os.environ.update(QUIET)
    with (
        tempfile.TemporaryDirectory() as name,
        development_server(Path(name), "--flush-every", "5", environment=QUIET) as server,
    ):
        scenarios: dict[str, Awaitable[Figures]] = {
            "start": all_start_at_once(server, options.crowd),
            "deadline": all_end_at_once(server, options.crowd, options.seed),
            "exam": exam(server, options.students, options.seconds, options.seed),
            "room": room(server, options.students, options.seconds, options.seed),
            "paper": paper(server, options.students, options.seconds, options.seed),
        }

        async def run() -> None:
            for title, scenario in scenarios.items():
                if options.only in (None, title):
                    print(f"\n{title}:")
                    print(*(await scenario).lines(), sep="\n")

        asyncio.run(run())


main()
