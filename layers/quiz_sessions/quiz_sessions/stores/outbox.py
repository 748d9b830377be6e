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
    """The outbox messages that wait.

    Attributes:
        messages: how many there are, at most 10,000.
        oldest_age_seconds: the age of the oldest of them, by its `at`.
    """

    messages: int
    oldest_age_seconds: float


class OutboxStore:
    """The outbox and the relay's lease. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def take_lease(self, holder: UUID, seconds: int) -> bool:
        """Take or renew the relay's lease for so many seconds; two relays at once would mix up the order.

        Returns:
            whether `holder` has the lease.
        """
        return bool(await self._postgres.fetch(_TAKE_LEASE, {"holder": holder, "seconds": seconds}))

    async def give_up_lease(self, holder: UUID) -> None:
        """End the lease, if `holder` has it."""
        await self._postgres.fetch(
            "UPDATE relay_lease SET until = clock_timestamp() WHERE holder = %(holder)s RETURNING holder",
            {"holder": holder},
        )

    async def messages(self, limit: int) -> list[OutboxMessage]:
        """The oldest outbox messages; those of one attempt are in order."""
        rows = await self._postgres.fetch(_MESSAGES, {"limit": limit})
        return [OutboxMessage(**row) for row in rows]

    async def mark_published(self, event_ids: Sequence[int]) -> None:
        """Record that the bus has accepted these events."""
        await self._postgres.fetch(
            "UPDATE attempt_events SET published_at = clock_timestamp() WHERE id = ANY(%(ids)s) RETURNING id",
            {"ids": list(event_ids)},
        )

    async def backlog(self) -> OutboxBacklog:
        (row,) = await self._postgres.fetch(_BACKLOG, {})
        return OutboxBacklog(row["count"], max(0.0, row["age"]))
