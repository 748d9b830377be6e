"""Measures the service against floors: `python -m tests.bench --help`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.harness.stores import Stores

from . import bulk, cold, crowd, export, growth, large, machine, room, trail, warm
from .measuring import Measured, pinned_stores

GROUPS: dict[str, Callable[[Stores, int], Iterator[Measured]]] = {
    "warm": warm.measure,
    "growth": growth.measure,
    "cold": cold.measure,
    "bulk": bulk.measure,
    "crowd": crowd.measure,
    "machine": machine.measure,
    "room": room.measure,
    "active": large.measure_active,
    "memory": large.measure_memory,
    "simulation": large.measure_simulation,
    "trail": trail.measure,
    "export": export.measure,
}
LINE = "{what:55} {ours:>12}  {against:42} {ratio!s:>6} {bar:>12} {met}"


def main() -> None:
    """Run the chosen groups, each in a process of its own, print their table, and keep it."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--only", choices=[*GROUPS], action="append", help="a group; all without it")
    parser.add_argument("--rounds", type=int, default=20, help="of each side in turn (20)")
    parser.add_argument("--result", type=Path, default=Path(".local/bench.json"))
    options = parser.parse_args()
    options.result.parent.mkdir(exist_ok=True)
    groups = options.only or [*GROUPS]
    lines: list[dict[str, object]] = []
    # The service's log goes where it does on Lambda, and would bury the table.
    table = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    if len(groups) == 1:
        with pinned_stores() as stores:
            for measured in GROUPS[groups[0]](stores, options.rounds):
                for line in measured.figures():
                    lines.append({"group": groups[0], **line})
                    print(LINE.format(**line), file=table)
    else:
        for group in groups:
            with tempfile.NamedTemporaryFile(prefix="quiz-bench-") as part:
                command = [sys.executable, "-m", "tests.bench", "--only", group]
                subprocess.run(
                    [*command, "--rounds", str(options.rounds), "--result", part.name],
                    check=True,
                    stdout=table,
                )
                lines += json.loads(Path(part.name).read_text())
    options.result.write_text(json.dumps(lines, indent=2) + "\n")


main()
