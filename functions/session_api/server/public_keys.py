"""The keys that tokens are verified with, from where the issuer publishes them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from quiz_sessions.services.status import KeysState, KeysStatus

# The gateway takes RSA alone. ES256 is here for issuers that sign with nothing else; on AWS their tokens are
# refused. What needs no key or a secret one (none, HS256) must never be: the key here is public.
_ALGORITHMS: Final = {"RSA": ("RS256", "RS384", "RS512"), "EC": ("ES256",)}

_READ_AGAIN_SECONDS = 30.0
_KEEP_SECONDS = 3600.0
"""A key that the issuer has withdrawn is taken for so long."""
_ANSWER_SECONDS = 3.0
_DISCOVERY = "/.well-known/openid-configuration"
_WEB = ("http://", "https://")

_log = logging.getLogger(__name__)


class KeysError(Exception):
    """Keys can't be read, or none of them can be used."""

    def __init__(self, source: str | Path, reason: object) -> None:
        """`source`: where they are."""
        super().__init__(f"the keys in {source}: {reason}")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the algorithms that a token may name with it."""

    public: RSAPublicKey | EllipticCurvePublicKey
    algorithms: tuple[str, ...]


class Keys(Protocol):
    """Where a verifier gets its keys."""

    async def find(self, kid: str | None) -> Key | None:
        """The key that a token names, None if there is none of that name."""

    def known(self) -> KeysStatus:
        """The keys that there are, by their names."""


class PublicKeyFile:
    """One key for every token, whichever it names."""

    def __init__(self, file: Path) -> None:
        """Raises KeysError."""
        try:
            public = load_pem_public_key(file.read_bytes())
        except OSError as error:
            raise KeysError(file, error.strerror) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeysError(file, "no public key in PEM") from error
        self._key = _key(public, _ALGORITHMS["RSA" if isinstance(public, RSAPublicKey) else "EC"])
        if self._key is None:
            raise KeysError(file, "neither RSA nor P-256")
        self._read_at = datetime.now(UTC)

    async def find(self, kid: str | None) -> Key | None:
        """The one key."""
        return self._key

    def known(self) -> KeysStatus:
        """It has no name."""
        return KeysStatus(state=KeysState.OK, current=None, ids=[], read_at=self._read_at)


class Jwks:
    """The keys of a JWKS document.

    It is read again when a token names a key that is not among them, and every hour.
    """

    def __init__(self, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Read `source`, an http(s):// address or a path. `clock` counts seconds. Raises KeysError."""
        self._source = source
        self._clock = clock
        self._reading = asyncio.Lock()
        self._keys = _read(source)
        self._read_at = self._asked_at = clock()
        self._read_on = datetime.now(UTC)

    @classmethod
    def of_issuer(cls, issuer: str, clock: Callable[[], float] = time.monotonic) -> Jwks:
        """The keys that an issuer of OpenID Connect names, as the gateway finds them. Raises KeysError."""
        address = issuer.rstrip("/") + _DISCOVERY
        try:
            document = json.loads(_fetch(address))
            named, source = document["issuer"], document["jwks_uri"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise KeysError(address, "no document of an issuer, which has issuer and jwks_uri") from error
        if named != issuer:
            # OpenID Connect Discovery 1.0, 4.3. Its tokens would all be refused, for they have that name.
            raise KeysError(address, f"JWT_ISSUER is {issuer!r}, but the issuer calls itself {named!r}")
        if not (isinstance(source, str) and source.startswith(_WEB)):
            # Not a path of this machine.
            raise KeysError(address, "its jwks_uri is no address of the web")
        return cls(source, clock)

    async def find(self, kid: str | None) -> Key | None:
        """The key called `kid`. A request waits while the document is read for it, the others do not."""
        if kid is None:
            return None
        known = self._keys.get(kid)
        is_old = self._clock() - self._read_at >= _KEEP_SECONDS
        if known is not None and (not is_old or self._reading.locked()):
            return known
        async with self._reading:
            # Names that nobody has are free to make up: they must not become requests to the issuer.
            if self._clock() - self._asked_at >= _READ_AGAIN_SECONDS:
                self._asked_at = self._clock()
                try:
                    self._keys = await asyncio.to_thread(_read, self._source)
                    self._read_at = self._asked_at
                    self._read_on = datetime.now(UTC)
                except KeysError as error:
                    # Those that are known are better than none.
                    _log.warning("%s; those that are known are taken meanwhile", error)
        return self._keys.get(kid)

    def known(self) -> KeysStatus:
        """The keys of the document as it was read last."""
        return KeysStatus(state=KeysState.OK, current=None, ids=list(self._keys), read_at=self._read_on)


def _read(source: str) -> dict[str, Key]:
    try:
        text = _fetch(source) if source.startswith(_WEB) else Path(source).read_text()
        found = {jwk["kid"]: _from_jwk(jwk) for jwk in json.loads(text)["keys"] if "kid" in jwk}
    except OSError as error:
        raise KeysError(source, error.strerror or error) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise KeysError(source, "no JWKS document") from error
    if not (keys := {kid: key for kid, key in found.items() if key is not None}):
        raise KeysError(source, "no RSA or P-256 key with a kid")
    return keys


def _fetch(address: str) -> str:
    try:
        return httpx.get(address, timeout=_ANSWER_SECONDS).raise_for_status().text
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        # Its second line is advice.
        raise KeysError(address, str(error).partition("\n")[0] or type(error).__name__) from error


def _from_jwk(jwk: dict[str, Any]) -> Key | None:
    """The key, or None: issuers may publish others beside those that sign tokens."""
    algorithms = tuple(
        name for name in _ALGORITHMS.get(jwk.get("kty", ""), ()) if jwk.get("alg", name) == name
    )
    if not algorithms or jwk.get("use", "sig") != "sig":
        return None
    try:
        return _key(jwt.PyJWK(jwk, algorithms[0]).key, algorithms)
    except jwt.PyJWTError:
        return None


def _key(public: object, algorithms: tuple[str, ...]) -> Key | None:
    if isinstance(public, RSAPublicKey) or (
        isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
    ):
        return Key(public, algorithms)
    return None
