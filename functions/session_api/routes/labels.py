"""Labels: what a platform writes onto sessions for itself."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services

from ..identity import PROCTOR
from ..replies import documented, session_reply
from ..schemas.labels import LabelsRequest
from .parameters import IdempotencyKey, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.patch(
        "/sessions/{session_id}",
        summary="Change group, label or metadata",
        responses=documented(200, "Changed", 403, 404, 413, 422),
    )
    async def label_session(
        request: Request, session_id: UUID, body: LabelsRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Whatever its status: members that are left out stay, null takes away."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        session = await services().labelling.label(
            session_id,
            body.labels,
            body.reason,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return session_reply(services(), session)
