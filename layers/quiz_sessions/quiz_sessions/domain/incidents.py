"""Incidents: what happens around a session that its proctors may want to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from .attempts import Attempt
from .errors import ContentTooLargeError, InvalidInputError
from .json_values import Json
from .validation import check_json_value, written_size

MAX_INCIDENTS: Final = 500
"""Of one session; further ones are not recorded."""
MAX_DETAIL_BYTES: Final = 1024

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
ServerIncident: TypeAlias = Literal["second_device", "silent", "clock", "late_burst"]
"""What the service itself sees."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it is to be recorded."""

    type: ClientIncident | ServerIncident
    detail: Json
    source: Literal["client", "server"]


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
        raise ContentTooLargeError(f"detail has at most {MAX_DETAIL_BYTES} bytes; this one has {size}.")
