"""Beacons: the last answers of a page that is being closed."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services

from ..replies import documented, json_reply
from ..request_source import source_of
from ..schemas.beacons import BeaconRequest, BeaconTokenReply
from .parameters import ClientId, ConfigKeyHash, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.post(
        "/sessions/{session_id}/beacon-token",
        summary="Get a token for a beacon",
        responses=documented(200, "Good for one beacon", 404, 422, model=BeaconTokenReply),
    )
    async def issue_beacon_token(
        request: Request,
        session_id: UUID,
        *,
        client_id: ClientId = None,
        config_key_hash: ConfigKeyHash = None,
    ) -> Response:
        """A page that is closed can send its last answers by `navigator.sendBeacon`, but no headers with
        them. It gets this token before."""
        owner = authenticated(request, services()).subject
        token = await services().beacons.issue(
            session_id,
            client_id=client_id,
            source=source_of(request.scope, services().settings.origin_secrets),
            owner=owner,
            at=request.state.at,
        )
        return json_reply(token)


def add_text_routes(router: APIRouter, services: Callable[[], Services]) -> None:
    """Routes that take JSON as text/plain, which browsers send to another origin without asking first."""

    @router.post(
        "/sessions/{session_id}/beacon",
        status_code=204,
        summary="Keep the last answers of a page that is closed",
        responses=documented(204, "Kept", 403, 404, 409, 410, 413, 422, model=None, token=False),
        openapi_extra={"security": []},
    )
    async def send_beacon(request: Request, session_id: UUID, body: BeaconRequest) -> Response:
        """As an autosave. Needs no Authorization: the token in the body has it. Any Content-Type will do."""
        await services().beacons.receive(
            session_id,
            body.token,
            body.answers,
            body.based_on,
            source=source_of(request.scope, services().settings.origin_secrets),
            at=request.state.at,
        )
        return Response(status_code=204)
