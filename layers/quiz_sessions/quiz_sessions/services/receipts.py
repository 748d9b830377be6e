"""Receipts: signed proof that a write was committed, which anybody verifies with the published keys.

A receipt is a JWS by EdDSA. Its payload is

    {"session_id", "version", "revision", "answers_sha256", "committed_at"}

answers_sha256 is over the canonical JSON of all committed answers of the session, in UTF-8.
committed_at is when the gateway received the request, in seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ..domain.attempts import Attempt
from ..domain.canonical_json import canonical_json
from ..domain.timestamps import Micros
from ..runtime.telemetry import Telemetry
from .jws import Jws
from .signing_keys import EDDSA, Jwk, KeySet


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


class Receipts:
    """Signs and verifies receipts. Without keys, or while they can't be read, it issues none."""

    def __init__(
        self,
        read_keys: Callable[[], Awaitable[str]] | None,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jws = Jws("receipt+jws", EDDSA, read_keys, telemetry, clock)

    async def sign(self, attempt: Attempt, at: Micros) -> str | None:
        """A receipt for the committed state of `attempt`; None if there is no key."""
        return await self._jws.sign(
            {
                "session_id": str(attempt.id),
                "version": attempt.version,
                "revision": attempt.revision,
                "answers_sha256": answers_sha256(attempt.answers),
                "committed_at": at / 1_000_000,
            }
        )

    async def verify(self, text: str) -> Receipt | None:
        """The content of a receipt; None if it is not genuine.

        Raises:
            SecretUnavailableError: the keys can't be read.
        """
        data = await self._jws.verified(text)
        try:
            return Receipt(**{**data, "session_id": UUID(str(data["session_id"]))}) if data else None
        except (ValueError, KeyError, TypeError):
            return None

    async def keys(self) -> KeySet | None:
        """The keys; None if there are none.

        Raises:
            SecretUnavailableError: they can't be read.
        """
        return await self._jws.keys()

    @property
    def keys_read_at(self) -> float | None:
        """When they were read last, in seconds since 1970-01-01 UTC; None if they never were."""
        return self._jws.keys_read_at

    async def public_keys(self) -> list[Jwk]:
        """What anybody verifies receipts with: the keys that have signed, sign, and will sign next.

        Raises:
            SecretUnavailableError: the keys can't be read.
        """
        keys = await self._jws.keys()
        return [] if keys is None else [EDDSA.public(jwk) for jwk in keys.jwks]


def answers_sha256(answers: Mapping[str, Any]) -> str:
    """The hash of the answers in a receipt, in hexadecimal."""
    return hashlib.sha256(canonical_json(dict(answers)).encode()).hexdigest()
