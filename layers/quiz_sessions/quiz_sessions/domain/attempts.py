"""The attempt as it is stored.

The fields of `Attempt` are the only list of an attempt's fields. The columns that statements return, the
cached JSON, and the comparison with the audit log are all derived from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from .canonical_json import canonical_json
from .json_values import Json, dump_json, to_json_object
from .tags import Tag
from .timestamps import Micros, to_micros

GradingState: TypeAlias = Literal["pending", "done"]
"""Whether a score is complete, or a question still waits for a person."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A caller who may see the attempts of others. What it sees of its own, any student would."""

    subject: str


Owner: TypeAlias = str | Staff | None
"""Whose attempts a caller may see: its own as a student, anybody's as staff, or without restriction."""

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""When an attempt whose clock stands accepts no answers any more."""
_NOT_CACHED: Final = {"cached": False}
"""Of a field that is read from PostgreSQL alone: it is not for everybody who may see the rest."""


class Status(StrEnum):
    """The state of an attempt. The last three have ended; staff can reopen such an attempt."""

    STARTED = "started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    EXPIRED = "expired"
    ABANDONED = "abandoned"

    @property
    def is_open(self) -> bool:
        """Whether the row says that the attempt has not ended; it may be overdue all the same."""
        return self in (Status.STARTED, Status.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A row of quiz_attempts.

    Attributes:
        current_question_at: when the gateway received `current_question`.
        answer_meta: question -> {"version", "at", "writer"}: the attempt's version once the answer was
            committed, when the gateway received the answer (Micros), and who wrote it (see `tags`). Where
            there was an answer before, also "first_at": when the gateway received the first one.
        version: incremented by each change that a client commits.
        revision: incremented by every change of the row; it orders writes to the cache.
        time_remaining: whole seconds, as of the last write that computed it: out of date while the attempt is
            open, final once it has ended.
        time_limit_seconds, accommodation_seconds, extension_seconds, pause_seconds, closes_at,
            closes_later_seconds: what the deadline is computed from. While the attempt is open they follow
            its quiz, but no change puts the deadline into the past.
        pause_seconds: how long the clock stood in all pauses that are over, each rounded up; none before
            started_at.
        paused_at: since when the clock stands; None while it runs.
        session_paused, quiz_paused: why it stands: this attempt, or its whole quiz was paused. It runs again
            once neither is so.
        closes_later_seconds: by how much later than closes_at the quiz closes for this user.
        grace_seconds: how long after the deadline answers are still accepted.
        started_at: when its clock starts; with a common start that may be after its first answers, and
            after its end.
        expires_at: the deadline: started_at plus the four numbers of seconds, at most `close`. While the
            clock stands, as it was when it stopped.
        accepts_until: expires_at plus grace_seconds; FOREVER while the clock stands.
        ended_at: the last moment whose answers count, once the attempt has ended.
        question_ids: the questions that take answers, as the quiz had them at the start; None for any.
        paper: what it is given of its quiz's paper, as it was drawn at the start (see `papers`): {"seed",
            "revision", "sections": [{"title", "questions", "time_limit_seconds", "navigation"}]}, `revision`
            being the quiz's; None without one. `question_ids` are those of all sections.
        progress: how far it is through its paper: {"entered": {section: {"at", "until"}}, "locked":
            {question: since when}}, each member once there is something, moments as Micros. A section's time
            ends with `until`, which extensions and pauses move, at the latest with the attempt's own.
        group_name: the room or campus that it is taken in; None for none.
        label, metadata: what the platform wrote onto it, for itself.
        access: what the quiz asks of writes (see `domain.access`): networks; config_key_proofs, with the
            page_url that they are over; one_device, which says who lets another device take the attempt over.
            None for nothing.
        device, device_since: the writer (see `tags`) who may write, where a quiz allows one device, and since
            when; None until one does.
        unread_notices: notices that its owner has not acknowledged.
        incidents: how many were recorded.
        late_ms: by how many milliseconds the latest answer that counts, or the request that ended the
            attempt, came after the deadline.
        grading: pending while a question waits for a person; None if nothing was graded.
        marks: question -> {"points", "comment", "answer_sha256"}: what a person gave, for which answer (see
            `answer_sha256`); without comment or answer where there is none.
        score_by_hand: a person set the score as a whole; it stands until a person changes it.
        results_read_at: when the owner was first shown a score since the attempt has ended; of one that was
            reopened, before that.
        needs_grading: the attempt has ended and its score is out of date.
    """

    id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    status: Status
    current_question: int = 0
    current_question_at: Micros = 0
    answers: dict[str, Json] = field(default_factory=dict)
    answer_meta: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 0
    revision: int = 0
    time_remaining: int
    time_limit_seconds: int
    accommodation_seconds: int = 0
    extension_seconds: int = 0
    pause_seconds: int = 0
    paused_at: datetime | None = None
    session_paused: bool = False
    quiz_paused: bool = False
    closes_at: datetime | None = None
    closes_later_seconds: int = 0
    grace_seconds: int = 0
    started_at: datetime
    expires_at: datetime
    accepts_until: datetime
    last_updated: datetime
    completed_at: datetime | None = None
    ended_at: datetime | None = None
    question_ids: list[str] | None = None
    paper: dict[str, Any] | None = None
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)
    group_name: str | None = None
    label: str | None = None
    metadata: dict[str, Json] | None = None
    access: dict[str, Json] | None = None
    device: str | None = None
    device_since: Micros = 0
    unread_notices: int = 0
    incidents: int = 0
    late_ms: int = 0
    score: float | None = field(default=None, metadata=_NOT_CACHED)
    max_score: float | None = field(default=None, metadata=_NOT_CACHED)
    grading: GradingState | None = field(default=None, metadata=_NOT_CACHED)
    marks: dict[str, dict[str, Any]] = field(default_factory=dict, metadata=_NOT_CACHED)
    score_by_hand: bool = field(default=False, metadata=_NOT_CACHED)
    results_read_at: datetime | None = None
    needs_grading: bool = False

    @property
    def close(self) -> datetime | None:
        """When the quiz closes for this attempt: each of its pauses puts that off."""
        if self.closes_at is None:
            return None
        return self.closes_at + timedelta(seconds=self.closes_later_seconds + self.pause_seconds)

    @property
    def end(self) -> Micros:
        """The last moment whose answers count; it may still move while the attempt is open."""
        return to_micros(self.ended_at or self.accepts_until)

    def answered_at(self, question: str) -> Micros:
        """When the gateway received the committed answer to `question`; -1 if there is none."""
        meta = self.answer_meta.get(question)
        return -1 if meta is None else int(meta["at"])

    def answer_tag(self, question: str) -> Tag | None:
        """The tag of the committed answer to `question`; None if there is none."""
        meta = self.answer_meta.get(question)
        return None if meta is None else Tag(meta["at"], meta["writer"])

    def answer_sha256(self, question: str) -> str | None:
        """The hash of the committed answer's value, however often it was sent; None if there is none."""
        if question not in self.answers:
            return None
        return sha256(canonical_json(self.answers[question]).encode()).hexdigest()

    def unknown_question(self, questions: Iterable[str]) -> str | None:
        """The first of `questions` that takes no answers; None if all do."""
        if self.question_ids is None:
            return None
        known = frozenset(self.question_ids)
        return next((question for question in questions if question not in known), None)

    def is_owned_by(self, owner: Owner) -> bool:
        """Whether a caller who may only see the attempts of `owner` may see this one."""
        # rule: nobody sees another's session
        return not isinstance(owner, str) or self.user_id == owner

    @property
    def one_device(self) -> str | None:
        """Who lets another device take it over: the student (takeover) or a proctor. None: any may write."""
        return None if self.access is None else self.access.get("one_device")

    @property
    def allows_takeover(self) -> bool:
        """Whether its user may go on with another device."""
        return self.one_device == "takeover"

    def is_of_other_device(self, writer: str, at: Micros) -> bool:
        """Whether what `writer` sent at `at` comes from another device than the one that may write."""
        return (
            self.one_device is not None
            and self.device is not None
            and writer != self.device
            and at > self.device_since
        )

    def is_past(self, question: str, at: Micros) -> bool:
        """Whether what was sent to `question` at `at` came after it was locked, or after its section's time.

        The database function `came_too_late` judges likewise.
        """
        if not self.progress:
            return False
        return self.is_locked(question, at) or self.is_over(question, at)

    def is_locked(self, question: str, at: Micros) -> bool:
        """Whether what was sent to `question` at `at` came after it was locked."""
        locked = self.progress.get("locked", {}).get(question)
        return locked is not None and locked < at

    def is_over(self, question: str, at: Micros) -> bool:
        """Whether the time of the section that `question` is in was over, with the grace."""
        section = self.section_of(question)
        entered = self.progress.get("entered", {}).get(str(section))
        if entered is None:
            return False
        return bool(entered["until"] + self.grace_seconds * 1_000_000 < at)

    def section_of(self, question: str) -> int | None:
        """The number of the section that `question` is in, from 0; None without a paper, or in no section."""
        sections = [] if self.paper is None else self.paper["sections"]
        return next((n for n, section in enumerate(sections) if question in section["questions"]), None)

    def goes_on(self, questions: Iterable[str]) -> bool:
        """Whether answers to `questions` enter a section with a time limit, or lock questions before them."""
        if self.paper is None:
            return False
        sent = frozenset(questions)
        entered, locked = self.progress.get("entered", {}), self.progress.get("locked", {})
        for number, section in enumerate(self.paper["sections"]):
            asked = section["questions"]
            reached = max((place for place, each in enumerate(asked) if each in sent), default=None)
            if reached is None:
                continue
            if section["time_limit_seconds"] is not None and str(number) not in entered:
                return True
            if section["navigation"] == "forward" and any(each not in locked for each in asked[:reached]):
                return True
        return False

    def changed_since(self, version: int) -> list[str]:
        """The questions whose answer was committed after `version`, sorted."""
        return sorted(question for question, meta in self.answer_meta.items() if meta["version"] > version)

    def to_json(self) -> str:
        """The cached form, without scores and marks.

        `revision` and `status` come first, so that Lua scripts can read them without parsing JSON.
        """
        return dump_json(
            {"revision": self.revision, "status": self.status.value, **to_json_object(self, CACHED)}
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Attempt:
        """Parse what `to_json` wrote; what is not cached has its default.

        Raises:
            ValueError, TypeError, AttributeError: another release wrote it, with other fields.
        """
        data = json.loads(text)
        if data.keys() != _NAMES:
            raise ValueError("not the fields of a cached attempt")
        for name in MOMENTS:
            if data[name] is not None:
                data[name] = datetime.fromisoformat(data[name])
        data["id"] = UUID(data["id"])
        data["status"] = Status(data["status"])
        return cls(**data)


FIELDS: Final = tuple(each.name for each in fields(Attempt))
CACHED: Final = tuple(each.name for each in fields(Attempt) if each.metadata.get("cached", True))
_NAMES: Final = frozenset(CACHED)
MOMENTS: Final = tuple(each.name for each in fields(Attempt) if str(each.type).startswith("datetime"))
"""The fields that hold a datetime or None."""
