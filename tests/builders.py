"""What tests make their inputs from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from quiz_sessions.models import Attempt, Draft, Drafts, Micros, Status, from_micros

SECOND: Micros = 1_000_000
START: Micros = 1_800_000_000 * SECOND
"""When attempts of these builders begin; they have half an hour."""


def attempt(**fields: Any) -> Attempt:
    """An attempt just started, but for `fields`."""
    return replace(
        Attempt(
            id=UUID("11111111-2222-4333-8444-555555555555"),
            user_id="user1",
            quiz_id="quiz1",
            attempt_no=1,
            status=Status.STARTED,
            current_question=0,
            current_question_at=0,
            answers={},
            answer_meta={},
            version=0,
            revision=0,
            time_remaining=1800,
            time_limit_seconds=1800,
            accommodation_seconds=0,
            extension_seconds=0,
            closes_at=None,
            grace_seconds=0,
            started_at=from_micros(START),
            expires_at=from_micros(START + 1800 * SECOND),
            accepts_until=from_micros(START + 1800 * SECOND),
            last_updated=from_micros(START),
            completed_at=None,
            ended_at=None,
            late_ms=0,
            score=None,
            max_score=None,
            needs_grading=False,
        ),
        **fields,
    )


def drafts(current_question: Draft | None = None, **answers: tuple[Any, Micros]) -> Drafts:
    """Drafts by question, each an answer and its `at`."""
    return Drafts(
        {question: Draft(answer, at) for question, (answer, at) in answers.items()}, current_question
    )
