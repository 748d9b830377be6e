"""The rules of a quiz as one document: patched, parsed, and compared with another.

A document has a member for each rule, named as the field of `QuizRules`. `questions` (with what is shown of
them), `access` and `paper` are JSON; the others are as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from .access import parse_access
from .errors import InvalidInputError
from .grading import parse_questions, to_json
from .json_values import Json, dump_record, same_value
from .papers import NO_CONTENT, Content, parse_paper, split_contents
from .quizzes import QuizRules
from .validation import MAX_DEPTH

Document: TypeAlias = Mapping[str, Any]

MAX_LISTED_CHANGES: Final = 100
MAX_LISTED_CHARACTERS: Final = 1024
_IS_JSON: Final = frozenset({"questions", "access", "paper"})
_COMPARED_DEPTH: Final = 3
"""Rules, questions, and members of a question: what is in a key or a content is no field."""
_PATCHED_DEPTH: Final = MAX_DEPTH + _COMPARED_DEPTH


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A field of a quiz that a change gives another value.

    Attributes:
        path: where it stands, as a JSON Pointer (RFC 6901), such as /questions/1/key.
        before, after: its values; None where there is none, or it is too long to be listed.
        shortened: whether one of them is too long.
    """

    path: str
    before: Json
    after: Json
    shortened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChanges:
    """What a change gives another value: how many fields, and the first hundred of them."""

    count: int = 0
    fields: tuple[FieldChange, ...] = ()


def to_document(rules: QuizRules, contents: Mapping[str, Content]) -> dict[str, Any]:
    """The document that `parse_document` reads back as these rules."""
    document = {each.name: getattr(rules, each.name) for each in fields(QuizRules)}
    return document | {
        "questions": {
            name: _to_json(to_json(question), contents.get(name, NO_CONTENT))
            for name, question in rules.questions.items()
        },
        "access": None if rules.access is None else rules.access.to_json(),
        "paper": None if rules.paper is None else rules.paper.to_json(),
    }


def parse_document(document: Document) -> tuple[QuizRules, dict[str, Content]]:
    """The rules, and what is shown of their questions. What the document does not have takes its default.

    Raises:
        InvalidInputError, ContentTooLargeError: as `split_contents`, `parse_questions`, `parse_access` and
            `parse_paper` say.
    """
    graded, contents = split_contents(document.get("questions", {}))
    questions = parse_questions(graded)
    paper = document.get("paper")
    others = {name: value for name, value in document.items() if name not in _IS_JSON}
    rules = QuizRules(
        **others,
        questions=questions,
        access=parse_access(document.get("access")),
        paper=None if paper is None else parse_paper(paper, questions),
    )
    return rules, contents


def patched(document: Document, patch: Document) -> dict[str, Any]:
    """The document after a merge patch (RFC 7396).

    Null takes a member away, objects are merged, all else takes the place of what there was.

    Raises:
        InvalidInputError: the patch is nested too deeply.
    """
    merged: dict[str, Any] = _patched(document, patch, ())
    return merged


def changes(before: Document, after: Document) -> FieldChanges:
    """In which fields two documents differ."""
    found = list(_differences(before, after, ()))
    return FieldChanges(
        count=len(found), fields=tuple(_listed(*change) for change in found[:MAX_LISTED_CHANGES])
    )


def _to_json(graded: dict[str, Json], content: Content) -> dict[str, Json]:
    # A tolerance of 0 is its default. A question that is to be graded otherwise would have to take it away.
    form = {name: value for name, value in graded.items() if name != "tolerance" or value}
    if content != NO_CONTENT:
        form["content"] = content.content
    if content.shuffle_options:
        form["shuffle_options"] = True
    return form


def _patched(target: Any, patch: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    if len(path) > _PATCHED_DEPTH:
        raise InvalidInputError(f"{path[0]} is nested deeper than {MAX_DEPTH}.", member=path[0])
    known = target if isinstance(target, Mapping) else {}
    merged = dict(known)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _patched(known.get(name), value, (*path, name))
    return merged


def _differences(
    before: Any, after: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if len(path) < _COMPARED_DEPTH and isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(name), after.get(name), (*path, name))
    elif not same_value(before, after):
        yield path, before, after


def _listed(path: tuple[str, ...], before: Any, after: Any) -> FieldChange:
    shown = [value if len(dump_record(value)) <= MAX_LISTED_CHARACTERS else None for value in (before, after)]
    return FieldChange(
        path="".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in path),
        before=shown[0],
        after=shown[1],
        shortened=shown != [before, after],
    )
