"""Keys that sign receipts and the tokens of beacons, as their secrets hold them."""

from __future__ import annotations

import hmac
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quiz_sessions.domain import base64url
from quiz_sessions.services.signing_keys import Jwk


def ed25519_key(kid: str = "k1", seed: bytes = b"s" * 32) -> dict[str, str]:
    """A key of receipts; the same seed makes the same key."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": "EdDSA"}
    return {**jwk, "x": base64url.encode(public), "d": base64url.encode(seed)}


def hmac_key(kid: str = "k1", secret: bytes = b"s" * 32) -> dict[str, str]:
    """A key of beacons."""
    return {"kty": "oct", "kid": kid, "use": "sig", "alg": "HS256", "k": base64url.encode(secret)}


def public_part(jwk: Jwk) -> dict[str, str]:
    return {name: value for name, value in jwk.items() if name != "d"}


def held(current: str, *jwks: Jwk) -> str:
    """A set of keys."""
    return json.dumps({"current": current, "keys": jwks})


RECEIPT_KEYS = held("k1", ed25519_key())
BEACON_KEYS = held("k1", hmac_key())


def signed(header: object, payload: object, seed: bytes = b"s" * 32) -> str:
    """A JWS of any content, signed as receipts are."""
    text = unsigned(header, payload)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    return f"{text}.{base64url.encode(signature)}"


def signed_by_hmac(header: object, payload: object, secret: bytes, digest: str = "sha256") -> str:
    """A JWS of any content, signed as the tokens of beacons are."""
    text = unsigned(header, payload)
    return f"{text}.{base64url.encode(hmac.digest(secret, text.encode(), digest))}"


def unsigned(header: object, payload: object) -> str:
    return ".".join(base64url.encode(json.dumps(part).encode()) for part in (header, payload))
