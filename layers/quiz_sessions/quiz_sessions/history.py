"""An attempt as its trail tells it: pure, and so a second opinion on what the row says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from .errors import TrailDamagedError
from .models import Attempt, Status
from .record_database import AttemptEvent

_STATUS_AFTER = {
    "answered": Status.IN_PROGRESS,
    "merged": Status.IN_PROGRESS,
    "completed": Status.COMPLETED,
    "expired": Status.EXPIRED,
    "abandoned": Status.ABANDONED,
}
_MOVES_DEADLINE = ("extended", "rescheduled", "reopened")
_AS_TOLD = (
    "user_id",
    "quiz_id",
    "attempt_no",
    "current_question",
    "time_limit_seconds",
    "accommodation_seconds",
    "extension_seconds",
    "grace_seconds",
    "score",
    "max_score",
)
COMPARED = (
    "user_id",
    "quiz_id",
    "attempt_no",
    "status",
    "current_question",
    "answers",
    "version",
    "revision",
    "time_limit_seconds",
    "accommodation_seconds",
    "extension_seconds",
    "grace_seconds",
    "closes_at",
    "started_at",
    "expires_at",
    "completed_at",
    "ended_at",
    "late_ms",
    "score",
    "max_score",
)
"""What of an attempt its trail tells in full."""


def replay(attempt: Attempt, trail: Iterable[AttemptEvent]) -> Attempt:
    """`attempt` as it was after the last event of `trail`, which begins with the attempt's first.

    What the trail does not tell stays as it is in `attempt`, as answer_meta and time_remaining.

    Raises:
        TrailDamagedError: an event that was changed makes no sense.
    """
    try:
        return _replay(attempt, trail)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise TrailDamagedError from error


def _replay(attempt: Attempt, trail: Iterable[AttemptEvent]) -> Attempt:
    state = replace(
        attempt,
        answers={},
        current_question=0,
        accommodation_seconds=0,
        extension_seconds=0,
        grace_seconds=0,
        late_ms=0,
        completed_at=None,
        ended_at=None,
        score=None,
        max_score=None,
    )
    for event in trail:
        changes = event.changes
        told: dict[str, Any] = {name: changes[name] for name in _AS_TOLD if changes.get(name) is not None}
        # A large score comes back from JSON as an integer of its digits, which the float is not exactly.
        told |= {name: float(told[name]) for name in ("score", "max_score") if name in told}
        for name in ("expires_at", "closes_at"):
            if name in changes:
                told[name] = None if changes[name] is None else datetime.fromisoformat(changes[name])
        if event.type == "started":
            told |= {"status": Status.STARTED, "started_at": event.at}
            if _is_of_the_release_before(event):
                told["time_limit_seconds"] = round((told["expires_at"] - event.at).total_seconds())
        elif event.type == "reopened":
            told |= {"status": Status(changes["status"]), "ended_at": None, "score": None, "max_score": None}
        elif event.type in _STATUS_AFTER:
            told["status"] = _STATUS_AFTER[event.type]
        state = replace(
            state,
            **told,
            answers={**state.answers, **changes.get("answers", {})},
            late_ms=(
                changes.get("late_ms", 0)
                if event.type in _MOVES_DEADLINE
                else max(state.late_ms, changes.get("late_ms", 0))
            ),
            version=event.version,
            revision=event.revision,
            last_updated=event.at,
        )
        state = replace(state, accepts_until=state.expires_at + timedelta(seconds=state.grace_seconds))
        match event.type:
            case "completed":
                state = replace(state, completed_at=min(event.at, state.expires_at), ended_at=event.at)
            case "abandoned":
                state = replace(state, ended_at=event.at)
            case "expired":
                state = replace(state, ended_at=state.accepts_until)
    return state


def differences(attempt: Attempt, trail: Iterable[AttemptEvent]) -> list[str]:
    """The names of what the row of `attempt` says otherwise than its trail."""
    events = list(trail)
    try:
        told = replay(attempt, events)
    except TrailDamagedError:
        return list(COMPARED)
    # The release before this one told which question a write asked for, also where a later request had moved
    # on, and not the one that a draft left at the end.
    untold = {"current_question"} if any(map(_is_of_the_release_before, events)) else set()
    return [
        name
        for name in COMPARED
        if name not in untold and not _same(getattr(attempt, name), getattr(told, name))
    ]


def _same(one: Any, other: Any) -> bool:
    # Of answers also how a number is written: the trail has them as they came. Elsewhere 1 is 1.0.
    if isinstance(one, dict):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return bool(one == other)


def _is_of_the_release_before(event: AttemptEvent) -> bool:
    """Whether the release before the exams wrote this start or end, which told less."""
    tells = {
        "started": "time_limit_seconds",
        "completed": "current_question",
        "abandoned": "current_question",
    }
    return event.type in tells and tells[event.type] not in event.changes
