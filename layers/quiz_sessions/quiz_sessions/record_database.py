"""PostgreSQL for looking things up: attempts by user and quiz, the trail of one, and the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from .database import ATTEMPT, attempt_of
from .models import Attempt, Micros, Status, from_micros, iso
from .postgres import Postgres

# As the index attempt_events_outbox has them.
_PUBLISHED: Final = """(
        'started', 'completed', 'abandoned', 'expired', 'extended', 'rescheduled', 'reopened', 'graded'
    )"""


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """One change of an attempt, as it was recorded with it.

    Attributes:
        revision: its number within the attempt.
        at: when it happened; of an answer, when the gateway received it.
        hash: over this event and the hash of the one before.
        holds: whether the stored hash is right.
    """

    revision: int
    version: int
    type: str
    changes: dict[str, Any]
    at: datetime
    hash: bytes
    holds: bool

    def to_dict(self) -> dict[str, Any]:
        """The same with JSON values only."""
        return {
            "revision": self.revision,
            "version": self.version,
            "type": self.type,
            "at": iso(self.at),
            "changes": self.changes,
            "hash": self.hash.hex(),
        }


@dataclass(frozen=True, slots=True)
class Unpublished:
    """An event that the bus has not taken yet."""

    event_id: int
    attempt_id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    revision: int
    version: int
    type: str
    changes: dict[str, Any]
    at: datetime
    hash: bytes


class RecordDatabase:
    """Reads the record and drains the outbox. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def attempts(
        self,
        *,
        user_id: str | None,
        quiz_id: str | None,
        status: Status | None,
        now: Micros,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Attempt]:
        """Attempts of a user, at a quiz, or both, newest first, those behind `before`; without answers.

        One whose time is over at `now` counts as expired, also before its row says so.
        """
        # Written out for the filters that are given: one plan for all of them would read the whole table.
        conditions = ["true"]
        if user_id is not None:
            conditions.append("user_id = %(user_id)s")
        if quiz_id is not None:
            conditions.append("quiz_id = %(quiz_id)s")
        if before is not None:
            conditions.append("(started_at, id) < (%(started_at)s, %(id)s)")
        if status is not None:
            is_over = "status IN ('started', 'in_progress') AND accepts_until < %(now)s"
            if status is Status.EXPIRED:
                conditions.append(f"(status = 'expired' OR {is_over})")
            else:
                conditions.append(f"status = %(status)s AND NOT ({is_over})")
        columns = ATTEMPT.replace(" answers,", " '{}'::jsonb AS answers,").replace(
            " answer_meta,", " '{}'::jsonb AS answer_meta,"
        )
        rows = await self._postgres.fetch(
            f"""
            SELECT {columns} FROM quiz_attempts WHERE {" AND ".join(conditions)}
            ORDER BY started_at DESC, id DESC LIMIT %(limit)s""",
            {
                "user_id": user_id,
                "quiz_id": quiz_id,
                "status": status and status.value,
                "now": from_micros(now),
                "started_at": before and before[0],
                "id": before and before[1],
                "limit": limit,
            },
        )
        return [attempt_of(row) for row in rows]

    async def trail(
        self, session_id: UUID, *, after: int = -1, limit: int | None = None, max_bytes: int | None = None
    ) -> list[AttemptEvent]:
        """The events of an attempt in their order, those behind revision `after`.

        At most `limit` of them, and no more after their changes come to `max_bytes`.
        """
        rows = await self._postgres.fetch(
            """
            WITH page AS (
                SELECT event.revision, event.version, event.type, event.changes, event.at,
                    coalesce(event.hash, '') AS hash,
                    event.hash IS NOT DISTINCT FROM attempt_event_hash(
                        previous.hash, event.attempt_id, event.revision, event.version, event.type,
                        event.changes, event.at
                    ) AS holds,
                    sum(octet_length(event.changes::text)) OVER (
                        ORDER BY event.revision ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                    ) AS bytes_before
                FROM attempt_events AS event LEFT JOIN attempt_events AS previous
                    ON previous.attempt_id = event.attempt_id AND previous.revision = event.revision - 1
                WHERE event.attempt_id = %(id)s AND event.revision > %(after)s
                ORDER BY event.revision LIMIT %(limit)s
            )
            SELECT revision, version, type, changes, at, hash, holds FROM page
            WHERE coalesce(bytes_before < %(max_bytes)s, true) ORDER BY revision""",
            {"id": session_id, "after": after, "limit": limit, "max_bytes": max_bytes},
        )
        return [AttemptEvent(**row) for row in rows]

    # The outbox

    async def take_lease(self, holder: UUID, seconds: int) -> bool:
        """Take or keep the sole right to publish, for so many seconds; two would mix up the order."""
        rows = await self._postgres.fetch(
            """
            INSERT INTO relay_lease AS lease (holder, until)
            VALUES (%(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
            ON CONFLICT (only_row) DO UPDATE
                SET holder = excluded.holder, until = excluded.until
                WHERE lease.holder = %(holder)s OR lease.until < clock_timestamp()
            RETURNING holder""",
            {"holder": holder, "seconds": seconds},
        )
        return bool(rows)

    async def give_up_lease(self, holder: UUID) -> None:
        """Leave the right to publish to whoever comes next."""
        await self._postgres.fetch(
            """
            UPDATE relay_lease SET until = clock_timestamp() WHERE holder = %(holder)s RETURNING holder""",
            {"holder": holder},
        )

    async def unpublished(self, limit: int) -> list[Unpublished]:
        """The oldest events that the bus has not taken; those of one attempt in their order."""
        rows = await self._postgres.fetch(
            f"""
            SELECT event.id AS event_id, attempt_id, user_id, quiz_id, attempt_no, event.revision,
                event.version, type, changes, at, hash
            FROM attempt_events AS event JOIN quiz_attempts AS attempt ON attempt.id = attempt_id
            WHERE published_at IS NULL AND type IN {_PUBLISHED}
            ORDER BY event.id LIMIT %(limit)s""",
            {"limit": limit},
        )
        return [Unpublished(**row) for row in rows]

    async def mark_published(self, event_ids: Sequence[int]) -> None:
        """Note that the bus has taken these events."""
        await self._postgres.fetch(
            """
            UPDATE attempt_events SET published_at = clock_timestamp()
            WHERE id = ANY(%(ids)s) RETURNING id""",
            {"ids": list(event_ids)},
        )

    async def outbox(self) -> tuple[int, float]:
        """How many events wait for the bus, at most 10,000, and the age of the oldest in seconds."""
        rows = await self._postgres.fetch(
            f"""
            SELECT count(*) AS count,
                coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 AS age
            FROM (
                SELECT at FROM attempt_events
                WHERE published_at IS NULL AND type IN {_PUBLISHED} ORDER BY id LIMIT 10000
            ) AS waiting""",
            {},
        )
        return rows[0]["count"], max(0.0, rows[0]["age"])
