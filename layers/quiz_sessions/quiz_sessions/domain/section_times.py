"""The time of a paper's sections, and how far an attempt is through its paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .attempts import FOREVER, Attempt
from .timestamps import Micros, from_micros, to_micros

_SECOND: Micros = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionProgress:
    """How far a session is in one section of its paper."""

    section: int = field(metadata={"description": "Its number, from 0."})
    entered_at: datetime | None = field(metadata={"description": "When its time began, if it has a limit."})
    expires_at: datetime | None = field(
        metadata={"description": "When its time ends, at the latest with the session's; then as null."}
    )
    time_remaining: int | None = field(metadata={"description": "Whole seconds, rounded up; then as null."})
    locked: list[str] = field(metadata={"description": "The questions that take no answers any more."})


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionDeadline:
    """How the time of a section with a limit is computed; moments are null until it is entered."""

    section: int = field(metadata={"description": "Its number, from 0."})
    title: str
    time_limit_seconds: int
    accommodation_seconds: int = field(
        metadata={"description": "The user's extra time, in the proportion that the session has it."}
    )
    moved_seconds: int = field(
        metadata={"description": "Given since its entry by extensions and pauses, or taken."}
    )
    entered_at: datetime | None
    expires_at: datetime | None = field(
        metadata={"description": "entered_at with all the seconds, at most the session's deadline."}
    )
    accepts_until: datetime | None = field(
        metadata={"description": "expires_at with the grace; the end of 9999 while the clock stands."}
    )
    time_remaining: int | None


def section_seconds(limit: int, attempt: Attempt) -> int:
    """How long a section with a limit may take: as much longer as the attempt may, rounded up.

    The database function `section_seconds` computes likewise.
    """
    own = attempt.time_limit_seconds
    return -(-limit * (own + attempt.accommodation_seconds) // own)


def progress_of(attempt: Attempt, at: Micros) -> list[SectionProgress] | None:
    """The sections that have a limit and were entered, or have locked questions; None without a paper."""
    if attempt.paper is None:
        return None
    locked = attempt.progress.get("locked", {})
    entered = attempt.progress.get("entered", {})
    shown = []
    for number, section in _sections(attempt) if attempt.progress else ():
        entry, questions = entered.get(str(number)), [q for q in section["questions"] if q in locked]
        if entry is None and not questions:
            continue
        until = None if entry is None else _until(attempt, entry["until"])
        shown.append(
            SectionProgress(
                section=number,
                entered_at=None if entry is None else from_micros(entry["at"]),
                expires_at=None if until is None else from_micros(until),
                time_remaining=None if until is None else _remaining(attempt, until, at),
                locked=questions,
            )
        )
    return shown


def section_deadlines(attempt: Attempt, at: Micros) -> list[SectionDeadline]:
    """How the time of each section with a limit is computed."""
    return [
        _deadline(attempt, number, section, at)
        for number, section in _sections(attempt)
        if section["time_limit_seconds"] is not None
    ]


def _deadline(attempt: Attempt, number: int, section: dict[str, Any], at: Micros) -> SectionDeadline:
    limit = section["time_limit_seconds"]
    own = section_seconds(limit, attempt)
    entry = attempt.progress.get("entered", {}).get(str(number))
    until = None if entry is None else _until(attempt, entry["until"])
    accepts = None if until is None else from_micros(until + attempt.grace_seconds * _SECOND)
    # A pause keeps from running out what had not run out when it began.
    if accepts is not None and attempt.paused_at is not None and accepts >= attempt.paused_at:
        accepts = FOREVER
    return SectionDeadline(
        section=number,
        title=section["title"],
        time_limit_seconds=limit,
        accommodation_seconds=own - limit,
        moved_seconds=0 if entry is None else (entry["until"] - entry["at"]) // _SECOND - own,
        entered_at=None if entry is None else from_micros(entry["at"]),
        expires_at=None if until is None else from_micros(until),
        accepts_until=accepts,
        time_remaining=None if until is None else _remaining(attempt, until, at),
    )


def _sections(attempt: Attempt) -> Iterator[tuple[int, dict[str, Any]]]:
    return enumerate([] if attempt.paper is None else attempt.paper["sections"])


def _until(attempt: Attempt, until: Micros) -> Micros:
    """When a section's time ends: no section lasts longer than the attempt."""
    return min(until, to_micros(attempt.expires_at))


def _remaining(attempt: Attempt, until: Micros, at: Micros) -> int:
    """Whole seconds until then, rounded up; of an attempt that has ended, what was left at its end."""
    stopped = attempt.ended_at or attempt.paused_at
    now = at if stopped is None else min(at, to_micros(stopped))
    return max(0, -((max(now, to_micros(attempt.started_at)) - until) // _SECOND))
