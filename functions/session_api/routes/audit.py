"""The audit log of a session, and what a receipt proves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.services.audit import Proof
from quiz_sessions.services.pages import MAX_PAGE

from ..identity import GRADE, PROCTOR, READ_ACTIONS, WRITE_QUIZZES
from ..replies import documented, json_reply, pick
from ..schemas.audit import (
    EventReply,
    EventsReply,
    JwksReply,
    ProofReply,
    PublicKeyReply,
    StaffActionReply,
    StaffActionsReply,
    VerificationReply,
    VerifyReceiptRequest,
)
from .parameters import After, Limit, authenticated, query

_PUBLIC = {
    "Cache-Control": "public, max-age=300",
    # A reply to a page has more headers than one to a program, and a cache must not give one for the other.
    "Vary": "Origin",
}


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.get(
        "/sessions/{session_id}/events",
        summary="The audit log of a session",
        responses=documented(200, "In their order", 403, 404, 422, model=EventsReply),
    )
    async def list_events(
        request: Request, session_id: UUID, after: After = -1, limit: Limit = MAX_PAGE
    ) -> Response:
        """One event for each change, chained by hashes. Not of one's own session, whose score is there."""
        caller = authenticated(request, services())
        caller.require(PROCTOR, GRADE)
        page = await services().audit.events(
            session_id, after=after, limit=limit, owner=caller.owner(PROCTOR, GRADE)
        )
        shown = [
            pick(
                EventReply,
                event,
                nonce=None if event.nonce is None else event.nonce.hex(),
                digest=event.digest.hex(),
                hash=event.hash.hex(),
            )
            for event in page.events
        ]
        return json_reply(EventsReply(events=shown, next_after=page.next_after))

    @router.get(
        "/sessions/{session_id}/verify",
        summary="Is the audit log whole, and the session as it says",
        responses=documented(200, "What was found", 403, 404, 422, model=VerificationReply),
    )
    async def verify_session(request: Request, session_id: UUID) -> Response:
        """Computes all hashes anew, replays the audit log and compares the outcome with the session."""
        authenticated(request, services()).require(PROCTOR, GRADE)
        return json_reply(pick(VerificationReply, await services().audit.verify(session_id)))

    @router.get(
        "/staff-actions",
        summary="What staff have done",
        responses=documented(200, "In their order", 403, 422, model=StaffActionsReply),
    )
    async def list_staff_actions(
        request: Request,
        *,
        session_id: Annotated[
            UUID | None, Query(description="About this session, or its quiz since its start.")
        ] = None,
        quiz_id: Annotated[str | None, query("About this quiz.")] = None,
        user_id: Annotated[str | None, query("About this user.")] = None,
        by: Annotated[str | None, query("By this caller.")] = None,
        after: Annotated[int, Query(ge=0, description="The `next_after` of the page before.")] = 0,
        limit: Limit = MAX_PAGE,
    ) -> Response:
        """Who, what, on what, why, before and after; also what changed no attempt."""
        caller = authenticated(request, services())
        caller.require(READ_ACTIONS)
        page = await services().administration.actions(
            session_id=session_id, quiz_id=quiz_id, user_id=user_id, by=by, after=after, limit=limit
        )
        shows_keys = caller.may(WRITE_QUIZZES)
        shown = [
            pick(
                StaffActionReply,
                action,
                before=_without_keys(action.before, shows_keys),
                after=_without_keys(action.after, shows_keys),
            )
            for action in page.actions
        ]
        return json_reply(StaffActionsReply(actions=shown, next_after=page.next_after))

    @router.post(
        "/receipts/verify",
        summary="Is a receipt genuine, and what does it prove",
        responses=documented(200, "What it is worth", 413, 422, model=ProofReply),
    )
    async def verify_receipt(request: Request, body: VerifyReceiptRequest) -> Response:
        """Whether we signed it, whether the audit log says the same, and whether these answers are meant."""
        authenticated(request, services())
        return json_reply(_proof(await services().audit.prove(body.receipt, body.answers)))

    @router.get(
        "/.well-known/jwks.json",
        summary="The public keys that receipts are verified with",
        responses=documented(200, "As far as there are any", 422, model=JwksReply, token=False),
        openapi_extra={"security": []},
    )
    async def get_public_keys() -> Response:
        """Needs no Authorization. Read it again when a receipt names a key that is not among them."""
        keys = [PublicKeyReply(**jwk) for jwk in await services().receipts.public_keys()]
        return json_reply(JwksReply(keys=keys), headers=_PUBLIC)


def _without_keys(rules: dict[str, Any] | None, shows_keys: bool) -> dict[str, Any] | None:
    """What an action changed, with the names of questions alone unless the caller may see their keys."""
    if rules is None or shows_keys or "questions" not in rules:
        return rules
    return {**rules, "questions": sorted(rules["questions"])}


def _proof(proof: Proof) -> ProofReply:
    receipt = proof.receipt
    return ProofReply(
        genuine=receipt is not None,
        recorded=proof.recorded,
        answers_match=proof.answers_match,
        session_id=receipt.session_id if receipt else None,
        version=receipt.version if receipt else None,
        answers_sha256=receipt.answers_sha256 if receipt else None,
        committed_at=datetime.fromtimestamp(receipt.committed_at, UTC) if receipt else None,
    )
