"""The keys that tokens are verified with, from where the issuer publishes them."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

# The gateway takes RSA alone. ES256 is here for issuers that sign with nothing else; on AWS their tokens are
# refused. What needs no key or a secret one (none, HS256) must never be: the key here is public.
_ALGORITHMS: Final = {"RSA": ("RS256", "RS384", "RS512"), "EC": ("ES256",)}

_READ_AGAIN_SECONDS = 30.0
_ANSWER_SECONDS = 3.0

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

    async def find(self, kid: str | None) -> Key | None:
        """The one key."""
        return self._key


class Jwks:
    """The keys of a JWKS document, which is read again when a token names one that is not among them."""

    def __init__(self, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Read `source`, an http(s):// address or a path. `clock` counts seconds. Raises KeysError."""
        self._source = source
        self._clock = clock
        self._reading = asyncio.Lock()
        self._keys = _read(source)
        self._read_at = clock()

    async def find(self, kid: str | None) -> Key | None:
        """The key called `kid`. It waits while the document is read again, the other requests do not."""
        if kid is None:
            return None
        if kid in self._keys:
            return self._keys[kid]
        async with self._reading:
            # Names that nobody has are free to make up: they must not become requests to the issuer.
            if self._clock() - self._read_at >= _READ_AGAIN_SECONDS:
                self._read_at = self._clock()
                try:
                    self._keys = await asyncio.to_thread(_read, self._source)
                except KeysError as error:
                    _log.warning("%s", error)
        return self._keys.get(kid)


def _read(source: str) -> dict[str, Key]:
    try:
        if source.startswith(("http://", "https://")):
            text = httpx.get(source, timeout=_ANSWER_SECONDS).raise_for_status().text
        else:
            text = Path(source).read_text()
        found = {jwk["kid"]: _from_jwk(jwk) for jwk in json.loads(text)["keys"] if "kid" in jwk}
    except OSError as error:
        raise KeysError(source, error.strerror or error) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Its second line is advice.
        raise KeysError(source, str(error).partition("\n")[0] or type(error).__name__) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise KeysError(source, "no JWKS document") from error
    if not (keys := {kid: key for kid, key in found.items() if key is not None}):
        raise KeysError(source, "no RSA or P-256 key with a kid")
    return keys


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
