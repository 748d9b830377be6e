"""Containers of the API come and go while students write; in short what `make faults` does for longer."""

from __future__ import annotations

from pathlib import Path

from tests.faults.suite.containers import play, two_containers
from tests.harness.stores import Servers

SEED = "1"
SECONDS = 13


async def test_students_notice_no_container_that_goes_but_one_that_is_killed_under_their_request(
    servers: Servers, folder: Path
) -> None:
    async with two_containers(servers, folder) as service:
        outcome = await play(service, SEED, SECONDS)
    assert outcome.violations() == []
    assert outcome.done.keys() == {"killed", "drained", "replaced"}
    assert sum(ledger.acknowledged for ledger in outcome.ledgers) > 100
