"""Papers: what a quiz asks, in which sections and order, and what of it one attempt is given.

A quiz has one paper for all. An attempt's own is drawn from it by a seed, at the start, and kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from .errors import ContentTooLargeError, InvalidInputError
from .json_values import Json
from .validation import MAX_ANSWER_BYTES, check_id, check_json_value, check_text, compact_size

MAX_SECTIONS: Final = 100
MAX_TITLE_CHARACTERS: Final = 200
MAX_SECTION_SECONDS: Final = 31_536_000
MAX_CONTENT_BYTES: Final = MAX_ANSWER_BYTES
MAX_CONTENTS_BYTES: Final = 4 * 1024 * 1024

CONTENT_MEMBERS: Final = frozenset({"content", "shuffle_options"})
"""What a question has for those who are asked it; the others say how it is graded."""
_SECTION: Final = frozenset({"title", "questions", "pick", "shuffle", "time_limit_seconds", "navigation"})


class Navigation(StrEnum):
    """Whether a section's questions can be answered in any order."""

    FREE = "free"
    FORWARD = "forward"
    """An answer to a question locks those before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of a quiz's paper.

    Attributes:
        questions: their ids, in the order in which they are asked.
        pick: how many of them an attempt is given; None for all.
        shuffle: whether each attempt has an order of its own.
        time_limit_seconds: how long it may take from its entry on; None for as long as the attempt.
    """

    questions: tuple[str, ...]
    title: str = ""
    pick: int | None = None
    shuffle: bool = False
    time_limit_seconds: int | None = None
    navigation: Navigation = Navigation.FREE

    def to_json(self) -> dict[str, Json]:
        """The JSON form, with every member."""
        return {
            "title": self.title,
            "questions": list(self.questions),
            "pick": self.pick,
            "shuffle": self.shuffle,
            "time_limit_seconds": self.time_limit_seconds,
            "navigation": self.navigation.value,
        }


@dataclass(frozen=True, slots=True)
class Paper:
    """What a quiz asks."""

    sections: tuple[Section, ...]

    def to_json(self) -> dict[str, Json]:
        """The JSON form, which `parse_paper` reads back as the same paper."""
        return {"sections": [section.to_json() for section in self.sections]}


@dataclass(frozen=True, slots=True)
class Content:
    """What a student is shown of a question.

    Attributes:
        content: any JSON value; the service reads nothing of it but the `options` of one to be shuffled.
        shuffle_options: whether each attempt has an order of its own of the list `content["options"]`.
    """

    content: Json
    shuffle_options: bool = False


NO_CONTENT: Final = Content(None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a quiz has of a question that a paper asks.

    Attributes:
        points: what it is worth now; None where the quiz does not have it any more.
        content: as of the revision that the paper was drawn from.
    """

    points: float | None
    content: Content


def parse_paper(raw: Mapping[str, Any], questions: Collection[str]) -> Paper:
    """Parse a paper from its JSON form; `questions` are those that the quiz has.

    Raises:
        InvalidInputError: it is no paper of these questions; the message names the section and says what to
            change.
    """
    sections = raw.get("sections")
    if raw.keys() != {"sections"} or not isinstance(sections, list):
        raise InvalidInputError("paper must be an object of sections, which is a list.", member="paper")
    if not 1 <= len(sections) <= MAX_SECTIONS:
        raise InvalidInputError(f"paper must have 1 to {MAX_SECTIONS} sections.", member="paper")
    parsed = []
    asked: set[str] = set()
    for number, fields in enumerate(sections):
        try:
            section = _parse_section(fields, questions)
            for question in section.questions:
                if question in asked:
                    raise InvalidInputError(f"question {question!r} is asked already; ask it once.")
                asked.add(question)
        except InvalidInputError as error:
            raise InvalidInputError(f"Section {number}: {error}", member="paper") from None
        parsed.append(section)
    return Paper(tuple(parsed))


def _parse_section(fields: Any, known: Collection[str]) -> Section:
    if not isinstance(fields, Mapping) or not fields.keys() <= _SECTION:
        raise InvalidInputError(f"it must be an object of {', '.join(sorted(_SECTION))} and nothing else.")
    title, questions = fields.get("title", ""), fields.get("questions")
    if not isinstance(title, str) or len(title) > MAX_TITLE_CHARACTERS:
        raise InvalidInputError(f"title must be a string of at most {MAX_TITLE_CHARACTERS} characters.")
    check_text("title", title)
    if not isinstance(questions, list) or not questions:
        raise InvalidInputError("questions must be a list of at least one id.")
    for question in questions:
        check_id("the id of a question", question)
        if question not in known:
            raise InvalidInputError(f"the quiz has no question {question!r}; put it into questions.")
    shuffle = fields.get("shuffle", False)
    if not isinstance(shuffle, bool):
        raise InvalidInputError("shuffle must be true or false.")
    try:
        navigation = Navigation(fields.get("navigation", Navigation.FREE))
    except ValueError:
        raise InvalidInputError(f"navigation must be one of {', '.join(Navigation)}.") from None
    return Section(
        title=title,
        questions=tuple(questions),
        pick=_number("pick", fields, len(questions)),
        shuffle=shuffle,
        time_limit_seconds=_number("time_limit_seconds", fields, MAX_SECTION_SECONDS),
        navigation=navigation,
    )


def _number(name: str, fields: Mapping[str, Any], most: int) -> int | None:
    number = fields.get(name)
    if number is not None and (
        isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most
    ):
        raise InvalidInputError(f"{name} must be an integer from 1 to {most}, or left out.")
    return number


def split_contents(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Content]]:
    """Split questions, in their JSON form, into how they are graded and what is shown of them.

    Raises:
        InvalidInputError: PostgreSQL can't hold a content as JSON, or there are no options to shuffle.
        ContentTooLargeError: one has more than 64 KiB as compact UTF-8 JSON, or all together more than 4 MiB.
    """
    graded: dict[str, Any] = {}
    contents = {}
    size = 0
    for question, fields in raw.items():
        if not isinstance(fields, Mapping):
            graded[question] = fields
            continue
        graded[question] = {name: value for name, value in fields.items() if name not in CONTENT_MEMBERS}
        if fields.keys() & CONTENT_MEMBERS:
            contents[question], bytes_ = _parse_content(
                question, fields.get("content"), fields.get("shuffle_options", False)
            )
            size += bytes_
        if size > MAX_CONTENTS_BYTES:
            raise ContentTooLargeError(f"All contents of a quiz may have at most {MAX_CONTENTS_BYTES} bytes.")
    return graded, contents


def check_shown(paper: Paper | None, contents: Mapping[str, Content]) -> None:
    """Refuse contents that nobody would see.

    Raises:
        InvalidInputError: there are some, and no paper.
    """
    given = next((question for question, content in contents.items() if content != NO_CONTENT), None)
    if paper is None and given is not None:
        raise InvalidInputError(
            f"Question {given!r}: content is shown by a paper alone; give the quiz a paper.",
            given,
            member="questions",
        )


def _parse_content(question: str, content: Json, shuffle_options: Any) -> tuple[Content, int]:
    """A content and its size."""
    try:
        check_json_value(content, "The content")
        if not isinstance(shuffle_options, bool):
            raise InvalidInputError("shuffle_options must be true or false.")
        options = content.get("options") if isinstance(content, dict) else None
        if shuffle_options and not (isinstance(options, list) and len(options) > 1):
            raise InvalidInputError(
                "shuffle_options needs a content whose member options is a list of two or more."
            )
    except InvalidInputError as error:
        raise InvalidInputError(f"Question {question!r}: {error}", question, member="questions") from None
    size = compact_size(content)
    if size > MAX_CONTENT_BYTES:
        raise ContentTooLargeError(
            f"Question {question!r}: content may have at most {MAX_CONTENT_BYTES} bytes, and has {size}.",
            question,
        )
    return Content(content, shuffle_options), size


# Drawing


def draw(paper: Paper, seed: str) -> list[dict[str, Json]]:
    """The sections that `seed` gives of `paper`, as an attempt keeps them.

    The questions of a section are ranked by the SHA-256 of "<seed>/<number of the section>/<question>", as
    UTF-8. The first `pick` of them are asked: in the order of their ranks where the section shuffles,
    otherwise as listed. The database function `drawn` draws likewise.
    """
    return [_drawn(section, f"{seed}/{number}") for number, section in enumerate(paper.sections)]


def _drawn(section: Section, seed: str) -> dict[str, Json]:
    ranked = sorted(section.questions, key=lambda question: _rank(f"{seed}/{question}"))[: section.pick]
    chosen = frozenset(ranked)
    questions = ranked if section.shuffle else [each for each in section.questions if each in chosen]
    return {
        "title": section.title,
        "questions": list(questions),
        "time_limit_seconds": section.time_limit_seconds,
        "navigation": section.navigation.value,
    }


def shown_content(content: Content, question: str, seed: str) -> Json:
    """A question's content, with its options in the order of the attempt.

    That is the order of the SHA-256 of "<seed>/options/<question>/<position>". No section is named so:
    the options of question "0" would follow from which questions section 0 was given.
    """
    if not content.shuffle_options or not isinstance(content.content, dict):
        return content.content
    options: Sequence[Json] = content.content["options"]
    order = sorted(range(len(options)), key=lambda position: _rank(f"{seed}/options/{question}/{position}"))
    return {**content.content, "options": [options[position] for position in order]}


def _rank(text: str) -> bytes:
    return sha256(text.encode()).digest()
