"""The timeline of a session, for those who answer a student's complaint."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.services.pages import MAX_PAGE

from ..identity import GRADE, PROCTOR, READ_ACTIONS
from ..replies import documented, json_reply, pick
from ..schemas.timeline import MomentReply, TimelineReply
from .parameters import After, Limit, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.get(
        "/sessions/{session_id}/timeline",
        summary="What happened to a session, moment by moment",
        responses=documented(200, "In order of time", 403, 404, 409, 422, model=TimelineReply),
    )
    async def get_timeline(
        request: Request, session_id: UUID, after: After = -1, limit: Limit = MAX_PAGE
    ) -> Response:
        """Answers and autosaves with the time at which they came, what was refused, what staff did, and of
        which time nobody knows. No answers. Not of one's own session."""
        caller = authenticated(request, services())
        caller.require(PROCTOR, GRADE)
        page = await services().timeline.page(
            session_id,
            after=after,
            limit=limit,
            owner=caller.owner(PROCTOR, GRADE),
            with_actions=caller.may(READ_ACTIONS),
            at=request.state.at,
        )
        return json_reply(
            TimelineReply(
                session_id=page.session.id,
                user_id=page.session.user_id,
                quiz_id=page.session.quiz_id,
                status=page.session.status,
                moments=[pick(MomentReply, moment) for moment in page.moments],
                left_out=page.left_out,
                next_after=page.next_after,
            )
        )
