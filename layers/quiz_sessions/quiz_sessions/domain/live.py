"""The live view: how each attempt at a quiz stands, for those who watch over it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from .attempts import Status
from .deadlines import is_overdue, shown_time_remaining
from .presence import SILENT, Presence
from .timestamps import Micros, from_micros, to_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAttempt:
    """What the live view takes from an attempt's row; see `Attempt`.

    Attributes:
        answered: how many answers are committed.
        questions: how many questions the attempt has; None if it takes any.
        section: the one of its paper that it has entered, or answered in, last.
        extra_seconds: accommodation and extension.
        is_changed: whether the row is otherwise than the watcher knows it.
    """

    id: UUID
    user_id: str
    group_name: str | None
    status: Status
    answered: int
    questions: int | None
    section: int | None
    unread_notices: int
    incidents: int
    extra_seconds: int
    started_at: datetime
    expires_at: datetime
    accepts_until: datetime
    paused_at: datetime | None
    time_remaining: int
    is_changed: bool


class Ended(NamedTuple):
    """How many attempts have ended, and how."""

    completed: int
    expired: int
    abandoned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRow:
    """An attempt in the live view. What Valkey alone knows is null where it can't be reached."""

    session_id: UUID
    user_id: str
    group: str | None
    status: Status
    answered: int = field(metadata={"description": "Questions with a committed answer."})
    questions: int | None = field(metadata={"description": "Of so many; null if the quiz takes any."})
    section: int | None = field(
        metadata={"description": "Of its paper the one that it has entered, or answered in, last; from 0."}
    )
    buffered: int | None = field(metadata={"description": "Answers that are drafts still."})
    time_remaining: int
    expires_at: datetime
    paused: bool
    last_seen_at: datetime | None = field(
        metadata={"description": "When its owner last wrote or read it, to some 15 seconds."}
    )
    devices: int | None = field(
        metadata={"description": "From how many (X-Client-Id) that was, 20 at most; null as last_seen_at."}
    )
    incidents: int | None = field(metadata={"description": "Null of a session of the caller's own."})
    extra_seconds: int = field(
        metadata={"description": "Beyond the quiz's time limit, without pauses; negative for less."}
    )
    unread_notices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTotals:
    """How the attempts stand, all together."""

    open: int = field(metadata={"description": "Paused ones among them."})
    paused: int
    completed: int
    expired: int = field(metadata={"description": "Also those that are about to be."})
    abandoned: int
    silent: int | None = field(
        metadata={
            "description": "Of the open ones that are not paused: not heard for 90 seconds. Null while the "
            "cache is away."
        }
    )


def live_row(attempt: LiveAttempt, presence: Presence | None, at: Micros, *, is_own: bool) -> LiveRow:
    """The row of an attempt; `is_own` is whether it belongs to who watches."""
    status = Status.EXPIRED if is_overdue(attempt, at) else attempt.status
    if status is Status.STARTED and presence is not None and presence.buffered:
        status = Status.IN_PROGRESS
    heard = None if presence is None else presence.last_heard
    return LiveRow(
        session_id=attempt.id,
        user_id=attempt.user_id,
        group=attempt.group_name,
        status=status,
        answered=attempt.answered,
        questions=attempt.questions,
        section=attempt.section,
        buffered=None if presence is None else presence.buffered,
        time_remaining=shown_time_remaining(attempt, at),
        expires_at=attempt.expires_at,
        paused=attempt.paused_at is not None,
        last_seen_at=None if heard is None else from_micros(heard),
        devices=None if presence is None else presence.devices,
        incidents=None if is_own else attempt.incidents,
        extra_seconds=attempt.extra_seconds,
        unread_notices=attempt.unread_notices,
    )


def live_totals(
    attempts: Iterable[LiveAttempt], ended: Ended, presences: dict[UUID, Presence] | None, at: Micros
) -> LiveTotals:
    """How a quiz stands whose open attempts are among `attempts`."""
    rows = [attempt for attempt in attempts if attempt.status.is_open]
    running = [attempt for attempt in rows if not is_overdue(attempt, at)]
    silent = None
    if presences is not None:
        silent = sum(_is_silent(attempt, presences.get(attempt.id), at) for attempt in running)
    return LiveTotals(
        open=len(running),
        paused=sum(attempt.paused_at is not None for attempt in running),
        completed=ended.completed,
        expired=ended.expired + len(rows) - len(running),
        abandoned=ended.abandoned,
        silent=silent,
    )


def _is_silent(attempt: LiveAttempt, presence: Presence | None, at: Micros) -> bool:
    # Nobody has to be heard while the clock stands, as before a common start.
    if attempt.paused_at is not None or at < to_micros(attempt.started_at):
        return False
    if presence is None or presence.last_heard is None:
        return at - to_micros(attempt.started_at) > SILENT
    return presence.now - presence.last_heard > SILENT
