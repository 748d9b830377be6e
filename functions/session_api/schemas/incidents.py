"""Incidents: what happens around a session."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from pydantic import Field

from quiz_sessions.domain.incidents import MAX_DETAIL_BYTES, ClientIncident, RecordedIncident

from .common import RequestBody, example, reply


class IncidentRequest(RequestBody):
    """What the student's client has seen."""

    model_config = example(type="blur", detail={"seconds": 12})

    type: ClientIncident = Field(description="What happened.")
    detail: Any = Field(None, description=f"Any JSON value of at most {MAX_DETAIL_BYTES} bytes.")


@reply
class IncidentReply(RecordedIncident):
    """Something that happened around a session, as its client or the service itself saw it."""


@reply
class IncidentsReply:
    """Incidents of a session, oldest first."""

    incidents: list[IncidentReply]
    next_after: int | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )
