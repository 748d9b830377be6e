"""The short form of `make faults`: students, faults and the check, for some seconds."""

from __future__ import annotations

from pathlib import Path

from tests.faults.suite.border import before_border, play_over
from tests.faults.suite.history import Action
from tests.faults.suite.processes import SuiteValkey, has_emulator, stage
from tests.faults.suite.run import play
from tests.harness.stores import running_servers
from tests.harness.students import Kind

SEED = "20"
SECONDS = 13


async def test_what_was_acknowledged_is_kept_under_faults(folder: Path) -> None:
    with running_servers(valkey=SuiteValkey) as servers:
        async with stage(servers, folder, function=has_emulator(), skewed=["api2"]) as on:
            outcome = await play(on, SEED, SECONDS)
    assert outcome.violations == []
    assert outcome.faults.total() >= 3
    acknowledged = {one.kind for one in outcome.history if one.acknowledged}
    assert acknowledged >= {Kind.START, Kind.COMMIT, Kind.AUTOSAVE, Kind.READ, Kind.COMPLETE, Kind.TAKEOVER}
    assert all(outcome.requests[f"staff {action} True"] for action in Action)


async def test_it_is_kept_over_the_border_of_two_months_one_of_which_is_missing(folder: Path) -> None:
    with running_servers(valkey=SuiteValkey) as servers:
        async with before_border(servers, folder, SECONDS) as on:
            crossing = await play_over(on, SEED, SECONDS)
    assert crossing.violations() == []
    assert crossing.outcome.faults.total() >= 3
    # Events of attempts from before the border, from behind it, and for a while without a month.
    assert len(crossing.events) == 2
    assert crossing.stray > 0
