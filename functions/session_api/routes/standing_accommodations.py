"""Standing accommodations: what a user has at every quiz."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.services.pages import MAX_PAGE

from ..identity import PROCTOR
from ..replies import documented, json_reply, pick
from ..schemas.standing_accommodations import (
    StandingAccommodationReply,
    StandingAccommodationRequest,
    StandingAccommodationsReply,
    StandingAccommodationWritten,
)
from .parameters import Limit, authenticated, query


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.put(
        "/users/{user_id:path}/accommodations",
        summary="Give a user more time at every quiz",
        responses=documented(200, "Given", 403, 413, 422, model=StandingAccommodationWritten),
    )
    async def put_standing_accommodation(
        request: Request, user_id: str, body: StandingAccommodationRequest
    ) -> Response:
        """In the place of what the user had. Open sessions follow at once, and later ones have it; what a
        quiz gives the user comes on top."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        given = await services().standing_accommodations.put(
            user_id,
            body.reason,
            time_factor=body.time_factor,
            extra_seconds=body.extra_seconds,
            closes_later_seconds=body.closes_later_seconds,
            by=caller.subject,
            at=request.state.at,
        )
        return json_reply(pick(StandingAccommodationWritten, given.accommodation, cut=given.cut))

    @router.get(
        "/users/{user_id:path}/accommodations",
        summary="What a user has at every quiz",
        responses=documented(200, "The accommodation", 403, 404, 422, model=StandingAccommodationReply),
    )
    async def get_standing_accommodation(request: Request, user_id: str) -> Response:
        """What was given last, by whom, and why."""
        authenticated(request, services()).require(PROCTOR)
        return json_reply(await services().standing_accommodations.get(user_id))

    @router.delete(
        "/users/{user_id:path}/accommodations",
        status_code=204,
        summary="Take it back, as far as it has not been used",
        responses=documented(204, "Taken back", 403, 404, 422, model=None),
    )
    async def delete_standing_accommodation(request: Request, user_id: str) -> Response:
        """Open sessions follow at once; time that has been used stays."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        await services().standing_accommodations.delete(user_id, by=caller.subject, at=request.state.at)
        return Response(status_code=204)

    @router.get(
        "/accommodations",
        summary="Everybody who has more time at every quiz",
        responses=documented(200, "By user", 403, 422, model=StandingAccommodationsReply),
    )
    async def list_standing_accommodations(
        request: Request,
        after: Annotated[str | None, query("The `next_after` of the page before.")] = None,
        limit: Limit = MAX_PAGE,
    ) -> Response:
        """What single quizzes give is not among it."""
        authenticated(request, services()).require(PROCTOR)
        page = await services().standing_accommodations.page(after=after, limit=limit)
        shown = [pick(StandingAccommodationReply, each) for each in page.accommodations]
        return json_reply(StandingAccommodationsReply(accommodations=shown, next_after=page.next_after))
