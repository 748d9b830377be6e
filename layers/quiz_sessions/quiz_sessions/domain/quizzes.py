"""The rules of a quiz, and the extra time that some users have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from .access import Access
from .canonical_json import canonical_json
from .grading import Question
from .json_values import Json
from .papers import Paper
from .timestamps import Micros


class WhenActive(StrEnum):
    """What a start does while the user has an open attempt at the quiz."""

    NEW = "new"
    RESUME = "resume"
    REJECT = "reject"


class ShowResults(StrEnum):
    """When a student may see results."""

    AFTER_END = "after_end"
    AFTER_CLOSE = "after_close"
    NEVER = "never"


class OpenAttempts(StrEnum):
    """What is to become of open attempts that new rules of their quiz would have refused."""

    KEEP = "keep"
    ABANDON = "abandon"


class UnknownQuestions(StrEnum):
    """What becomes of an answer to a question that a quiz with questions does not have."""

    REFUSE = "refuse"
    ACCEPT = "accept"


class OneDevice(StrEnum):
    """Whether an attempt is taken on one device at a time, and who lets another one take it over."""

    OFF = "off"
    TAKEOVER = "takeover"
    """The student."""
    PROCTOR = "proctor"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizRules:
    """The rules that the author of a quiz sets.

    Attributes:
        time_limit_seconds: None for the service's default.
        grace_seconds: how long after the deadline answers are still accepted, marked as late.
        opens_at, closes_at: starts are allowed from opens_at on and before closes_at; no deadline is after
            closes_at.
        max_attempts: how many attempts a user has; None for any number.
        when_active: what a start does while an attempt is open. (At a quiz that nobody registered it starts
            another one.)
        unknown_questions: whether attempts take answers to other questions than these, if there are any.
        questions: how each question is graded, with its answer key.
        access: what is asked of those who take it; None for nothing.
        admission_seconds: over how many seconds those who wait for opens_at are asked to come.
        common_start: whether time counts from the end of these seconds for all who start before it.
        paper: which of the questions are asked, and in which order; None where the service does not say.
    """

    time_limit_seconds: int | None = None
    grace_seconds: int = 0
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    max_attempts: int | None = None
    when_active: WhenActive = WhenActive.RESUME
    show_results: ShowResults = ShowResults.AFTER_END
    unknown_questions: UnknownQuestions = UnknownQuestions.REFUSE
    questions: Mapping[str, Question] = field(default_factory=dict)
    access: Access | None = None
    one_device: OneDevice = OneDevice.OFF
    admission_seconds: int = 0
    common_start: bool = False
    paper: Paper | None = None


@dataclass(frozen=True, slots=True)
class Quiz:
    """A registered quiz.

    Attributes:
        revision: incremented by every change; a score records the revision by which it was graded.
        paused_at: since when it is paused; None if it is not.
    """

    quiz_id: str
    revision: int
    rules: QuizRules
    updated_at: datetime
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizSummary:
    """A registered quiz in a list.

    Attributes:
        open: how many attempts at it are open.
    """

    quiz_id: str
    revision: int
    opens_at: datetime | None
    closes_at: datetime | None
    paused_at: datetime | None
    open: int


@dataclass(frozen=True, slots=True)
class Accommodation:
    """Extra time that a user has for a quiz, whenever they start it.

    Attributes:
        granted_by: the subject of the caller; None if callers are not authenticated.
    """

    user_id: str
    quiz_id: str
    extra_seconds: int
    reason: str
    granted_by: str | None
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class StaffAction:
    """Who acts on an attempt or a quiz, when, and why.

    Attributes:
        kind: what is done.
        by: the subject of the caller; None if callers are not authenticated.
        reason: None where none was given, and none has to be.
        key: identifies the action, so that a repetition is recognised.
        named: the Idempotency-Key that came with it; None without one.
    """

    kind: str
    at: Micros
    by: str | None
    reason: str | None
    key: str
    named: str | None


def request_hash(asked: Json) -> str:
    """What a request of staff asked for, as a hash in hexadecimal."""
    return sha256(canonical_json(asked).encode()).hexdigest()


def cohort_hash(session_ids: Sequence[UUID] | None, *asked: Json) -> str:
    """The same of a request about a quiz, or about some of its sessions, in whatever order."""
    return request_hash([None if session_ids is None else sorted(map(str, session_ids)), *asked])
