"""Files of quizzes as other systems write them: small, and in words of our own."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from quiz_files import Imported, Line, read_file

SAMPLES = Path(__file__).parents[1] / "unit/quiz_file_samples"
FILES = [
    "moodle/questions.xml",
    "gift.txt",
    "table.csv",
    "qti22/choice.xml",
    "canvas_classic",
    "canvas_new",
    "qti30",
]


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """A package of these files."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sample_bytes(name: str) -> bytes:
    """A sample as it is exported; a folder is the content of its package."""
    path = SAMPLES / name
    if path.is_file():
        return path.read_bytes()
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return packed({str(each.relative_to(path)): each.read_bytes() for each in files})


def sample(name: str) -> Imported:
    """A sample as it is imported."""
    return read_file(sample_bytes(name), name)


def read(text: str, name: str, **options: Any) -> Imported:
    """A file of this text."""
    return read_file(text.encode(), name, **options)


def gift(text: str) -> Imported:
    return read(text, "questions.gift")


def table(text: str) -> Imported:
    return read(text, "questions.csv")


def moodle_question(kind: str, body: str, text: str = "What?") -> str:
    """A file of one question of Moodle XML."""
    asked = f"<questiontext><text>{text}</text></questiontext>"
    return f'<quiz><question type="{kind}">{asked}{body}</question></quiz>'


def only(imported: Imported) -> dict[str, Any]:
    """The only question."""
    (question,) = imported.rules["questions"].values()
    assert isinstance(question, dict)
    return question


def line(imported: Imported) -> Line:
    """The only line of the report."""
    (found,) = imported.report
    return found
