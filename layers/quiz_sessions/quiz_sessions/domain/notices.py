"""Notices: what students are told while they write, and acknowledge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from .attempts import Attempt
from .outcomes import ActionResult

NoticeKind: TypeAlias = Literal["message", "deadline", "pause", "resume"]

KIND_OF: Final[Mapping[str, NoticeKind]] = {
    "notified": "message",
    "extended": "deadline",
    "rescheduled": "deadline",
    "reopened": "deadline",
    "paused": "pause",
    "resumed": "resume",
}
"""Type of an audit event -> the kind of notice that it can be; fragments/is_notice.sql has the same types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice, as the student may see it: nothing of who wrote it, or why.

    Attributes:
        id: the revision of its audit event.
        text: of a message.
        expires_at: the new deadline, of a deadline that moved and of a clock that runs again.
        pause_seconds: how long the clock stood in all pauses until then, of a clock that runs again.
        read_at: when the student acknowledged it.
    """

    id: int
    kind: NoticeKind
    text: str | None
    expires_at: datetime | None
    pause_seconds: int | None
    at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class NoticePage:
    """A page of a session's notices, oldest first.

    Attributes:
        next_after: the notice after which the next page begins; None on the last one.
    """

    notices: list[Notice]
    next_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizNotice:
    """A message to those who were taking a quiz, as staff see it.

    Attributes:
        id: of the staff action.
        by: who wrote it; None if callers were not authenticated.
        text: None where it was erased for all.
        notified, read: to how many it was written, and how many have read it, but for erased ones.
    """

    id: int
    text: str | None
    at: datetime
    by: str | None
    notified: int
    read: int


@dataclass(frozen=True, slots=True)
class QuizNoticePage:
    """A page of the messages to a quiz, oldest first.

    Attributes:
        next_after: the message after which the next page begins; None on the last one.
    """

    notices: list[QuizNotice]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Notified:
    """The result of writing a message to one student.

    Attributes:
        notice: None where none was written, now or before.
    """

    result: ActionResult
    notice: Notice | None


class ReadingOutcome(StrEnum):
    """The decision that a statement took about a notice that was read."""

    CHANGED = "changed"
    REPEATED = "repeated"
    """It was read before; nothing was changed."""
    NO_NOTICE = "no_notice"


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading a notice, with the attempt as it is now."""

    outcome: ReadingOutcome
    attempt: Attempt
