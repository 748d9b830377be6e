"""What items ask for, made of what formats have in common: options, right answers and their shares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from .model import Option, Response
from .numbers_read import decimal_of, middle, plain

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
"""What is an identifier in QTI too."""
GAP: Final = "_____"
"""What stands in a text for a field."""
RIGHT: Final = "r"
"""What the names of partners begin with, so that they are not those of what they are matched with."""
_SHARE: Final = 1e-4
_WHOLE: Final = 1 - _SHARE


def letter(place: int) -> str:
    """a to z, then a1 to z1, and so on."""
    name = chr(ord("a") + place % 26)
    return name if place < 26 else f"{name}{place // 26}"


def is_identifier(text: str) -> bool:
    """Whether QTI could call something so."""
    return _IDENTIFIER.fullmatch(text) is not None


def named(given: Sequence[tuple[str, str]], prefix: str = "") -> tuple[list[Option], dict[str, str]]:
    """Options of (the file's name, text), and what each of the file's names became.

    They keep their names where all are identifiers; else they are a, b, c, after the prefix.
    """
    names = [name for name, _ in given]
    keep = all(map(is_identifier, names)) and len(set(names)) == len(names)
    options = [
        Option(name if keep else f"{prefix}{letter(place)}", text) for place, (name, text) in enumerate(given)
    ]
    return options, {name: option.id for name, option in zip(names, options, strict=True)}


def lettered(texts: Iterable[str]) -> tuple[Option, ...]:
    """Options a, b, c."""
    return tuple(Option(letter(place), text) for place, text in enumerate(texts))


def chosen(
    options: Sequence[Option],
    shares: Mapping[str, float],
    *,
    several: bool,
    partial: bool,
    shuffle: bool,
    lost: list[str],
) -> Response:
    """A choice of one or several, from the share of the points (1 for all) that each option's id earns."""
    positive = {name: share for name, share in shares.items() if share > _SHARE}
    if not several:
        right = [name for name, share in positive.items() if share > _WHOLE]
        if len(right) > 1:
            lost.append("its key: several options are right, and students choose one")
        elif len(positive) > len(right):
            lost.append("the part of the points for options that are partly right")
        if any(share < -_SHARE for share in shares.values()):
            lost.append("what wrong options take away")
        key = right[0] if len(right) == 1 else None
        return Response(kind="choice", options=tuple(options), key=key, shuffle=shuffle)
    key_of_set = [option.id for option in options if option.id in positive] or None
    if key_of_set and partial:
        _compare_shares(options, shares, len(key_of_set), lost)
    return Response(
        kind="multiple",
        options=tuple(options),
        key=key_of_set,
        partial=partial and bool(key_of_set),
        shuffle=shuffle,
    )


def _compare_shares(
    options: Sequence[Option], shares: Mapping[str, float], right: int, lost: list[str]
) -> None:
    for option in options:
        share = shares.get(option.id, 0)
        if abs(abs(share) - 1 / right) > 0.01:
            lost.append(
                f"the shares of its options: now a right one earns 1/{right}, and a wrong one takes as much"
            )
            return


def matched(
    pairs: Sequence[tuple[str, str]], distractors: Iterable[str] = (), *, partial: bool = True
) -> Response:
    """What is on the left and its partner; the partners are listed by their texts, which tells nothing."""
    texts = sorted({text for _, text in pairs} | set(distractors))
    right, _ = named([("", text) for text in texts], RIGHT)
    by_text = {option.text: option.id for option in right}
    left = lettered(text for text, _ in pairs)
    key = {option.id: by_text[text] for option, (_, text) in zip(left, pairs, strict=True)}
    return Response(kind="match", left=left, right=tuple(right), key=key, partial=partial)


def true_or_false(right: bool | None) -> Response:
    """A choice between the two."""
    key = None if right is None else "true" if right else "false"
    return Response(kind="choice", options=(Option("true", "True"), Option("false", "False")), key=key)


def accepted(texts: Iterable[str]) -> str | list[str] | None:
    """The key of a line of text to which any of these is right."""
    key = list(dict.fromkeys(texts))
    return None if not key else key[0] if len(key) == 1 else key


def short(answers: Sequence[tuple[str, float]], lost: list[str]) -> Response:
    """A line of text, from answers with the part of the points that each earns."""
    right = [text for text, share in answers if share > _WHOLE]
    if any(0 < share <= _WHOLE for _, share in answers):
        lost.append("answers that earn a part of the points")
    key = [text.replace("\\*", "*") for text in right if not _has_wildcard(text)]
    if len(key) < len(right):
        # What a pattern means to accept, and the key does not, would be marked wrong.
        lost.append("its key: an answer with a wildcard (*) is right")
        key = []
    return Response(kind="short", key=accepted(key))


def _has_wildcard(text: str) -> bool:
    return re.search(r"(?<!\\)\*", text) is not None


def number(answers: Sequence[tuple[str, str, float]], lost: list[str], unit: str = "") -> Response:
    """A number, from answers of a number, a tolerance and the part of the points that each earns."""
    right = [(text, tolerance) for text, tolerance, share in answers if share > _WHOLE]
    if any(0 < share <= _WHOLE for _, _, share in answers):
        lost.append("answers that earn a part of the points")
    if len(right) > 1:
        lost.append("its key: several numbers are right")
    if len(right) != 1:
        return Response(kind="number", unit=unit)
    value, distance = decimal_of(right[0][0]), decimal_of(right[0][1] or "0")
    if value is None or distance is None:
        lost.append("its key: the right answer is not a number")
        return Response(kind="number", unit=unit)
    return Response(kind="number", key=plain(value), tolerance=plain(abs(distance)), unit=unit)


def interval(low: str, high: str, lost: list[str]) -> Response:
    """A number from `low` to `high`."""
    ends = decimal_of(low), decimal_of(high)
    if ends[0] is None or ends[1] is None:
        lost.append("its key: the right answer is not a number")
        return Response(kind="number")
    key, tolerance = middle(ends[0], ends[1])
    return Response(kind="number", key=key, tolerance=tolerance)
