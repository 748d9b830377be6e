"""The outcomes of statements: what each decided about a row, and the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from .attempts import Attempt, Status
from .grading import Grade
from .json_values import Json
from .papers import Content
from .quiz_documents import FieldChanges
from .quizzes import Quiz
from .timestamps import Micros


class StartOutcome(StrEnum):
    """The decision that a statement took about a start."""

    CREATED = "created"
    REPLAYED = "replayed"
    """This Idempotency-Key started the attempt before."""
    RESUMED = "resumed"
    ACTIVE = "active"
    """Refused, because the user has an open attempt."""
    OVERDUE = "overdue"
    """The user's open attempt is overdue and has to be expired first."""
    EXHAUSTED = "exhausted"
    UNKNOWN_QUIZ = "unknown_quiz"
    NOT_OPEN = "not_open"
    QUIZ_CLOSED = "quiz_closed"
    QUIZ_PAUSED = "quiz_paused"
    NETWORK_REFUSED = "network_refused"
    SAFE_EXAM_BROWSER_REQUIRED = "safe_exam_browser_required"
    SAFE_EXAM_BROWSER_REFUSED = "safe_exam_browser_refused"
    PASSWORD_REQUIRED = "password_required"  # noqa: S105
    PASSWORD_WRONG = "password_wrong"  # noqa: S105
    DEVICE_UNNAMED = "device_unnamed"
    """The quiz allows one device at a time, and the request does not name its own."""
    KEY_REUSED = "key_reused"
    """This Idempotency-Key started something else before."""


@dataclass(frozen=True, slots=True)
class Start:
    """The result of a start.

    Attributes:
        attempt: the attempt that was created or found, with EXHAUSTED the last one that is open; None if
            there is none.
        opens_at, closes_at, admission_seconds: those of the quiz, closes_at for the user.
    """

    outcome: StartOutcome
    attempt: Attempt | None
    opens_at: datetime | None
    closes_at: datetime | None
    admission_seconds: int = 0


class WriteOutcome(StrEnum):
    """The decision that a statement took about a row."""

    WRITTEN = "written"
    REPEATED = "repeated"
    """The same write was made before; nothing was changed."""
    CONFLICT = "conflict"
    CLOSED = "closed"
    OVERDUE = "overdue"
    """The write came after the deadline and the grace, whether or not the row is expired already."""
    PAUSED = "paused"
    """The clock stands, and stood already when the request came."""
    EXTENDED = "extended"
    """The deadline is later than the one that the client knows."""
    MOVED = "moved"
    """The session is not as If-Match says."""
    UNSEEN = "unseen"
    """It would replace answers that `based_on` does not know."""
    KEY_REUSED = "key_reused"
    """Another write was made with this key."""
    TOO_FAST = "too_fast"
    """The caller writes faster than is allowed to one."""
    QUESTION_LOCKED = "question_locked"
    """A question behind it was answered, and the section goes forward alone."""
    SECTION_EXPIRED = "section_expired"
    UNKNOWN_QUESTION = "unknown_question"
    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"
    NETWORK_REFUSED = "network_refused"
    SAFE_EXAM_BROWSER_REQUIRED = "safe_exam_browser_required"
    SAFE_EXAM_BROWSER_REFUSED = "safe_exam_browser_refused"
    DEVICE_UNNAMED = "device_unnamed"
    """One device may write at a time, and the request does not name its own."""
    OTHER_DEVICE = "other_device"
    """Another device may write."""


class EntryOutcome(StrEnum):
    """The decision that a statement took about a device that comes to an attempt."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    """It is the one already, or any may write."""
    ENDED = "ended"
    OTHER_DEVICE = "other_device"
    DEVICE_UNNAMED = "device_unnamed"
    NETWORK_REFUSED = "network_refused"
    SAFE_EXAM_BROWSER_REQUIRED = "safe_exam_browser_required"
    SAFE_EXAM_BROWSER_REFUSED = "safe_exam_browser_refused"
    TOO_FAST = "too_fast"
    """The caller changes devices or pages, and writes, faster than is allowed to one."""


class SectionOutcome(StrEnum):
    """The decision that a statement took about the entry of a section."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    """It was entered before, or has no time limit."""
    NO_PAPER = "no_paper"
    NOT_FOUND = "not_found"
    CLOSED = "closed"
    OVERDUE = "overdue"
    PAUSED = "paused"
    DEVICE_UNNAMED = "device_unnamed"
    OTHER_DEVICE = "other_device"
    NETWORK_REFUSED = "network_refused"
    SAFE_EXAM_BROWSER_REQUIRED = "safe_exam_browser_required"
    SAFE_EXAM_BROWSER_REFUSED = "safe_exam_browser_refused"


@dataclass(frozen=True, slots=True)
class SectionResult:
    """The result of entering a section, with the attempt as it is now."""

    outcome: SectionOutcome
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class EntryResult:
    """The result of a device's coming, with the attempt as it is now.

    Attributes:
        is_takeover: whether it took over from another one.
        is_forgotten: whether it did, and there were too many incidents to record that as one.
    """

    outcome: EntryOutcome
    attempt: Attempt
    is_takeover: bool = False
    is_forgotten: bool = False


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of a write, a completion or an abandonment, with the attempt as it is now.

    Attributes:
        unseen: the questions whose answer the writer had not seen.
        barred: the questions that are locked, or whose section is over.
        changed: how many answers are others than they were; of a write alone.
        answered_at: when the last answer before it was given, where it is a burst (see `incidents`).
    """

    outcome: WriteOutcome
    attempt: Attempt
    unseen: Sequence[str] = ()
    barred: Sequence[str] = ()
    changed: int = 0
    answered_at: Micros | None = None


class DraftsOutcome(StrEnum):
    """What became of drafts that were to be kept."""

    KEPT = "kept"
    REPEATED = "repeated"
    """The same write was made before; nothing was changed."""
    KEY_REUSED = "reused"
    """Another write was made with this key."""
    MOVED = "moved"
    """The session or a draft is no longer as the write was judged by; nothing was changed."""
    TOO_FAST = "too_fast"
    """The caller writes faster than is allowed to one; nothing was changed."""


class Settlement(StrEnum):
    """What settling did to a row; except for UNCHANGED, also the type of the audit event."""

    MERGED = "merged"
    EXPIRED = "expired"
    LATE_MERGE = "late_merge"
    LATE_ANSWER = "late_answer"
    DISPLACED = "displaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Settled:
    """A session that was settled.

    Attributes:
        late: the questions whose draft came too late and has been recorded in a late_answer event.
        is_final: the row had ended, and no draft counts any more.
    """

    attempt: Attempt
    settlement: Settlement
    late: frozenset[str]
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Flushed:
    """A session that was settled by the flush.

    Attributes:
        session: what is to be cached, as JSON; None if the row has not changed and no draft will be cleared.
        dealt_with: how many of its drafts were merged, superseded or recorded.
        left: the questions of the others.
    """

    session_id: str
    settlement: Settlement
    session: str | None
    dealt_with: int
    left: Sequence[str] = ()


class ActionOutcome(StrEnum):
    """The decision that a statement took about a staff action on an attempt."""

    CHANGED = "changed"
    REPEATED = "repeated"
    """The same action was taken before; nothing was changed."""
    REUSED = "reused"
    """Another action was taken before with this key."""
    UNCHANGED = "unchanged"
    """The attempt was so already."""
    OPEN = "open"
    CLOSED = "closed"
    """The attempt is completed or abandoned."""
    EXPIRED = "expired"
    """The attempt has expired, or is overdue and about to."""
    CLOSES_FIRST = "closes_first"
    """The deadline would not move, because the quiz closes first."""
    NO_TIME_LEFT = "no_time_left"
    """The deadline would not move, because there is no time to take away."""
    QUIZ_CLOSED = "quiz_closed"
    QUIZ_PAUSED = "quiz_paused"
    """The attempt stands still because its whole quiz does."""
    ACTIVE = "active"
    """The quiz allows one open attempt at a time, and the user has another one, which the result holds."""
    GRADED_BY_KEY = "graded_by_key"
    NO_LATE_ANSWER = "no_late_answer"
    MOVED = "moved"
    """The attempt is not as If-Match says."""
    HELD = "held"
    """Somebody else is about to mark the answer."""
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The result of a staff action, with the attempt as it is now."""

    outcome: ActionOutcome
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Claim:
    """An answer that a marker holds, and until when."""

    question: str
    held_by: str
    held_until: datetime


@dataclass(frozen=True, slots=True)
class MarkResult(ActionResult):
    """The result of marking questions.

    Attributes:
        claim: with HELD the first that is in the way.
    """

    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class WaitingAnswer:
    """An answer that waits for a person.

    Attributes:
        started_at, revision, status: of the attempt.
        points: what its question is worth.
        held_by, held_until: who holds it, and until when; None if nobody does.
    """

    session_id: UUID
    started_at: datetime
    revision: int
    status: Status
    question: str
    answer: Json
    points: float
    held_by: str | None
    held_until: datetime | None


@dataclass(frozen=True, slots=True)
class ShownResults:
    """What an ended attempt scored, and whether it may be shown.

    Attributes:
        attempt: as it is now; its revision has moved if this was the first time.
        may_see: whether the quiz shows its results to the one who asks.
        is_shown: whether they can be shown now; not while an answer from before the end may still come.
        questions: the result of each question; None if the score is not a sum of questions.
    """

    attempt: Attempt
    may_see: bool
    is_shown: bool
    questions: dict[str, Json] | None


MAX_COUNTED: Final = 10_000
"""Up to how many attempts are counted where a count is for orientation, and takes time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedDeadline:
    """The deadline of an open attempt, before a change and after it."""

    session_id: UUID
    before: datetime
    after: datetime


@dataclass(frozen=True, slots=True)
class QuizWrite:
    """The result of registering or changing a quiz, or what it would be.

    Attributes:
        created: whether the quiz is new.
        rescheduled: the open attempts that the new rules changed.
        refused: the open attempts that the new rules would have refused.
        open: how many attempts are open.
        moved: the deadlines that moved, of those that are `rescheduled`.
        to_regrade: how many ended attempts a regrade would grade by other questions than before; counted up
            to MAX_COUNTED.
        base: the revision that was changed; None if there was none.
        contents: what is shown of its questions.
        changed: in which fields the quiz differs.
        abandoned: how many of the `refused` were abandoned.
    """

    quiz: Quiz
    created: bool
    rescheduled: list[UUID]
    refused: list[UUID]
    open: int
    moved: list[MovedDeadline]
    to_regrade: int
    base: int | None = None
    contents: Mapping[str, Content] = field(default_factory=dict)
    changed: FieldChanges = field(default_factory=FieldChanges)
    abandoned: int = 0


@dataclass(frozen=True, slots=True)
class AttemptsOpen:
    """A quiz was not changed, because that would be unfair to attempts that are open.

    Attributes:
        number: how many they are.
        weakened: the rules that would be taken away or weakened.
    """

    number: int
    weakened: list[str]


@dataclass(frozen=True, slots=True)
class RecordedAction:
    """A staff action as it was recorded.

    Attributes:
        by: the subject of the caller; None if callers were not authenticated.
        revision: that of the audit event which the action made; None if it made none, or many.
        before, after: what it changed, as it was and as it became; None where there is nothing.
        key: the Idempotency-Key that came with it.
        payload_hash: a hash of what was asked for, in hexadecimal.
    """

    id: int
    at: datetime
    by: str | None
    action: str
    session_id: UUID | None
    revision: int | None
    quiz_id: str | None
    user_id: str | None
    reason: str | None
    before: dict[str, Json] | None
    after: dict[str, Json] | None
    key: str | None
    payload_hash: str | None


class QuizDeletion(StrEnum):
    """The decision that a statement took about deleting a quiz."""

    DELETED = "deleted"
    IN_USE = "in_use"
    """Attempts at it are open."""
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class AccommodationWrite:
    """The result of setting a user's extra time.

    Attributes:
        rescheduled: the user's open attempts that it changed.
        cut: those that have less of it, because the quiz closes first.
    """

    rescheduled: list[UUID]
    cut: list[UUID]


class Counted(NamedTuple):
    """Attempts to which an extension did the same.

    Attributes:
        number: how many there are.
        session_ids: the first thousand of them.
    """

    number: int
    session_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class CohortAction:
    """The result of pausing or resuming attempts at a quiz.

    Attributes:
        changed: the attempts that were paused, or resumed.
        unchanged: reason -> the others.
    """

    changed: list[UUID]
    unchanged: dict[str, Counted]


@dataclass(frozen=True, slots=True)
class CohortHandIn:
    """The result of handing in attempts at a quiz.

    Attributes:
        completed: how many were handed in.
        unchanged: reason -> the others.
        remaining: how many are open still, because there was no time for them.
    """

    completed: int
    unchanged: dict[str, Counted]
    remaining: int


@dataclass(frozen=True, slots=True)
class CohortExtension:
    """The result of extending all open attempts at a quiz.

    Attributes:
        changed: the attempts whose deadline moved.
        cut: of those the ones whose deadline moved less far, because the quiz closes first.
        unchanged: reason -> the attempts whose deadline did not move.
    """

    changed: list[UUID]
    cut: Counted
    unchanged: dict[str, Counted]


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """A late_answer event: answers that came after the end and do not count unless staff accept them.

    Attributes:
        event: the revision of the event.
        answers: question -> {"answer", "at"}.
        accepted: whether staff have accepted them.
    """

    event: int
    answers: dict[str, dict[str, Json]]
    accepted: bool


@dataclass(frozen=True, slots=True)
class LateAnswerPage:
    """A page of a session's late answers, oldest first.

    Attributes:
        next_after: the event after which the next page begins; None on the last one.
    """

    late_answers: list[LateAnswer]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class GradeUpdate:
    """A score to save.

    Attributes:
        attempt: the attempt as it was graded; if its row has changed since, the score is not saved.
        grade: None where the quiz has no questions.
        quiz_revision: the revision of the quiz that graded it; None if the quiz is no longer registered.
    """

    attempt: Attempt
    grade: Grade | None
    quiz_revision: int | None
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Regrade:
    """The result of a regrade."""

    regraded: int = field(metadata={"description": "Attempts graded with the quiz's present key."})
    changed: int = field(metadata={"description": "Of those, the scores that are other ones now."})
    complete: bool = field(metadata={"description": "Whether none is left; otherwise call again."})
