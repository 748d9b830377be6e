"""Prints a token for the development server: `python -m development_server.key_pair --help`."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import RSAAlgorithm

from session_api.server.public_keys import KeysError

ISSUER = "http://127.0.0.1/development"
AUDIENCE = "quiz-sessions"
MINUTES = 60
_OPERATOR = "operator"
_OPERATOR_MINUTES = 5


class KeyPair:
    """The key pair of a data folder, made if there is none, with its JWKS document beside it."""

    def __init__(self, data: Path) -> None:
        """Raises KeysError, OSError."""
        folder = data / "jwt"
        folder.mkdir(parents=True, exist_ok=True)
        private_file = folder / "private.pem"
        if not private_file.exists():
            # Before it holds anything: the key must at no moment be open to others.
            private_file.touch(mode=0o600, exist_ok=False)
            private_file.write_bytes(_new_key())
        try:
            private = load_pem_private_key(private_file.read_bytes(), None)
        except (ValueError, TypeError):
            private = None
        if not isinstance(private, rsa.RSAPrivateKey):
            raise KeysError(private_file, "no private RSA key; remove the file for a new one")
        self._private = private
        public = private.public_key()
        bits = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        # Of the key itself, so that a new key has a new name and the server reads the document again.
        self._kid = hashlib.sha256(bits).hexdigest()[:16]
        jwk = {**RSAAlgorithm.to_jwk(public, as_dict=True), "kid": self._kid, "alg": "RS256", "use": "sig"}
        self.jwks_file = folder / "jwks.json"
        self.jwks_file.write_text(json.dumps({"keys": [jwk]}))

    def token(self, sub: str, scope: str | None, minutes: int) -> str:
        """A token for the service on the folder, good from now on."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + 60 * minutes}
        if scope is not None:
            claims["scope"] = scope
        return self.signed(claims)

    def signed(self, claims: Mapping[str, Any]) -> str:
        """A token that says just this."""
        return jwt.encode(dict(claims), self._private, "RS256", headers={"kid": self._kid})


def _new_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def token_of(data: Path, settings: Mapping[str, str], scope: str) -> str | None:
    """A token of a data folder's own key with this scope, for a few minutes; None where it signs none.

    It makes no key. Raises KeysError, OSError.
    """
    if settings.get("JWT_ISSUER") or not (data / "jwt" / "private.pem").exists():
        return None
    return KeyPair(data).token(_OPERATOR, scope, _OPERATOR_MINUTES)
