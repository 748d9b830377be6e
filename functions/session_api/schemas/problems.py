"""Problems: the replies to requests that could not be served."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from .sessions import SessionState


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable: what a program may look at.")
    request_id: str


class InvalidInput(Problem):
    """What was wrong with the request."""

    errors: list[dict[str, str]] | None = None


class Conflict(Problem):
    """The session as it is now; with `version_conflict` also what has changed since."""

    current_version: int | None = None
    changed_questions: list[str] | None = None
    session: SessionState | None = None
    session_id: UUID | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
