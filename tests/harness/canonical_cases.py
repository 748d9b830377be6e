"""The table of canonical JSON, which the tests in Python and in JavaScript share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """Answers, and what is hashed of them.

    Attributes:
        answers: as a client may send them.
        javascript: whether JavaScript can tell; if not, JSON.parse makes Infinity of a number.
    """

    name: str
    answers: str
    canonical: str
    sha256: str
    javascript: bool


CASES = [Case(**each) for each in json.loads((Path(__file__).parents[1] / "receipts/cases.json").read_text())]
