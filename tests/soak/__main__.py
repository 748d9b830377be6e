"""`make soak MINUTES=20`: a steady load on several processes, with an eye on what they hold."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from .run import Plan, heading, soak, summary


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--rate", type=float, help="requests/s (half of what the machine can do)")
    parser.add_argument("--out", type=Path, default=Path(".local/soak.json"), help="(.local/soak.json)")
    options = parser.parse_args()
    _say(heading(["server", "api 2", "api 3", "flusher"]))
    plan = Plan(seconds=options.minutes * 60, users=options.users, rate=options.rate)
    report = asyncio.run(soak(plan, _say))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(report.to_json() + "\n")
    _say(summary(report))
    return 1 if report.failures else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
