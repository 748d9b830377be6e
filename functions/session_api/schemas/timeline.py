"""The timeline of a session."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from quiz_sessions.domain.attempts import Status

from .common import reply

Kind = Literal[
    "started",
    "answered",
    "autosaved",
    "merged",
    "late_merge",
    "outdated",
    "displaced",
    "late_answer",
    "late_accepted",
    "refused",
    "unknown",
    "incident",
    "notified",
    "notice_read",
    "extended",
    "rescheduled",
    "paused",
    "resumed",
    "reopened",
    "completed",
    "expired",
    "abandoned",
    "graded",
    "marked",
    "results_read",
    "labelled",
    "device_changed",
    "page_changed",
    "section_entered",
    "staff_action",
    "erased",
]


@reply
class MomentReply:
    """Something that happened to a session."""

    at: datetime = field(metadata={"description": "When; of requests, when the gateway received them."})
    kind: Kind
    until: datetime | None = field(
        metadata={
            "description": "When it ended, or when the last of several came; null where it was a moment."
        }
    )
    revision: int | None = field(metadata={"description": "Of the event in the audit log that has it."})
    questions: list[str] = field(metadata={"description": "Which it is about; never what was answered."})
    device: str | None = field(metadata={"description": "Which copy of the answers, as in `answer_tags`."})
    by: str | None = field(metadata={"description": "The staff member who did it."})
    reason: str | None
    detail: dict[str, Any] = field(metadata={"description": "What else is known, by kind."})


@reply
class TimelineReply:
    """What happened to a session, in order of time."""

    session_id: UUID
    user_id: str
    quiz_id: str
    status: Status
    moments: list[MomentReply]
    left_out: list[Literal["buffered", "staff_actions"]] = field(
        metadata={"description": "What this page could not be told: see docs/story.md."}
    )
    next_after: int | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )
