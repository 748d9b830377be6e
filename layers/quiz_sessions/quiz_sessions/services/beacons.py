"""Beacons: what a page sends when it is closed, and can't add a header to (`navigator.sendBeacon`).

A beacon carries a token in its body, which the page has got before. The token names the session, its owner
and the client; it is good for one write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from ..domain.access import UNKNOWN_SOURCE, RequestSource
from ..domain.errors import ForbiddenError, IdempotencyKeyReusedError, SecretUnavailableError
from ..domain.json_values import Json
from ..domain.timestamps import Micros, from_micros
from ..runtime.telemetry import Telemetry
from .jws import Jws
from .sessions import SessionManager
from .signing_keys import HS256

SECONDS: Final = 12 * 3600
"""How long a token is good, and how long it is remembered that it was used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconToken:
    """A token for one beacon."""

    token: str = field(metadata={"description": "To be sent once, in the body of a beacon."})
    expires_at: datetime


class Beacons:
    """Issues tokens, and takes the beacons that carry them."""

    def __init__(
        self,
        sessions: SessionManager,
        read_keys: Callable[[], Awaitable[str]] | None,
        telemetry: Telemetry,
    ) -> None:
        self._sessions = sessions
        self._tokens = Jws("beacon+jws", HS256, read_keys, telemetry)

    async def issue(
        self,
        session_id: UUID,
        *,
        client_id: str | None,
        source: RequestSource = UNKNOWN_SOURCE,
        owner: str | None,
        at: Micros,
    ) -> BeaconToken:
        """A token for one beacon of this client to this session.

        Raises:
            SessionNotFoundError: there is no such session.
            SecretUnavailableError: there is no key to sign it with, or it can't be read.
        """
        await self._sessions.get_session(session_id, owner=owner, at=at)
        expires_at = at + SECONDS * 1_000_000
        payload = {
            "session_id": str(session_id),
            "owner": owner,
            "client_id": client_id,
            # A beacon has no headers: what the page got from Safe Exam Browser comes with the token.
            "config_key_hash": source.config_key_hash,
            "id": uuid4().hex,
            "expires_at": expires_at,
        }
        token = await self._tokens.sign(payload)
        if token is None:
            raise SecretUnavailableError
        return BeaconToken(token=token, expires_at=from_micros(expires_at))

    async def receive(
        self,
        session_id: UUID,
        token: str,
        answers: Mapping[str, Json],
        based_on: Mapping[str, str | None] | None,
        *,
        source: RequestSource = UNKNOWN_SOURCE,
        at: Micros,
    ) -> None:
        """Keep the answers of a beacon, as an autosave of the client that got the token.

        Raises:
            ForbiddenError: the token is none of this session, or its time is over.
            IdempotencyKeyReusedError: it was used for other answers.
            SecretUnavailableError: the keys can't be read.
            also the same as `SessionManager.update_answers`.
        """
        payload = await self._tokens.verified(token)
        if payload is None or payload["session_id"] != str(session_id) or payload["expires_at"] < at:
            raise ForbiddenError("The token is not one of this session, or its time is over.")
        try:
            await self._sessions.update_answers(
                session_id,
                answers,
                autosave=True,
                client_id=payload["client_id"],
                based_on=based_on,
                idempotency_key=f"beacon:{payload['id']}",
                key_seconds=SECONDS,
                owner=payload["owner"],
                source=RequestSource(source.address, payload.get("config_key_hash")),
                at=at,
            )
        except IdempotencyKeyReusedError as error:
            raise IdempotencyKeyReusedError(
                "This token was used for other answers. Get one for each beacon.", member="token"
            ) from error
