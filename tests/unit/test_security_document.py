"""The threat model names tests; each of them is there, and the hostile ones are all named."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
NAMED = set(re.findall(r"`([a-z_]+/test_[a-z_]+\.py)`", (TESTS.parent / "docs/SECURITY.md").read_text()))


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) > 10
    assert [name for name in NAMED if not (TESTS / name).is_file()] == []


def test_every_hostile_test_is_named() -> None:
    assert {f"hostile/{path.name}" for path in (TESTS / "hostile").glob("test_*.py")} - NAMED == set()
