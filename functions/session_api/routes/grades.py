"""Scores: read them, mark questions, set whole scores, regrade, statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.grading import Mark
from quiz_sessions.services.grading_queue import MAX_CURSOR_CHARACTERS
from quiz_sessions.services.staff_actions import MAX_REASON_CHARACTERS

from ..identity import GRADE, PROCTOR
from ..replies import documented, json_reply, session_reply
from ..schemas.common import ReasonRequest
from ..schemas.grades import (
    ClaimedReply,
    ClaimRequest,
    GradesRequest,
    QueueReply,
    RegradeReply,
    ResultsReply,
    ScoreRequest,
    StatisticsReply,
)
from .parameters import ClientId, IdempotencyKey, IfMatch, Limit, authenticated, entity_tags, query

After = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=MAX_CURSOR_CHARACTERS,
        description="The `cursor` of an answer, or `next_after`.",
    ),
]


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
        summary="Set the score where the quiz has no questions",
        responses=documented(200, "Set", 403, 404, 409, 413, 422),
    )
    async def set_score(request: Request, session_id: UUID, body: ScoreRequest) -> Response:
        """Of a session that has ended. It stands until a person sets another one, or marks questions."""
        caller = authenticated(request, services())
        caller.require(GRADE)
        session = await services().scores.set_score(
            session_id, body.score, body.max_score, body.reason, by=caller.subject, at=request.state.at
        )
        return session_reply(services(), session)

    @router.put(
        "/sessions/{session_id}/grades",
        summary="Mark questions by hand",
        responses=documented(200, "Marked", 403, 404, 409, 412, 413, 422),
    )
    async def set_grades(
        request: Request,
        session_id: UUID,
        body: GradesRequest,
        *,
        reason: Annotated[
            str | None,
            Query(min_length=1, max_length=MAX_REASON_CHARACTERS, description="Why; kept in the audit log."),
        ] = None,
        held: Annotated[
            Literal["take"] | None, Query(description="take: also what another marker holds.")
        ] = None,
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
        client_id: ClientId = None,
    ) -> Response:
        """Of a session that has ended. Marks of other questions stay, and no regrade changes a mark. What
        another marker holds is refused. If-Match compares what is committed."""
        caller = authenticated(request, services())
        caller.require(GRADE)
        session = await services().scores.set_grades(
            session_id,
            {
                question: None if mark is None else Mark(mark.points, mark.comment)
                for question, mark in body.root.items()
            },
            reason=reason,
            idempotency_key=idempotency_key,
            if_match=entity_tags(request, if_match),
            marker=caller.subject or client_id,
            take=held == "take",
            by=caller.subject,
            at=request.state.at,
        )
        return session_reply(services(), session)

    @router.get(
        "/quizzes/{quiz_id}/grading",
        summary="The answers that wait for a person",
        responses=documented(200, "Those who started first are first", 403, 422, model=QueueReply),
    )
    async def get_grading_queue(
        request: Request,
        quiz_id: str,
        question: Annotated[str | None, query("Those to this question.")] = None,
        after: After = None,
        limit: Limit = 50,
    ) -> Response:
        """And who is about to mark which. The caller's own answers are for others."""
        caller = authenticated(request, services())
        caller.require(GRADE)
        page = await services().grading_queue.page(
            quiz_id, question=question, after=after, limit=limit, by=caller.subject, at=request.state.at
        )
        return json_reply(page)

    @router.post(
        "/quizzes/{quiz_id}/grading/next",
        summary="Be given the next answer to mark",
        responses=documented(200, "It is held for the caller", 403, 413, 422, model=ClaimedReply),
    )
    async def claim_answer(
        request: Request, quiz_id: str, body: ClaimRequest, client_id: ClientId = None
    ) -> Response:
        """Nobody else is given it for 15 minutes, or until it is marked. Asked again it is the same one; with
        `after` the next one behind; with `release` none. Without tokens X-Client-Id says who marks."""
        caller = authenticated(request, services())
        caller.require(GRADE)
        queue, marker = services().grading_queue, caller.subject or client_id
        if body.release:
            return json_reply(await queue.release(quiz_id, marker))
        claimed = await queue.claim(
            quiz_id,
            marker,
            question=body.question,
            after=body.after,
            by=caller.subject,
            at=request.state.at,
        )
        return json_reply(claimed)

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

    @router.get(
        "/quizzes/{quiz_id}/statistics",
        summary="How hard the questions were, and what was answered",
        responses=documented(200, "The statistics", 403, 404, 422, model=StatisticsReply),
    )
    async def get_statistics(
        request: Request,
        quiz_id: str,
        group: Annotated[str | None, query("Of this group alone.")] = None,
    ) -> Response:
        """Over the sessions that were handed in or expired and whose score is complete. The caller's own are
        left out."""
        caller = authenticated(request, services())
        caller.require(PROCTOR, GRADE)
        return json_reply(
            await services().statistics.of_quiz(quiz_id, group=group, by=caller.subject, at=request.state.at)
        )
