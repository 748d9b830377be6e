"""Devices in PostgreSQL: which one may write to an attempt, at quizzes that allow one at a time."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ..domain.access import Entry
from ..domain.incidents import MAX_INCIDENTS
from ..domain.outcomes import ActionResult, EntryOutcome, EntryResult
from ..domain.pace import NO_PACE, Pace
from ..domain.quizzes import StaffAction
from ..domain.timestamps import Micros, from_micros
from .attempts import attempt_of
from .postgres import Postgres
from .staff_actions import act
from .statements import load

_ENTER: Final = load("enter_attempt")
_UNLOCK: Final = load("unlock_device")


class DeviceStore:
    """Who comes to an open attempt. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def enter(
        self,
        session_id: UUID,
        entry: Entry,
        at: Micros,
        *,
        since: Micros,
        owner: str | None,
        takeover: bool = False,
        pace: Pace = NO_PACE,
    ) -> EntryResult | None:
        """Let a device go on with an attempt, or, with `takeover`, have it; None if there is no such attempt.

        That is also None where it is not `owner`'s. Its password is not asked for again. What another device
        sent until `since` counts.
        """
        rows = await self._postgres.fetch(
            _ENTER,
            {
                "id": session_id,
                "owner": owner,
                "at": at,
                "at_time": from_micros(at),
                "since": since,
                "writer": entry.writer,
                "takeover": takeover,
                "most": MAX_INCIDENTS,
                "page_url": entry.page_url,
                "address": entry.source.address,
                "config_key_hash": entry.source.config_key_hash,
                "pace_interval": pace.interval,
                "pace_burst": pace.burst,
            },
        )
        if not rows:
            return None
        (row,) = rows
        outcome = EntryOutcome(row.pop("outcome"))
        is_takeover, is_forgotten = row.pop("is_takeover"), row.pop("is_forgotten")
        return EntryResult(outcome, attempt_of(row), is_takeover, is_forgotten)

    async def unlock(self, session_id: UUID, action: StaffAction) -> ActionResult | None:
        """Let the next device have an open attempt; None if there is no such attempt."""
        return await act(self._postgres, _UNLOCK, {"id": session_id}, action)
