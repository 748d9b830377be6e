"""Everything that a use case can refuse or fail with.

The domain raises these and nothing else; whoever speaks to the caller (HTTP, Lambda) maps them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from .sessions import Session


class QuizSessionsError(Exception):
    """Base of all errors of this package. Its text is meant for the caller and names no answer."""


class SecretUnavailableError(QuizSessionsError):
    """Secrets Manager does not hand out a secret."""


class EventBusUnavailableError(QuizSessionsError):
    """EventBridge can't be reached, or takes no events."""


class InvalidInputError(QuizSessionsError):
    """Something in the request can't be accepted as it is; the text says what to change."""


class ContentTooLargeError(QuizSessionsError):
    """An answer, or the session with it, would pass a limit in bytes; nothing was stored."""


class IdempotencyKeyReusedError(QuizSessionsError):
    """The user has already started another quiz with this Idempotency-Key."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key has started another quiz. Use a new key for each start.")


class SessionNotFoundError(QuizSessionsError):
    """No attempt has this id."""

    def __init__(self) -> None:
        super().__init__("No session has this id.")


class SessionExpiredError(QuizSessionsError):
    """The request came after the session's deadline. Its answers are kept, and do not count."""

    def __init__(self) -> None:
        super().__init__("The session's time is over; its answers up to the deadline are kept.")


class SessionClosedError(QuizSessionsError):
    """The session is completed or abandoned.

    Attributes:
        session: the session as it is now.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(f"The session is {session.status} and takes no more changes.")
        self.session = session


class VersionConflictError(QuizSessionsError):
    """The session has changed since the version that the caller knows.

    Attributes:
        session: the session as it is now.
        changed_questions: the questions committed after the caller's version.
    """

    def __init__(self, session: Session, changed_questions: Sequence[str]) -> None:
        super().__init__(f"The session is at version {session.version}. Read it, then send the change again.")
        self.session = session
        self.changed_questions = list(changed_questions)


class BusyError(QuizSessionsError):
    """Others held the session's row for too long; the same request may succeed at once."""

    def __init__(self) -> None:
        super().__init__("The session is busy. Try again.")


class DatabaseUnavailableError(QuizSessionsError):
    """PostgreSQL can't be reached, or did not answer in time."""

    def __init__(self) -> None:
        super().__init__("The database can't be reached. Try again.")


class StatementFailedError(DatabaseUnavailableError):
    """PostgreSQL has trouble of its own with this statement, and may well serve others."""


class CacheUnavailableError(QuizSessionsError):
    """Valkey can't be reached, did not answer in time or takes no writes."""

    def __init__(self) -> None:
        super().__init__("The cache can't be reached. Try again.")


class PoisonedError(QuizSessionsError):
    """The database refused a session's data itself; sending it again will not help."""

    def __init__(self) -> None:
        super().__init__("The database refuses this data.")


class StartRefusedError(QuizSessionsError):
    """The quiz's rules do not allow this start; each reason is a class of its own."""


class QuizNotOpenError(StartRefusedError):
    """The quiz can't be started yet.

    Attributes:
        opens_at: from when on it can.
    """

    def __init__(self, opens_at: datetime | None) -> None:
        super().__init__("The quiz has not opened yet.")
        self.opens_at = opens_at


class QuizClosedError(StartRefusedError):
    """The quiz can't be started, or an attempt at it reopened, any more.

    Attributes:
        closes_at: until when it could.
    """

    def __init__(self, closes_at: datetime | None) -> None:
        super().__init__("The quiz has closed.")
        self.closes_at = closes_at


class AttemptsExhaustedError(StartRefusedError):
    """The user has used every attempt that the quiz allows."""

    def __init__(self) -> None:
        super().__init__("The user has used every attempt that this quiz allows.")


class ActiveAttemptError(StartRefusedError):
    """The quiz allows one open attempt at a time, and there is one.

    Attributes:
        session_id: of the open attempt; None where it is not known.
    """

    def __init__(self, session_id: UUID | None) -> None:
        super().__init__("An attempt at this quiz is open; hand it in first, or go on with it.")
        self.session_id = session_id


class DeadlineMovedError(QuizSessionsError):
    """The session was to be handed in because its time was over, and it is not.

    Attributes:
        session: the session as it is now.
    """

    def __init__(self, session: Session) -> None:
        super().__init__("The session has been given more time since; it goes on.")
        self.session = session


class SessionOpenError(QuizSessionsError):
    """What was asked for needs a session that has ended."""

    def __init__(self) -> None:
        super().__init__("The session is still open; this can be done once it has ended.")


class SessionStateError(QuizSessionsError):
    """What was asked for needs another state of the session; the text says what to do instead."""


class QuizNotFoundError(QuizSessionsError):
    """No quiz is registered under this id."""

    def __init__(self) -> None:
        super().__init__("No quiz is registered under this id.")


class QuizInUseError(QuizSessionsError):
    """Students are taking the quiz."""

    def __init__(self) -> None:
        super().__init__("Attempts at this quiz are open. Delete it when they have ended.")


class AccommodationNotFoundError(QuizSessionsError):
    """The user has no extra time for this quiz."""

    def __init__(self) -> None:
        super().__init__("The user has no extra time for this quiz.")


class LateAnswerNotFoundError(QuizSessionsError):
    """The session has no such late answer."""

    def __init__(self) -> None:
        super().__init__("The session has no late answer of this number.")


class VersionNotFoundError(QuizSessionsError):
    """The session has not reached this version."""

    def __init__(self) -> None:
        super().__init__("The session has no such version.")


class AuditLogDamagedError(QuizSessionsError):
    """The audit log was changed in the database, and can't be replayed any more."""

    def __init__(self) -> None:
        super().__init__("The history of this session was damaged; /sessions/{id}/verify says where.")


class GradedByKeyError(QuizSessionsError):
    """The quiz has an answer key, which alone sets its scores."""

    def __init__(self) -> None:
        super().__init__("The quiz has an answer key. Correct the key and regrade instead.")


class ResultsHiddenError(QuizSessionsError):
    """The quiz does not show its results, or not yet."""

    def __init__(self) -> None:
        super().__init__("The quiz does not show its results, or not yet.")


class UnauthenticatedError(QuizSessionsError):
    """The request carries no verified token."""

    def __init__(self) -> None:
        super().__init__("Send a token: Authorization: Bearer …")


class ForbiddenError(QuizSessionsError):
    """The caller's token does not allow this; the text names the scope that would."""
