"""Faults for some minutes: `python -m tests.faults.suite --minutes 10 --seed 1`.

Every fourth round goes over the border of two months, and before each round containers come and go.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.browser.conftest import MISSING
from tests.harness.stores import Servers, running_servers

from . import containers
from .border import before_border, play_over
from .browsers import is_here
from .processes import SuiteValkey, has_emulator, stage
from .run import Outcome, play

ROUND_SECONDS = 45.0
CONTAINERS_SECONDS = 10.0
SHOWN = 20
BORDER_EVERY = 4


async def main(minutes: float, seed: int, browsers: int = 0) -> int:
    """Round after round, each with the next number as its seed; returns how many violations there were."""
    if not has_emulator():
        print("no Lambda emulator (`make test` installs it): the function is left out")
    until = time.monotonic() + minutes * 60
    requests: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    found = acknowledged = 0
    with tempfile.TemporaryDirectory(prefix="quiz-faults-") as name:
        folder = Path(name)
        with running_servers(valkey=SuiteValkey) as servers:
            while (left := until - time.monotonic()) > 0:
                found += await _containers(servers, folder, seed)
                outcome = await _round(servers, folder, seed, min(ROUND_SECONDS, left), browsers)
                print(f"seed {seed}: {outcome.summary()}", flush=True)
                _show(outcome)
                requests += outcome.requests
                faults += outcome.faults
                found += len(outcome.violations)
                acknowledged += sum(one.acknowledged for one in outcome.history)
                seed += 1
    print(f"requests: {dict(sorted(requests.items()))}")
    print(f"faults: {dict(sorted(faults.items()))}")
    print(
        f"{requests.total()} requests, {acknowledged} acknowledged, {faults.total()} faults, "
        f"{found} violations"
    )
    return found


async def _round(servers: Servers, folder: Path, seed: int, seconds: float, browsers: int) -> Outcome:
    dice = random.Random(seed)
    home = folder / f"seed-{seed}"
    home.mkdir()
    if seed % BORDER_EVERY == 0:
        async with before_border(servers, home, seconds, dice.choice((-10, 10))) as on:
            crossing = await play_over(on, str(seed), seconds, browsers)
        return replace(crossing.outcome, violations=crossing.violations())
    async with stage(
        servers,
        home,
        function=has_emulator(),
        skewed=dice.sample(["api1", "api2", "flusher1", "flusher2"], 1),
        skew_seconds=dice.choice((-10, 10)),
    ) as on:
        on.clear()
        return await play(on, str(seed), seconds, browsers=browsers)


async def _containers(servers: Servers, folder: Path, seed: int) -> int:
    """How many violations there were."""
    servers.stores.clear()
    home = folder / f"containers-{seed}"
    home.mkdir()
    async with containers.two_containers(servers, home) as service:
        outcome = await containers.play(service, str(seed), CONTAINERS_SECONDS)
    print(f"seed {seed}: {outcome.summary()}", flush=True)
    for text in outcome.violations()[:SHOWN]:
        print(f"  VIOLATION {text}")
    return len(outcome.violations())


def _show(outcome: Outcome) -> None:
    for text in outcome.violations[:SHOWN]:
        print(f"  VIOLATION {text}")
    if outcome.violations:
        session = outcome.violations[0].partition(":")[0]
        for one in outcome.history:
            if one.session == session:
                print(f"    {one}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests.faults.suite", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seed", type=int, help="of the first round (any)")
    parser.add_argument("--browsers", type=int, default=0, help="how many more sit at a browser (0)")
    options = parser.parse_args()
    if options.browsers and not is_here():
        sys.exit(MISSING)
    first = random.randrange(1_000_000) if options.seed is None else options.seed
    print(f"seed {first}", flush=True)
    sys.exit(asyncio.run(main(options.minutes, first, options.browsers)) > 0)
