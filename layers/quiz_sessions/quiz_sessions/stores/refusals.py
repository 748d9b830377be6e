"""Refused requests in PostgreSQL, and when the flush looked for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final
from uuid import UUID

from ..domain.json_values import dump_record
from ..domain.refusals import LOOKS_APART_SECONDS, MOST_OF_SESSION, RecordedRefusal, Refusal, Watched
from ..domain.timestamps import Micros, from_micros, iso
from .postgres import Postgres
from .statements import load

_KEEP: Final = load("keep_refusals")
_NOTE_WATCH: Final = load("note_watch")
_WATCHES: Final = load("watches")
_REFUSALS: Final = load("refusals")
_MOST_WATCHES: Final = 1000


class RefusalStore:
    """Refusals that the flush records. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def keep(self, refusals: Sequence[Refusal]) -> None:
        """Record refusals of sessions that exist, by their owners and by staff."""
        batch = [
            asdict(each)
            | {"first_at": iso(from_micros(each.first_at)), "last_at": iso(from_micros(each.last_at))}
            for each in refusals
        ]
        await self._postgres.fetch(_KEEP, {"batch": dump_record(batch), "most": MOST_OF_SESSION})

    async def note_watch(self, at: Micros, *, whole: bool, cache_away: bool = False) -> None:
        """Record that the flush looks at this moment.

        `whole` says that whatever was refused since its look before was noted; `cache_away` that nothing can
        be.
        """
        await self._postgres.fetch(
            _NOTE_WATCH,
            {"at": from_micros(at), "apart": LOOKS_APART_SECONDS, "whole": whole, "cache_away": cache_away},
        )

    async def watched(self, began_at: datetime, until: datetime) -> list[Watched]:
        """When the flush looked, in order of time; the first thousand times."""
        rows = await self._postgres.fetch(
            _WATCHES, {"began_at": began_at, "until": until, "limit": _MOST_WATCHES}
        )
        return [Watched(**row) for row in rows]

    async def of_session(
        self, session_id: UUID, since: datetime | None, until: datetime | None
    ) -> list[RecordedRefusal]:
        """Those of a session whose first one came after `since` and not after `until`, None for any time."""
        rows = await self._postgres.fetch(
            _REFUSALS, {"id": session_id, "since": since, "until": until, "limit": MOST_OF_SESSION * 2}
        )
        return [RecordedRefusal(**row) for row in rows]
