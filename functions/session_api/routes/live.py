"""The live view: how everybody stands who takes a quiz."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.timestamps import from_micros
from quiz_sessions.services.live import MAX_ROWS

from ..entity_tags import is_unchanged
from ..identity import GRADE, PROCTOR
from ..replies import ETAG_OF_VIEW, UNCHANGED_VIEW, documented, json_reply
from ..schemas.live import LiveReply
from .parameters import authenticated, query

_MAX_CURSOR_CHARACTERS = 300


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.get(
        "/quizzes/{quiz_id}/live",
        summary="Follow everybody who takes a quiz",
        responses={
            **documented(200, "The attempts", 403, 422, model=LiveReply, headers=ETAG_OF_VIEW),
            **UNCHANGED_VIEW,
        },
    )
    async def watch_quiz(
        request: Request,
        quiz_id: str,
        *,
        after: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=_MAX_CURSOR_CHARACTERS,
                description="The `next` of the last reply, or on its last page its `after`: only what has "
                "changed since.",
            ),
        ] = None,
        group: Annotated[str | None, query("Those of this group alone.")] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description="How many rows at most.")] = MAX_ROWS,
        if_none_match: Annotated[
            str | None,
            Header(
                description="A reply's ETag: 304 without a body where the same would be shown, but for time "
                "that passes."
            ),
        ] = None,
    ) -> Response:
        """All attempts at first, then with `after` those that have changed: an answer more, a pause, an end,
        a new device, or a sign of life, the last at most every 15 seconds."""
        caller = authenticated(request, services())
        caller.require(PROCTOR, GRADE)
        at = request.state.at
        view = await services().live.view(
            quiz_id, after=after, group=group, limit=limit, watcher=caller.owner(PROCTOR, GRADE), at=at
        )
        etag = view.etag
        headers = {"ETag": f'"{etag}"', "Cache-Control": "no-store"}
        if is_unchanged(request.scope, etag):
            return Response(status_code=304, headers=headers)
        return json_reply(
            {
                "rows": view.rows,
                "totals": view.totals,
                "presence": view.presence,
                "server_time": from_micros(at),
                "after": view.after,
                "next": view.next,
            },
            headers=headers,
        )
