"""Reads of attempts by user and quiz, and of audit logs, in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from psycopg.rows import DictRow

from ..domain.attempts import Attempt, Owner, Status
from ..domain.audit_events import AuditEvent
from ..domain.json_values import Json
from ..domain.timestamps import Micros, from_micros
from .attempts import attempt_of, seen_by
from .postgres import Postgres
from .statements import load

_EVENTS: Final = load("audit_events", changes="event.changes")
_STEPS: Final = load("audit_events", changes="{references}")
_RECORDED_ANSWERS: Final = load("recorded_answers")
_CHAIN_HEAD: Final = load("chain_head")
_NEXT_VERSION: Final = load("next_version")
_STEPS_AT_ONCE: Final = 1000
_BYTES_AT_ONCE: Final = 16 * 1024 * 1024
"""Bytes of events that one statement of a replay reads, so that it ends in time."""
_BEFORE_ALL: Final = -(2**63)
_AFTER_ALL: Final = 2**63 - 1
_IS_OVER: Final = "{open} AND accepts_until < %(at)s"


class Listed(NamedTuple):
    """An attempt in a list.

    Attributes:
        scored: whether its score may be shown.
    """

    attempt: Attempt
    scored: bool


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
        is_pending: bool,
        owner: Owner,
        at: Micros,
        before: tuple[datetime, UUID] | None,
        limit: int,
        group: str | None = None,
    ) -> list[Listed]:
        """Attempts of a user, at a quiz, or both, without answers: newest first, after `before`.

        With `group` those that are in it. Each with whether `owner` may be shown its score.

        With `is_pending` those that have ended and, as far as `owner` is told, wait for a person to mark
        them. With `statuses` those that have one of them. An attempt that is overdue at `at` counts as
        expired, even before its row is.
        """
        conditions = ["true"]
        if user_id is not None:
            conditions.append("user_id = %(user_id)s")
        if quiz_id is not None:
            conditions.append("quiz_id = %(quiz_id)s")
        if group is not None:
            conditions.append("group_name = %(group)s")
        if before is not None:
            conditions.append("(started_at, id) < (%(started_at)s, %(id)s)")
        if is_pending:
            # To an owner a grading that is not shown is pending; a filter tells no more.
            hidden = "" if owner is None else " OR ({disclosed_again}) IS NOT TRUE"
            conditions.append(f"(grading = 'pending'{hidden}) AND NOT {{open}}")
        if statuses:
            as_stored = f"(status = ANY(%(statuses)s) AND NOT ({_IS_OVER}))"
            conditions.append(f"({as_stored} OR {_IS_OVER})" if Status.EXPIRED in statuses else as_stored)
        rows = await self._postgres.fetch(
            load("find_attempts", conditions=" AND ".join(conditions)),
            {
                "user_id": user_id,
                "quiz_id": quiz_id,
                "group": group,
                "statuses": [status.value for status in statuses],
                "at": from_micros(at),
                **seen_by(owner),
                "started_at": before and before[0],
                "id": before and before[1],
                "limit": limit,
            },
        )
        return [_listed(row) for row in rows]

    async def without_answers(self, session_ids: Sequence[UUID], owner: Owner, at: Micros) -> list[Listed]:
        """The attempts that exist, without answers, in the order of `attempts`."""
        rows = await self._postgres.fetch(
            load("find_attempts", conditions="id = ANY(%(ids)s)"),
            {"ids": list(session_ids), "limit": len(session_ids), **seen_by(owner), "at": from_micros(at)},
        )
        return [_listed(row) for row in rows]

    async def events(self, session_id: UUID, *, after: int, limit: int, max_bytes: int) -> list[AuditEvent]:
        """The events of an attempt in order of revision, after revision `after`.

        At most `limit` of them, and `max_bytes` of changes, which only the first may exceed.
        """
        rows = await self._postgres.fetch(
            _EVENTS,
            {"id": session_id, "after": after, "until": _AFTER_ALL, "limit": limit, "max_bytes": max_bytes},
        )
        return [AuditEvent(**row) for row in rows]

    async def steps(self, session_id: UUID, *, until: int = _AFTER_ALL) -> AsyncIterator[AuditEvent]:
        """The events of an attempt in order of revision, up to revision `until`, as a replay needs them.

        In place of each answer they have the revision of the event that holds it, so that a replay ends with
        references for `recorded_answers`. Late and displaced answers, which no replay needs, are left out.
        """
        after = _BEFORE_ALL
        while True:
            rows = await self._postgres.fetch(
                _STEPS,
                {
                    "id": session_id,
                    "after": after,
                    "until": until,
                    "limit": _STEPS_AT_ONCE,
                    "max_bytes": _BYTES_AT_ONCE,
                },
            )
            for row in rows:
                yield AuditEvent(**row)
            if not rows:
                return
            after = rows[-1]["revision"]

    async def last_revision(self, session_id: UUID, version: int) -> int | None:
        """The last revision of an attempt that has this version; None if it has no later version."""
        rows = await self._postgres.fetch(_NEXT_VERSION, {"id": session_id, "version": version})
        return int(rows[0]["revision"]) - 1 if rows else None

    async def recorded_answers(self, session_id: UUID, references: Mapping[str, int]) -> dict[str, Json]:
        """The answers that the events with these revisions hold, by question."""
        rows = await self._postgres.fetch(
            _RECORDED_ANSWERS,
            {"id": session_id, "questions": list(references), "revisions": list(references.values())},
        )
        return {row["question"]: row["answer"] for row in rows}

    async def chain_head(self, session_id: UUID) -> tuple[int, bytes | None] | None:
        """The revision of an attempt, and the hash that its chain ends with; None if there is no such one."""
        rows = await self._postgres.fetch(_CHAIN_HEAD, {"id": session_id})
        return (rows[0]["revision"], rows[0]["chain_head"]) if rows else None


def _listed(row: DictRow) -> Listed:
    scored = bool(row.pop("is_shown"))
    return Listed(attempt_of(row), scored)
