"""Refusals: requests about a session that were not carried out, as its timeline tells them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from .timestamps import Micros

MOST_QUESTIONS: Final = 20
"""Questions that a refusal names."""
MOST_OF_SESSION: Final = 500
"""Refusals that are kept of one session; what is like one of them is counted with it from then on."""
LOOKS_APART_SECONDS: Final = 90
"""The flush looks every 30 seconds; after so long without a look nobody knows what was refused meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Requests about a session that were refused alike; nothing of what they brought.

    Attributes:
        operation: what was asked for, as the API's document names it.
        code: of the problem that was replied.
        by: the subject of the caller; None if callers are not authenticated.
        staff: whether the caller has a scope of staff.
        device: the writer (see `tags`) of the last one.
        questions: of the last one, at most 20.
        request_id: of the last one, as in the log.
        first_at, last_at: when the gateway received the first and the last of them.
    """

    session_id: UUID
    operation: str
    status: int
    code: str
    by: str | None
    staff: bool
    device: str
    questions: Sequence[str]
    request_id: str
    first_at: Micros
    last_at: Micros
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRefusal:
    """The same as it was recorded.

    Attributes:
        by: the subject of the staff member; None if it was the owner, or callers are not authenticated.
    """

    operation: str
    status: int
    code: str
    by: str | None
    device: str
    questions: list[str]
    request_id: str
    first_at: datetime
    last_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Watched:
    """A time in which the flush looked for refusals again and again.

    Attributes:
        cache_away: whether it found Valkey away, so that nothing was noted.
    """

    began_at: datetime
    until: datetime
    cache_away: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A time of which nobody knows what was refused.

    Attributes:
        cause: `cache_away`: Valkey was away; `not_recorded`: the flush did not run, could not write to
            PostgreSQL, or found that something was lost.
    """

    began_at: datetime
    until: datetime
    cause: str


def gaps(watched: Iterable[Watched], began_at: datetime, until: datetime) -> list[Gap]:
    """What of the time from `began_at` to `until` nobody watched; `watched` is in order of time."""
    found: list[Gap] = []
    known = began_at
    for each in watched:
        begins, ends = max(each.began_at, began_at), min(each.until, until)
        if begins > ends:
            continue
        if begins > known:
            found.append(Gap(known, begins, "not_recorded"))
        if each.cache_away and ends > max(begins, known):
            found.append(Gap(max(begins, known), ends, "cache_away"))
        known = max(known, ends)
    if until > known:
        found.append(Gap(known, until, "not_recorded"))
    return found
