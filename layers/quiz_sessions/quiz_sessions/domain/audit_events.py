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
        hash: SHA-256 over this event and the hash of the event before it.
        holds: whether the stored hash is correct.
    """

    revision: int
    version: int
    type: str
    changes: dict[str, Json]
    at: datetime
    hash: bytes
    holds: bool


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """An audit event that the event bus has not accepted yet, with the identity of its attempt."""

    event_id: int
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
