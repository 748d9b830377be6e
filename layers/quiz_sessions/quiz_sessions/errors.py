"""Everything that a use case can refuse or fail with.

The domain raises these and nothing else; whoever speaks to the caller (HTTP, Lambda) maps them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import Session


class QuizSessionsError(Exception):
    """Base of all errors of this package. Its text is meant for the caller and names no answer."""


class SettingsError(QuizSessionsError):
    """The environment lacks a setting or holds one that can't be used; the text says what to set."""


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


class CacheUnavailableError(QuizSessionsError):
    """Valkey can't be reached, did not answer in time or takes no writes."""

    def __init__(self) -> None:
        super().__init__("The cache can't be reached. Try again.")


class PoisonedError(QuizSessionsError):
    """The database refused a session's data itself; sending it again will not help."""

    def __init__(self) -> None:
        super().__init__("The database refuses this data.")
