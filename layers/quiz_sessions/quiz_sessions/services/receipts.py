"""Receipts: signed proof that a write was committed.

A receipt is a JWS in compact form (RFC 7515), signed with HMAC-SHA-256. Its header names the key (`kid`); its
payload is

    {"session_id", "version", "revision", "answers_sha256", "committed_at"}

answers_sha256 is over all committed answers of the session as compact JSON with sorted keys, in UTF-8.
committed_at is when the gateway received the request, in seconds since 1970-01-01 UTC.

The keys are JSON: {"current": kid, "keys": {kid: base64url of the key}}. `current` signs; all of them verify.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ..domain.attempts import Attempt
from ..domain.errors import SecretUnavailableError
from ..domain.timestamps import Micros
from ..runtime.settings import SettingsError
from ..runtime.telemetry import Telemetry

REFRESH_SECONDS = 3600.0
"""How long keys are used before they are read again, so that a rotated key comes into use."""
RETRY_SECONDS = 30.0
"""How soon the keys are read again after a failed read, or for a receipt with an unknown key."""
MIN_KEY_BYTES = 32
_TYPE = "receipt+jws"
MAX_CHARACTERS = 2048
"""A genuine receipt has about 400."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The content of a genuine receipt.

    Attributes:
        committed_at: seconds since 1970-01-01 UTC.
    """

    session_id: UUID
    version: int
    revision: int
    answers_sha256: str
    committed_at: float


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys as they were read, by kid."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def from_json(cls, text: str) -> Keys:
        """Parse the keys.

        Raises:
            SettingsError: they do not have the format that this module describes.
        """
        try:
            data = json.loads(text)
            keys = {kid: _decode(key) for kid, key in data["keys"].items()}
            current = data["current"]
            if current in keys and all(len(key) >= MIN_KEY_BYTES for key in keys.values()):
                return cls(current, keys)
        except (ValueError, KeyError, TypeError, AttributeError):
            # `from None`, because the cause may quote the text, which is a secret.
            raise SettingsError(_FORMAT) from None
        raise SettingsError(_FORMAT)


_FORMAT = (
    'The receipt keys are JSON: {"current": kid, "keys": {kid: base64url of 32 random bytes or more}}, '
    "current among them."
)


class Receipts:
    """Signs and verifies receipts. Without keys, or while they can't be read, it issues none."""

    def __init__(
        self,
        read_keys: Callable[[], Awaitable[str]] | None,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._read_keys = read_keys
        self._telemetry = telemetry
        self._keys: Keys | None = None
        self._read_at = float("-inf")
        self._fresh_seconds = 0.0
        self._reading = asyncio.Lock()

    async def sign(self, attempt: Attempt, at: Micros) -> str | None:
        """A receipt for the committed state of `attempt`; None if there is no key."""
        keys = await self._current_keys()
        if keys is None:
            return None
        payload = {
            "session_id": str(attempt.id),
            "version": attempt.version,
            "revision": attempt.revision,
            "answers_sha256": answers_sha256(attempt.answers),
            "committed_at": at / 1_000_000,
        }
        return _sign(keys, _TYPE, payload)

    async def verify(self, text: str) -> Receipt | None:
        """The content of a receipt; None if it is not genuine."""
        data = await self.verified_payload(_TYPE, text)
        try:
            return Receipt(**{**data, "session_id": UUID(str(data["session_id"]))}) if data else None
        except (ValueError, KeyError, TypeError):
            return None

    async def sign_payload(self, kind: str, payload: dict[str, Any]) -> str | None:
        """A JWS of another kind (its `typ`), signed with the same keys; None if there is no key."""
        keys = await self._current_keys()
        return None if keys is None else _sign(keys, kind, payload)

    async def verified_payload(self, kind: str, text: str) -> dict[str, Any] | None:
        """The payload of a JWS of this kind; None if it is not genuine."""
        if len(text) > MAX_CHARACTERS:
            return None
        try:
            signed, _, signature = text.rpartition(".")
            head, payload = signed.split(".")
            header = json.loads(_decode(head))
            if (header["alg"], header["typ"]) != ("HS256", kind):
                return None
            key = await self._key(header["kid"])
            # Compare the encoded text, because several base64 texts decode to the same bytes.
            if key is None or not hmac.compare_digest(_encode(_mac(key, signed)), signature):
                return None
            data: dict[str, Any] = json.loads(_decode(payload))
            return data
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    async def _key(self, kid: Any) -> bytes | None:
        keys = await self._current_keys()
        if keys is not None and kid not in keys.keys:
            # The key may be newer than the last read.
            keys = await self._current_keys(RETRY_SECONDS)
        return keys.keys.get(kid) if keys is not None and isinstance(kid, str) else None

    async def _current_keys(self, max_age: float = REFRESH_SECONDS) -> Keys | None:
        if self._read_keys is None:
            return None
        if self._is_due(max_age):
            async with self._reading:
                if self._is_due(max_age):
                    await self._read(self._read_keys)
        return self._keys

    async def _read(self, read_keys: Callable[[], Awaitable[str]]) -> None:
        try:
            self._keys = Keys.from_json(await read_keys())
            self._fresh_seconds = REFRESH_SECONDS
        except (SecretUnavailableError, SettingsError) as error:
            # The write is committed already and must not fail for want of a receipt.
            self._telemetry.degraded("receipt keys not read", error)
            self._fresh_seconds = RETRY_SECONDS
        self._read_at = self._clock()

    def _is_due(self, max_age: float) -> bool:
        return self._clock() - self._read_at >= min(max_age, self._fresh_seconds)


def answers_sha256(answers: Mapping[str, Any]) -> str:
    """The hash of the answers in a receipt, in hexadecimal."""
    text = json.dumps(answers, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sign(keys: Keys, kind: str, payload: dict[str, Any]) -> str:
    signed = f"{_dump({'alg': 'HS256', 'kid': keys.current, 'typ': kind})}.{_dump(payload)}"
    return f"{signed}.{_encode(_mac(keys.keys[keys.current], signed))}"


def _mac(key: bytes, signed: str) -> bytes:
    return hmac.digest(key, signed.encode(), "sha256")


def _dump(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
