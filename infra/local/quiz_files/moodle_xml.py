"""Moodle XML, as Moodle's question bank exports it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from . import cloze
from .errors import FileError
from .markup import Reading
from .model import Bank, Group, Item, Option, Response
from .numbers_read import number_of
from .responses import chosen, lettered, matched, number, short, true_or_false
from .safe_xml import text_of

_PLUGIN_FILE: Final = "@@PLUGINFILE@@/"
_PLACE: Final = re.compile(r"\[\[(\d+)\]\]")
_FEEDBACK: Final = (
    "generalfeedback",
    "correctfeedback",
    "partiallycorrectfeedback",
    "incorrectfeedback",
)
NOT_IMPORTED: Final = {
    "calculated": "its numbers are drawn for each student",
    "calculatedmulti": "its numbers are drawn for each student",
    "calculatedsimple": "its numbers are drawn for each student",
    "random": "it stands for another question of its category",
    "randomsamatch": "it is made of other questions",
    "ddimageortext": "it is answered on an image",
    "ddmarker": "it is answered on an image",
}


def read(root: Element) -> Bank:
    """Read a document.

    Raises:
        FileError: it is no export of questions.
    """
    if root.tag != "quiz":
        raise FileError("This XML is no Moodle export of questions, whose root is <quiz>.")
    groups: dict[str, Group] = {}
    group: Group | None = None
    place = 0
    for element in root.iter("question"):
        if element.get("type") == "category":
            path = text_of(element, "category/text")
            group = groups.setdefault(path, Group(title=category_title(path)))
            continue
        place += 1
        if group is None:
            group = groups.setdefault("", Group())
        group.items.append(_read_item(element, place))
    return Bank(groups=list(groups.values()))


def category_title(path: str) -> str:
    """The last part of a category's path; a slash in a name is written twice."""
    parts = [part.replace("\0", "/").strip() for part in path.replace("//", "\0").split("/")]
    named = [part for part in parts if part and part != "top" and not re.fullmatch(r"\$\w+\$", part)]
    return named[-1] if named else ""


class _Question:
    """A question's element, and what its item becomes."""

    def __init__(self, element: Element, place: int) -> None:
        files = {
            each.get("path", "/").lstrip("/") + each.get("name", ""): each.text or ""
            for each in element.iter("file")
            if each.get("encoding") == "base64"
        }
        self.element = element
        self.reading = Reading(lambda source: _file(files, source))
        self.lost = self.reading.lost
        self.item = Item(
            place=f"question {place}",
            name=text_of(element, "name/text"),
            identifier=text_of(element, "idnumber"),
            points=number_of(element.findtext("defaultgrade", "1")) or 0,
            images=self.reading.images,
            lost=self.lost,
        )

    def text(self, element: Element | None) -> str:
        """The text of an element that has one, and a format."""
        if element is None:
            return ""
        text = element.findtext("text") or ""
        if element.get("format") in ("plain_text", "markdown"):
            return text.strip()
        return self.reading.html(text)

    def flag(self, name: str, default: str) -> bool:
        return (self.element.findtext(name) or default).strip() in ("1", "true")

    @property
    def answers(self) -> list[Element]:
        return self.element.findall("answer")

    def shares(self) -> list[float]:
        """The part of the points that each answer earns."""
        return [float(number_of(each.get("fraction")) or 0) / 100 for each in self.answers]

    def options(self) -> tuple[Option, ...]:
        return lettered(self.text(each) for each in self.answers)


def _file(files: Mapping[str, str], source: str) -> bytes | None:
    if not source.startswith(_PLUGIN_FILE):
        return None
    text = files.get(unquote(source.removeprefix(_PLUGIN_FILE)).partition("?")[0])
    try:
        return None if text is None else base64.b64decode(text)
    except binascii.Error:
        return None


def _read_item(element: Element, place: int) -> Item:
    kind = element.get("type", "")
    question = _Question(element, place)
    item = question.item
    if kind in NOT_IMPORTED:
        item.left_out = f"a {kind} question is not imported: {NOT_IMPORTED[kind]}"
        return item
    if kind not in READERS:
        item.left_out = f"questions of type {kind!r} are not imported"
        return item
    item.text = question.text(element.find("questiontext"))
    item.responses = READERS[kind](question)
    _note_feedback(question)
    return item


def _note_feedback(question: _Question) -> None:
    element = question.element
    texts = [text_of(element, f"{name}/text") for name in _FEEDBACK]
    texts += [text_of(each, "text") for each in element.iter("feedback")]
    if any(texts):
        question.reading.lose("feedback")
    if any(text_of(each, "text") for each in element.findall("hint")):
        question.reading.lose("hints")


def _choice(question: _Question) -> list[Response]:
    options = question.options()
    shares = dict(zip((option.id for option in options), question.shares(), strict=True))
    response = chosen(
        options,
        shares,
        several=not question.flag("single", "true"),
        partial=True,
        shuffle=question.flag("shuffleanswers", "1"),
        lost=question.lost,
    )
    return [response]


def _all_or_nothing(question: _Question) -> list[Response]:
    options = question.options()
    shares = dict(zip((option.id for option in options), question.shares(), strict=True))
    shuffle = question.flag("shuffleanswers", "1")
    return [chosen(options, shares, several=True, partial=False, shuffle=shuffle, lost=question.lost)]


def _true_false(question: _Question) -> list[Response]:
    right = [
        text_of(answer, "text").lower() == "true"
        for answer, share in zip(question.answers, question.shares(), strict=True)
        if share > 0.5
    ]
    return [true_or_false(right[0] if len(right) == 1 else None)]


def _short(question: _Question) -> list[Response]:
    if question.flag("usecase", "0"):
        question.reading.lose("that case counts: it does not now")
    texts = [(question.text(answer) or text_of(answer, "text")) for answer in question.answers]
    return [short(list(zip(texts, question.shares(), strict=True)), question.lost)]


def _numerical(question: _Question) -> list[Response]:
    answers = [
        (text_of(answer, "text"), answer.findtext("tolerance") or "0", share)
        for answer, share in zip(question.answers, question.shares(), strict=True)
    ]
    units = [
        (text_of(unit, "unit_name"), number_of(unit.findtext("multiplier")))
        for unit in question.element.findall("units/unit")
    ]
    if len(units) > 1 or any(multiplier != 1 for _, multiplier in units):
        question.reading.lose("its other units: students answer in the first one")
    unit = next((name for name, multiplier in units if multiplier == 1), "")
    return [number(answers, question.lost, unit)]


def _essay(question: _Question) -> list[Response]:
    if number_of(question.element.findtext("attachments")):
        question.reading.lose("files that students attach")
    if text_of(question.element, "responsetemplate/text"):
        question.reading.lose("the text that the field begins with")
    if text_of(question.element, "graderinfo/text"):
        question.reading.lose("information for graders")
    if number_of(question.element.findtext("maxwordlimit")):
        question.reading.lose("its limit of words")
    return [Response(kind="essay")]


def _matching(question: _Question) -> list[Response]:
    pairs, distractors = [], []
    for each in question.element.findall("subquestion"):
        partner = text_of(each, "answer/text")
        if text := question.text(each):
            pairs.append((text, partner))
        elif partner:
            distractors.append(partner)
    return [matched(pairs, distractors)] if pairs else [Response(kind="match")]


def _ordering(question: _Question) -> list[Response]:
    options = question.options()
    if (question.element.findtext("selecttype") or "ALL").strip() not in ("ALL", "0"):
        question.reading.lose("the draw of some of its items: all are asked")
    key = [option.id for option in options] or None
    return [Response(kind="order", options=options, key=key, partial=key is not None, shuffle=True)]


def _gaps(question: _Question) -> list[Response]:
    """Gaps in a text, [[2]] for the second of the options, each of a group that fits there."""
    options = [
        (question.text(each), (each.findtext("group") or each.findtext("choicegroup") or "1").strip())
        for each in question.element
        if each.tag in ("dragbox", "selectoption")
    ]
    places = [int(place) - 1 for place in _PLACE.findall(question.item.text)]
    if not places or any(not 0 <= place < len(options) for place in places):
        question.lost.append("its key: its gaps are not those of its options")
        return [Response(kind="essay")]
    numbers = iter(range(1, len(places) + 1))
    question.item.text = _PLACE.sub(lambda _: f"[{next(numbers)}]", question.item.text)
    groups = {group for _, group in options}
    if len(groups) == 1:
        pairs = [(f"[{gap}]", options[place][0]) for gap, place in enumerate(places, 1)]
        return [matched(pairs, [text for text, _ in options])]
    responses = []
    for gap, place in enumerate(places, 1):
        fitting = [text for text, group in options if group == options[place][1]]
        right = fitting.index(options[place][0])
        choices = lettered(fitting)
        responses.append(
            Response(kind="choice", options=choices, key=choices[right].id, shuffle=True, label=str(gap))
        )
    return responses


def _cloze(question: _Question) -> list[Response]:
    text, responses = cloze.read(question.item.text, question.lost)
    question.item.text = text
    # Moodle takes the points of a question of gaps from its gaps.
    question.item.points = sum(response.weight for response in responses)
    return responses or [Response(kind="essay")]


READERS: Final[Mapping[str, Callable[[_Question], list[Response]]]] = {
    "multichoice": _choice,
    "multichoiceset": _all_or_nothing,
    "truefalse": _true_false,
    "shortanswer": _short,
    "numerical": _numerical,
    "essay": _essay,
    "matching": _matching,
    "match": _matching,
    "ordering": _ordering,
    "gapselect": _gaps,
    "ddwtos": _gaps,
    "cloze": _cloze,
    "multianswer": _cloze,
    "description": lambda _: [],
}
