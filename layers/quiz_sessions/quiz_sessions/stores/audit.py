"""Reads of attempts by user and quiz, and of audit logs, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from ..domain.attempts import Attempt, Status
from ..domain.audit_events import AuditEvent
from ..domain.timestamps import Micros, from_micros
from .attempts import attempt_of
from .postgres import Postgres
from .statements import load

_EVENTS: Final = load("audit_events")
_IS_OVER: Final = "{open} AND accepts_until < %(now)s"


class AuditStore:
    """Reads attempts and audit logs. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def attempts(
        self,
        *,
        user_id: str | None,
        quiz_id: str | None,
        statuses: Collection[Status],
        now: Micros,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Attempt]:
        """Attempts of a user, at a quiz, or both, without answers: newest first, after `before`.

        With `statuses` those that have one of them. An attempt that is overdue at `now` counts as expired,
        even before its row is.
        """
        conditions = ["true"]
        if user_id is not None:
            conditions.append("user_id = %(user_id)s")
        if quiz_id is not None:
            conditions.append("quiz_id = %(quiz_id)s")
        if before is not None:
            conditions.append("(started_at, id) < (%(started_at)s, %(id)s)")
        if statuses:
            as_stored = f"(status = ANY(%(statuses)s) AND NOT ({_IS_OVER}))"
            conditions.append(f"({as_stored} OR {_IS_OVER})" if Status.EXPIRED in statuses else as_stored)
        rows = await self._postgres.fetch(
            load("find_attempts", conditions=" AND ".join(conditions)),
            {
                "user_id": user_id,
                "quiz_id": quiz_id,
                "statuses": [status.value for status in statuses],
                "now": from_micros(now),
                "started_at": before and before[0],
                "id": before and before[1],
                "limit": limit,
            },
        )
        return [attempt_of(row) for row in rows]

    async def without_answers(self, session_ids: Sequence[UUID]) -> list[Attempt]:
        """The attempts that exist, without answers, in the order of `attempts`."""
        rows = await self._postgres.fetch(
            load("find_attempts", conditions="id = ANY(%(ids)s)"),
            {"ids": list(session_ids), "limit": len(session_ids)},
        )
        return [attempt_of(row) for row in rows]

    async def events(
        self, session_id: UUID, *, after: int = -1, limit: int | None = None, max_bytes: int | None = None
    ) -> list[AuditEvent]:
        """The events of an attempt in order of revision, after revision `after`.

        At most `limit` of them, and none after those whose changes add up to `max_bytes`.
        """
        rows = await self._postgres.fetch(
            _EVENTS, {"id": session_id, "after": after, "limit": limit, "max_bytes": max_bytes}
        )
        return [AuditEvent(**row) for row in rows]
