"""The attempt as it is stored, its drafts, and the session as callers see it.

Times that order answers ("at") are whole microseconds since 1970-01-01 UTC, as `Micros`.
All datetimes are aware and in UTC.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

Micros: TypeAlias = int
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> Micros:
    """Microseconds since 1970-01-01 UTC, without rounding."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(at: Micros) -> datetime:
    """The aware UTC datetime of `at`, without rounding."""
    return EPOCH + timedelta(microseconds=at)


def current_micros() -> Micros:
    """This machine's clock."""
    return time.time_ns() // 1000


def dump_json(value: Any) -> str:
    """Compact JSON; characters outside ASCII stand for themselves.

    Raises ValueError for NaN and the infinities.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class Status(StrEnum):
    """Where an attempt is in its life. The last three are final."""

    STARTED = "started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    EXPIRED = "expired"
    ABANDONED = "abandoned"

    @property
    def is_open(self) -> bool:
        """Whether the attempt still takes answers."""
        return self in (Status.STARTED, Status.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer, or a current_question, that is not in PostgreSQL yet.

    Attributes:
        value: the answer, any JSON value.
        at: when the gateway received it.
    """

    value: Any
    at: Micros


@dataclass(frozen=True, slots=True)
class Drafts:
    """What Valkey holds of one session beyond PostgreSQL, by question."""

    answers: Mapping[str, Draft] = field(default_factory=dict)
    current_question: Draft | None = None

    def __bool__(self) -> bool:
        return bool(self.answers) or self.current_question is not None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of quiz_attempts.

    Attributes:
        version: +1 for each committed change that a client makes.
        revision: +1 on every change of the row; orders writes to the cache.
        answer_meta: question -> {"version": that committed it, "at": Micros}.
        current_question_at: when the gateway received the current_question.
        time_remaining: whole seconds left when the row was last written.
        time_limit_seconds, accommodation_seconds, extension_seconds, closes_at: the parts of the deadline.
            They hold what the quiz says now, and never less than the time that has been used already.
        grace_seconds: how long after the deadline answers are still accepted.
        expires_at: the deadline: started_at with all the seconds, at most closes_at.
        accepts_until: expires_at with the grace.
        late_ms: by how much the latest answer that counts came after the deadline.
        ended_at: the last moment whose answers count, once the attempt has ended.
        needs_grading: it has ended, and its score is not up to date.
    """

    id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    status: Status
    current_question: int
    current_question_at: Micros
    answers: dict[str, Any]
    answer_meta: dict[str, dict[str, int]]
    version: int
    revision: int
    time_remaining: int
    time_limit_seconds: int
    accommodation_seconds: int
    extension_seconds: int
    closes_at: datetime | None
    grace_seconds: int
    started_at: datetime
    expires_at: datetime
    accepts_until: datetime
    last_updated: datetime
    completed_at: datetime | None
    ended_at: datetime | None
    late_ms: int
    score: float | None
    max_score: float | None
    needs_grading: bool

    @property
    def end(self) -> Micros:
        """The last moment whose answers count, as far as it is known now."""
        return to_micros(self.ended_at or self.accepts_until)

    def answered_at(self, question: str) -> Micros:
        """When the gateway received the committed answer to `question`; -1 where there is none."""
        meta = self.answer_meta.get(question)
        return -1 if meta is None else meta["at"]

    def to_json(self) -> str:
        """The cached form: as the API shows a session, plus what it strips, `revision` first.

        Scripts in Valkey read the revision from the first bytes without decoding the rest.
        """
        return dump_json(
            {
                "revision": self.revision,
                "id": str(self.id),
                "user_id": self.user_id,
                "quiz_id": self.quiz_id,
                "attempt_no": self.attempt_no,
                "status": self.status,
                "current_question": self.current_question,
                "answers": self.answers,
                "version": self.version,
                "time_remaining": self.time_remaining,
                "started_at": iso(self.started_at),
                "expires_at": iso(self.expires_at),
                "last_updated": iso(self.last_updated),
                "completed_at": iso(self.completed_at),
                "late_ms": self.late_ms,
                "score": self.score,
                "max_score": self.max_score,
                "answer_meta": self.answer_meta,
                "current_question_at": self.current_question_at,
                "time_limit_seconds": self.time_limit_seconds,
                "accommodation_seconds": self.accommodation_seconds,
                "extension_seconds": self.extension_seconds,
                "closes_at": iso(self.closes_at),
                "grace_seconds": self.grace_seconds,
                "accepts_until": iso(self.accepts_until),
                "ended_at": iso(self.ended_at),
                "needs_grading": self.needs_grading,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Attempt:
        """The attempt that `to_json` wrote."""
        data = json.loads(text)
        for name in _MOMENTS:
            if data[name] is not None:
                data[name] = datetime.fromisoformat(data[name])
        data["id"] = UUID(data["id"])
        data["status"] = Status(data["status"])
        return cls(**data)


_MOMENTS = (
    "started_at",
    "expires_at",
    "accepts_until",
    "closes_at",
    "last_updated",
    "completed_at",
    "ended_at",
)


@dataclass(frozen=True, slots=True)
class Session:
    """An attempt with its drafts laid over it, as a caller sees it at one moment.

    Attributes:
        time_remaining: whole seconds, rounded up; 0 once expired.
        durability: "committed", or "buffered" while an answer shown is not in PostgreSQL yet.
        buffered_questions: the questions whose shown answer is such a draft.
        late_ms: by how much the latest answer that counts came after the deadline, within the grace.
        receipt: what a committed write proves, signed; see `receipts`. None on everything else.
        replayed: this start repeated an earlier one; not part of the session itself.
        resumed: this start found an open attempt; likewise.
    """

    id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    status: Status
    current_question: int
    answers: dict[str, Any]
    version: int
    time_remaining: int
    started_at: datetime
    expires_at: datetime
    last_updated: datetime
    completed_at: datetime | None
    score: float | None
    max_score: float | None
    durability: str
    buffered_questions: list[str]
    late_ms: int = 0
    receipt: str | None = field(default=None, compare=False)
    replayed: bool = field(default=False, compare=False)
    resumed: bool = field(default=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The session with JSON values only."""
        return {
            "id": str(self.id),
            "user_id": self.user_id,
            "quiz_id": self.quiz_id,
            "attempt_no": self.attempt_no,
            "status": self.status,
            "current_question": self.current_question,
            "answers": self.answers,
            "version": self.version,
            "time_remaining": self.time_remaining,
            "started_at": iso(self.started_at),
            "expires_at": iso(self.expires_at),
            "last_updated": iso(self.last_updated),
            "completed_at": iso(self.completed_at),
            "late_ms": self.late_ms,
            "score": self.score,
            "max_score": self.max_score,
            "durability": self.durability,
            "buffered_questions": self.buffered_questions,
            "receipt": self.receipt,
        }


@dataclass(frozen=True, slots=True)
class Deadline:
    """What a session's deadline is made of, at one moment.

    Attributes:
        extension_seconds: given since the start, or taken.
        accommodation_seconds: the user's extra time for the quiz.
        closes_at: when the quiz closes, if it does.
        expires_at: the deadline: started_at with all the seconds, at most closes_at.
        accepts_until: the deadline with the grace.
        binding: which of the two makes the deadline, "time_limit" or "closes_at".
    """

    session_id: UUID
    status: Status
    started_at: datetime
    time_limit_seconds: int
    accommodation_seconds: int
    extension_seconds: int
    closes_at: datetime | None
    grace_seconds: int
    expires_at: datetime
    accepts_until: datetime
    binding: str
    server_time: datetime
    time_remaining: int

    def to_dict(self) -> dict[str, Any]:
        """The same with JSON values only."""
        return {
            "session_id": str(self.session_id),
            "status": self.status,
            "started_at": iso(self.started_at),
            "time_limit_seconds": self.time_limit_seconds,
            "accommodation_seconds": self.accommodation_seconds,
            "extension_seconds": self.extension_seconds,
            "closes_at": iso(self.closes_at),
            "grace_seconds": self.grace_seconds,
            "expires_at": iso(self.expires_at),
            "accepts_until": iso(self.accepts_until),
            "binding": self.binding,
            "server_time": iso(self.server_time),
            "time_remaining": self.time_remaining,
        }


@dataclass(frozen=True, slots=True)
class Results:
    """The score of an ended session.

    Attributes:
        questions: question -> points, max_points and correct; None where no answer key graded it.
    """

    session_id: UUID
    score: float | None
    max_score: float | None
    late_ms: int
    questions: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """The same with JSON values only."""
        return {
            "session_id": str(self.session_id),
            "score": self.score,
            "max_score": self.max_score,
            "late_ms": self.late_ms,
            "questions": self.questions,
        }


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with a Z; None stays None."""
    # The server's time zone is not ours to choose.
    return None if moment is None else moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
