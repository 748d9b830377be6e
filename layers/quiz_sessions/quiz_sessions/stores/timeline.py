"""What the timeline of a session reads in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from ..domain.timeline import MEMBERS, ActionMoment, TimelineEvent
from .postgres import Postgres
from .statements import load

_EVENTS: Final = load("timeline_events")
_ACTIONS: Final = load("timeline_actions")
_MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of changes that one statement looks into, so that it ends in time."""
MOST_ACTIONS: Final = 500


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Events of an attempt, in order of revision.

    Attributes:
        since: when the event before them was recorded; None if there is none.
        is_last: whether no event follows.
    """

    events: Sequence[TimelineEvent]
    since: datetime | None
    is_last: bool


class TimelineStore:
    """Reads what happened to attempts. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def events(self, session_id: UUID, *, after: int, limit: int) -> EventsPage:
        """The events of an attempt after revision `after`: at most `limit`, fewer if they are large."""
        rows = await self._postgres.fetch(
            _EVENTS,
            {
                "id": session_id,
                "after": after,
                "limit": limit,
                "max_bytes": _MAX_BYTES,
                "members": list(MEMBERS),
            },
        )
        if not rows:
            return EventsPage([], None, True)
        since, is_last = rows[0]["since"], rows[0]["is_last"]
        for row in rows:
            del row["since"], row["is_last"]
        return EventsPage([TimelineEvent(**row) for row in rows], since, is_last)

    async def actions(
        self, session_id: UUID, since: datetime | None, until: datetime | None
    ) -> list[ActionMoment]:
        """Staff actions about a session that made no event of it, after `since` and not after `until`.

        At most MOST_ACTIONS.
        """
        rows = await self._postgres.fetch(
            _ACTIONS, {"session_id": session_id, "since": since, "until": until, "limit": MOST_ACTIONS}
        )
        return [ActionMoment(**row) for row in rows]
