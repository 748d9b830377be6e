"""What every staff action on an attempt begins and ends with."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from ..domain.drafts import NO_DRAFTS
from ..domain.errors import InvalidInputError, SessionClosedError, SessionNotFoundError
from ..domain.outcomes import ActionOutcome, ActionResult
from ..domain.quizzes import StaffAction
from ..domain.sessions import Session, view
from ..domain.timestamps import Micros
from ..domain.validation import check_id, check_text
from .settlement import Settler

MAX_REASON_CHARACTERS = 1000


class StaffActions:
    """Makes actions out of what staff asked for, and sessions out of what became of them."""

    def __init__(self, *, settler: Settler, clock: Callable[[], Micros]) -> None:
        self._settler = settler
        self._clock = clock

    def action(
        self, kind: str, reason: str, key: str | None, by: str | None, at: Micros | None
    ) -> StaffAction:
        """Who acts, when and why; without a `key` no repetition of it is known.

        Raises:
            InvalidInputError: the reason or the key can't be stored.
        """
        check_reason(reason)
        if key is not None:
            check_id("Idempotency-Key", key)
        moment = self._clock() if at is None else at
        return StaffAction(moment, by, reason, f"{kind}:{uuid4().hex if key is None else key}")

    async def session_after(self, result: ActionResult, at: Micros) -> Session:
        """The session after an action, as it is cached by then.

        Raises:
            SessionClosedError: the attempt is completed or abandoned, and the action needs another one.
        """
        if result.outcome is ActionOutcome.CLOSED:
            raise SessionClosedError(view(result.attempt, NO_DRAFTS, at))
        current = await self._settler.write_back(result.attempt, [], at)
        return view(current.attempt, current.drafts, at)


def found(result: ActionResult | None) -> ActionResult:
    """The result itself.

    Raises:
        SessionNotFoundError: there is no such attempt.
    """
    if result is None:
        raise SessionNotFoundError
    return result


def check_reason(reason: str) -> None:
    """Refuse a reason that can't be stored.

    Raises:
        InvalidInputError: it is empty, too long, or no text that PostgreSQL can hold.
    """
    if not 1 <= len(reason) <= MAX_REASON_CHARACTERS:
        raise InvalidInputError(f"reason has 1 to {MAX_REASON_CHARACTERS} characters.")
    check_text("reason", reason)
