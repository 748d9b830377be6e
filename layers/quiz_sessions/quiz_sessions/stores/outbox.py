"""The outbox in PostgreSQL: audit events that the event bus has not accepted yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ..domain.audit_events import OutboxMessage
from .postgres import Postgres
from .statements import load

_TAKE_LEASE: Final = load("take_relay_lease")
_MESSAGES: Final = load("outbox_messages")
_EVENTS_WITHOUT_MONTH: Final = load("events_without_month")
MARK_PUBLISHED: Final = load("mark_published")


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

    def __init__(self, postgres: Postgres, waits: str = "true") -> None:
        """`waits` is the condition, in SQL, of the messages that are still to be sent."""
        self._postgres = postgres
        self._backlog = load("outbox_backlog", waits=waits)

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
        """Outbox messages, by the start of their attempts; those of one attempt are in order."""
        rows = await self._postgres.fetch(_MESSAGES, {"limit": limit})
        return [OutboxMessage(**row) for row in rows]

    async def mark_published(self, messages: Sequence[OutboxMessage]) -> None:
        """Record that the bus has accepted these messages."""
        await self._postgres.fetch(MARK_PUBLISHED, marked(messages))

    async def events_without_month(self) -> int:
        """How many audit events have no partition of their month, at most 10,000."""
        (row,) = await self._postgres.fetch(_EVENTS_WITHOUT_MONTH, {})
        return int(row["count"])

    async def backlog(self) -> OutboxBacklog:
        (row,) = await self._postgres.fetch(self._backlog, {})
        return OutboxBacklog(row["count"], max(0.0, row["age"]))


def marked(messages: Sequence[OutboxMessage]) -> dict[str, Any]:
    """The parameters of MARK_PUBLISHED."""
    ids = [message.attempt_id for message in messages]
    return {
        "ids": ids,
        "revisions": [message.revision for message in messages],
        "first": min(ids),
        "last": max(ids),
    }
