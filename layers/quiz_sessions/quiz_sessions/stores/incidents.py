"""Incidents in PostgreSQL. They are audit events of their session; there is no other store of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import errors

from ..domain.incidents import (
    FULL_FOR_REPORTS,
    MAX_INCIDENTS,
    Incident,
    IncidentOutcome,
    IncidentResult,
    RecordedIncident,
)
from ..domain.json_values import dump_json
from ..domain.pace import NO_PACE, Pace
from ..domain.timestamps import Micros, from_micros
from .attempts import attempt_of
from .postgres import Postgres
from .statements import load

_RECORD: Final = load("record_incident")
_INCIDENTS: Final = load("incidents")


class IncidentStore:
    """Incidents of attempts. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def record(
        self,
        session_id: UUID,
        incident: Incident,
        at: Micros,
        *,
        owner: str | None = None,
        pace: Pace = NO_PACE,
        name: str | None = None,
        ended: bool = False,
        silent_since: Micros | None = None,
    ) -> IncidentResult | None:
        """Record an incident during an open attempt; None if there is no such attempt, or not `owner`'s.

        One with a `name` is recorded once; with `ended`, also of an attempt that has ended; with
        `silent_since` only if its clock has run since.
        """
        parameters: dict[str, Any] = {
            "id": session_id,
            "owner": owner,
            "incident": dump_json({k: v for k, v in asdict(incident).items() if v is not None}),
            "at": at,
            "at_time": from_micros(at),
            "write_id": f"incident:{name or uuid4().hex}",
            "ended": ended,
            "silent_since": None if silent_since is None else from_micros(silent_since),
            "most": FULL_FOR_REPORTS if incident.source == "client" else MAX_INCIDENTS,
            "pace_interval": pace.interval,
            "pace_burst": pace.burst,
        }
        try:
            rows = await self._postgres.fetch(_RECORD, parameters)
        except errors.UniqueViolation:
            # The statement was sent twice; this sending has waited for the other one to commit.
            rows = await self._postgres.fetch(_RECORD, parameters)
        if not rows:
            return None
        outcome = IncidentOutcome(rows[0].pop("outcome"))
        return IncidentResult(outcome, attempt_of(rows[0]))

    async def incidents(self, session_id: UUID, *, after: int, limit: int) -> list[RecordedIncident]:
        """The incidents of an attempt after incident `after`, oldest first: at most `limit`."""
        rows = await self._postgres.fetch(_INCIDENTS, {"id": session_id, "after": after, "limit": limit})
        return [RecordedIncident(**row) for row in rows]
