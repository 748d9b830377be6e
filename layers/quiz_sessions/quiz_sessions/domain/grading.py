"""Grading: what a question may contain, when an answer is right, how many points it earns, and their sum.

JSON values are compared by value. Numbers compare by their decimal notation, so 1 equals 1.0 and 1e23 equals
10^23; true does not equal 1; the order of an object's members does not matter; strings and names that Unicode
calls canonically equivalent are equal.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from .attempts import GradingState
from .errors import ContentTooLargeError, InvalidInputError, UnknownQuestionError
from .matching import canonical, identity, is_accepted, is_near, is_number
from .papers import CONTENT_MEMBERS
from .validation import (
    MAX_ANSWERS,
    MAX_SESSION_BYTES,
    check_answers,
    check_id,
    check_session_size,
    check_text,
)

MAX_QUESTIONS = MAX_ANSWERS
MAX_POINTS = 1_000_000
MAX_COMMENT_CHARACTERS = 4096
CLAIM_SECONDS = 900
"""How long a marker holds an answer without marking it."""
SCORE_DECIMALS = 6

_FIELDS = frozenset({"points", "grading", "key", "tolerance", "decimal", "partial"})
_DECIMAL_SEPARATORS = (".", ",")


class GradingMethod(StrEnum):
    """How an answer is compared with the key."""

    EXACT = "exact"
    SET = "set"
    NUMERIC = "numeric"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Question:
    """What the right answer to a question is, and how many points it earns.

    Attributes:
        points: what a right answer earns, from 0 to 1,000,000.
        grading: None if no key can grade it, as for an essay; a person marks it.
        key: the right answer, in the form that `grading` expects; None without `grading`.
        tolerance: the largest accepted distance from a numeric key, inclusive.
        partial: whether a partly right answer earns a share of the points.
        decimal: what a string that answers a numeric question separates decimals with, "." or ",".
    """

    points: float
    grading: GradingMethod | None
    key: Any
    tolerance: float
    partial: bool
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person gave for the answer to a question."""

    points: float
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """What one question earned.

    Attributes:
        points: what the answer earned, not rounded; 0 while nobody has marked it.
        max_points: what a right answer earns.
        correct: whether the answer is right as a whole by the key; None where the key did not mark it.
        marked_by: None where nobody did: a person has to, or there is no answer.
        comment: what the person wrote.
    """

    points: float
    max_points: float
    correct: bool | None
    marked_by: Literal["key", "person"] | None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """What an attempt earned.

    Attributes:
        score: the sum of the points earned, rounded to 6 decimals; from 0 to `max_score`.
        max_score: the sum of the points of all questions, rounded likewise.
        results: the result of every question.
        waiting: the questions that wait for a person, so that the score is a part of the sum.
    """

    score: float
    max_score: float
    results: dict[str, QuestionResult]
    waiting: list[str]

    @property
    def grading(self) -> GradingState:
        """Whether the score is complete."""
        return "pending" if self.waiting else "done"


# Parsing questions


def parse_questions(raw: Mapping[str, Any]) -> dict[str, Question]:
    """Parse questions from their JSON form, by id.

    A question is an object of `points` (default 1), `grading`, `key`, `tolerance` (default 0; only with
    numeric), `decimal` (default "."; only with numeric) and `partial` (default false; only with set, or
    with exact where the key is an object or a list that is not empty). Without `grading`, only `points` is
    allowed.

    Raises:
        InvalidInputError: there are too many questions, or one can't be graded as given; the message names it
            and says what to change, without quoting the key.
        ContentTooLargeError: a key is larger than an answer may be, or all questions together, as PostgreSQL
            writes them, are larger than a session's answers may be.
    """
    if len(raw) > MAX_QUESTIONS:
        raise InvalidInputError(f"There are at most {MAX_QUESTIONS} questions.", member="questions")
    questions = {}
    for name, fields in raw.items():
        check_id("The id of a question", name, member="questions")
        try:
            questions[name] = _parse_question(fields)
        except InvalidInputError as error:
            raise InvalidInputError(f"Question {name!r}: {error}", name, member="questions") from None
        except ContentTooLargeError as error:
            raise ContentTooLargeError(f"Question {name!r}: {error}", name) from None
    try:
        check_session_size({name: to_json(question) for name, question in questions.items()})
    except ContentTooLargeError:
        raise ContentTooLargeError(f"The questions may have at most {MAX_SESSION_BYTES} bytes.") from None
    return questions


def to_json(question: Question) -> dict[str, Any]:
    """The JSON form, which `parse_questions` reads back as the same question."""
    form: dict[str, Any] = {"points": question.points}
    if question.grading is not None:
        form |= {"grading": question.grading.value, "key": question.key}
    if question.grading is GradingMethod.NUMERIC:
        form["tolerance"] = question.tolerance
    if question.decimal != ".":
        form["decimal"] = question.decimal
    if question.partial:
        form["partial"] = True
    return form


def _parse_question(fields: Any) -> Question:
    if not isinstance(fields, Mapping) or not fields.keys() <= _FIELDS:
        members = ", ".join(sorted(_FIELDS | CONTENT_MEMBERS))
        raise InvalidInputError(f"It must be an object of {members} and nothing else.")
    points = fields.get("points", 1)
    if not is_number(points) or not 0 <= points <= MAX_POINTS:
        raise InvalidInputError(f"points must be a number from 0 to {MAX_POINTS}.")
    if "grading" not in fields:
        if len(fields) > ("points" in fields):
            raise InvalidInputError(
                "Without grading it has no key, tolerance, decimal or partial; say how the key grades."
            )
        return Question(float(points), None, None, 0, False)
    try:
        grading = GradingMethod(fields["grading"])
    except ValueError:
        raise InvalidInputError(f"grading must be one of {', '.join(GradingMethod)}, or left out.") from None
    if "key" not in fields:
        raise InvalidInputError(f"{grading} needs a key.")
    key = fields["key"]
    _check_key(grading, key)
    return Question(
        float(points),
        grading,
        key,
        _tolerance(grading, fields),
        _partial(grading, fields),
        _decimal(grading, fields),
    )


def _check_key(grading: GradingMethod, key: Any) -> None:
    try:
        check_answers({"key": key})
    except (InvalidInputError, ContentTooLargeError) as error:
        raise type(error)(f"The key is a value that an answer can have. {error}") from None
    # As it is spelled: é twice, once composed and once not, is no reason to refuse a key that once was read.
    if grading is GradingMethod.SET and not (
        isinstance(key, list) and 0 < len(key) == len(_as_set(key, str))
    ):
        raise InvalidInputError("The key of set must be a list of at least one value, each of them once.")
    if grading is GradingMethod.NUMERIC and not is_number(key):
        raise InvalidInputError("The key of numeric must be a number.")
    if grading is GradingMethod.TEXT:
        accepted = key if isinstance(key, list) else [key]
        if not accepted or not all(isinstance(text, str) for text in accepted):
            raise InvalidInputError("The key of text must be a string, or a list of at least one string.")


def _tolerance(grading: GradingMethod, fields: Mapping[str, Any]) -> float:
    if "tolerance" not in fields:
        return 0
    tolerance = fields["tolerance"]
    if grading is not GradingMethod.NUMERIC:
        raise InvalidInputError("tolerance is for numeric alone; leave it out.")
    if not is_number(tolerance) or not 0 <= tolerance <= sys.float_info.max:
        raise InvalidInputError("tolerance must be a finite number of at least 0.")
    # Not converted: an integer above 2^53 would lose digits as a float.
    return tolerance


def _decimal(grading: GradingMethod, fields: Mapping[str, Any]) -> str:
    if "decimal" not in fields:
        return "."
    decimal = fields["decimal"]
    if grading is not GradingMethod.NUMERIC:
        raise InvalidInputError("decimal is for numeric alone; leave it out.")
    if decimal not in _DECIMAL_SEPARATORS:
        raise InvalidInputError("decimal must be a point or a comma.")
    return str(decimal)


def _partial(grading: GradingMethod, fields: Mapping[str, Any]) -> bool:
    if "partial" not in fields:
        return False
    partial, key = fields["partial"], fields["key"]
    has_parts = isinstance(key, list | dict) and len(key) > 0
    if grading not in (GradingMethod.EXACT, GradingMethod.SET) or not has_parts:
        raise InvalidInputError(
            "partial is for set, and for exact with a key that is an object or a list with something in it; "
            "leave it out."
        )
    if not isinstance(partial, bool):
        raise InvalidInputError("partial must be true or false.")
    return partial


# Marks of persons


def check_marks(questions: Mapping[str, Question], marks: Mapping[str, Mark | None]) -> None:
    """Refuse marks that a person can't give; None takes one back.

    Raises:
        UnknownQuestionError: one is for none of `questions`.
        InvalidInputError: there are none, or one has more points than its question or fewer than 0, or a
            comment that is too long or that PostgreSQL can't hold.
    """
    if not marks:
        raise InvalidInputError("Send at least one mark.")
    for name, mark in marks.items():
        if name not in questions:
            raise UnknownQuestionError(name, questions, what="The session is graded on", member=name)
        if mark is not None:
            try:
                _check_mark(mark, questions[name])
            except InvalidInputError as error:
                raise InvalidInputError(f"Question {name!r}: {error}", name, member=name) from None


def _check_mark(mark: Mark, question: Question) -> None:
    if not 0 <= mark.points <= question.points:
        raise InvalidInputError(f"points must be a number from 0 to {question.points}.")
    if mark.comment is not None:
        if len(mark.comment) > MAX_COMMENT_CHARACTERS:
            raise InvalidInputError(f"comment may have at most {MAX_COMMENT_CHARACTERS} characters.")
        check_text("comment", mark.comment)


# Grading answers


def grade(
    questions: Mapping[str, Question],
    answers: Mapping[str, Any],
    marks: Mapping[str, Mark | None] | None = None,
) -> Grade | None:
    """Grade `answers`; None if there are no questions.

    Each question is marked by a person, if there is a mark of one, or else by its key. A mark counts up to
    the points that its question has now. It is None if it was given for another answer: then the question
    waits for a person again, whether or not it has a key. So does one without a key, once it is answered.

    A question without an answer earns nothing and is wrong; null is an answer. Answers to unknown questions
    are ignored. Every JSON value can be graded.

    exact: the answer equals the key. Partial: each member of an object, or position of a list, that equals
        the key's earns 1/len(key) of the points, and each that the key does not have takes as much away, but
        no more than was earned. An answer of another type earns nothing.
    set: the answer has the same values as the key, in any order, repetitions ignored; an answer that is not a
        list is treated as a list of one. Partial: max(0, right - wrong) / len(key) of the points, as in
        "Partial credit with penalty" of Canvas's instructor guide to multiple-answer questions; Moodle's
        multiple-answer questions also turn a negative total into 0.
    numeric: the answer is at most `tolerance` from the key, in exact decimal arithmetic. It is a number, or a
        string that holds one in the digits of one script: "3.14", " 1e-3 ", "+2", "−2", "5.", ".5", "٣٫١";
        not "1,5", "1_000", "0x1F", "inf". Where `decimal` is a comma, "1,5" holds one and "1.5" does not.
    text: the answer is a string that equals the key, or one of its strings, up to canonical equivalence,
        case, width and other forms of a character, white space, quotes, dashes, and what shows nothing.
    """
    if not questions:
        return None
    marks = marks or {}
    results = {name: _result(name, question, answers, marks) for name, question in questions.items()}
    return Grade(
        score=round(math.fsum(result.points for result in results.values()), SCORE_DECIMALS),
        max_score=round(math.fsum(result.max_points for result in results.values()), SCORE_DECIMALS),
        results=results,
        waiting=[name for name, question in questions.items() if _waits(name, question, answers, marks)],
    )


def _waits(
    name: str, question: Question, answers: Mapping[str, Any], marks: Mapping[str, Mark | None]
) -> bool:
    """Whether a person has to mark the question: there is something to earn, and nobody else can say what."""
    if question.points == 0:
        return False
    if name in marks:
        return marks[name] is None
    return question.grading is None and name in answers


def _result(
    name: str, question: Question, answers: Mapping[str, Any], marks: Mapping[str, Mark | None]
) -> QuestionResult:
    mark = marks.get(name)
    if mark is not None:
        points = min(mark.points, question.points)
        return QuestionResult(points, question.points, None, "person", mark.comment)
    if name in marks or question.grading is None:
        return QuestionResult(0.0, question.points, None, None)
    if name not in answers:
        return QuestionResult(0.0, question.points, False, "key")
    answer = answers[name]
    correct = _is_correct(question, answer)
    share = 1.0 if correct else _part(question, answer) if question.partial else 0.0
    return QuestionResult(question.points * share, question.points, correct, "key")


def _is_correct(question: Question, answer: Any) -> bool:
    match question.grading:
        case GradingMethod.SET:
            return _as_set(answer) == _as_set(question.key)
        case GradingMethod.NUMERIC:
            return is_near(answer, question.key, question.tolerance, question.decimal)
        case GradingMethod.TEXT:
            return is_accepted(answer, question.key if isinstance(question.key, list) else [question.key])
        case _:
            return identity(answer) == identity(question.key)


def _part(question: Question, answer: Any) -> float:
    """The share of the points, from 0 to 1, that a wrong answer to a `partial` question earns."""
    key = question.key
    if question.grading is GradingMethod.SET:
        right = _as_set(key)
        chosen = _as_set(answer)
        return max(0, len(chosen & right) - len(chosen - right)) / len(right)
    if isinstance(key, dict) and isinstance(answer, dict):
        given_by_name = {canonical(name): given for name, given in answer.items()}
        names = {canonical(name): part for name, part in key.items()}
        pairs = [(part, given_by_name[name]) for name, part in names.items() if name in given_by_name]
        added = len(given_by_name.keys() - names.keys())
    elif isinstance(key, list) and isinstance(answer, list):
        pairs = list(zip(key, answer, strict=False))
        added = max(0, len(answer) - len(key))
    else:
        return 0.0
    equal = sum(identity(part) == identity(given) for part, given in pairs)
    return max(0, equal - added) / len(key)


def _as_set(value: Any, spelling: Callable[[str], str] = canonical) -> frozenset[Hashable]:
    return frozenset(identity(each, spelling) for each in (value if isinstance(value, list) else [value]))
