"""The attempt as it is stored, its drafts, and the session as callers see it.

Times that order answers ("at") are whole microseconds since 1970-01-01 UTC, as `Micros`.
All datetimes are aware and in UTC.
"""

from __future__ import annotations

import json
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
        ended_at: when the attempt was completed or abandoned, or its deadline once expired.
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
    started_at: datetime
    expires_at: datetime
    last_updated: datetime
    completed_at: datetime | None
    ended_at: datetime | None
    score: float | None
    max_score: float | None

    @property
    def end(self) -> Micros:
        """The last moment whose answers count, as far as it is known now."""
        return to_micros(self.ended_at or self.expires_at)

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
                "score": self.score,
                "max_score": self.max_score,
                "answer_meta": self.answer_meta,
                "current_question_at": self.current_question_at,
                "ended_at": iso(self.ended_at),
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Attempt:
        """The attempt that `to_json` wrote."""
        data = json.loads(text)
        for name in ("started_at", "expires_at", "last_updated", "completed_at", "ended_at"):
            if data[name] is not None:
                data[name] = datetime.fromisoformat(data[name])
        data["id"] = UUID(data["id"])
        data["status"] = Status(data["status"])
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Session:
    """An attempt with its drafts laid over it, as a caller sees it at one moment.

    Attributes:
        time_remaining: whole seconds, rounded up; 0 once expired.
        durability: "committed", or "buffered" while an answer shown is not in PostgreSQL yet.
        buffered_questions: the questions whose shown answer is such a draft.
        replayed: this start repeated an earlier one; not part of the session itself.
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
    replayed: bool = field(default=False, compare=False)

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
            "score": self.score,
            "max_score": self.max_score,
            "durability": self.durability,
            "buffered_questions": self.buffered_questions,
        }


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with a Z; None stays None."""
    # The server's time zone is not ours to choose.
    return None if moment is None else moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
