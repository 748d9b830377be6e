"""The outbox in PostgreSQL: audit events that the event bus has not accepted yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ..domain.audit_events import OutboxMessage
from .postgres import Postgres
from .statements import load

_TAKE_LEASE: Final = load("take_relay_lease")
_MESSAGES: Final = load("outbox_messages")
_BACKLOG: Final = load("outbox_backlog")


@dataclass(frozen=True, slots=True)
class OutboxBacklog:
    """What waits for the bus.

    Attributes:
        messages: how many, at most 10,000.
        oldest_age_seconds: since the oldest of them was written.
    """

    messages: int
    oldest_age_seconds: float


class OutboxStore:
    """Drains the outbox. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def take_lease(self, holder: UUID, seconds: int) -> bool:
        """Take or keep the sole right to publish, for so many seconds; two would mix up the order."""
        return bool(await self._postgres.fetch(_TAKE_LEASE, {"holder": holder, "seconds": seconds}))

    async def give_up_lease(self, holder: UUID) -> None:
        """Leave the right to publish to whoever comes next."""
        await self._postgres.fetch(
            "UPDATE relay_lease SET until = clock_timestamp() WHERE holder = %(holder)s RETURNING holder",
            {"holder": holder},
        )

    async def messages(self, limit: int) -> list[OutboxMessage]:
        """The oldest events that the bus has not accepted; those of one attempt in their order."""
        rows = await self._postgres.fetch(_MESSAGES, {"limit": limit})
        return [OutboxMessage(**row) for row in rows]

    async def mark_published(self, event_ids: Sequence[int]) -> None:
        """Note that the bus has accepted these events."""
        await self._postgres.fetch(
            "UPDATE attempt_events SET published_at = clock_timestamp() WHERE id = ANY(%(ids)s) RETURNING id",
            {"ids": list(event_ids)},
        )

    async def backlog(self) -> OutboxBacklog:
        """What waits."""
        (row,) = await self._postgres.fetch(_BACKLOG, {})
        return OutboxBacklog(row["count"], max(0.0, row["age"]))
