"""The keys that sign receipts and the tokens of beacons.

A set of keys is JSON: {"current": kid, "keys": [JWK, ...]} (RFC 7517), oldest first. `current` signs. The key
after it signs next, so that everybody has it by then; those before it verify what they have signed.
"""

from __future__ import annotations

import hmac
import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeAlias

from ..domain import base64url
from ..runtime.settings import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Jwk: TypeAlias = Mapping[str, str]
MIN_SECRET_BYTES: Final = 32
"""Of an HMAC (RFC 7518, 3.2)."""


class Key(Protocol):
    """A key that can be used."""

    def sign(self, content: bytes) -> bytes:
        """The signature of `content`."""

    def verifies(self, signature: bytes, content: bytes) -> bool:
        """Whether it is the signature of `content`."""


class Algorithm(ABC):
    """An algorithm of signatures, and the form of its keys.

    Attributes:
        name: as `alg` has it.
        former_keys: how many former keys are kept.
    """

    name: ClassVar[str]
    former_keys: ClassVar[int]

    @abstractmethod
    def new_key(self, kid: str) -> Jwk:
        """A new random key."""

    @abstractmethod
    def former(self, jwk: Jwk) -> Jwk:
        """What is kept of a key that only verifies."""

    @abstractmethod
    def load(self, jwk: Jwk, *, signs: bool) -> Key:
        """The key, which can sign if it is one that `signs`.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: it is none.
        """


class EdDsa(Algorithm):
    """EdDSA with Ed25519 (RFC 8037): others verify with the public key.

    The library is imported here, with the first key: a process that signs nothing does without it.
    """

    name = "EdDSA"
    # Ten years of them, with a rotation every 90 days.
    former_keys = 40

    def new_key(self, kid: str) -> Jwk:
        # Here for the reason that `Ed25519` gives.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        private = Ed25519PrivateKey.generate()
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "kid": kid,
            "use": "sig",
            "alg": self.name,
            "x": base64url.encode(private.public_key().public_bytes_raw()),
            "d": base64url.encode(private.private_bytes_raw()),
        }

    def former(self, jwk: Jwk) -> Jwk:
        return self.public(jwk)

    def public(self, jwk: Jwk) -> Jwk:
        """What everybody may know of a key."""
        return {name: jwk[name] for name in ("kty", "crv", "kid", "use", "alg", "x")}

    def load(self, jwk: Jwk, *, signs: bool) -> Key:
        # Here for the reason that `Ed25519` gives.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
            Ed25519PublicKey,
        )

        if (jwk["kty"], jwk["crv"], jwk["use"], jwk["alg"]) != ("OKP", "Ed25519", "sig", self.name):
            raise ValueError
        public = Ed25519PublicKey.from_public_bytes(base64url.decode(jwk["x"]))
        if not signs:
            return _Ed25519Key(public, None)
        private = Ed25519PrivateKey.from_private_bytes(base64url.decode(jwk["d"]))
        if private.public_key() != public:
            raise ValueError
        return _Ed25519Key(public, private)


class Hs256(Algorithm):
    """HMAC with SHA-256: only who has the key verifies."""

    name = "HS256"
    # A token is good for half a day.
    former_keys = 1

    def new_key(self, kid: str) -> Jwk:
        secret = base64url.encode(secrets.token_bytes(MIN_SECRET_BYTES))
        return {"kty": "oct", "kid": kid, "use": "sig", "alg": self.name, "k": secret}

    def former(self, jwk: Jwk) -> Jwk:
        return jwk

    def load(self, jwk: Jwk, *, signs: bool) -> Key:
        secret = base64url.decode(jwk["k"])
        if (jwk["kty"], jwk["alg"]) != ("oct", self.name) or len(secret) < MIN_SECRET_BYTES:
            raise ValueError
        return _HmacKey(secret)


EDDSA: Final = EdDsa()
HS256: Final = Hs256()
ALGORITHMS: Final[Mapping[str, Algorithm]] = {each.name: each for each in (EDDSA, HS256)}


@dataclass(frozen=True, slots=True)
class _Ed25519Key:
    public: Ed25519PublicKey
    private: Ed25519PrivateKey | None

    def sign(self, content: bytes) -> bytes:
        assert self.private is not None
        return self.private.sign(content)

    def verifies(self, signature: bytes, content: bytes) -> bool:
        # Here for the reason that `Ed25519` gives.
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

        try:
            self.public.verify(signature, content)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _HmacKey:
    secret: bytes = field(repr=False)

    def sign(self, content: bytes) -> bytes:
        return hmac.digest(self.secret, content, "sha256")

    def verifies(self, signature: bytes, content: bytes) -> bool:
        return hmac.compare_digest(self.sign(content), signature)


@dataclass(frozen=True, slots=True)
class KeySet:
    """A set of keys as it was read.

    Attributes:
        keys: by kid.
        jwks: the same keys as they are held, with what is secret of them.
    """

    current: str
    keys: Mapping[str, Key]
    jwks: Sequence[Jwk] = field(repr=False)

    @classmethod
    def from_json(cls, text: str, algorithm: Algorithm) -> KeySet:
        """Parse keys of one algorithm.

        Raises:
            SettingsError: they do not have the form that this module describes.
        """
        try:
            held = json.loads(text)
            current, jwks = held["current"], held["keys"]
            kids = [jwk["kid"] for jwk in jwks]
            first_to_sign = kids.index(current)
            keys = {
                kid: algorithm.load(jwk, signs=place >= first_to_sign)
                for place, (kid, jwk) in enumerate(zip(kids, jwks, strict=True))
            }
            if len(keys) == len(kids) and all(isinstance(kid, str) for kid in kids):
                return cls(current, keys, jwks)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # `from None`, because the cause may quote the text, which is a secret.
            pass
        raise SettingsError(
            f'The keys are JSON: {{"current": kid, "keys": [JWK, ...]}} with keys for {algorithm.name}, '
            "current among them."
        ) from None


def rotated(held: Mapping[str, Any], algorithm: Algorithm) -> dict[str, Any]:
    """The keys after these: the next key signs, and there is a new one after it.

    Without keys in this form, both are new.
    """
    keys: list[Jwk] = held["keys"] if isinstance(held.get("keys"), list) else []
    ahead = [jwk["kid"] for jwk in keys].index(held["current"]) + 1 if keys else 0
    former = [algorithm.former(jwk) for jwk in keys[:ahead]][-algorithm.former_keys :]
    coming = keys[ahead:]
    while len(coming) < 2:
        # Random, because two rotations may happen on one day.
        kid = f"{datetime.now(UTC):%Y-%m-%d}-{secrets.token_hex(3)}"
        coming = [*coming, algorithm.new_key(kid)]
    return {"current": coming[0]["kid"], "keys": [*former, *coming]}
