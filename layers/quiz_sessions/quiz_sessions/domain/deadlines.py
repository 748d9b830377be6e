"""The deadline of an attempt: what it is computed from, and how much time is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from .attempts import Attempt, Status
from .drafts import Drafts, counting
from .section_times import SectionDeadline, section_deadlines
from .timestamps import Micros, from_micros, to_micros

MAX_LATE_MS = 2**31 - 1
"""Some 25 days, which is what the column holds."""


class Timed(Protocol):
    """What of an attempt its time depends on."""

    @property
    def status(self) -> Status: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def accepts_until(self) -> datetime: ...
    @property
    def paused_at(self) -> datetime | None: ...
    @property
    def time_remaining(self) -> int: ...


def time_remaining(expires_at: datetime, at: Micros) -> int:
    """Whole seconds from `at` to `expires_at`, rounded up, never below 0."""
    return max(0, -((at - to_micros(expires_at)) // 1_000_000))


def is_overdue(attempt: Timed, at: Micros) -> bool:
    """Whether the attempt is open although its grace ended before `at`; the last moment of it is in time."""
    return attempt.status.is_open and at > to_micros(attempt.accepts_until)


def lateness_ms(expires_at: datetime, at: Micros) -> int:
    """Milliseconds from the deadline to `at`, rounded up, at most MAX_LATE_MS; 0 if `at` is not later."""
    return min(MAX_LATE_MS, max(0, -((to_micros(expires_at) - at) // 1000)))


def shown_status(attempt: Attempt, drafts: Drafts, at: Micros) -> Status:
    """The status that every caller is shown at `at`.

    An overdue attempt is shown as expired before its row is, and one with answers as in progress while they
    are drafts.
    """
    if is_overdue(attempt, at):
        return Status.EXPIRED
    if attempt.status is Status.STARTED and counting(attempt, drafts):
        return Status.IN_PROGRESS
    return attempt.status


def is_stopped(attempt: Attempt, at: Micros) -> bool:
    """Whether the attempt is paused, and was so at `at`; what came before is in time."""
    return attempt.paused_at is not None and at > to_micros(attempt.paused_at)


def shown_time_remaining(attempt: Timed, at: Micros) -> int:
    """Whole seconds left at `at`; for an attempt that has ended, what was left at its end."""
    if not attempt.status.is_open:
        return attempt.time_remaining
    # rule: a pause stops the clock
    stopped = attempt.paused_at
    now = at if stopped is None else min(at, to_micros(stopped))
    # rule: with a common start the clock stands until then
    return time_remaining(attempt.expires_at, max(now, to_micros(attempt.started_at)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """How the deadline of a session is computed, and how much time is left at one moment."""

    session_id: UUID
    status: Status
    started_at: datetime
    time_limit_seconds: int
    accommodation_seconds: int = field(metadata={"description": "The user's extra time for the quiz."})
    extension_seconds: int = field(metadata={"description": "Given since the start, or taken."})
    pause_seconds: int = field(
        metadata={"description": "How long the clock stood, each pause rounded up, none before started_at."}
    )
    paused_at: datetime | None = field(
        metadata={"description": "Since when the clock stands: expires_at moves once it runs again."}
    )
    closes_at: datetime | None = field(metadata={"description": "When the quiz closes, if it does."})
    closes_later_seconds: int = field(
        metadata={"description": "How much later it closes for this user; pause_seconds put it off as well."}
    )
    cut_seconds: int = field(
        metadata={"description": "Of these seconds, those that the close cuts off, rounded up."}
    )
    grace_seconds: int
    expires_at: datetime = field(
        metadata={"description": "started_at with all the seconds, at most the close."}
    )
    accepts_until: datetime = field(
        metadata={"description": "expires_at with the grace; the end of 9999 while the clock stands."}
    )
    binding: Literal["time_limit", "closes_at"] = field(metadata={"description": "What makes the deadline."})
    server_time: datetime
    time_remaining: int
    sections: list[SectionDeadline] = field(
        metadata={"description": "Of its paper, those with a time limit of their own."}
    )


def deadline_of(attempt: Attempt, drafts: Drafts, at: Micros) -> Deadline:
    """Explain the deadline of `attempt` as of `at`; its drafts matter for the status."""
    seconds = attempt.time_limit_seconds + attempt.accommodation_seconds + attempt.extension_seconds
    by_limit = attempt.started_at + timedelta(seconds=seconds + attempt.pause_seconds)
    cut_seconds = max(0, -(((attempt.close or by_limit) - by_limit) // timedelta(seconds=1)))
    return Deadline(
        session_id=attempt.id,
        status=shown_status(attempt, drafts, at),
        started_at=attempt.started_at,
        time_limit_seconds=attempt.time_limit_seconds,
        accommodation_seconds=attempt.accommodation_seconds,
        extension_seconds=attempt.extension_seconds,
        pause_seconds=attempt.pause_seconds,
        paused_at=attempt.paused_at,
        closes_at=attempt.closes_at,
        closes_later_seconds=attempt.closes_later_seconds,
        cut_seconds=cut_seconds,
        grace_seconds=attempt.grace_seconds,
        expires_at=attempt.expires_at,
        accepts_until=attempt.accepts_until,
        binding="closes_at" if cut_seconds else "time_limit",
        server_time=from_micros(at),
        time_remaining=shown_time_remaining(attempt, at),
        sections=section_deadlines(attempt, at),
    )
