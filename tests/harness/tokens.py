"""Keys and tokens of an issuer that the tests play."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://login.example.com/"
AUDIENCE = "quiz"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str = "first") -> rsa.RSAPrivateKey:
    """The key of this name; making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def pem(key: PrivateKey) -> bytes:
    """The public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: PrivateKey, **fields: object) -> dict[str, Any]:
    """The public half, with `fields` beside what describes it."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return {**RSAAlgorithm.to_jwk(public, as_dict=True), **fields}
    return {**ECAlgorithm.to_jwk(public, as_dict=True), **fields}


def write_jwks(file: Path, **keys: PrivateKey) -> str:
    """A JWKS document of keys by kid; returns its path."""
    file.write_text(json.dumps({"keys": [jwk(key, kid=kid) for kid, key in keys.items()]}))
    return str(file)


def claims(**changes: object) -> dict[str, Any]:
    """The claims of a good token, but for `changes`; None takes a claim away."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "student1", "iat": now, "exp": now + 3600}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(
    payload: Mapping[str, object] | None = None,
    *,
    key: PrivateKey | bytes | str | None = None,
    algorithm: str = "RS256",
    kid: str | None = "first",
) -> str:
    """A good token, but for what is given."""
    headers = {} if kid is None else {"kid": kid}
    signer = rsa_key() if key is None else key
    return jwt.encode(dict(payload or claims()), signer, algorithm, headers=headers)
