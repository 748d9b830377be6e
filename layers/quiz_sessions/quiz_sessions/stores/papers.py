"""The papers of attempts in PostgreSQL: how far each is."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ..domain.access import Entry
from ..domain.outcomes import SectionOutcome, SectionResult
from ..domain.timestamps import Micros, from_micros
from .attempts import attempt_of
from .postgres import Postgres
from .statements import load

_ENTER: Final = load("enter_section")


class PaperStore:
    """Who enters which section. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def enter(
        self, session_id: UUID, section: int, entry: Entry, at: Micros, *, owner: str | None
    ) -> SectionResult | None:
        """Enter a section; None if there is no such attempt, or it is not `owner`'s."""
        rows = await self._postgres.fetch(
            _ENTER,
            {
                "id": session_id,
                "owner": owner,
                "section": section,
                "at": at,
                "at_time": from_micros(at),
                "writer": entry.writer,
                "address": entry.source.address,
                "config_key_hash": entry.source.config_key_hash,
            },
        )
        return SectionResult(SectionOutcome(rows[0].pop("outcome")), attempt_of(rows[0])) if rows else None
