"""The protocol keeps its promises in every order of steps and faults; without a rule it breaks one."""

from __future__ import annotations

import os

import pytest

from .explorer import Explorer, Scenario
from .model import Protocol, Rule
from .scenarios import LONG, SHORT, TAKEN_OUT, named

SCENARIOS = SHORT + LONG if os.environ.get("PROTOCOL_SCENARIOS") == "all" else SHORT


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_no_promise_is_broken(scenario: Scenario) -> None:
    found = Explorer(scenario).run()
    assert found.broken is None, "\n".join([found.broken.how, *found.listing()])
    assert found.whole


@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.name)
def test_a_promise_is_broken_without_the_rule(rule: Rule) -> None:
    name, promise, steps = TAKEN_OUT[rule]
    found = Explorer(named(name), Protocol(frozenset([rule]))).run()
    assert found.broken is not None
    assert (found.broken.promise, len(found.trace)) == (promise, steps), "\n".join(found.listing())
