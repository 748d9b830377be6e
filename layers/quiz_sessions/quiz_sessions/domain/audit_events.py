"""Audit events: one for each change of an attempt, chained by hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from .json_values import Json


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One change of an attempt, recorded by the statement that made it.

    Attributes:
        revision: the revision of the attempt after the change; it numbers the events of an attempt.
        at: when it happened; for answers, when the gateway received them.
        changes: what was changed; None if it was erased.
        nonce: a random number of this event alone; None if it was erased.
        digest: SHA-256 over the nonce and `changes`.
        hash: SHA-256 over the hash of the event before it and this event, with the digest for its changes.
        erased_by: the number of the staff action that erased the changes.
        holds: whether the stored digest and hash are correct, or the erasure is on record.
    """

    revision: int
    version: int
    type: str
    changes: dict[str, Json] | None
    at: datetime
    nonce: bytes | None
    digest: bytes
    hash: bytes
    erased_by: int | None
    holds: bool


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """An audit event that the event bus has not accepted yet, with the identity of its attempt.

    Attributes:
        tries: how often a webhook has refused it.
    """

    attempt_id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    revision: int
    version: int
    type: str
    changes: dict[str, Json]
    at: datetime
    hash: bytes
    tries: int = 0
