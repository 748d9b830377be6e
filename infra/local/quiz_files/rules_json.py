"""Our own JSON: the rules of a quiz as PUT /quizzes/{id} takes them, and as GET shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .assemble import check
from .contents import asked
from .errors import FileError
from .model import Imported, Line

SERVER_MEMBERS: Final = frozenset(
    {"quiz_id", "revision", "paused_at", "updated_at", "rescheduled", "abandoned"}
)
"""What a reply says of a quiz that a request does not."""


def read(text: str) -> Imported:
    """Read rules.

    Raises:
        FileError: they are no JSON object, or the service would refuse their questions or paper.
    """
    try:
        rules = json.loads(text, object_pairs_hook=_members, parse_constant=_no_number)
    except ValueError as error:
        raise FileError(f"The file is no JSON: {error}.") from None
    except RecursionError:
        raise FileError("The file is nested too deep.") from None
    if not isinstance(rules, dict) or not isinstance(rules.get("questions", {}), dict):
        raise FileError("The file is no JSON object of a quiz's rules, with questions in it.")
    rules = {name: value for name, value in rules.items() if name not in SERVER_MEMBERS}
    check(rules)
    return Imported(rules, tuple(_line(name, fields) for name, fields in rules.get("questions", {}).items()))


def write(quiz: Mapping[str, Any]) -> str:
    """The rules of a quiz, as GET shows it."""
    return json.dumps(rules_of(quiz), ensure_ascii=False, indent=1) + "\n"


def rules_of(quiz: Mapping[str, Any]) -> dict[str, Any]:
    """What of a reply can be sent back."""
    return {name: value for name, value in quiz.items() if name not in SERVER_MEMBERS}


def _line(name: str, fields: Mapping[str, Any]) -> Line:
    points = fields.get("points", 1)
    kind = asked(fields.get("content")).kind
    return Line(
        place=f"question {name!r}",
        name="",
        questions=(name,),
        outcome="graded" if "grading" in fields else "by a person",
        kept=f"{kind}, {points:g} {'point' if points == 1 else 'points'}",
    )


def _members(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the member {name!r} comes twice in one object")
        members[name] = value
    return members


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
