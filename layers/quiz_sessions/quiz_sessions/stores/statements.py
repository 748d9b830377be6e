"""SQL statements, one to a file in `sql/`. Its header says what the statement takes, returns and locks.

Parameters are named, `%(name)s`. Fragments stand as `{name}` and are replaced by their text: short ones are
below, longer ones are files in `sql/fragments/`. The migration makes functions of the database from all
statements in `sql/stored/` (docs/decisions/0015).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from ..domain import attempts, exports, incidents, outcomes, quizzes
from ..domain.validation import MAX_ANSWERS, MAX_INTEGER, MAX_SESSION_BYTES, MIN_REFUSED_BYTES

_SQL: Final = files(__package__).joinpath("sql")
_HEADER: Final = re.compile(r"(?:--.*\n)+")
_FRAGMENT: Final = re.compile(r"\{(\w+)\}")
_PARAMETER: Final = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A statement's text with $1, $2, … for its named parameters, and their names in that order."""

    text: bytes
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with named parameters.

    Attributes:
        function: the name of the database function, for a stored statement. It ends with a hash of the text,
            so that each release finds the version it knows.
        call: the statement that calls the function, with the same parameters.
    """

    name: str
    text: str
    stored: bool = False
    function: str = field(init=False, default="")
    call: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.stored:
            function = f"{self.name}_{sha256(self.text.encode()).hexdigest()[:12]}"
            arguments = ", ".join(f"%({name})s" for name in numbered(self.text).names)
            object.__setattr__(self, "function", function)
            object.__setattr__(self, "call", f"SELECT * FROM {function}({arguments})")


@cache
def load(name: str, **fragments: str) -> Statement:
    """Load `sql/<name>.sql`; `fragments` are added to the common ones."""
    folder, _, short = name.rpartition("/")
    text = _expand(_read(_SQL / f"{name}.sql"), fragments)
    # The name shows which file it is to anyone who looks at the server's activity.
    return Statement(short, f"-- {short}\n{text}", stored=folder == "stored")


@cache
def stored_statements() -> tuple[Statement, ...]:
    """All statements that the database keeps as functions."""
    names = sorted(file.name.removesuffix(".sql") for file in _SQL.joinpath("stored").iterdir())
    return tuple(load(f"stored/{name}") for name in names)


@cache
def numbered(text: str) -> Numbered:
    """Number the parameters of a statement.

    psycopg would do this at each call, and caches the result for short statements only.
    """
    names: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return names.setdefault(found[1], f"${len(names) + 1}")

    return Numbered(_PARAMETER.sub(number, text).encode(), tuple(names))


def _read(file: Traversable) -> str:
    """The text of a file without its header, which is documentation only."""
    return _HEADER.sub("", file.read_text(), count=1).strip()


def _expand(text: str, more: Mapping[str, str]) -> str:
    return _FRAGMENT.sub(lambda found: _expand({**_FRAGMENTS, **more}[found[1]], more), text)


_FRAGMENTS: Final[Mapping[str, str]] = {
    "attempt": ", ".join(attempts.FIELDS),
    "attempt_without_answers": ", ".join(
        f"'{{}}'::jsonb AS {name}" if name in ("answers", "answer_meta", "marks") else name
        for name in attempts.FIELDS
    ),
    # As `Attempt.to_json` has them.
    "cached": ", ".join(dict.fromkeys(["revision", "status", *attempts.CACHED])),
    "export": ", ".join(each.name for each in fields(exports.Export)),
    "open": "status IN ('started', 'in_progress')",
    "quiz": ", ".join(
        ["quiz_id", "revision", *(each.name for each in fields(quizzes.QuizRules)), "updated_at", "paused_at"]
    ),
    "staff_action": ", ".join(each.name for each in fields(outcomes.RecordedAction)),
    "burst_answers": str(incidents.BURST_ANSWERS),
    "max_answers": str(MAX_ANSWERS),
    "max_integer": str(MAX_INTEGER),
    "max_session_bytes": str(MAX_SESSION_BYTES),
    "min_refused_bytes": str(MIN_REFUSED_BYTES),
    **{
        file.name.removesuffix(".sql"): _read(file)
        for file in _SQL.joinpath("fragments").iterdir()
        if file.name.endswith(".sql")
    },
}
