"""Replay: computes an attempt from its audit log alone, to check its row against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final

from .attempts import FIELDS, FOREVER, MOMENTS, Attempt, Status
from .audit_events import AuditEvent
from .errors import AuditLogDamagedError, EventsErasedError
from .json_values import Json

UNRECORDED: Final = frozenset(
    {
        "id",
        "current_question_at",
        "answer_meta",
        "time_remaining",
        "accepts_until",
        "last_updated",
        "needs_grading",
    }
)
"""Fields that the audit log does not record; any other field of `Attempt` is compared with it."""
COMPARED: Final = tuple(name for name in FIELDS if name not in UNRECORDED)

_STATUS_AFTER: Final = {
    "answered": Status.IN_PROGRESS,
    "merged": Status.IN_PROGRESS,
    "completed": Status.COMPLETED,
    "expired": Status.EXPIRED,
    "abandoned": Status.ABANDONED,
}
_MOVES_DEADLINE: Final = ("extended", "rescheduled", "reopened")
_BY_RULE: Final = frozenset(
    {
        "status",
        "answers",
        "marks",
        "version",
        "revision",
        "late_ms",
        "completed_at",
        "ended_at",
    }
)
"""Fields that `_apply` derives from an event; an event carries every other recorded field under its name."""
_NAMED: Final = frozenset(COMPARED) - _BY_RULE
_UNTIL_REOPENED: Final = ("completed_at", "ended_at", "score", "max_score")
_NUMBERS: Final = frozenset(each.name for each in fields(Attempt) if str(each.type).startswith("float"))
_BEFORE: Final[Mapping[str, Any]] = {
    each.name: each.default
    for each in fields(Attempt)
    if each.name in COMPARED and each.default is not MISSING
}
"""The recorded fields before the first event."""


def replay(attempt: Attempt, events: Iterable[AuditEvent]) -> Attempt:
    """`attempt` as it was after the last of `events`, which must begin with the attempt's first.

    Fields that no event determines keep their value in `attempt`. Where events have something in place of
    answers, so has the result.

    Raises:
        EventsErasedError: what an event changed was erased.
        AuditLogDamagedError: an event was changed so that it makes no sense.
    """
    try:
        state = replace(attempt, answers={}, marks={}, **_BEFORE)
        for event in events:
            state = _apply(state, event)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise AuditLogDamagedError from error
    return state


def _apply(state: Attempt, event: AuditEvent) -> Attempt:
    changes = event.changes
    if changes is None:
        raise AuditLogDamagedError if event.erased_by is None else EventsErasedError
    recorded: dict[str, Any] = {
        name: _value(name, value) for name, value in changes.items() if name in _NAMED
    }
    if event.type == "started":
        # With a common start the clock begins later than the attempt.
        recorded = {"started_at": event.at, **recorded, "status": Status.STARTED}
    elif event.type == "reopened":
        recorded |= {name: _BEFORE[name] for name in _UNTIL_REOPENED} | {"status": Status(changes["status"])}
    elif event.type in _STATUS_AFTER:
        recorded["status"] = _STATUS_AFTER[event.type]
    late_ms = changes.get("late_ms", 0)
    marks = {**state.marks, **changes.get("marks", {})}
    state = replace(
        state,
        **recorded,
        answers={**state.answers, **changes.get("answers", {})},
        # Null takes a mark back.
        marks={question: mark for question, mark in marks.items() if mark is not None},
        late_ms=late_ms if event.type in _MOVES_DEADLINE else max(state.late_ms, late_ms),
        version=event.version,
        revision=event.revision,
        last_updated=event.at,
    )
    grace = timedelta(seconds=state.grace_seconds)
    state = replace(state, accepts_until=FOREVER if state.paused_at else state.expires_at + grace)
    match event.type:
        case "completed":
            # Staff hand in up to a moment that has not come yet.
            last_moment = _value("ended_at", changes.get("ended_at")) or event.at
            return replace(state, completed_at=min(event.at, state.expires_at), ended_at=last_moment)
        case "abandoned":
            return replace(state, ended_at=event.at)
        case "expired":
            return replace(state, ended_at=state.accepts_until)
    return state


def _value(name: str, value: Json) -> Any:
    if value is None:
        return None
    if name in MOMENTS:
        return datetime.fromisoformat(value)
    # PostgreSQL returns a large score as an integer of its decimal digits, which is not exactly the float.
    return float(value) if name in _NUMBERS else value


def differences(attempt: Attempt, recorded: Attempt) -> list[str]:
    """The recorded fields in which the row `attempt` differs from the outcome of a replay."""
    return [name for name in COMPARED if not _same(getattr(attempt, name), getattr(recorded, name))]


def _same(one: object, other: object) -> bool:
    # In answers even the notation of a number must agree, as the audit log has them as received. Elsewhere 1
    # is 1.0.
    if isinstance(one, dict):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return one == other
