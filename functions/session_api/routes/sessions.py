"""Sessions: start them, find them, read them, write answers, end them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import SessionNotFoundError
from quiz_sessions.domain.labels import Labels
from quiz_sessions.domain.validation import MAX_INTEGER
from quiz_sessions.services.pages import MAX_PAGE
from quiz_sessions.services.sessions import WriteOptions

from ..direct_writes import save, start
from ..identity import GRADE, PROCTOR
from ..refusals import WRITTEN
from ..replies import LOCATION, NOT_MODIFIED, documented, json_reply, pick, session_read, session_reply
from ..request_source import source_of
from ..schemas.sessions import (
    CompleteRequest,
    DeadlineReply,
    ProgressRequest,
    SessionsReply,
    SessionSummary,
    StartReply,
    StartRequest,
)
from .parameters import (
    ClientId,
    ConfigKeyHash,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    authenticated,
    entity_tags,
    query,
)


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:
    # /sessions/start comes before the routes with an id in its place: the router takes the first match.
    _add_start(router, services)
    _add_reads(router, services)
    _add_writes(router, services)


def _add_start(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.post(
        "/sessions/start",
        status_code=201,
        summary="Start an attempt",
        responses={
            **documented(
                200,
                "Started before: by this Idempotency-Key, or still open",
                model=StartReply,
                headers=LOCATION,
            ),
            **documented(201, "Started", 403, 404, 409, 413, 422, model=StartReply, headers=LOCATION),
        },
    )
    async def start_session(
        request: Request,
        body: StartRequest,
        *,
        idempotency_key: IdempotencyKey = None,
        client_id: ClientId = None,
        config_key_hash: ConfigKeyHash = None,
    ) -> Response:
        """Under the rules of the quiz. Sent again with its Idempotency-Key, it finds what it started; group,
        label and metadata are for what it starts. Before `opens_at` it is refused with 409 and a Retry-After
        that spreads those who wait."""
        shown = await start(
            services(),
            request.scope,
            body.quiz_id,
            body.user_id,
            idempotency_key=idempotency_key,
            client_id=client_id,
            password=body.password,
            page_url=body.page_url,
            labels=Labels(group=body.group, label=body.label, metadata=body.metadata),
        )
        return session_reply(services(), shown.session, shown.status, shown.headers, **shown.more)


def _add_reads(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.get(
        "/sessions",
        summary="Find sessions of a user, at a quiz, or by part of a name",
        responses=documented(200, "Newest first", 403, 422, model=SessionsReply),
    )
    async def find_sessions(
        request: Request,
        *,
        user_id: Annotated[str | None, query("Of this user.")] = None,
        quiz_id: Annotated[str | None, query("At this quiz.")] = None,
        group: Annotated[str | None, query("Of those in this group.")] = None,
        matching: Annotated[
            str | None,
            query("With each of these words in the user id, the label, the group or the metadata."),
        ] = None,
        status: Annotated[
            list[Status | Literal["open"]] | None,
            Query(description="In one of these; repeatable. `open` is started and in_progress."),
        ] = None,
        grading: Annotated[
            Literal["pending"] | None, query("Those that have ended and wait for a person to mark them.")
        ] = None,
        cursor: Annotated[str | None, query("The `next_cursor` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")] = 50,
    ) -> Response:
        """Students find their own; staff those of a user, at a quiz, or both, or by part of a name. Each has
        the status that reading it shows. A page may have fewer than `limit`, even none, before the last one;
        with `matching` one page looks among 5,000 sessions."""
        caller = authenticated(request, services())
        owner = caller.owner(PROCTOR, GRADE)
        if isinstance(owner, str):
            user_id = caller.user(user_id)
        page = await services().audit.find(
            user_id=user_id,
            quiz_id=quiz_id,
            group=group,
            matching=matching,
            statuses=_statuses(status or []),
            is_pending=grading is not None,
            owner=owner,
            cursor=cursor,
            limit=limit,
            at=request.state.at,
        )
        summaries = [pick(SessionSummary, session) for session in page.sessions]
        return json_reply(SessionsReply(sessions=summaries, next_cursor=page.next_cursor))

    @router.get(
        "/sessions/current",
        summary="The open session of a user at a quiz",
        responses={**documented(200, "The session", 403, 404, 422), **NOT_MODIFIED},
    )
    async def get_current_session(
        request: Request,
        quiz_id: Annotated[str, query("At this quiz.")],
        user_id: Annotated[str | None, query("Of this user.")] = None,
        *,
        if_none_match: IfNoneMatch = None,
        client_id: ClientId = None,
    ) -> Response:
        """Starts none. Without `user_id` that of the caller; another user's is for staff."""
        caller = authenticated(request, services())
        user_id = caller.user(user_id, PROCTOR, GRADE)
        at = request.state.at
        page = await services().audit.find(
            user_id=user_id,
            quiz_id=quiz_id,
            statuses=_statuses(["open"]),
            owner=caller.owner(PROCTOR, GRADE),
            limit=1,
            at=at,
        )
        if not page.sessions:
            raise SessionNotFoundError(
                "The user has no open attempt at this quiz; POST /sessions/start starts one."
            )
        session = await services().sessions.get_session(
            page.sessions[0].id, client_id=client_id, owner=caller.owner(PROCTOR, GRADE), at=at
        )
        return session_read(request, services(), session)

    @router.get(
        "/sessions/{session_id}",
        summary="Read a session, as it is or as it was at a version",
        responses={**documented(200, "The session", 404, 422), **NOT_MODIFIED},
    )
    async def get_session(
        request: Request,
        session_id: UUID,
        at_version: Annotated[
            int | None, Query(ge=0, le=MAX_INTEGER, description="As it was at this version.")
        ] = None,
        *,
        if_none_match: IfNoneMatch = None,
        client_id: ClientId = None,
    ) -> Response:
        """With `at_version` the session as it was before its next version, from its audit log; at its
        current version as it is now."""
        owner = authenticated(request, services()).owner(PROCTOR, GRADE)
        if at_version is None:
            session = await services().sessions.get_session(
                session_id, client_id=client_id, owner=owner, at=request.state.at
            )
        else:
            session = await services().audit.at_version(
                session_id, at_version, owner=owner, at=request.state.at
            )
        return session_read(request, services(), session)

    @router.get(
        "/sessions/{session_id}/deadline",
        summary="What the deadline is made of",
        responses=documented(200, "The deadline", 404, 422, model=DeadlineReply),
    )
    async def get_deadline(request: Request, session_id: UUID) -> Response:
        """The parts of the deadline, by the clock of the server."""
        owner = authenticated(request, services()).owner(PROCTOR, GRADE)
        return json_reply(
            await services().sessions.get_deadline(session_id, owner=owner, at=request.state.at)
        )


def _add_writes(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.patch(
        "/sessions/{session_id}/progress",
        summary="Keep answers",
        responses=documented(200, "Kept", 403, 404, 409, 410, 412, 413, 422),
    )
    async def save_progress(
        request: Request,
        session_id: UUID,
        body: ProgressRequest,
        *,
        if_match: IfMatch = None,
        client_id: ClientId = None,
        idempotency_key: IdempotencyKey = None,
        config_key_hash: ConfigKeyHash = None,
    ) -> Response:
        """Committed; or buffered, with `autosave` and while the database is away: `durability` says which.
        With `based_on` it is refused where somebody else has answered the same question meanwhile, with
        `version` if somebody else has committed anything, and with If-Match if the session has changed."""
        options = WriteOptions(
            version=body.version,
            current_question=body.current_question,
            autosave=body.autosave,
            client_id=client_id,
            based_on=body.based_on,
            if_match=entity_tags(request, if_match),
            idempotency_key=idempotency_key,
        )
        shown = await save(services(), request.scope, session_id, body.written, options)
        return session_reply(services(), shown.session)

    @router.post(
        "/sessions/{session_id}/complete",
        summary="Hand the attempt in",
        responses=documented(200, "Completed", 403, 404, 409, 410, 412, 413, 422),
    )
    async def complete_session(
        request: Request,
        session_id: UUID,
        body: CompleteRequest | None = None,
        *,
        if_match: IfMatch = None,
        client_id: ClientId = None,
        idempotency_key: IdempotencyKey = None,
        config_key_hash: ConfigKeyHash = None,
    ) -> Response:
        """With its drafts and these last answers. Sent again, it returns the same result; with other answers
        it is refused, and they are kept as late answers. Staff do it `on_behalf` of the user."""
        body = body or CompleteRequest.model_validate({})
        if body.reason is not None:
            return await _hand_in(request, services(), session_id, body.reason, idempotency_key)
        request.scope["state"][WRITTEN] = body.answers
        session = await services().sessions.complete(
            session_id,
            body.answers,
            version=body.version,
            deadline=body.expires_at,
            client_id=client_id,
            based_on=body.based_on,
            if_match=entity_tags(request, if_match),
            idempotency_key=idempotency_key,
            owner=authenticated(request, services()).subject,
            source=source_of(request.scope, services().settings.origin_secrets),
            at=request.state.at,
        )
        return session_reply(services(), session)

    @router.post(
        "/sessions/{session_id}/abandon",
        summary="Give the attempt up",
        responses=documented(200, "Abandoned", 403, 404, 409, 410, 422),
    )
    async def abandon_session(
        request: Request,
        session_id: UUID,
        *,
        client_id: ClientId = None,
        config_key_hash: ConfigKeyHash = None,
    ) -> Response:
        """Its answers stay. Sent again, it changes nothing."""
        session = await services().sessions.abandon(
            session_id,
            client_id=client_id,
            owner=authenticated(request, services()).subject,
            source=source_of(request.scope, services().settings.origin_secrets),
            at=request.state.at,
        )
        return session_reply(services(), session)


def _statuses(named: Sequence[Status | Literal["open"]]) -> frozenset[Status]:
    """The statuses that a filter names: `open` is both open ones."""
    statuses: set[Status] = set()
    for each in named:
        statuses |= {status for status in Status if status.is_open} if each == "open" else {Status(each)}
    return frozenset(statuses)


async def _hand_in(
    request: Request, services: Services, session_id: UUID, reason: str, idempotency_key: str | None
) -> Response:
    caller = authenticated(request, services)
    caller.require(PROCTOR)
    session = await services.room.hand_in(
        session_id, reason, idempotency_key=idempotency_key, by=caller.subject, at=request.state.at
    )
    return session_reply(services, session)
