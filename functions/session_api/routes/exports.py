"""Exports: what came of a quiz, as a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from quiz_sessions.services.jws import MAX_CHARACTERS

from ..identity import GRADE
from ..replies import documented, documented_file, json_reply, location, pick
from ..schemas.exports import ExportReply, ExportRequest
from .parameters import IdempotencyKey, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.post(
        "/quizzes/{quiz_id}/exports",
        status_code=202,
        summary="Ask for an export of a quiz",
        responses=documented(
            202, "It will be made", 403, 404, 413, 422, model=ExportReply, headers=location("The export")
        ),
    )
    async def start_export(
        request: Request, quiz_id: str, body: ExportRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Begun within half a minute. All of it is the state of one moment, `taken_at`, also while a room
        hands in. Who asks for it is a staff action; what the caller did there as a student is left out."""
        caller = authenticated(request, services())
        caller.require(GRADE)
        export = await services().exports.request(
            quiz_id,
            body.format,
            body.what,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        # Relative to /quizzes/{quiz_id}/exports.
        return json_reply(pick(ExportReply, export), 202, {"Location": f"../../exports/{export.id}"})

    @router.get(
        "/exports/{export_id}",
        summary="How far an export is, and where its file",
        responses=documented(200, "How far it is", 403, 404, 422, model=ExportReply),
    )
    async def get_export(request: Request, export_id: UUID) -> Response:
        """For whoever has asked for it. `url` is null until there is a whole file."""
        caller = authenticated(request, services())
        caller.require(GRADE)
        export = await services().exports.get(export_id, by=caller.subject, at=request.state.at)
        return json_reply(pick(ExportReply, export))

    @router.get(
        "/exports/{export_id}/file",
        summary="The file of an export, where it is in a folder of the service",
        response_class=FileResponse,
        responses=documented_file(200, "The file", 403, 404, 422),
        openapi_extra={"security": []},
    )
    async def get_export_file(
        request: Request,
        export_id: UUID,
        token: Annotated[
            str,
            Query(min_length=1, max_length=MAX_CHARACTERS, description="Part of the `url` of the export."),
        ],
    ) -> Response:
        """Needs no Authorization: the link has a token of its own, which is good for ten minutes."""
        export, path = await services().exports.file(export_id, token, at=request.state.at)
        return _WholeFile(
            path,
            media_type=export.format.media_type,
            filename=f"{export.id}.{export.format.ending}",
            headers={"Cache-Control": "no-store", "Accept-Ranges": "none"},
        )


class _WholeFile(FileResponse):
    """A file that is given as a whole alone: of a part nobody can tell whether it is what `sha256` says."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name not in (b"range", b"if-range")]
        await super().__call__({**scope, "headers": headers}, receive, send)
