"""The tables of docs/scaling.md follow from its figures, and its figures from what they are of."""

import re
from pathlib import Path

import pytest

from tests.bench.scaling import TABLES, Figures, about, computed, places
from tests.harness.templates import load

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/scaling.md").read_text()
FIGURES = Figures.of(TEXT)
PARAMETERS = load(ROOT / "template.yaml")["Parameters"]


def test_the_tables_are_as_the_figures_have_them() -> None:
    assert computed(TEXT) == TEXT


def test_every_table_is_on_the_page() -> None:
    assert sorted(places(TEXT)) == sorted(TABLES)


def test_a_figure_that_changes_changes_its_tables() -> None:
    other = re.sub(r"(`commit_row_ms` \|) [\d.]+", r"\1 9", TEXT)
    assert computed(other) != other


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_used(name: str) -> None:
    other = re.sub(rf"(`{name}` \|) [\d.,]+", r"\1 999", TEXT)
    assert computed(other) != other


def test_figures_of_the_stack_are_those_of_its_template() -> None:
    assert FIGURES["task_requests"] == PARAMETERS["RequestsPerTarget"]["Default"] / 60
    assert FIGURES["task_connections"] == PARAMETERS["DatabaseConnections"]["Default"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.012"), (3.96, "4.0"), (47.4, "47"), (12345, "12,000"), (-3.95, "-4.0")],
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert about(value) == text
