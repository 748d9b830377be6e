"""Reads of attempts by user and quiz, and of audit logs, in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
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
LOOKED_AT: Final = 5000
"""Attempts among which one statement looks for a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which attempts a list is of.

    Attributes:
        user_id, quiz_id, group: whose, at which and in which they are; None for any.
        statuses: those that have one of them; empty for any. An attempt that is overdue at `at` counts as
            expired, even before its row is.
        is_pending: only those that have ended and, as far as `owner` is told, wait for a person to mark them.
    """

    user_id: str | None = None
    quiz_id: str | None = None
    group: str | None = None
    statuses: Collection[Status] = ()
    is_pending: bool = False
    owner: Owner = None
    at: Micros


class Matched(NamedTuple):
    """What was found among the attempts that were looked at.

    Attributes:
        last: the last one that was looked at; None if none is left.
    """

    ids: Sequence[UUID]
    last: tuple[datetime, UUID] | None


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
        self, filters: Filters, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Listed]:
        """Attempts that `filters` let through, without answers: newest first, after `before`.

        Each with whether its owner may be shown its score.
        """
        conditions = _conditions(filters, before, "(started_at, id) < (%(started_at)s, %(id)s)")
        rows = await self._postgres.fetch(
            load("find_attempts", conditions=conditions), _parameters(filters, before) | {"limit": limit}
        )
        return [_listed(row) for row in rows]

    async def matching(
        self, words: Sequence[str], filters: Filters, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> Matched:
        """Attempts that `filters` let through and whose names have all of `words`, newest first.

        A name is a user id, a label, a group, or a text or number in the metadata. They come after `before`:
        at most `limit`, and among as many as one statement may look at.
        """
        # Without a user or a quiz no index has the order of starts; that of ids is nearly the same.
        is_narrow = filters.user_id is not None or filters.quiz_id is not None
        after = "(started_at, id) < (%(started_at)s, %(id)s)" if is_narrow else "id < %(id)s"
        statement = load(
            "match_attempts",
            conditions=_conditions(filters, before, after),
            order="started_at DESC, id DESC" if is_narrow else "id DESC",
        )
        more = {"words": list(words), "look": LOOKED_AT, "limit": limit}
        (row,) = await self._postgres.fetch(statement, _parameters(filters, before) | more)
        last = None if row["id"] is None else (row["started_at"], row["id"])
        return Matched(row["ids"], last)

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


def _conditions(filters: Filters, before: tuple[datetime, UUID] | None, after: str) -> str:
    conditions = ["true"]
    if filters.user_id is not None:
        conditions.append("user_id = %(user_id)s")
    if filters.quiz_id is not None:
        conditions.append("quiz_id = %(quiz_id)s")
    if filters.group is not None:
        conditions.append("group_name = %(group)s")
    if before is not None:
        conditions.append(after)
    if filters.is_pending:
        # To an owner a grading that is not shown is pending; a filter tells no more.
        hidden = "" if filters.owner is None else " OR ({disclosed_again}) IS NOT TRUE"
        conditions.append(f"(grading = 'pending'{hidden}) AND NOT {{open}}")
    if filters.statuses:
        as_stored = f"(status = ANY(%(statuses)s) AND NOT ({_IS_OVER}))"
        is_over = f"({as_stored} OR {_IS_OVER})"
        conditions.append(is_over if Status.EXPIRED in filters.statuses else as_stored)
    return " AND ".join(conditions)


def _parameters(filters: Filters, before: tuple[datetime, UUID] | None) -> dict[str, Any]:
    return {
        "user_id": filters.user_id,
        "quiz_id": filters.quiz_id,
        "group": filters.group,
        "statuses": [status.value for status in filters.statuses],
        "at": from_micros(filters.at),
        **seen_by(filters.owner),
        "started_at": before and before[0],
        "id": before and before[1],
    }


def _listed(row: DictRow) -> Listed:
    scored = bool(row.pop("is_shown"))
    return Listed(attempt_of(row), scored)
