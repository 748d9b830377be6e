"""What became of a request: the decisions that statements take about rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from .attempts import Attempt
from .grading import Grade
from .json_values import Json
from .quizzes import Quiz


class StartOutcome(StrEnum):
    """What a start came to."""

    CREATED = "created"
    REPLAYED = "replayed"
    """The attempt of this Idempotency-Key."""
    RESUMED = "resumed"
    ACTIVE = "active"
    """Refused: an attempt is open."""
    OVERDUE = "overdue"
    """The open attempt's time is over, and its row does not say so yet."""
    EXHAUSTED = "exhausted"
    NOT_OPEN = "not_open"
    QUIZ_CLOSED = "quiz_closed"


@dataclass(frozen=True, slots=True)
class Start:
    """A start as PostgreSQL judged it.

    Attributes:
        attempt: the one that was created or found; None where there is none.
        opens_at, closes_at: of the quiz.
    """

    outcome: StartOutcome
    attempt: Attempt | None
    opens_at: datetime | None
    closes_at: datetime | None


class WriteOutcome(StrEnum):
    """The decision that a statement took about a row."""

    WRITTEN = "written"
    REPEATED = "repeated"
    """It had been done before; nothing was changed."""
    CONFLICT = "conflict"
    CLOSED = "closed"
    OVERDUE = "overdue"
    """The deadline and the grace have passed, whether or not the row says so yet."""
    EXTENDED = "extended"
    """The deadline lies later than the caller knows."""
    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write, a completion or an abandonment came to, and the attempt as it is now."""

    outcome: WriteOutcome
    attempt: Attempt


class Settlement(StrEnum):
    """What settling a session's drafts did to its row; also the type of the event."""

    MERGED = "merged"
    EXPIRED = "expired"
    LATE_MERGE = "late_merge"
    LATE_ANSWER = "late_answer"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Settled:
    """One session after its drafts were settled.

    Attributes:
        late: the questions whose draft came after the end and is kept as a late_answer event by now.
    """

    attempt: Attempt
    settlement: Settlement
    late: frozenset[str]


class ActionOutcome(StrEnum):
    """The decision that a statement took about a staff action on an attempt."""

    CHANGED = "changed"
    REPEATED = "repeated"
    """It had been made before; nothing was changed."""
    OPEN = "open"
    CLOSED = "closed"
    """The attempt is completed or abandoned."""
    EXPIRED = "expired"
    """The attempt's time is over, whether or not the row says so yet."""
    QUIZ_CLOSED = "quiz_closed"
    ACTIVE = "active"
    """The quiz allows one open attempt, and there is another one."""
    GRADED_BY_KEY = "graded_by_key"
    NO_LATE_ANSWER = "no_late_answer"


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What a staff action came to, and the attempt as it is now."""

    outcome: ActionOutcome
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class QuizWrite:
    """What registering or changing a quiz did.

    Attributes:
        created: whether it was not registered before.
        rescheduled: the open attempts whose deadline follows the new rules.
    """

    quiz: Quiz
    created: bool
    rescheduled: list[UUID]


class QuizDeletion(StrEnum):
    """What forgetting a quiz came to."""

    DELETED = "deleted"
    IN_USE = "in_use"
    """Attempts at it are open."""
    NOT_FOUND = "not_found"


class Unmoved(NamedTuple):
    """Attempts whose deadline an extension did not move, for one reason.

    Attributes:
        session_ids: of the first thousand of them.
    """

    number: int
    session_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class CohortExtension:
    """What an extension of a whole quiz did.

    Attributes:
        changed: attempts whose deadline moved.
        unchanged: reason -> attempts whose deadline did not move.
    """

    changed: list[UUID]
    unchanged: dict[str, Unmoved]


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """Answers that came too late, kept uncounted.

    Attributes:
        event: its number within the session.
        answers: question -> {"answer", "at"}.
        accepted: whether they count by now.
    """

    event: int
    answers: dict[str, dict[str, Json]]
    accepted: bool


@dataclass(frozen=True, slots=True)
class GradeUpdate:
    """A score to be saved.

    Attributes:
        attempt: as it was graded; a row that has changed since keeps its score.
        grade: None where the quiz has no answer key.
        quiz_revision: None where the quiz is not registered any more.
    """

    attempt: Attempt
    grade: Grade | None
    quiz_revision: int | None
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Regrade:
    """What a regrade did."""

    regraded: int = field(metadata={"description": "Attempts graded with the quiz's present key."})
    changed: int = field(metadata={"description": "Of those, the scores that are other ones now."})
    complete: bool = field(metadata={"description": "Whether none is left; otherwise call again."})
