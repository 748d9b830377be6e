"""Pauses and hand-ins: stop the clocks of a session, of some, or of a whole quiz, and end them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services

from ..identity import PROCTOR
from ..replies import documented, json_reply, session_reply
from ..schemas.common import ReasonRequest
from ..schemas.pauses import CohortRequest, CompletedReply, PausedReply, ResumedReply
from ..schemas.room import unchanged_of
from .parameters import IdempotencyKey, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:
    _add_pauses_of_sessions(router, services)
    _add_pauses_of_quizzes(router, services)
    _add_hand_in(router, services)


def _add_pauses_of_sessions(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.post(
        "/sessions/{session_id}/pause",
        summary="Stop the clock of an open session",
        responses=documented(200, "The clock stands", 403, 404, 409, 413, 422),
    )
    async def pause_session(
        request: Request, session_id: UUID, body: ReasonRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Until it is resumed its time does not run and its answers can't be written; what was received
        before counts. Also where the student is offline."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        session = await services().room.pause(
            session_id,
            body.reason,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return session_reply(services(), session)

    @router.post(
        "/sessions/{session_id}/resume",
        summary="Let the clock of a paused session run again",
        responses=documented(200, "The clock runs, unless the quiz is paused", 403, 404, 409, 413, 422),
    )
    async def resume_session(
        request: Request, session_id: UUID, body: ReasonRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Its deadline, and the close of the quiz for it, come later by as long as it stood, rounded up to
        seconds. Where the whole quiz is paused too, it goes on with that."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        session = await services().room.resume(
            session_id,
            body.reason,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return session_reply(services(), session)


def _add_pauses_of_quizzes(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.post(
        "/quizzes/{quiz_id}/pause",
        summary="Stop the clocks of a quiz, or of some of its sessions",
        responses=documented(200, "They stand", 403, 404, 413, 422, model=PausedReply),
    )
    async def pause_quiz(
        request: Request, quiz_id: str, body: CohortRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Of the whole quiz, so that nobody starts it either; or with `session_ids` of these alone. What did
        not stop is listed with its reason."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        paused = await services().room.pause_quiz(
            quiz_id,
            body.reason,
            session_ids=body.session_ids,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return json_reply(PausedReply(paused=len(paused.changed), unchanged=unchanged_of(paused)))

    @router.post(
        "/quizzes/{quiz_id}/resume",
        summary="Let the clocks of a quiz, or of some of its sessions, run again",
        responses=documented(200, "They run", 403, 404, 413, 422, model=ResumedReply),
    )
    async def resume_quiz(
        request: Request, quiz_id: str, body: CohortRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Sessions that were paused by themselves go on only when they are resumed: one by one, or here with
        `session_ids`."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        resumed = await services().room.resume_quiz(
            quiz_id,
            body.reason,
            session_ids=body.session_ids,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return json_reply(ResumedReply(resumed=len(resumed.changed), unchanged=unchanged_of(resumed)))


def _add_hand_in(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.post(
        "/quizzes/{quiz_id}/complete",
        summary="Hand in all open sessions of a quiz, or some",
        responses=documented(200, "Handed in", 403, 413, 422, model=CompletedReply),
    )
    async def complete_quiz(
        request: Request, quiz_id: str, body: CohortRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """With their drafts. While `remaining` is above 0, send it again."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        handed_in = await services().room.hand_in_quiz(
            quiz_id,
            body.reason,
            session_ids=body.session_ids,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return json_reply(
            CompletedReply(
                completed=handed_in.completed,
                remaining=handed_in.remaining,
                unchanged=unchanged_of(handed_in),
            )
        )
