"""The threat model names tests; each of them is there, the hostile ones are all named, and so are attacks."""

import re
from pathlib import Path

import pytest

from tests.hostile.attacks import ATTACKS

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs/SECURITY.md").read_text()
NAME = r"`([a-z_]+/test_[a-z_]+\.py)`"
NAMED = set(re.findall(NAME, TEXT))
OWASP = {
    heading: set(re.findall(NAME, shown_by))
    for heading, shown_by in re.findall(r"^\| (\d+ [^|]+?) \|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE)
}
"""Heading -> the tests of its row."""


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) > 10
    assert [name for name in NAMED if not (TESTS / name).is_file()] == []


def test_every_hostile_test_is_named() -> None:
    assert {f"hostile/{path.name}" for path in (TESTS / "hostile").glob("test_*.py")} - NAMED == set()


def test_each_of_the_ten_has_its_tests() -> None:
    assert [int(heading.split()[0]) for heading in OWASP] == list(range(1, 11))
    assert all(OWASP.values())


def test_the_attacks_have_the_headings_of_the_ten() -> None:
    assert list(ATTACKS) == list(OWASP)


@pytest.mark.parametrize("heading", ATTACKS)
def test_each_attack_has_a_test_in_the_row_of_its_heading(heading: str) -> None:
    for attack, test in ATTACKS[heading].items():
        file, _, function = test.partition("::")
        assert re.search(rf"^(async )?def {function}\(", (TESTS / file).read_text(), re.MULTILINE), attack
        assert file in OWASP[heading], f"{attack}: {file}"
    assert OWASP[heading] == {test.partition("::")[0] for test in ATTACKS[heading].values()}
