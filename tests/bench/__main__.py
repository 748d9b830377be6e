"""Measures the service against floors: `python -m tests.bench --help`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conftest import Stores

from . import bulk, cold, warm
from .measuring import Comparison, pinned_stores

GROUPS: dict[str, Callable[[Stores, int], Iterator[Comparison]]] = {
    "warm": warm.measure,
    "growth": warm.measure_growth,
    "cold": cold.measure,
    "bulk": bulk.measure,
    "backlog": bulk.measure_large,
}
RESULT = Path(".local/bench.json")


def main() -> None:
    """Run the chosen groups, print their table, and keep it."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--only", choices=[*GROUPS], action="append", help="a group; all without it")
    parser.add_argument("--rounds", type=int, default=20, help="of each side in turn (20)")
    options = parser.parse_args()
    # Nobody collects them here, but they are written all the same.
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "quiz-sessions")
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "QuizSessions")
    lines = []
    for name in options.only or GROUPS:
        with pinned_stores() as stores:
            for comparison in GROUPS[name](stores, options.rounds):
                for line in comparison.figures():
                    lines.append({"group": name, **line})
                    print(
                        "{what:45} {ours:>12} {against:42} {ratio!s:>6} {bar:>12} {met}".format(**line),
                        flush=True,
                    )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(lines, indent=2) + "\n")


main()
