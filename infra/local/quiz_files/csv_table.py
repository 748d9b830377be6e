"""A table of questions: one in each row, its columns named in the first (docs/import.md)."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Mapping
from io import StringIO
from typing import Final

from .errors import FileError
from .model import Bank, Group, Item, Kind, Option, Response
from .numbers_read import number_of
from .responses import accepted, matched

COLUMNS: Final = [
    "id",
    "section",
    "kind",
    "points",
    "text",
    "key",
    "tolerance",
    "decimal",
    "unit",
    "partial",
    "shuffle",
    "max_length",
]
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
KINDS: Final[Mapping[str, Kind]] = {
    "choice": "choice",
    "multiple": "multiple",
    "number": "number",
    "short": "short",
    "essay": "essay",
    "order": "order",
    "match": "match",
}
_YES: Final = frozenset({"true", "yes", "1"})
_NO: Final = frozenset({"false", "no", "0", ""})
_MAX_CELL: Final = 1024 * 1024


class _RowError(ValueError):
    """A row that can't be read; the message says why."""


def read(text: str) -> Bank:
    """Read a table. A row that can't be read is left out, and says why.

    Raises:
        FileError: its first row does not name the columns.
    """
    csv.field_size_limit(_MAX_CELL)
    head = text.partition("\n")[0]
    rows = csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    groups: dict[str, Group] = {}
    try:
        columns = _columns(next(rows, []))
        line = rows.line_num + 1
        for row in rows:
            cells = dict(zip(columns, (cell.strip() for cell in row), strict=False))
            if any(cells.values()):
                title = cells.get("section", "")
                group = groups.setdefault(title, Group(title=title))
                group.items.append(_read_row(cells, line, len(row) > len(columns)))
            line = rows.line_num + 1
    except csv.Error as error:
        raise FileError(f"The table can't be read at line {rows.line_num}: {error}.") from None
    return Bank(groups=list(groups.values()))


def _columns(row: list[str]) -> list[str]:
    columns = [cell.strip().lower().replace(" ", "_") for cell in row]
    while columns and not columns[-1]:
        columns.pop()
    known = [*COLUMNS, *_LETTERS]
    for column in columns:
        if column not in known:
            near = difflib.get_close_matches(column, COLUMNS, 1)
            meant = (
                f"; did you mean {near[0]!r}?" if near else f": they are {', '.join(COLUMNS)}, and a to z."
            )
            raise FileError(f"The first row names a column {column!r}, which is none{meant}")
        if columns.count(column) > 1:
            raise FileError(f"The first row names the column {column!r} more than once.")
    if "text" not in columns:
        raise FileError("The first row has no column 'text'; it names the columns of the table.")
    return columns


def _read_row(cells: Mapping[str, str], line: int, has_more: bool) -> Item:
    item = Item(place=f"line {line}", identifier=cells.get("id", ""), text=cells.get("text", ""))
    try:
        if has_more:
            raise _RowError("it has more cells than the first row names; quote a cell with a separator in it")
        points = _number_of(cells.get("points") or "1", _decimal(cells))
        if points is None:
            raise _RowError(f"its points are no number: {cells['points']!r}; decimal says if it has a comma")
        item.points = points
        item.responses = [_response(cells)]
    except _RowError as error:
        item.left_out = str(error)
    return item


def _response(cells: Mapping[str, str]) -> Response:
    options = [(letter, cells[letter]) for letter in _LETTERS if cells.get(letter)]
    kind = _kind(cells, bool(options))
    key = cells.get("key", "")
    shuffle = _flag(cells, "shuffle")
    if options and kind in ("number", "short", "essay"):
        raise _RowError(f"a {kind} has no options; empty the columns a to z, or say another kind")
    match kind:
        case "choice" | "multiple":
            return _choice(kind, options, key, shuffle, _flag(cells, "partial"))
        case "order":
            if key:
                raise _RowError("an order has no key: its options stand in the right order")
            listed = tuple(Option(*option) for option in options)
            names = [option.id for option in listed]
            return Response(
                kind="order", options=listed, key=names, partial=_flag(cells, "partial"), shuffle=True
            )
        case "match":
            return _match(options, key, _flag(cells, "partial"))
        case "number":
            return _number(cells, key)
        case "short":
            texts = [text.strip() for text in key.split("|") if text.strip()]
            return Response(kind="short", key=accepted(texts), max_length=_max_length(cells))
        case _:
            if key:
                raise _RowError("an essay has no key; a person marks it")
            return Response(kind="essay", max_length=_max_length(cells))


def _kind(cells: Mapping[str, str], has_options: bool) -> Kind:
    given = cells.get("kind", "").lower()
    if given:
        if given not in KINDS:
            raise _RowError(f"its kind {given!r} is none of {', '.join(KINDS)}")
        return KINDS[given]
    if has_options:
        return "multiple" if len(_letters(cells.get("key", ""))) > 1 else "choice"
    if cells.get("key"):
        raise _RowError("its kind is not said: number, or short")
    return "essay"


def _letters(key: str) -> list[str]:
    words = re.split(r"[\s,;|+]+", key.strip().lower())
    return words if all(len(word) == 1 for word in words) else []


def _choice(kind: Kind, options: list[tuple[str, str]], key: str, shuffle: bool, partial: bool) -> Response:
    names = _letters(key) if key else []
    if key and not names:
        # Not by its letter, but by its words.
        names = [letter for letter, text in options if text == key]
    if key and (not names or not set(names) <= {letter for letter, _ in options}):
        raise _RowError(f"its key {key!r} names no option: write the letter of its column")
    if kind == "choice" and len(names) > 1:
        raise _RowError("its key names several options; its kind is multiple")
    listed = tuple(Option(*option) for option in options)
    if kind == "choice":
        return Response(kind=kind, options=listed, key=names[0] if names else None, shuffle=shuffle)
    names = sorted(set(names))
    return Response(
        kind=kind, options=listed, key=names or None, partial=partial and bool(names), shuffle=shuffle
    )


def _match(options: list[tuple[str, str]], key: str, partial: bool) -> Response:
    if key:
        raise _RowError("a match has no key: each of its options is written as left = right")
    pairs, distractors = [], []
    for letter, text in options:
        left, sign, right = text.partition("=")
        if not sign or not right.strip():
            raise _RowError(f"its option {letter} is not written as left = right")
        if left.strip():
            pairs.append((left.strip(), right.strip()))
        else:
            distractors.append(right.strip())
    return matched(pairs, distractors, partial=partial) if pairs else Response(kind="match")


def _decimal(cells: Mapping[str, str]) -> str:
    decimal = cells.get("decimal") or "."
    if decimal not in (".", ","):
        raise _RowError("its decimal is neither a point nor a comma")
    return decimal


def _number_of(text: str, decimal: str) -> float | None:
    return number_of(text.replace(",", ".") if decimal == "," else text)


def _number(cells: Mapping[str, str], key: str) -> Response:
    decimal = _decimal(cells)
    numbers = []
    for name, text in (("key", key), ("tolerance", cells.get("tolerance", ""))):
        number = _number_of(text, decimal)
        if text and number is None:
            raise _RowError(f"its {name} is no number: {text!r}")
        numbers.append(number)
    return Response(
        kind="number", key=numbers[0], tolerance=numbers[1] or 0, decimal=decimal, unit=cells.get("unit", "")
    )


def _flag(cells: Mapping[str, str], name: str) -> bool:
    text = cells.get(name, "")
    if text.lower() not in _YES | _NO:
        raise _RowError(f"its {name} is neither yes nor no: {text!r}")
    return text.lower() in _YES


def _max_length(cells: Mapping[str, str]) -> int | None:
    text = cells.get("max_length", "")
    if not text:
        return None
    number = number_of(text)
    if not isinstance(number, int) or number < 1:
        raise _RowError(f"its max_length is no whole number above 0: {text!r}")
    return number
