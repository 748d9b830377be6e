"""The audit log of a session, and what a receipt proves."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StrictStr

from quiz_sessions.domain.outcomes import RecordedAction
from quiz_sessions.services.jws import MAX_CHARACTERS as MAX_RECEIPT_CHARACTERS

from .common import Answers, RequestBody, example, reply


class VerifyReceiptRequest(RequestBody):
    """A receipt, and optionally the answers that it is supposed to be for."""

    model_config = example(
        receipt="eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl", answers={"0": "A", "essay": {"text": "It was a"}}
    )

    receipt: Annotated[StrictStr, Field(max_length=MAX_RECEIPT_CHARACTERS)] = Field(
        description="As a reply had it."
    )
    answers: Answers | None = Field(None, description="All answers that it is said to be for.")


@reply
class EventReply:
    """One change of a session."""

    revision: int
    version: int
    type: str
    at: datetime
    changes: dict[str, Any] | None = field(metadata={"description": "Null where they were erased."})
    nonce: str | None = field(
        metadata={"description": "A random number of this event alone; null where the changes were erased."}
    )
    digest: str = field(metadata={"description": "SHA-256 over the nonce and the changes."})
    hash: str = field(
        metadata={"description": "SHA-256 over the hash of the event before and this event with its digest."}
    )
    erased_by: int | None = field(metadata={"description": "The staff action that erased the changes."})


@reply
class EventsReply:
    """Changes of a session, in order of revision."""

    events: list[EventReply]
    next_after: int | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )


@reply
class VerificationReply:
    """Whether a session's audit log is intact, and its row as the log says."""

    intact: bool
    events: int
    broken: list[int] = field(metadata={"description": "Revisions missing from the log, or changed since."})
    differs: list[str] = field(metadata={"description": "What the session says otherwise than its log."})
    erased: int = field(metadata={"description": "Of how many events staff have erased the changes."})
    erased_by: list[int] = field(metadata={"description": "The staff actions that did so."})
    paper_as_drawn: bool | None = field(
        metadata={
            "description": "Whether its paper is what its seed draws from the quiz as that was then; null "
            "without one."
        }
    )


@reply
class ProofReply:
    """What a receipt proves."""

    genuine: bool
    recorded: bool | None = field(
        metadata={"description": "Whether the session's audit log says the same; null where it was erased."}
    )
    answers_match: bool | None = field(metadata={"description": "Null where no answers were sent."})
    session_id: UUID | None
    version: int | None
    answers_sha256: str | None
    committed_at: datetime | None


@reply
class PublicKeyReply:
    """A public key, as a JWK (RFC 8037)."""

    kty: str
    crv: str
    kid: str = field(metadata={"description": "As the header of a receipt names it."})
    use: str
    alg: str
    x: str = field(metadata={"description": "The key itself, in base64url."})


@reply
class JwksReply:
    """A JWK Set (RFC 7517)."""

    keys: list[PublicKeyReply] = field(
        metadata={"description": "Those that have signed, the one that signs, and the next one."}
    )


@reply
class StaffActionReply(RecordedAction):
    """Something that staff have done; answer keys only for callers who may write quizzes."""


@reply
class StaffActionsReply:
    """What staff have done, oldest first."""

    actions: list[StaffActionReply]
    next_after: int | None = field(
        metadata={"description": "The `after` of the next page; null where this one is empty."}
    )
