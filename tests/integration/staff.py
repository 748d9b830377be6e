"""What staff do with deadlines, and what a deadline then is."""

from __future__ import annotations

from uuid import UUID

import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Attempt
from quiz_sessions.domain.outcomes import CohortExtension
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, to_micros
from tests.harness.builders import END, LATER, SECOND

TWENTY = range(20)
WHY = "because"


async def extend(
    services: Services, session_id: UUID, seconds: int, at: Micros = LATER, key: str | None = None
) -> Session:
    moved = await services.administration.extend(
        session_id, seconds, WHY, idempotency_key=key, by="teacher", at=at
    )
    return moved.session


async def extend_all(
    services: Services, seconds: int, at: Micros = LATER, key: str | None = None
) -> CohortExtension:
    return await services.administration.extend_quiz(
        "quiz1", seconds, WHY, idempotency_key=key, by="teacher", at=at
    )


async def give(services: Services, seconds: int, at: Micros = LATER, user: str = "user1") -> None:
    await services.administration.put_accommodation(user, "quiz1", seconds, WHY, by="teacher", at=at)


async def reopen(
    services: Services,
    session_id: UUID,
    seconds: int = 600,
    at: Micros = END + SECOND,
    key: str | None = None,
) -> Session:
    opened = await services.administration.reopen(
        session_id, seconds, WHY, idempotency_key=key, by="teacher", at=at
    )
    return opened.session


async def deadline_of(services: Services, session_id: UUID, at: Micros = LATER) -> Micros:
    """As everyone is told it, which has to be as the row has it."""
    told = await services.sessions.get_deadline(session_id, at=at)
    (attempt,) = await services.stores.attempts.get([session_id])
    assert told.expires_at == attempt.expires_at
    assert told.accepts_until == attempt.accepts_until
    return to_micros(attempt.expires_at)


def cached(valkey: redis.Redis, session_id: UUID) -> Attempt:
    text = valkey.get(f"session:{session_id}")
    assert isinstance(text, bytes)
    return Attempt.from_json(text)


def make_stale(valkey: redis.Redis, session_id: UUID) -> bytes:
    text = valkey.get(f"session:{session_id}")
    assert isinstance(text, bytes)
    return text
