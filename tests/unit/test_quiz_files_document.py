"""docs/import.md says of every type of question what becomes of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quiz_files import moodle_xml, qti_classic, read_file
from quiz_files.csv_table import COLUMNS, KINDS

DOCUMENT = (Path(__file__).parents[2] / "docs/import.md").read_text()
NAMED = set(re.findall(r"`([^`\n]+)`", DOCUMENT))
TYPES = {
    *moodle_xml.READERS,
    *moodle_xml.NOT_IMPORTED,
    *qti_classic.READERS,
    *qti_classic.NOT_IMPORTED,
    *KINDS,
    *COLUMNS,
}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_document_names(name: str) -> None:
    assert name in NAMED


def test_the_table_of_the_document_can_be_imported() -> None:
    (table,) = re.findall(r"```csv\n(.*?)```", DOCUMENT, re.DOTALL)
    imported = read_file(table.encode(), "table.csv")
    assert [line.outcome for line in imported.report] == [*["graded"] * 6, "by a person"]
    assert not any(line.lost for line in imported.report)
