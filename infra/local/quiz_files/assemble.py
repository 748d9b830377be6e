"""Items become questions, groups sections: the rules of a quiz, and a report of what became of what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from quiz_sessions.domain.errors import ContentTooLargeError, InvalidInputError
from quiz_sessions.domain.grading import MAX_QUESTIONS, parse_questions
from quiz_sessions.domain.papers import (
    MAX_SECTIONS,
    MAX_TITLE_CHARACTERS,
    check_shown,
    parse_paper,
    split_contents,
)
from quiz_sessions.domain.validation import check_id

from .errors import FileError
from .model import Bank, Group, Imported, Item, Kind, Line, Option, Outcome, Response

GRADINGS: Final[Mapping[Kind, str]] = {
    "choice": "exact",
    "multiple": "set",
    "number": "numeric",
    "short": "text",
    "order": "exact",
    "match": "exact",
}
"""How the key of each kind grades; an essay has none."""
_EMPTY_LINES = re.compile(r"\A\s*\n")


def assemble(bank: Bank) -> Imported:
    """Make rules and a report.

    Raises:
        FileError: the file has nothing to import, or more than one quiz may have.
    """
    quiz = _Quiz()
    sections = [section for group in bank.groups if (section := quiz.section(group)) is not None]
    if not sections:
        left_out = [f"{line.place}: {line.kept}" for line in quiz.report]
        reasons = "".join(f" {reason}." for reason in [*left_out, *bank.lost][:3])
        raise FileError(f"The file has no question that can be imported.{reasons}")
    if len(quiz.questions) > MAX_QUESTIONS:
        raise FileError(
            f"The file has {len(quiz.questions)} questions, and a quiz at most {MAX_QUESTIONS}; split it."
        )
    if len(sections) > MAX_SECTIONS:
        raise FileError(
            f"The file has {len(sections)} sections, and a paper at most {MAX_SECTIONS}; split it."
        )
    rules = {**bank.rules, "questions": quiz.questions, "paper": {"sections": sections}}
    check(rules)
    return Imported(rules, tuple(quiz.report), (*bank.lost, *quiz.lost))


def check(rules: Mapping[str, Any]) -> None:
    """Refuse what the service would refuse of questions and paper.

    Raises:
        FileError: with the reason in the service's own words.
    """
    try:
        graded, contents = split_contents(rules.get("questions", {}))
        questions = parse_questions(graded)
        paper = None if rules.get("paper") is None else parse_paper(rules["paper"], questions)
        check_shown(paper, contents)
    except (InvalidInputError, ContentTooLargeError) as error:
        raise FileError(str(error)) from None


class _Quiz:
    def __init__(self) -> None:
        self.questions: dict[str, dict[str, Any]] = {}
        self.report: list[Line] = []
        self.lost: list[str] = []

    def section(self, group: Group) -> dict[str, Any] | None:
        """A group as a section of the paper; None if nothing of it is left."""
        asked = [question for item in group.items for question in self._item(item, group)]
        if not asked:
            return None
        section: dict[str, Any] = {"questions": asked}
        if group.title:
            section["title"] = clean(group.title)[:MAX_TITLE_CHARACTERS]
        if group.pick is not None and 0 < group.pick < len(asked):
            section["pick"] = group.pick
        elif group.pick is not None and group.pick < len(group.items):
            self.lost.append(f"section {group.title!r}: its draw, for too few of its questions are imported")
        if group.shuffle:
            section["shuffle"] = True
        if group.time_limit_seconds is not None:
            section["time_limit_seconds"] = group.time_limit_seconds
        if group.forward:
            section["navigation"] = "forward"
        return section

    def _item(self, item: Item, group: Group) -> list[str]:
        """Add an item's questions; their ids."""
        if group.points is not None:
            item.points = group.points
        if item.left_out is None:
            item.left_out = _unusable(item)
        if item.left_out is not None:
            self._note(item, (), "left out", item.left_out)
            return []
        if len(item.responses) > 1 and group.pick is not None:
            # A draw among its parts would ask half of it.
            item.lost.append("its key: it has several gaps, and its section draws questions")
            item.responses = [Response(kind="essay")]
        responses = [_settled(response, item) for response in item.responses]
        made = _questions(item, responses)
        for question in made:
            if (reason := _refusal(question)) is not None:
                self._note(item, (), "left out", reason)
                return []
        names = self._names(item, len(made))
        self.questions |= dict(zip(names, made, strict=True))
        self._note(item, tuple(names), _outcome(item, made), _kept(made))
        return names

    def _names(self, item: Item, count: int) -> list[str]:
        # Not its name: that is for authors, may be the answer, and students see ids.
        name = item.identifier if _is_id(item.identifier) else str(len(self.report) + 1)
        names = self._free(name, count)
        number = 1
        while not names:
            number += 1
            names = self._free(f"{name[:100]}-{number}", count)
        return names

    def _free(self, name: str, count: int) -> list[str]:
        """The ids of so many parts of one question, if none is taken."""
        names = [name] if count == 1 else [f"{name[:120]}.{part}" for part in range(1, count + 1)]
        return [] if any(each in self.questions for each in names) else names

    def _note(self, item: Item, questions: tuple[str, ...], outcome: Outcome, kept: str) -> None:
        self.report.append(
            Line(
                place=item.place,
                name=clean(item.name),
                questions=questions,
                outcome=outcome,
                kept=kept,
                lost=tuple(dict.fromkeys(item.lost)) if questions else (),
            )
        )


def _is_id(text: str) -> bool:
    try:
        check_id("", text)
    except InvalidInputError:
        return False
    return text.isprintable()


def _unusable(item: Item) -> str | None:
    if not item.text and not item.responses:
        return "it has no text"
    for response in item.responses:
        if response.kind in ("choice", "multiple", "order") and not response.options:
            return "it has nothing to choose from"
        if response.kind == "match" and not (response.left and response.right):
            return "it has nothing to match"
    return None


def _settled(response: Response, item: Item) -> Response:
    """The response as the service takes it."""
    if response.kind == "essay":
        return response
    if response.key is None:
        if not any(each.startswith("its key") for each in item.lost):
            item.lost.append("its key: the file says of no answer that it is right")
        return replace(response, tolerance=0, decimal=".", partial=False)
    return response


def _questions(item: Item, responses: list[Response]) -> list[dict[str, Any]]:
    whole = sum(response.weight for response in responses)
    text = _EMPTY_LINES.sub("", clean(item.text)).rstrip()
    if not responses:
        return [{"points": 0, "content": _with_images({"text": text, "kind": "essay"}, item)}]
    if len(responses) == 1:
        return [_question(responses[0], text, item.points, item)]
    return [
        _question(
            response,
            f"{text}\n\n[{response.label}]",
            item.points * response.weight / whole if whole else 0,
            item,
        )
        for response in responses
    ]


def _question(response: Response, text: str, points: float, item: Item) -> dict[str, Any]:
    content: dict[str, Any] = {"text": text, "kind": response.kind}
    for name in ("options", "left", "right"):
        if options := getattr(response, name):
            content[name] = [_option(each) for each in options]
    if response.unit:
        content["unit"] = clean(response.unit)
    if response.max_length is not None:
        content["maxLength"] = response.max_length
    question: dict[str, Any] = {"points": points, "content": _with_images(content, item)}
    if response.kind != "essay" and response.key is not None:
        question |= {"grading": GRADINGS[response.kind], "key": response.key}
        if response.kind == "number" and response.tolerance:
            question["tolerance"] = response.tolerance
        if response.kind == "number" and response.decimal != ".":
            question["decimal"] = response.decimal
        if response.partial:
            question["partial"] = True
    if response.shuffle and len(response.options) > 1:
        question["shuffle_options"] = True
    return question


def _option(option: Option) -> dict[str, str]:
    return {"id": option.id, "text": clean(option.text).strip()}


def _with_images(content: dict[str, Any], item: Item) -> dict[str, Any]:
    return {**content, "images": item.images} if item.images else content


def _refusal(question: dict[str, Any]) -> str | None:
    """Why the service would refuse a question."""
    try:
        graded, _ = split_contents({"": question})
        parse_questions({"it": graded[""]})
    except (InvalidInputError, ContentTooLargeError) as error:
        return re.sub(r"^(?:Question '(?:it)?': )+", "", str(error)).rstrip(".")
    return None


def _outcome(item: Item, made: list[dict[str, Any]]) -> Outcome:
    graded = all("grading" in each for each in made)
    # Nobody marks what is worth nothing.
    if not item.responses or not (graded or any(each["points"] for each in made)):
        return "shown"
    return "graded" if graded else "by a person"


def _kept(made: list[dict[str, Any]]) -> str:
    points = sum(each["points"] for each in made)
    worth = f"{points:g} {'point' if points == 1 else 'points'}"
    kinds = ", ".join(dict.fromkeys(each["content"]["kind"] for each in made))
    return f"{kinds}, {worth}" if len(made) == 1 else f"{len(made)} questions ({kinds}), {worth}"


def clean(text: str) -> str:
    """The text with line feeds alone at the ends of lines, and without what XML can't hold."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if _is_odd(each) else each for each in lines)


def _is_odd(character: str) -> bool:
    return (
        (character < " " and character not in "\n\t")
        or "\ud800" <= character <= "\udfff"
        or character in "\ufffe\uffff"
    )
