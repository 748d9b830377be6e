"""The audit log of an attempt: one event for each change, chained by hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from .json_values import Json


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One change of an attempt, as it was recorded with it.

    Attributes:
        revision: its number within the attempt.
        at: when it happened; of an answer, when the gateway received it.
        hash: over this event and the hash of the one before.
        holds: whether the stored hash is right.
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
    """An audit event that the event bus has not accepted yet, with whose attempt it is about."""

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
