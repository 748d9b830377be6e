"""The endpoints of those who run exams, and of looking things up; what each needs is in its first line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from quiz_sessions.grading import parse_questions
from quiz_sessions.models import Status, from_micros, iso
from quiz_sessions.quizzes import QuizRules
from quiz_sessions.records import MAX_PAGE
from quiz_sessions.rules import MAX_ID_CHARACTERS, MAX_INTEGER
from quiz_sessions.wiring import Services

from .identity import GRADE, PROCTOR, WRITE_QUIZZES, Caller, caller_if_known
from .replies import documented, json_reply, session_reply
from .schemas import (
    AccommodationReply,
    AccommodationRequest,
    CohortExtensionReply,
    EventsReply,
    ExtendRequest,
    LateAnswersReply,
    ProofReply,
    QuizReply,
    QuizRequest,
    QuizWritten,
    ReasonRequest,
    RegradeReply,
    ReopenRequest,
    ScoreRequest,
    SessionsReply,
    SummaryReply,
    VerificationReply,
    VerifyReceiptRequest,
)
from .strict_json import StrictRoute

Key = Annotated[str | None, Header(min_length=1, max_length=MAX_ID_CHARACTERS)]
Filter = Annotated[str | None, Query(min_length=1, max_length=MAX_ID_CHARACTERS)]
_SUMMARY = tuple(SummaryReply.model_fields)


def build_router(services: Callable[[], Services]) -> APIRouter:
    """Every endpoint, served by what `services` returns."""
    router = APIRouter(route_class=StrictRoute)
    _add_quizzes(router, services)
    _add_changes(router, services)
    _add_records(router, services)
    return router


def _caller(request: Request, services: Services) -> Caller:
    return caller_if_known(request.scope, jwt=services.jwt)


def _add_quizzes(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.put(
        "/quizzes/{quiz_id}",
        summary="Register a quiz, or change its rules",
        responses={
            201: {"model": QuizWritten, "description": "Registered"},
            **documented(200, "Changed", 403, 413, 422, model=QuizWritten),
        },
    )
    async def put_quiz(request: Request, quiz_id: str, body: QuizRequest) -> Response:
        caller = _caller(request, services())
        caller.require(WRITE_QUIZZES)
        rules = QuizRules(
            time_limit_seconds=body.time_limit_seconds,
            grace_seconds=body.grace_seconds,
            opens_at=body.opens_at,
            closes_at=body.closes_at,
            max_attempts=body.max_attempts,
            when_active=body.when_active,
            show_results=body.show_results,
            questions=parse_questions(body.questions),
        )
        quiz, created, rescheduled = await services().exams.put_quiz(
            quiz_id, rules, by=caller.subject, at=request.state.at
        )
        content = {**quiz.to_dict(with_keys=True), "rescheduled": rescheduled}
        return json_reply(content, 201 if created else 200)

    @router.get(
        "/quizzes/{quiz_id}",
        summary="Read a quiz; its answer key only with quizzes:write",
        responses=documented(200, "The quiz", 404, 422, model=QuizReply),
    )
    async def get_quiz(request: Request, quiz_id: str) -> Response:
        caller = _caller(request, services())
        quiz = await services().exams.get_quiz(quiz_id)
        return json_reply(quiz.to_dict(with_keys=caller.owner(WRITE_QUIZZES) is None))

    @router.delete(
        "/quizzes/{quiz_id}",
        status_code=204,
        summary="Forget a quiz; its attempts stay",
        responses={
            code: response
            for code, response in documented(200, "", 403, 404, 409, 422).items()
            if code != 200
        },
    )
    async def delete_quiz(request: Request, quiz_id: str) -> Response:
        _caller(request, services()).require(WRITE_QUIZZES)
        await services().exams.delete_quiz(quiz_id)
        return Response(status_code=204)

    @router.post(
        "/quizzes/{quiz_id}/extend",
        summary="Move the deadline of every open attempt",
        responses=documented(200, "Moved", 403, 413, 422, model=CohortExtensionReply),
    )
    async def extend_quiz(
        request: Request, quiz_id: str, body: ExtendRequest, idempotency_key: Key = None
    ) -> Response:
        caller = _caller(request, services())
        caller.require(PROCTOR)
        extension = await services().exams.extend_quiz(
            quiz_id,
            body.seconds,
            body.reason,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        unchanged = [
            {"reason": reason, "count": count, "session_ids": [str(each) for each in ids]}
            for reason, (count, ids) in sorted(extension.unchanged.items())
        ]
        return json_reply({"extended": len(extension.changed), "unchanged": unchanged})

    @router.post(
        "/quizzes/{quiz_id}/regrade",
        summary="Grade anew after the key was corrected",
        responses=documented(200, "Regraded", 403, 404, 413, 422, model=RegradeReply),
    )
    async def regrade(request: Request, quiz_id: str, body: ReasonRequest) -> Response:
        caller = _caller(request, services())
        caller.require(GRADE)
        done = await services().exams.regrade(quiz_id, body.reason, by=caller.subject, at=request.state.at)
        return json_reply({"regraded": done.regraded, "changed": done.changed, "complete": done.complete})

    @router.put(
        "/quizzes/{quiz_id}/accommodations/{user_id}",
        summary="Give a user extra time",
        responses=documented(200, "Given", 403, 413, 422, model=AccommodationReply),
    )
    async def put_accommodation(
        request: Request, quiz_id: str, user_id: str, body: AccommodationRequest
    ) -> Response:
        caller = _caller(request, services())
        caller.require(PROCTOR)
        given = await services().exams.put_accommodation(
            user_id, quiz_id, body.extra_seconds, body.reason, by=caller.subject, at=request.state.at
        )
        return json_reply(given.to_dict())

    @router.get(
        "/quizzes/{quiz_id}/accommodations/{user_id}",
        summary="A user's extra time",
        responses=documented(200, "The extra time", 403, 404, 422, model=AccommodationReply),
    )
    async def get_accommodation(request: Request, quiz_id: str, user_id: str) -> Response:
        _caller(request, services()).require(PROCTOR)
        return json_reply((await services().exams.get_accommodation(user_id, quiz_id)).to_dict())

    @router.delete(
        "/quizzes/{quiz_id}/accommodations/{user_id}",
        status_code=204,
        summary="Take extra time back, as far as it has not been used",
        responses={
            code: response for code, response in documented(200, "", 403, 404, 422).items() if code != 200
        },
    )
    async def delete_accommodation(request: Request, quiz_id: str, user_id: str) -> Response:
        caller = _caller(request, services())
        caller.require(PROCTOR)
        await services().exams.delete_accommodation(user_id, quiz_id, by=caller.subject, at=request.state.at)
        return Response(status_code=204)


def _add_changes(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.post(
        "/sessions/{session_id}/extend",
        summary="Move the deadline of an open session",
        responses=documented(200, "Moved", 403, 404, 409, 413, 422),
    )
    async def extend(
        request: Request, session_id: UUID, body: ExtendRequest, idempotency_key: Key = None
    ) -> Response:
        caller = _caller(request, services())
        caller.require(PROCTOR)
        session = await services().exams.extend(
            session_id,
            body.seconds,
            body.reason,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return session_reply(services(), session)

    @router.post(
        "/sessions/{session_id}/reopen",
        summary="Open an expired session again",
        responses=documented(200, "Open", 403, 404, 409, 413, 422),
    )
    async def reopen(
        request: Request, session_id: UUID, body: ReopenRequest, idempotency_key: Key = None
    ) -> Response:
        caller = _caller(request, services())
        caller.require(PROCTOR)
        session = await services().exams.reopen(
            session_id,
            body.seconds,
            body.reason,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return session_reply(services(), session)

    @router.get(
        "/sessions/{session_id}/late-answers",
        summary="What came too late",
        responses=documented(200, "The late answers", 403, 404, 422, model=LateAnswersReply),
    )
    async def late_answers(request: Request, session_id: UUID) -> Response:
        _caller(request, services()).require(PROCTOR, GRADE)
        found = [
            {
                "event": late.event,
                "answers": {question: kept["answer"] for question, kept in late.answers.items()},
                "received_at": iso(from_micros(max(kept["at"] for kept in late.answers.values()))),
                "accepted": late.accepted,
            }
            for late in await services().exams.late_answers(session_id)
        ]
        return json_reply({"late_answers": found})

    @router.post(
        "/sessions/{session_id}/late-answers/{event}/accept",
        summary="Let late answers count",
        responses=documented(200, "They count", 403, 404, 413, 422),
    )
    async def accept_late_answer(
        request: Request, session_id: UUID, event: int, body: ReasonRequest
    ) -> Response:
        caller = _caller(request, services())
        caller.require(PROCTOR, GRADE)
        session = await services().exams.accept_late_answer(
            session_id, event, body.reason, by=caller.subject, at=request.state.at
        )
        return session_reply(services(), session)

    @router.post(
        "/sessions/{session_id}/score",
        summary="Set the score where there is no answer key",
        responses=documented(200, "Set", 403, 404, 409, 413, 422),
    )
    async def set_score(request: Request, session_id: UUID, body: ScoreRequest) -> Response:
        caller = _caller(request, services())
        caller.require(GRADE)
        session = await services().exams.set_score(
            session_id, body.score, body.max_score, body.reason, by=caller.subject, at=request.state.at
        )
        return session_reply(services(), session)


def _add_records(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.get(
        "/sessions",
        summary="Find sessions of a user, at a quiz, or both",
        responses=documented(200, "Newest first", 403, 422, model=SessionsReply),
    )
    async def find(
        request: Request,
        *,
        user_id: Filter = None,
        quiz_id: Filter = None,
        status: Status | None = None,
        cursor: Filter = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> Response:
        caller = _caller(request, services())
        if caller.owner(PROCTOR, GRADE) is not None:
            user_id = caller.user(user_id)
        page = await services().records.find(
            user_id=user_id,
            quiz_id=quiz_id,
            status=status,
            cursor=cursor,
            limit=limit,
            at=request.state.at,
        )
        shown = [session.to_dict() for session in page.sessions]
        return json_reply(
            {
                "sessions": [{name: each[name] for name in _SUMMARY} for each in shown],
                "next_cursor": page.next_cursor,
            }
        )

    @router.get(
        "/sessions/{session_id}/events",
        summary="The trail of a session",
        responses=documented(200, "In their order", 403, 404, 422, model=EventsReply),
    )
    async def events(
        request: Request,
        session_id: UUID,
        after: Annotated[int, Query(ge=-1, le=MAX_INTEGER)] = -1,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    ) -> Response:
        _caller(request, services()).require(PROCTOR, GRADE)
        page = await services().records.trail(session_id, after=after, limit=limit)
        return json_reply(
            {"events": [event.to_dict() for event in page.events], "next_after": page.next_after}
        )

    @router.get(
        "/sessions/{session_id}/verify",
        summary="Is the trail whole, and the session as it says",
        responses=documented(200, "What was found", 403, 404, 422, model=VerificationReply),
    )
    async def verify(request: Request, session_id: UUID) -> Response:
        _caller(request, services()).require(PROCTOR, GRADE)
        found = await services().records.verify(session_id)
        return json_reply(
            {
                "intact": found.intact,
                "events": found.events,
                "broken": found.broken,
                "differs": found.differs,
            }
        )

    @router.post(
        "/receipts/verify",
        summary="Is a receipt genuine, and what does it prove",
        responses=documented(200, "What it is worth", 413, 422, model=ProofReply),
    )
    async def verify_receipt(request: Request, body: VerifyReceiptRequest) -> Response:
        _caller(request, services())
        proof = await services().records.prove(body.receipt, body.answers)
        receipt = proof.receipt
        return json_reply(
            {
                "genuine": receipt is not None,
                "recorded": proof.recorded,
                "answers_match": proof.answers_match,
                "session_id": str(receipt.session_id) if receipt else None,
                "version": receipt.version if receipt else None,
                "answers_sha256": receipt.answers_sha256 if receipt else None,
                "committed_at": iso(datetime.fromtimestamp(receipt.committed_at, UTC)) if receipt else None,
            }
        )
