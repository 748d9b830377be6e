"""Incidents: what clients report, for proctors to read."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.services.pages import MAX_PAGE

from ..identity import GRADE, PROCTOR
from ..replies import documented, json_reply, pick
from ..schemas.incidents import IncidentReply, IncidentRequest, IncidentsReply
from .parameters import After, Limit, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.post(
        "/sessions/{session_id}/incidents",
        status_code=204,
        summary="Report what the student's client has seen",
        responses=documented(204, "Recorded, if there are not too many", 404, 409, 410, 413, 422, model=None),
    )
    async def report_incident(request: Request, session_id: UUID, body: IncidentRequest) -> Response:
        """Of an open session, also while it is paused. Once it has 500 incidents, what comes after is
        forgotten."""
        caller = authenticated(request, services())
        await services().incidents.report(
            session_id, body.type, body.detail, owner=caller.subject, at=request.state.at
        )
        return Response(status_code=204)

    @router.get(
        "/sessions/{session_id}/incidents",
        summary="The incidents of a session",
        responses=documented(200, "In their order", 403, 404, 422, model=IncidentsReply),
    )
    async def list_incidents(
        request: Request, session_id: UUID, after: After = -1, limit: Limit = MAX_PAGE
    ) -> Response:
        """What its client reported, and what the service saw by itself. Not of one's own session."""
        caller = authenticated(request, services())
        caller.require(PROCTOR, GRADE)
        page = await services().incidents.incidents(
            session_id, after=after, limit=limit, owner=caller.owner(PROCTOR, GRADE)
        )
        shown = [pick(IncidentReply, incident) for incident in page.incidents]
        return json_reply(IncidentsReply(incidents=shown, next_after=page.next_after))
