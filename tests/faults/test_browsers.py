"""Students at browsers under faults: a short round, and bugs that are planted into the client library."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import NEEDS_CHROMIUM
from tests.faults.suite import planted_in_library
from tests.faults.suite.planted_in_library import BUGS, LibraryBug
from tests.faults.suite.processes import stage
from tests.faults.suite.run import play
from tests.harness.stores import Servers
from tests.harness.students import Kind

pytestmark = NEEDS_CHROMIUM

SEED = "21"
SECONDS = 13


async def test_what_was_typed_at_a_browser_is_kept_under_faults(both_servers: Servers, folder: Path) -> None:
    async with stage(both_servers, folder) as on:
        on.clear()
        outcome = await play(on, SEED, SECONDS, students=2, watched=1, browsers=1)
    assert outcome.violations == []
    assert any(name.startswith(("browser", "page")) for name in outcome.faults)
    acknowledged = {one.kind for one in outcome.history if one.student == "browser0" and one.acknowledged}
    assert acknowledged > {Kind.START}


async def test_without_a_bug_every_scenario_ends_well(both_servers: Servers, folder: Path) -> None:
    scenarios = {bug.scenario for bug in BUGS}
    async with stage(both_servers, folder, flushers=0, apis=1) as on:
        found = {one.__name__: await planted_in_library.perform(on, one) for one in scenarios}
    assert found == {one.__name__: [] for one in scenarios}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
async def test_the_checker_finds(bug: LibraryBug, both_servers: Servers, folder: Path) -> None:
    async with stage(both_servers, folder, flushers=0, apis=1) as on:
        assert await planted_in_library.perform(on, bug.scenario, bug.plant(folder))
