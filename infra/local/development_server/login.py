"""Who issues the tokens that the API takes, and what the pages are told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quiz_sessions.services.status import KeysStatus
from session_api.server.authorizer import Verifier
from session_api.server.public_keys import Jwks, Keys, PublicKeyFile
from session_api.server.settings import leeway_seconds

from .embedded import StartError
from .issuer import CLIENT_ID, FOLDER, SCOPES, Issuer
from .key_pair import AUDIENCE, ISSUER, KeyPair


@dataclass(frozen=True)
class Login:
    """How callers say who they are.

    Attributes:
        verifier: of tokens; None: the API asks for none.
        config: what the pages are told (clients/pages/common/config.js).
        origins: others that the pages call for it.
        issuer: of this server's own.
    """

    verifier: Verifier | None = None
    config: Mapping[str, Any] = field(default_factory=lambda: {"kind": "none"})
    origins: tuple[str, ...] = ()
    issuer: Issuer | None = None

    @property
    def known_keys(self) -> Callable[[], KeysStatus] | None:
        """What is known of the keys of tokens; None where the API asks for none."""
        return None if self.verifier is None else self.verifier.keys.known

    @classmethod
    def by_tokens(cls, environment: Mapping[str, str], data: Path) -> Login:
        """Tokens of the issuer that the environment names, else those of the key pair of `data`.

        Raises KeysError, StartError, SettingsError.
        """
        names = ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS", "JWT_PUBLIC_KEY_FILE")
        issuer, audience, jwks, file = (environment.get(name) or None for name in names)
        if not (issuer or audience or jwks or file):
            keys = KeyPair(data)
            verifier = Verifier(Jwks(str(keys.jwks_file)), ISSUER, AUDIENCE)
            config = _config(environment, f"../{FOLDER}", CLIENT_ID)
            return cls(verifier, config, issuer=Issuer(keys))
        if issuer and audience and not (jwks and file):
            config = _config(environment, issuer, environment.get("LOGIN_CLIENT_ID") or None)
            # An issuer may take its requests for tokens on another one (Amazon Cognito does).
            more = (environment.get("LOGIN_ORIGINS") or "").split()
            leeway = leeway_seconds(environment)
            verifier = Verifier(_keys(issuer, jwks, file), issuer, audience, leeway)
            return cls(verifier, config, (*_origin(issuer), *more))
        raise StartError(
            "AUTH_MODE=jwt needs JWT_ISSUER and JWT_AUDIENCE, and at most one of JWT_JWKS and "
            "JWT_PUBLIC_KEY_FILE; or none of the four for tokens of its own key (quiz-sessions token)"
        )


def _keys(issuer: str, jwks: str | None, file: str | None) -> Keys:
    if file:
        return PublicKeyFile(Path(file))
    return Jwks(jwks) if jwks else Jwks.of_issuer(issuer)


def _config(environment: Mapping[str, str], issuer: str, client_id: str | None) -> dict[str, Any]:
    scopes = {
        "student": environment.get("LOGIN_STUDENT_SCOPE") or "openid",
        "staff": environment.get("LOGIN_STAFF_SCOPE") or " ".join(["openid", *SCOPES]),
    }
    return {"kind": "oidc", "issuer": issuer, "clientId": client_id, "scopes": scopes}


def _origin(address: str) -> tuple[str, ...]:
    parts = urlsplit(address)
    return (f"{parts.scheme}://{parts.netloc}",) if parts.netloc else ()
