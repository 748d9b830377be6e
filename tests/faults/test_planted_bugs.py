"""The checker finds bugs: each is planted into a copy of the packages, and its scenario played."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.suite import planted
from tests.faults.suite.planted import BUGS, Bug
from tests.faults.suite.processes import copy_of_layer, stage
from tests.harness.stores import Servers

FIRST_BUGS = 5
"""As many are planted by `make test`; `make faults` plants all."""

TRIES = 2


async def test_without_a_bug_every_scenario_ends_well(both_servers: Servers, folder: Path) -> None:
    scenarios = [*(bug.scenario for bug in BUGS), *planted.OTHERS]
    async with stage(both_servers, folder, flushers=0, skewed=["api2"], patient=True) as on:
        found = {scenario.__name__: await planted.perform(on, scenario) for scenario in scenarios}
    assert found == {scenario.__name__: [] for scenario in scenarios}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_bug_can_be_planted(bug: Bug, folder: Path) -> None:
    copy_of_layer(folder, bug.plant)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
async def test_the_checker_finds(bug: Bug, both_servers: Servers, folder: Path) -> None:
    if bug not in BUGS[:FIRST_BUGS] and not os.environ.get("ALL_PLANTED_BUGS"):
        pytest.skip("`make faults` plants all bugs")
    layer = copy_of_layer(folder, bug.plant)
    async with stage(both_servers, folder, layer=layer, flushers=0, skewed=["api2"], patient=True) as on:
        # A scenario can fail to come about where the machine is so busy that statements run out of time.
        with bug.in_database(both_servers):
            assert any([await planted.perform(on, bug.scenario) for _ in range(TRIES)])
