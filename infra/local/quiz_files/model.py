"""What every format is read into: items with what they ask for, in groups; and what an import hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Number = int | float
Kind = Literal["choice", "multiple", "number", "short", "essay", "order", "match"]
"""As docs/pages.md lists them."""
Outcome = Literal["graded", "by a person", "shown", "left out"]
"""What became of a question: its key grades it, a person does, nobody has to, or it is not in the quiz."""


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose, to order or to match: what answers call it, and what students read."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One thing that an item asks for.

    Attributes:
        key: in the form that the grading of its kind expects; None where a person has to mark it.
        partial: whether a partly right answer earns a share of the points.
        label: names its gap in the text, where the item has several.
        weight: its part of the item's points, in proportion to those of the others.
    """

    kind: Kind
    options: tuple[Option, ...] = ()
    left: tuple[Option, ...] = ()
    right: tuple[Option, ...] = ()
    key: Any = None
    tolerance: Number = 0
    decimal: str = "."
    partial: bool = False
    shuffle: bool = False
    unit: str = ""
    max_length: int | None = None
    label: str = ""
    weight: Number = 1


@dataclass(slots=True, kw_only=True)
class Item:
    """A question as a file has it.

    Attributes:
        place: where it stands in the file.
        identifier: what the file calls it, "" for nothing.
        responses: none where it is only to be read.
        images: as the content has them.
        lost: what of it is not imported.
        left_out: why it is not imported at all.
    """

    place: str
    name: str = ""
    identifier: str = ""
    text: str = ""
    points: Number = 1
    responses: Sequence[Response] = ()
    images: list[dict[str, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left_out: str | None = None


@dataclass(slots=True, kw_only=True)
class Group:
    """Items that are asked together: a section of the paper.

    Attributes:
        points: what each of them is worth; None for what it says itself.
    """

    title: str = ""
    items: list[Item] = field(default_factory=list)
    pick: int | None = None
    shuffle: bool = False
    time_limit_seconds: int | None = None
    forward: bool = False
    points: Number | None = None


@dataclass(slots=True, kw_only=True)
class Bank:
    """What a file has.

    Attributes:
        rules: other rules of the quiz, as PUT /quizzes/{id} takes them.
        lost: what concerns no question alone.
    """

    groups: list[Group] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What became of one question of a file.

    Attributes:
        questions: the ids that it has in the quiz; none where it was left out.
        kept: what of it is imported, or why nothing is.
        lost: what of it is not.
    """

    place: str
    name: str
    questions: tuple[str, ...]
    outcome: Outcome
    kept: str
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """A quiz's rules, as PUT /quizzes/{id} takes them, and what became of each question of the file.

    Attributes:
        lost: what concerns no question alone.
    """

    rules: Mapping[str, Any]
    report: tuple[Line, ...]
    lost: tuple[str, ...] = ()
