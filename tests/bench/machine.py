"""How many students one machine carries, the students on it too."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Final

from tests.harness.stores import Stores

from .crowd import PEER, service
from .measuring import Figure, on_all_cores

ANSWERS_A_MINUTE: Final = (12, 4, 2)
REQUESTS_A_SECOND: Final = (100, 200, 300, 400, 500, 600, 800, 1000)
"""Steps, until one is too much."""
P99_MILLISECONDS: Final = 500.0


def measure(stores: Stores, rounds: int) -> Iterator[Figure]:
    """For each pace the most students whose requests are all taken, 99 of 100 within half a second.

    A quarter of what they send is committed, the rest are autosaves; flushes run beside them. Needs Node.
    """
    on_all_cores()
    seconds = max(5, min(40, rounds * 2))
    for pace in ANSWERS_A_MINUTE:
        most, took = 0, 0.0
        for rate in REQUESTS_A_SECOND:
            students = rate * 60 // pace
            # A process for each, which owes nothing to the one before.
            with service(stores) as port:
                statuses, p99 = _load(port, students, seconds, pace)
            if statuses.keys() - {"200"} or p99 > P99_MILLISECONDS:
                break
            most, took = students, p99
        yield Figure(f"students who send {pace} answers a minute", f"{most:,}", f"p99 {took:.0f} ms")


def _load(port: int, students: int, seconds: int, pace: int) -> tuple[dict[str, int], float]:
    command = ["node", "students.js", str(port), str(students), str(seconds), str(pace)]
    done = subprocess.run(command, cwd=PEER, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return found["statuses"], found["p99"]
