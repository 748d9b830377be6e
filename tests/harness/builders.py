"""What tests make their inputs from."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from quiz_sessions.domain.attempts import Attempt, Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.timestamps import Micros, from_micros

SECOND: Micros = 1_000_000
START: Micros = 1_800_000_000 * SECOND
"""When attempts of tests begin; they have half an hour."""
LATER: Micros = START + 10 * SECOND
END: Micros = START + 1800 * SECOND

TEXT = st.text(st.characters(codec="utf-8"))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


def attempt(**fields: Any) -> Attempt:
    """An attempt just started, but for `fields`."""
    end = from_micros(END)
    started: dict[str, Any] = {
        "id": UUID("11111111-2222-4333-8444-555555555555"),
        "user_id": "user1",
        "quiz_id": "quiz1",
        "attempt_no": 1,
        "status": Status.STARTED,
        "time_remaining": 1800,
        "time_limit_seconds": 1800,
        "started_at": from_micros(START),
        "expires_at": end,
        "accepts_until": end,
        "last_updated": from_micros(START),
    }
    return Attempt(**{**started, **fields})


def drafts(current_question: Draft | None = None, **answers: tuple[Any, Micros]) -> Drafts:
    """Drafts by question, each an answer and its `at`."""
    return Drafts(
        {question: Draft(answer, at) for question, (answer, at) in answers.items()}, current_question
    )
