"""GIFT, Moodle's notation for questions in a text file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .errors import FileError
from .markup import Reading
from .model import Bank, Group, Item, Response
from .moodle_xml import category_title
from .numbers_read import decimal_of
from .responses import GAP, chosen, interval, lettered, matched, number, short, true_or_false

_CATEGORY: Final = re.compile(r"\s*\$CATEGORY:\s*(.*?)\s*")
_ID: Final = re.compile(r"\[id:((?:[^\]\\]|\\.)+)\]")
_TITLE: Final = re.compile(r"\s*::((?:[^:\\]|\\.|:(?!:))*)::", re.DOTALL)
_FORMAT: Final = re.compile(r"\s*\[(html|moodle|plain|markdown)\]\s*", re.IGNORECASE)
_WEIGHT: Final = re.compile(r"%(-?\d{1,3}(?:\.\d{1,5})?)%")
_TRUTH: Final = {"T": True, "TRUE": True, "F": False, "FALSE": False}
_ESCAPED: Final = re.compile(r"\\([~=#{}:\\n])")
_TAG: Final = re.compile(r"<[a-zA-Z/][^<>]*>")


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer: `sign` is "=" or "~", `share` the part of the points that it earns."""

    sign: str
    share: float
    text: str


class _GiftError(ValueError):
    """A question that can't be read; the message says why."""


def read(text: str) -> Bank:
    """Read a file. A question that can't be read is left out, and says why."""
    groups: dict[str, Group] = {}
    path = ""
    for line, lines in _blocks(text):
        comments = [each for each in lines if each.lstrip().startswith("//")]
        rest = [each for each in lines if not each.lstrip().startswith("//")]
        while rest and (category := _CATEGORY.fullmatch(rest[0])):
            path = category[1]
            rest = rest[1:]
        if not any(each.strip() for each in rest):
            continue
        group = groups.setdefault(path, Group(title=category_title(path)))
        group.items.append(_read_item("\n".join(rest), "\n".join(comments), line))
    if not groups:
        raise FileError("The file has no GIFT question.")
    return Bank(groups=list(groups.values()))


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """What stands between blank lines, with the number of its first line."""
    lines: list[str] = []
    for number_of_line, line in enumerate([*text.replace("\r\n", "\n").split("\n"), ""], 1):
        if line.strip():
            lines.append(line)
        elif lines:
            yield number_of_line - len(lines), lines
            lines = []


def _read_item(source: str, comments: str, line: int) -> Item:
    reading = Reading()
    item = Item(place=f"line {line}", images=reading.images, lost=reading.lost)
    if named := _ID.search(comments):
        item.identifier = re.sub(r"\\(.)", r"\1", named[1])
    try:
        _fill(item, source, reading)
    except _GiftError as error:
        item.left_out = str(error)
    return item


def _fill(item: Item, source: str, reading: Reading) -> None:
    if title := _TITLE.match(source):
        item.name = _plain(title[1]).strip()
        source = source[title.end() :]
    notation = ""
    if given := _FORMAT.match(source):
        notation = given[1].lower()
        source = source[given.end() :]
    before, body, after = _split(source)
    if after.strip():
        before = f"{before.rstrip()} {GAP}{' ' if after[0].isspace() else ''}{after.lstrip()}"
    item.text = _shown(before.strip(), notation, reading)
    if body is None:
        return
    body, general = _divide(body, "####")
    if general.strip():
        reading.lose("feedback")
    item.responses = [_response(body.strip(), notation, reading)]


def _split(source: str) -> tuple[str, str | None, str]:
    """What stands before the braces, in them and after them; None where there are none."""
    opening = _find(source, "{")
    if opening is None:
        if _find(source, "}") is not None:
            raise _GiftError("it has a } without a {; write \\} for one that is text")
        return source, None, ""
    closing = _find(source, "}", opening)
    if closing is None:
        raise _GiftError("its { is not closed before the next blank line")
    after = source[closing + 1 :]
    if _find(after, "{") is not None:
        raise _GiftError("it has answers in more than one place")
    return source[:opening], source[opening + 1 : closing], after


def _find(text: str, sign: str, start: int = 0) -> int | None:
    """Where `sign` stands first without a backslash before it."""
    match = re.compile(rf"(?:\\.|[^\\])*?(?={re.escape(sign)})", re.DOTALL).match(text, start)
    return None if match is None else match.end()


def _divide(text: str, sign: str) -> tuple[str, str]:
    place = _find(text, sign)
    return (text, "") if place is None else (text[:place], text[place + len(sign) :])


def _response(body: str, notation: str, reading: Reading) -> Response:
    if not body:
        return Response(kind="essay")
    if body.startswith("#"):
        return _numerical(body[1:].strip(), reading)
    truth, feedback = _divide(body, "#")
    if truth.strip().upper() in _TRUTH:
        if feedback.strip("# \n\t"):
            reading.lose("feedback")
        return true_or_false(_TRUTH[truth.strip().upper()])
    answers = [_answer(part, reading) for part in _parts(body)]
    if any(answer.sign == "=" and _find(answer.text, "->") is not None for answer in answers):
        return _matching(answers, notation, reading)
    if all(answer.sign == "=" for answer in answers):
        return short([(_plain(answer.text), answer.share) for answer in answers], reading.lost)
    return _choice(answers, notation, reading)


def _parts(body: str) -> list[str]:
    """The answers, each with its sign."""
    if body[0] not in "=~":
        raise _GiftError("its answers begin with neither = nor ~")
    return [part for part in re.findall(r"[=~](?:\\.|[^\\=~])*", body, re.DOTALL) if part[1:].strip()]


def _answer(part: str, reading: Reading) -> _Answer:
    text, feedback = _divide(part[1:], "#")
    if feedback.strip():
        reading.lose("feedback")
    share = 1.0 if part[0] == "=" else 0.0
    if weight := _WEIGHT.match(text.strip()):
        share = float(weight[1]) / 100
        text = text.strip()[weight.end() :]
    return _Answer(part[0], share, text.strip())


def _matching(answers: list[_Answer], notation: str, reading: Reading) -> Response:
    pairs, distractors = [], []
    for answer in answers:
        left, right = _divide(answer.text, "->")
        if left.strip():
            pairs.append((_shown(left.strip(), notation, reading), _plain(right).strip()))
        else:
            distractors.append(_plain(right).strip())
    if not all(partner for _, partner in pairs):
        raise _GiftError("one of its answers has no partner")
    return matched(pairs, distractors)


def _choice(answers: list[_Answer], notation: str, reading: Reading) -> Response:
    options = lettered(_shown(answer.text, notation, reading) for answer in answers)
    shares = {option.id: answer.share for option, answer in zip(options, answers, strict=True)}
    # As Moodle reads it: without a right one there are several, each with its weight.
    several = all(answer.sign == "~" for answer in answers)
    return chosen(options, shares, several=several, partial=True, shuffle=True, lost=reading.lost)


def _numerical(body: str, reading: Reading) -> Response:
    parts = _parts(body) if body[:1] in ("=", "~") else [f"={body}"]
    answers = [_answer(part, reading) for part in parts]
    right = [answer for answer in answers if answer.share > 0.9999]
    if len(right) == 1 and ".." in right[0].text:
        if any(0 < answer.share <= 0.9999 for answer in answers):
            reading.lose("answers that earn a part of the points")
        low, _, high = right[0].text.partition("..")
        return interval(low, high, reading.lost)
    values = []
    for answer in answers:
        value, _, tolerance = _plain(answer.text).partition(":")
        values.append((value, tolerance or "0", answer.share))
    if any(decimal_of(value) is None for value, _, share in values if share > 0.9999):
        reading.lose("its key: the right answer is not a number")
        return Response(kind="number")
    return number(values, reading.lost)


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def _shown(text: str, notation: str, reading: Reading) -> str:
    """A text as students read it. In Moodle's own notation, the default, HTML is read as HTML."""
    if given := _FORMAT.match(text):
        notation = given[1].lower()
        text = text[given.end() :]
    text = _plain(text)
    if notation in ("plain", "markdown"):
        return text
    if notation == "html" or _TAG.search(text):
        return reading.html(text)
    return text
