"""The exam room: extra time, reopening, late answers."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.outcomes import LateAnswer
from quiz_sessions.domain.timestamps import from_micros
from quiz_sessions.services.administration import Rescheduled
from quiz_sessions.services.pages import MAX_PAGE

from ..identity import GRADE, PROCTOR
from ..replies import documented, json_reply, pick, session_reply
from ..schemas.common import ReasonRequest
from ..schemas.room import (
    AcceptedReply,
    AccommodationReply,
    AccommodationRequest,
    AccommodationWritten,
    CohortExtendRequest,
    CohortExtensionReply,
    Cut,
    ExtendRequest,
    LateAnswerReply,
    LateAnswersReply,
    ReopenRequest,
    RescheduledReply,
    unchanged_of,
)
from .parameters import After, IdempotencyKey, Limit, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:
    _add_deadlines(router, services)
    _add_accommodations(router, services)
    _add_late_answers(router, services)


def _add_deadlines(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.post(
        "/sessions/{session_id}/extend",
        summary="Move the deadline of an open session",
        responses=documented(200, "Moved", 403, 404, 409, 413, 422, model=RescheduledReply),
    )
    async def extend_session(
        request: Request, session_id: UUID, body: ExtendRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """By `seconds`; a negative number takes time away, at most down to this moment, or to
        started_at. If the quiz closes first, it moves as far as that, and is refused where that is
        nowhere."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        moved = await services().administration.extend(
            session_id,
            body.seconds,
            body.reason,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return _rescheduled_reply(services(), moved)

    @router.post(
        "/quizzes/{quiz_id}/extend",
        summary="Move the deadline of all open attempts, or some",
        responses=documented(200, "Moved", 403, 413, 422, model=CohortExtensionReply),
    )
    async def extend_quiz(
        request: Request, quiz_id: str, body: CohortExtendRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """What did not move is listed with its reason, and what moved less far. Sent again with its key, it
        moves nothing twice."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        extension = await services().administration.extend_quiz(
            quiz_id,
            body.seconds,
            body.reason,
            session_ids=body.session_ids,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        cut = Cut(count=extension.cut.number, session_ids=extension.cut.session_ids)
        return json_reply(
            CohortExtensionReply(extended=len(extension.changed), cut=cut, unchanged=unchanged_of(extension))
        )

    @router.post(
        "/sessions/{session_id}/reopen",
        summary="Open a session that has ended again",
        responses=documented(200, "Open", 403, 404, 409, 413, 422, model=RescheduledReply),
    )
    async def reopen_session(
        request: Request, session_id: UUID, body: ReopenRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """However it ended. For `seconds` from now, or from started_at if that is later, under the rules that
        the quiz has now."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        opened = await services().administration.reopen(
            session_id,
            body.seconds,
            body.reason,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return _rescheduled_reply(services(), opened)


def _add_accommodations(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.put(
        "/quizzes/{quiz_id}/accommodations/{user_id:path}",
        summary="Give a user extra time",
        responses=documented(200, "Given", 403, 413, 422, model=AccommodationWritten),
    )
    async def put_accommodation(
        request: Request, quiz_id: str, user_id: str, body: AccommodationRequest
    ) -> Response:
        """For an open attempt at once, and for later ones; no attempt lasts beyond the close of the quiz."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        given = await services().administration.put_accommodation(
            user_id, quiz_id, body.extra_seconds, body.reason, by=caller.subject, at=request.state.at
        )
        return json_reply(pick(AccommodationWritten, given.accommodation, cut=given.cut))

    @router.get(
        "/quizzes/{quiz_id}/accommodations/{user_id:path}",
        summary="A user's extra time",
        responses=documented(200, "The extra time", 403, 404, 422, model=AccommodationReply),
    )
    async def get_accommodation(request: Request, quiz_id: str, user_id: str) -> Response:
        """What was given last, by whom, and why."""
        authenticated(request, services()).require(PROCTOR)
        return json_reply(await services().administration.get_accommodation(user_id, quiz_id))

    @router.delete(
        "/quizzes/{quiz_id}/accommodations/{user_id:path}",
        status_code=204,
        summary="Take extra time back, as far as it has not been used",
        responses=documented(204, "Taken back", 403, 404, 422, model=None),
    )
    async def delete_accommodation(request: Request, quiz_id: str, user_id: str) -> Response:
        """Open attempts follow at once; time that has been used stays."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        await services().administration.delete_accommodation(
            user_id, quiz_id, by=caller.subject, at=request.state.at
        )
        return Response(status_code=204)


def _add_late_answers(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.get(
        "/sessions/{session_id}/late-answers",
        summary="What came too late",
        responses=documented(200, "The late answers", 403, 404, 422, model=LateAnswersReply),
    )
    async def list_late_answers(
        request: Request, session_id: UUID, after: After = -1, limit: Limit = MAX_PAGE
    ) -> Response:
        """Answers that the gateway received after the end. They do not count unless they are accepted."""
        authenticated(request, services()).require(PROCTOR, GRADE)
        page = await services().administration.late_answers(session_id, after=after, limit=limit)
        shown = [_late_answer(late) for late in page.late_answers]
        return json_reply(LateAnswersReply(late_answers=shown, next_after=page.next_after))

    @router.post(
        "/sessions/{session_id}/late-answers/{event}/accept",
        summary="Let late answers count",
        responses=documented(200, "They count", 403, 404, 413, 422, model=AcceptedReply),
    )
    async def accept_late_answer(
        request: Request, session_id: UUID, event: int, body: ReasonRequest
    ) -> Response:
        """Where a later answer counts already, that one stays. The session is graded anew."""
        caller = authenticated(request, services())
        caller.require(PROCTOR, GRADE)
        session = await services().administration.accept_late_answer(
            session_id, event, body.reason, by=caller.subject, at=request.state.at
        )
        return session_reply(services(), session, results_read_at=session.results_read_at)


def _rescheduled_reply(services: Services, rescheduled: Rescheduled) -> Response:
    deadline = rescheduled.deadline
    return session_reply(
        services,
        rescheduled.session,
        binding=deadline.binding,
        closes_at=deadline.closes_at,
        cut_seconds=deadline.cut_seconds,
        results_read_at=rescheduled.session.results_read_at,
    )


def _late_answer(late: LateAnswer) -> LateAnswerReply:
    return LateAnswerReply(
        event=late.event,
        answers={question: kept["answer"] for question, kept in late.answers.items()},
        received_at=from_micros(max(kept["at"] for kept in late.answers.values())),
        accepted=late.accepted,
    )
