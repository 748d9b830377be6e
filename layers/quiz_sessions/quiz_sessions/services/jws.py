"""JSON Web Signatures in compact form (RFC 7515), and when their keys are read."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ..domain import base64url
from ..domain.errors import SecretUnavailableError
from ..runtime.settings import SettingsError
from ..runtime.telemetry import Telemetry
from .signing_keys import Algorithm, Key, KeySet

REFRESH_SECONDS: Final = 3600.0
"""How long keys are used before they are read again, so that a rotated key comes into use."""
RETRY_SECONDS: Final = 30.0
"""How soon the keys are read again after a failed read, or for a signature by an unknown key."""
MAX_CHARACTERS: Final = 2048
"""A genuine receipt has about 400, a token about 500."""


class Jws:
    """Signs and verifies what is of one kind (its `typ`), by one algorithm and the keys of one secret.

    Attributes:
        keys_read_at: when the keys were read last, in seconds since 1970-01-01 UTC; None if they never were.
    """

    def __init__(
        self,
        kind: str,
        algorithm: Algorithm,
        read_keys: Callable[[], Awaitable[str]] | None,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read_keys` gives the keys as JSON; without it there are none."""
        self._kind = kind
        self._algorithm = algorithm
        self._read_keys = read_keys
        self._telemetry = telemetry
        self._clock = clock
        self._keys: KeySet | None = None
        self.keys_read_at: float | None = None
        self._read_at = float("-inf")
        self._fresh_seconds = 0.0
        self._reading = asyncio.Lock()

    async def sign(self, payload: Mapping[str, Any]) -> str | None:
        """A JWS of the payload; None if there is no key, or while the keys can't be read."""
        keys = await self._current_keys()
        if keys is None:
            return None
        signed = f"{_dump(self._header(keys.current))}.{_dump(payload)}"
        return f"{signed}.{base64url.encode(keys.keys[keys.current].sign(signed.encode()))}"

    async def verified(self, text: str) -> dict[str, Any] | None:
        """The payload of a JWS; None if it is not genuine.

        Raises:
            SecretUnavailableError: while the keys can't be read nobody can say.
        """
        keys = await self.keys()
        if keys is None or len(text) > MAX_CHARACTERS:
            return None
        try:
            signed, _, signature = text.rpartition(".")
            head, body = signed.split(".")
            header = json.loads(base64url.decode(head))
            kid = header["kid"]
            # Nothing else may be in it: it would be something that we do not look at (RFC 7515, 4.1.11).
            if not isinstance(kid, str) or header != self._header(kid):
                return None
            key = keys.keys.get(kid) or await self._newer_key(kid)
            if key is None or not key.verifies(base64url.decode(signature), signed.encode()):
                return None
            payload = json.loads(base64url.decode(body))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return payload if isinstance(payload, dict) else None

    async def keys(self) -> KeySet | None:
        """The keys; None if there are none.

        Raises:
            SecretUnavailableError: they can't be read.
        """
        keys = await self._current_keys()
        if keys is None and self._read_keys is not None:
            raise SecretUnavailableError
        return keys

    def _header(self, kid: str) -> dict[str, str]:
        return {"alg": self._algorithm.name, "kid": kid, "typ": self._kind}

    async def _newer_key(self, kid: str) -> Key | None:
        """A key that may be newer than the last read."""
        keys = await self._current_keys(RETRY_SECONDS)
        assert keys is not None
        if kid not in keys.keys and self._fresh_seconds < REFRESH_SECONDS:
            # The last read failed, so nobody knows whether there is such a key by now.
            raise SecretUnavailableError
        return keys.keys.get(kid)

    async def _current_keys(self, max_age: float = REFRESH_SECONDS) -> KeySet | None:
        if self._read_keys is None:
            return None
        if self._is_due(max_age):
            async with self._reading:
                if self._is_due(max_age):
                    await self._read(self._read_keys)
        return self._keys

    async def _read(self, read_keys: Callable[[], Awaitable[str]]) -> None:
        try:
            self._keys = KeySet.from_json(await read_keys(), self._algorithm)
            self._fresh_seconds = REFRESH_SECONDS
            self.keys_read_at = time.time()
        except (SecretUnavailableError, SettingsError) as error:
            # A write is committed already and must not fail for want of a receipt.
            self._telemetry.degraded(f"{self._kind.partition('+')[0]} keys not read", error)
            self._fresh_seconds = RETRY_SECONDS
        self._read_at = self._clock()

    def _is_due(self, max_age: float) -> bool:
        return self._clock() - self._read_at >= min(max_age, self._fresh_seconds)


def _dump(value: Mapping[str, Any]) -> str:
    return base64url.encode(json.dumps(value, separators=(",", ":")).encode())
