"""Papers: what a session asks, and the entry of its sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.papers import MAX_SECTIONS

from ..identity import GRADE, PROCTOR
from ..replies import documented, json_reply
from ..request_source import source_of
from ..schemas.papers import PaperReply
from .parameters import ClientId, authenticated

Section = Annotated[int, Path(ge=0, lt=MAX_SECTIONS, description="The number of the section, from 0.")]


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.get(
        "/sessions/{session_id}/paper",
        summary="Read what a session asks",
        responses=documented(200, "Its paper", 403, 404, 422, model=PaperReply),
    )
    async def get_paper(request: Request, session_id: UUID) -> Response:
        """Its own, as it was drawn at its start. Contents are shown from the start on, those of a section
        with a time limit from its entry on; to staff always."""
        caller = authenticated(request, services())
        paper = await services().papers.paper(
            session_id,
            owner=caller.owner(PROCTOR, GRADE),
            source=source_of(request.scope, services().settings.origin_secrets),
            at=request.state.at,
        )
        return json_reply(paper)

    @router.post(
        "/sessions/{session_id}/sections/{section}/enter",
        summary="Enter a section with a time limit",
        responses=documented(200, "Entered", 403, 404, 409, 410, 422, model=PaperReply),
    )
    async def enter_section(
        request: Request, session_id: UUID, section: Section, client_id: ClientId = None
    ) -> Response:
        """Its time begins, and its contents are shown. The first answer to it does the same. Entering it
        again changes nothing."""
        caller = authenticated(request, services())
        paper = await services().papers.enter(
            session_id,
            section,
            client_id=client_id,
            owner=caller.subject,
            source=source_of(request.scope, services().settings.origin_secrets),
            at=request.state.at,
        )
        return json_reply(paper)
