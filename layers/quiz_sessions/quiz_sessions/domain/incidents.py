"""Incidents: what happens around a session that its proctors may want to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from .attempts import Attempt
from .drafts import Drafts
from .errors import ContentTooLargeError, InvalidInputError
from .json_values import Json, same_value
from .timestamps import Micros, from_micros, iso, to_micros
from .validation import check_json_value, written_size

MAX_INCIDENTS: Final = 1000
"""Of one session; further ones are not recorded."""
FULL_FOR_REPORTS: Final = 500
"""With so many, what its client reports is not recorded either: the rest is for what the service sees."""
MAX_DETAIL_BYTES: Final = 1024
_SECOND: Final[Micros] = 1_000_000

ClientIncident: TypeAlias = Literal[
    "blur",
    "focus",
    "offline",
    "online",
    "fullscreen_exit",
    "copy",
    "paste",
    "print",
    "devtools",
    "second_device",
    "clock",
    "other",
]
"""What the student's client reports."""
ServerIncident: TypeAlias = Literal["second_device", "takeover", "silent", "late_burst"]
"""What the service itself sees."""

BURST_ANSWERS: Final = 10
"""So many answers that one request changes are a burst."""
BURST_AFTER: Final[Micros] = 300_000_000
"""It is a late one so long after the answer before it,"""
BURST_AT_THE_END: Final[Micros] = 10_000_000
"""and so shortly before the deadline."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it is to be recorded."""

    type: ClientIncident | ServerIncident
    detail: Json
    source: Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class Observation:
    """What the service itself saw.

    Attributes:
        name: of this occurrence, which is recorded once in a session however often it is seen.
    """

    type: ServerIncident
    detail: Json
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedIncident:
    """An incident as it was recorded.

    Attributes:
        id: the revision of its audit event.
        at: when the gateway received the report.
    """

    id: int
    type: str
    detail: Json
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """A page of a session's incidents, oldest first.

    Attributes:
        next_after: the incident after which the next page begins; None on the last one.
    """

    incidents: list[RecordedIncident]
    next_after: int | None


class IncidentOutcome(StrEnum):
    """The decision that a statement took about an incident."""

    RECORDED = "changed"
    REPEATED = "repeated"
    """This statement was sent before; nothing was changed."""
    CLOSED = "closed"
    """The attempt is completed or abandoned."""
    EXPIRED = "expired"
    """The attempt has expired, or is overdue and about to."""
    STOPPED = "stopped"
    """The clock stood during the silence."""
    FULL = "full"
    """The attempt has as many as there may be."""
    TOO_FAST = "too_fast"
    """The caller writes faster than is allowed to one."""


@dataclass(frozen=True, slots=True)
class IncidentResult:
    """The result of recording an incident, with the attempt as it is now."""

    outcome: IncidentOutcome
    attempt: Attempt


def check_detail(detail: Json) -> None:
    """Refuse a detail that PostgreSQL can't store unchanged, or that is too large.

    Raises:
        InvalidInputError: PostgreSQL can't hold it as JSON.
        ContentTooLargeError: it has more than 1 KiB, as PostgreSQL writes it.
    """
    try:
        check_json_value(detail)
    except InvalidInputError as error:
        raise InvalidInputError(f"detail: {error}", member="detail") from None
    if (size := written_size(detail)) > MAX_DETAIL_BYTES:
        raise ContentTooLargeError(f"detail may have at most {MAX_DETAIL_BYTES} bytes; this one has {size}.")


def second_device(writer: str) -> Observation:
    """The owner was heard from a writer beside others."""
    return Observation("second_device", {"writer": writer}, f"second_device:{writer}")


def silence(last_heard: Micros) -> Observation:
    """The owner was not heard since."""
    return Observation("silent", {"since": iso(from_micros(last_heard))}, f"silent:{last_heard}")


def late_burst(changed: int, answered_at: Micros | None, attempt: Attempt, at: Micros) -> Observation | None:
    """Whether a request was a late burst: `changed` answers, `answered_at` being when the last one was given.

    That is None where there was none.
    """
    if changed < BURST_ANSWERS:
        return None
    began = to_micros(attempt.started_at) if answered_at is None else answered_at
    # All pauses, because it is not known when they were.
    before = at - began - attempt.pause_seconds * _SECOND
    deadline = to_micros(attempt.expires_at)
    left = deadline - at
    if left > BURST_AT_THE_END and before <= BURST_AFTER:
        return None
    detail: dict[str, Json] = {
        "answers": changed,
        "seconds_before": max(0, before // _SECOND),
        "seconds_left": max(0, left // _SECOND),
    }
    # Several at the end are one, and so is what comes after one and the same silence.
    return Observation("late_burst", detail, f"late_burst:{deadline if left <= BURST_AT_THE_END else began}")


def burst_of(attempt: Attempt, drafts: Drafts, answers: Mapping[str, Json], at: Micros) -> Observation | None:
    """Whether these answers to an attempt with these drafts are a late burst."""
    if len(answers) < BURST_ANSWERS:
        return None
    held = attempt.answers | {question: draft.value for question, draft in drafts.answers.items()}
    changed = sum(q not in held or not same_value(held[q], answer) for q, answer in answers.items())
    times = [meta["at"] for meta in attempt.answer_meta.values()]
    times += [draft.at for draft in drafts.answers.values()]
    return late_burst(changed, max(times, default=None), attempt, at)
