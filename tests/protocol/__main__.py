"""`python -m tests.protocol`: explores the scenarios and prints the tables of docs/protocol.md."""

from __future__ import annotations

import argparse
import sys
import time

from .explorer import Explorer
from .listing import table_row, trace
from .model import Protocol
from .scenarios import LONG, NOT_PROMISED, SHORT, TAKEN_OUT, named


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.protocol", description=__doc__)
    parser.add_argument("--long", action="store_true", help="with two faults in each scenario")
    parser.add_argument("--most", type=int, default=20_000, help="states of a scenario (20000)")
    options = parser.parse_args()
    broken = states = cut = 0
    for scenario in SHORT + LONG if options.long else SHORT:
        began = time.monotonic()
        found = Explorer(scenario).run(options.most)
        states += found.states
        cut += not found.whole
        note = "" if found.whole else " (cut off)"
        _say(f"{found.states:8,d} states {time.monotonic() - began:6.1f} s  {scenario.name}{note}")
        if found.broken is not None:
            broken += 1
            _say(f"BROKEN: {found.broken.promise}: {found.broken.how}: {trace(found)}")
    _say(f"{states:,d} states, {broken} scenarios with a broken promise, {cut} cut off\n")
    for rule, (name, _, _) in TAKEN_OUT.items():
        _say(table_row(rule, Explorer(named(name), Protocol(frozenset([rule]))).run()))
    for gap, (name, _, _) in NOT_PROMISED.items():
        _say(table_row(gap, Explorer(named(name), closed=frozenset([gap])).run()))
    return 1 if broken else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
