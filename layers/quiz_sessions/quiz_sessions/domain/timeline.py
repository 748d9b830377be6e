"""The timeline of a session: what happened to it, moment by moment, without what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from .attempts import Attempt
from .drafts import Drafts
from .errors import AuditLogDamagedError
from .json_values import Json
from .refusals import Gap, RecordedRefusal
from .tags import ANYBODY
from .timestamps import from_micros, iso

OF_THE_TRAIL: Final = (
    "started",
    "answered",
    "merged",
    "late_merge",
    "late_accepted",
    "incident",
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
    "notified",
    "notice_read",
    "results_read",
    "labelled",
    "device_changed",
    "page_changed",
    "section_entered",
)
"""Kinds that are types of audit events."""
KINDS: Final = (
    *OF_THE_TRAIL,
    "autosaved",
    "outdated",
    "displaced",
    "late_answer",
    "refused",
    "staff_action",
    "unknown",
    "erased",
)
DETAILS: Final = (
    "attempt_no",
    "closes_at",
    "expires_at",
    "grading",
    "group_name",
    "incident",
    "label",
    "late_answer",
    "late_ms",
    "max_score",
    "notice",
    "pause_seconds",
    "quiz_paused",
    "score",
    "seconds",
    "section",
    "session_paused",
    "text",
)
"""Members of an event's changes that its moment shows as they are."""
MEMBERS: Final = (
    *DETAILS,
    "answer_tags",
    "answers",
    "by",
    "device",
    "displaced",
    "late_answers",
    "marks",
    "outdated",
    "reason",
    "writer",
)
"""Members of an event's changes that a timeline is made of."""
_BY_THEMSELVES: Final = frozenset({"merged", "displaced", "late_answer"})
"""Types of events of which nothing is left to tell once each answer in them has its own moment."""
_WITH_TIMES: Final = ("answer_tags", "late_answers", "displaced")
"""Members whose answers have times of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened.

    Attributes:
        at: when; of answers and refusals, when the gateway received them.
        until: when it ended, or happened last, where it lasted.
        revision: of the audit event that has it.
        device: whose request it was, as in `answer_tags`.
        by: the staff member who did it.
        detail: what else is known, by kind.
    """

    at: datetime
    kind: str
    until: datetime | None = None
    revision: int | None = None
    questions: list[str] = field(default_factory=list)
    device: str | None = None
    by: str | None = None
    reason: str | None = None
    detail: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """An audit event as a timeline needs it.

    Attributes:
        recorded_at: by PostgreSQL's clock, while `at` is that of a request or of the flush.
        told: what is left of its changes: of answers the questions, of late and displaced ones also `at` and
            `writer`.
    """

    revision: int
    version: int
    type: str
    at: datetime
    recorded_at: datetime
    erased_by: int | None
    told: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMoment:
    """A staff action that made no event of the session."""

    id: int
    at: datetime
    by: str | None
    action: str
    quiz_id: str | None
    user_id: str | None
    reason: str | None


def moments_of(event: TimelineEvent) -> list[Moment]:
    """What an audit event tells.

    Raises:
        AuditLogDamagedError: it was changed so that it makes no sense.
    """
    try:
        return list(_moments_of(event))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise AuditLogDamagedError from error


def _moments_of(event: TimelineEvent) -> Iterator[Moment]:
    told = event.told
    own = partial(Moment, at=event.at, revision=event.revision)
    if event.erased_by is not None:
        yield own(kind="erased", detail={"type": event.type, "erased_by": event.erased_by})
        return
    tags: dict[str, str] = told.get("answer_tags") or {}
    committed = {"durability": "committed", "committed_at": iso(event.at)}
    for (at, writer), questions in _by_request((q, *_parts(tag)) for q, tag in tags.items()):
        yield _of_answers("autosaved", at, writer, questions, revision=event.revision, detail=committed)
    for name, kind in (("late_answers", "late_answer"), ("displaced", "displaced")):
        found = ((each["question"], int(each["at"]), each["writer"]) for each in told.get(name) or [])
        for (at, writer), questions in _by_request(found):
            yield _of_answers(kind, at, writer, questions, revision=event.revision)
    device = told.get("writer") or told.get("device")
    if told.get("outdated"):
        yield own(kind="outdated", questions=sorted(told["outdated"]), device=device)
    others = sorted({*(told.get("answers") or []), *(told.get("marks") or [])} - tags.keys())
    if event.type in _BY_THEMSELVES and not others and any(told.get(name) for name in _WITH_TIMES):
        return
    yield own(
        kind=event.type,
        questions=others,
        device=device,
        by=told.get("by"),
        reason=told.get("reason"),
        detail={name: told[name] for name in DETAILS if told.get(name) is not None},
    )


def _parts(tag: str) -> tuple[int, str]:
    at, _, writer = tag.partition(".")
    return int(at), writer


def _by_request(
    answers: Iterable[tuple[str, int, str]],
) -> Iterable[tuple[tuple[int, str], Sequence[str]]]:
    """Answers as (question, at, writer), put together as they came."""
    found: dict[tuple[int, str], list[str]] = {}
    for question, at, writer in answers:
        found.setdefault((at, writer), []).append(question)
    return found.items()


def _of_answers(kind: str, at: int, device: str, questions: Iterable[str], **more: Any) -> Moment:
    return Moment(
        at=from_micros(at),
        kind=kind,
        questions=sorted(set(questions)),
        device=None if device == ANYBODY else device,
        **more,
    )


def buffered(attempt: Attempt, drafts: Drafts) -> list[Moment]:
    """The drafts that wait for the flush; those that the row has already are not among them."""
    waiting = (
        (question, draft.at, draft.writer)
        for question, draft in drafts.answers.items()
        if draft.at > attempt.answered_at(question)
    )
    detail = {"durability": "buffered", "committed_at": None}
    return [
        _of_answers("autosaved", at, device, questions, detail=detail)
        for (at, device), questions in _by_request(waiting)
    ]


def refused(refusal: RecordedRefusal) -> Moment:
    """Requests that were refused."""
    return Moment(
        at=refusal.first_at,
        kind="refused",
        until=refusal.last_at if refusal.count > 1 else None,
        questions=list(refusal.questions),
        device=None if refusal.device == ANYBODY else refusal.device,
        by=refusal.by,
        detail={
            "operation": refusal.operation,
            "status": refusal.status,
            "code": refusal.code,
            "count": refusal.count,
            "request_id": refusal.request_id,
        },
    )


def unknown(gap: Gap) -> Moment:
    """A time of which nobody knows what was refused."""
    return Moment(at=gap.began_at, kind="unknown", until=gap.until, detail={"cause": gap.cause})


def acted(action: ActionMoment) -> Moment:
    """A staff action that made no event of the session: on its quiz, or on its user."""
    about: Mapping[str, Json] = {"quiz_id": action.quiz_id, "user_id": action.user_id}
    return Moment(
        at=action.at,
        kind="staff_action",
        by=action.by,
        reason=action.reason,
        detail={
            "id": action.id,
            "action": action.action,
            **{name: value for name, value in about.items() if value is not None},
        },
    )


def in_order(moments: Iterable[Moment]) -> list[Moment]:
    """By time, and by revision where that is the same."""
    return sorted(moments, key=lambda each: (each.at, each.revision is None, each.revision or 0))
