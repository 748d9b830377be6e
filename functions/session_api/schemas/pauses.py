"""Pauses of sessions and quizzes."""

from __future__ import annotations

from dataclasses import field

from .common import REASON, SESSION_IDS, Reason, RequestBody, SessionIds, example, reply
from .room import Unchanged


class CohortRequest(RequestBody):
    """The reason, and which sessions of the quiz if not all."""

    model_config = example(reason="the fire alarm")

    reason: Reason = REASON
    session_ids: SessionIds | None = SESSION_IDS


@reply
class PausedReply:
    """The result of pausing sessions of a quiz."""

    paused: int
    unchanged: list[Unchanged]


@reply
class ResumedReply:
    """The result of resuming sessions of a quiz."""

    resumed: int
    unchanged: list[Unchanged]


@reply
class CompletedReply:
    """The result of handing in sessions of a quiz."""

    completed: int
    remaining: int = field(metadata={"description": "Open ones for which there was no time: send it again."})
    unchanged: list[Unchanged]
