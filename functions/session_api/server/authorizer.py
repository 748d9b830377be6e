"""What the gateway's JWT authorizer does for a function: verifies tokens and passes their claims on."""

import json
import logging
import re
from typing import Any

import jwt
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..gateway import path_of
from .public_keys import Keys

# As in template.yaml: /health, the public keys, what problems mean, beacons and OPTIONS. And files of
# exports, which are links to S3 there.
_OPEN = r"/health|/\.well-known/jwks\.json|/docs/problems|/exports/[^/]+/file"
DOCUMENTS = r"/docs(/.*)?|/openapi.json"
READINESS = "/health/ready"
_BEACON = re.compile("/sessions/[^/]+/beacon")
# RFC 9110, 11.1: a scheme is case-insensitive.
_SCHEME = re.compile("^bearer +", re.IGNORECASE)

_log = logging.getLogger(__name__)


class UnknownKeyError(jwt.InvalidTokenError):
    """The issuer has no such key."""


class Verifier:
    """Checks tokens as the gateway does.

    Attributes:
        keys: what it checks them with.
    """

    def __init__(self, keys: Keys, issuer: str, audience: str, skew_seconds: int = 0) -> None:
        """`skew_seconds`: by how much the issuer's clock and this one may differ."""
        self.keys = keys
        self._skew_seconds = skew_seconds
        self._issuer = issuer
        self._audience = audience

    async def claims(self, token: str) -> dict[str, str]:
        """The claims of a token that is good now, as the gateway writes them.

        Raises:
            jwt.PyJWTError: it is not good; the error's class says why.
        """
        key = await self.keys.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise UnknownKeyError
        claims = jwt.decode(
            token,
            key.public,
            algorithms=key.algorithms,
            issuer=self._issuer,
            leeway=self._skew_seconds,
            options={"require": ["exp"], "verify_aud": False},
        )
        # The gateway looks at client_id where there is no aud, which the library does not.
        audience = claims["aud"] if "aud" in claims else claims.get("client_id")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise jwt.InvalidAudienceError
        return {name: _text(value) for name, value in claims.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(map(_text, value))}]"
    return json.dumps(value)


class Authorizer:
    """ASGI middleware that lets in who has a good token, with its claims in the event that Mangum would pass.

    The event has no timeEpoch: here the clock of the service is that of the gateway.
    """

    def __init__(self, app: ASGIApp, verifier: Verifier, also_open: str = DOCUMENTS) -> None:
        """`also_open`: a pattern of paths that can be read without a token, beside those of the gateway."""
        self._app = app
        self._verifier = verifier
        self._open = re.compile(f"{_OPEN}|{also_open}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context: dict[str, Any] = {}
        scope = {**scope, "aws.event": {"version": "2.0", "requestContext": context}}
        is_open = scope["method"] == "OPTIONS" or (
            _BEACON.fullmatch(path_of(scope))
            if scope["method"] == "POST"
            else scope["method"] in ("GET", "HEAD") and self._open.fullmatch(path_of(scope))
        )
        if not is_open:
            try:
                claims = await self._verifier.claims(_token(scope))
            except jwt.PyJWTError as error:
                # Not its text, which may quote the token.
                _log.info("no good token: %s", type(error).__name__)
                refusal = Response(
                    '{"message":"Unauthorized"}', 401, {"WWW-Authenticate": "Bearer"}, "application/json"
                )
                await refusal(scope, receive, send)
                return
            context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
        await self._app(scope, receive, send)


def _token(scope: Scope) -> str:
    """What may be a token; without one, the empty string. Several headers are one with commas, as on AWS."""
    return _SCHEME.sub("", ",".join(Headers(scope=scope).getlist("authorization")), count=1)
