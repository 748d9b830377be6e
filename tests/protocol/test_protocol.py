"""The protocol keeps its promises in every order of steps and faults; without a rule it breaks one."""

from __future__ import annotations

from pathlib import Path

import pytest

from .explorer import Explorer, Scenario
from .listing import table_row, trace
from .model import Protocol, Rule
from .promises import Gap
from .scenarios import NOT_PROMISED, SHORT, TAKEN_OUT, named

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text().splitlines()


@pytest.mark.parametrize("scenario", SHORT, ids=lambda scenario: scenario.name)
def test_no_promise_is_broken(scenario: Scenario) -> None:
    found = Explorer(scenario).run()
    assert found.broken is None, f"{found.broken.how}: {trace(found)}"
    assert found.whole


@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.name)
def test_a_promise_is_broken_without_the_rule(rule: Rule) -> None:
    name, promise, steps = TAKEN_OUT[rule]
    found = Explorer(named(name), Protocol(frozenset([rule]))).run()
    assert found.broken is not None
    assert (found.broken.promise, len(found.trace)) == (promise, steps), trace(found)
    assert table_row(rule, found) in DOCUMENT


@pytest.mark.parametrize("gap", Gap, ids=lambda gap: gap.name)
def test_what_is_not_promised_can_happen(gap: Gap) -> None:
    name, promise, steps = NOT_PROMISED[gap]
    found = Explorer(named(name), closed=frozenset([gap])).run()
    assert found.broken is not None
    assert (found.broken.promise, len(found.trace)) == (promise, steps), trace(found)
    assert table_row(gap, found) in DOCUMENT
