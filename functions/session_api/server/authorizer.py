"""What the gateway's JWT authorizer does for a function: verifies tokens and passes their claims on."""

import json
import re
from typing import Any

import jwt
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.domain.errors import UnauthenticatedError
from quiz_sessions.runtime.telemetry import Telemetry

from ..challenges import CHALLENGE, invalid_token
from ..gateway import path_of, request_id
from ..problems import problem
from .public_keys import Keys
from .token_refusals import OtherAudienceError, OtherIssuerError, UnknownKeyError, found_by, reason_of

# As in template.yaml: /health, the public keys, what problems mean, beacons and OPTIONS. And files of
# exports, which are links to S3 there.
_OPEN = r"/health|/\.well-known/jwks\.json|/docs/problems|/exports/[^/]+/file"
DOCUMENTS = r"/docs(/.*)?|/openapi.json"
READINESS = "/health/ready"
_BEACON = re.compile("/sessions/[^/]+/beacon")
# RFC 9110, 11.1: a scheme is case-insensitive.
_SCHEME = re.compile("^bearer +", re.IGNORECASE)


class Verifier:
    """Checks tokens as the gateway does.

    Attributes:
        keys: what it checks them with.
    """

    def __init__(self, keys: Keys, issuer: str, audience: str, leeway_seconds: int = 0) -> None:
        """`leeway_seconds`: by how much the issuer's clock and this one may differ."""
        self.keys = keys
        self._leeway_seconds = leeway_seconds
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
            leeway=self._leeway_seconds,
            options={"require": ["exp", "iss"], "verify_aud": False, "verify_iss": False},
        )
        # Not by the library, whose errors do not say what is there instead.
        if claims["iss"] != self._issuer:
            raise OtherIssuerError(claims["iss"])
        # The gateway looks at client_id where there is no aud. Access tokens of Amazon Cognito have no aud.
        audience = claims["aud"] if "aud" in claims else claims.get("client_id")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise OtherAudienceError(audience)
        return {name: _text(value) for name, value in claims.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{name}:{_text(value[name])}' for name in sorted(value))}]"
    return json.dumps(value)


class Authorizer:
    """ASGI middleware that lets in who has a good token, with its claims in the event that Mangum would pass.

    The event has no timeEpoch: here the clock of the service is that of the gateway.
    """

    def __init__(self, app: ASGIApp, verifier: Verifier, also_open: str = DOCUMENTS) -> None:
        """`also_open`: a pattern of paths that can be read without a token, beside those of the gateway."""
        self._app = app
        self._telemetry = Telemetry()
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
            token = _token(scope)
            try:
                claims = await self._verifier.claims(token)
            except jwt.PyJWTError as error:
                await self._refuse(error if token else None, scope, receive, send)
                return
            context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
        await self._app(scope, receive, send)

    async def _refuse(self, error: jwt.PyJWTError | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Reply with what is wrong; `error` is None where there is no token."""
        # Not the error's text, which may quote the token.
        reason = reason_of(error) if error else str(UnauthenticatedError())
        challenge = invalid_token(reason) if error else CHALLENGE
        known = request_id(scope)
        self._telemetry.refused(
            401,
            "unauthenticated",
            method=scope["method"],
            reason=reason,
            request_id=known,
            **(found_by(error) if error else {}),
        )
        headers = {"WWW-Authenticate": challenge}
        root_path = scope.get("root_path", "")
        reply = problem(401, "unauthenticated", reason, known, root_path=root_path, headers=headers)
        await reply(scope, receive, send)


def _token(scope: Scope) -> str:
    """What may be a token; without one, the empty string. Several headers are one with commas, as on AWS."""
    return _SCHEME.sub("", ",".join(Headers(scope=scope).getlist("authorization")), count=1)
