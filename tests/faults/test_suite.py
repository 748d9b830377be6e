"""The short form of `make faults`: students, faults and the check, for some seconds."""

from __future__ import annotations

from pathlib import Path

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
    assert acknowledged >= {Kind.START, Kind.COMMIT, Kind.AUTOSAVE, Kind.READ, Kind.COMPLETE}
