"""Scores: read, set and regrade them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services

from ..identity import GRADE, PROCTOR
from ..replies import documented, json_reply, session_reply
from ..schemas.common import ReasonRequest
from ..schemas.grades import RegradeReply, ResultsReply, ScoreRequest
from .parameters import authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.get(
        "/sessions/{session_id}/results",
        summary="The score, question by question",
        responses=documented(200, "The results", 403, 404, 409, 422, model=ResultsReply),
    )
    async def get_results(request: Request, session_id: UUID) -> Response:
        """Students see them when the quiz shows them."""
        owner = authenticated(request, services()).owner(PROCTOR, GRADE)
        return json_reply(await services().scores.results(session_id, owner=owner, at=request.state.at))

    @router.post(
        "/sessions/{session_id}/score",
        summary="Set the score where there is no answer key",
        responses=documented(200, "Set", 403, 404, 409, 413, 422),
    )
    async def set_score(request: Request, session_id: UUID, body: ScoreRequest) -> Response:
        """Of a session that has ended."""
        caller = authenticated(request, services())
        caller.require(GRADE)
        session = await services().scores.set_score(
            session_id, body.score, body.max_score, body.reason, by=caller.subject, at=request.state.at
        )
        return session_reply(services(), session)

    @router.post(
        "/quizzes/{quiz_id}/regrade",
        summary="Grade anew after the key was corrected",
        responses=documented(200, "Regraded", 403, 404, 413, 422, model=RegradeReply),
    )
    async def regrade_quiz(request: Request, quiz_id: str, body: ReasonRequest) -> Response:
        """It works for some seconds; call again until it is complete."""
        caller = authenticated(request, services())
        caller.require(GRADE)
        return json_reply(
            await services().scores.regrade(quiz_id, body.reason, by=caller.subject, at=request.state.at)
        )
