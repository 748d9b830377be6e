"""What all staff actions have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID, uuid4

from ..domain.attempts import Staff
from ..domain.drafts import NO_DRAFTS
from ..domain.errors import (
    IdempotencyKeyReusedError,
    InvalidInputError,
    SessionClosedError,
    SessionNotFoundError,
)
from ..domain.outcomes import ActionOutcome, ActionResult
from ..domain.quizzes import StaffAction
from ..domain.sessions import Session
from ..domain.timestamps import Micros
from ..domain.validation import check_id, check_shows, check_text
from .disclosure import Disclosure
from .settlement import Current, Settler

MAX_NAMED = 1000
"""Sessions that one request may name."""
MAX_REASON_CHARACTERS = 1000


class StaffActions:
    """Turns requests by staff into actions, and the results of actions into sessions."""

    def __init__(self, *, settler: Settler, disclosure: Disclosure, clock: Callable[[], Micros]) -> None:
        self._settler = settler
        self._disclosure = disclosure
        self._clock = clock

    def action(
        self, kind: str, reason: str | None, key: str | None, by: str | None, at: Micros | None
    ) -> StaffAction:
        """Build an action; without a `key`, a repetition is not recognised.

        Raises:
            InvalidInputError: the reason or the key can't be stored.
        """
        if reason is not None:
            check_reason(reason)
        if key is not None:
            check_id("Idempotency-Key", key)
        moment = self._clock() if at is None else at
        return StaffAction(kind, moment, by, reason, f"{kind}:{uuid4().hex if key is None else key}", key)

    async def session_after(self, result: ActionResult, action: StaffAction) -> Session:
        """The session after an action.

        Raises:
            the same as `after`.
        """
        return await self.shown(await self.after(result, action), action)

    async def shown(self, current: Current, action: StaffAction) -> Session:
        """The session as the staff who took the action see it."""
        owner = None if action.by is None else Staff(action.by)
        return await self._disclosure.show(current, owner, action.at)

    async def after(self, result: ActionResult, action: StaffAction) -> Current:
        """The attempt after an action, and its drafts; its row is graded and cached first.

        Raises:
            IdempotencyKeyReusedError: another action was taken with its key.
            SessionClosedError: the attempt is completed or abandoned, and the action needs one that is not.
        """
        if result.outcome is ActionOutcome.REUSED:
            raise IdempotencyKeyReusedError
        if result.outcome is ActionOutcome.CLOSED:
            current = Current(result.attempt, NO_DRAFTS, result.attempt)
            raise SessionClosedError(await self.shown(current, action))
        return await self._settler.write_back(result.attempt, [], action.at)


_Result = TypeVar("_Result", bound=ActionResult)


def found(result: _Result | None) -> _Result:
    """Return `result` if there is one.

    Raises:
        SessionNotFoundError: there is no such attempt.
    """
    if result is None:
        raise SessionNotFoundError
    return result


def check_named(quiz_id: str, session_ids: Sequence[UUID] | None) -> None:
    """Refuse a quiz, and which of its sessions if not all, that can't be named.

    Raises:
        InvalidInputError: the id is not one, or there are no sessions or too many.
    """
    check_id("quiz_id", quiz_id)
    if session_ids is not None and not 0 < len(session_ids) <= MAX_NAMED:
        raise InvalidInputError(f"session_ids must have 1 to {MAX_NAMED} sessions.", member="session_ids")


def check_reason(reason: str) -> None:
    """Refuse a reason that is not allowed.

    Raises:
        InvalidInputError: it is empty, too long, shows nothing, or is text that PostgreSQL can't hold.
    """
    check_words("reason", reason, MAX_REASON_CHARACTERS)


def check_words(member: str, words: str, most: int) -> None:
    """Refuse what staff have written into `member` if it is not allowed.

    Raises:
        InvalidInputError: it is empty, has more than `most` characters, shows nothing, or is text that
            PostgreSQL can't hold.
    """
    if not 1 <= len(words) <= most:
        raise InvalidInputError(f"{member} must have 1 to {most} characters.", member=member)
    check_text(member, words, member)
    check_shows(member, words)
