"""The exam room: what proctors do while students write."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ..domain.errors import (
    InvalidInputError,
    QuizNotFoundError,
    QuizPausedError,
    SessionStateError,
)
from ..domain.outcomes import ActionOutcome, ActionResult, CohortAction
from ..domain.quizzes import StaffAction
from ..domain.sessions import Session
from ..domain.timestamps import Micros
from ..domain.validation import check_id, session_key
from ..stores.room import RoomStore
from .settlement import Settler
from .staff_actions import StaffActions, found

MAX_NAMED = 1000
"""Sessions that one request may name."""
_SHOWN_AS_WELL = {"paused already", "resumed already"}


class Room:
    """Stops clocks, and lets them run again.

    Every method takes `at`, the moment at which the gateway received the request, in microseconds since
    1970-01-01 UTC; without it, the clock of this process is used. Without PostgreSQL nothing changes:
    DatabaseUnavailableError.
    """

    def __init__(self, *, room: RoomStore, settler: Settler, staff_actions: StaffActions) -> None:
        self._room = room
        self._settler = settler
        self._staff_actions = staff_actions

    async def pause(
        self,
        session_id: str | UUID,
        reason: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Stop the clock of an open session. What was received before counts; repeating it is not an error.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is completed or abandoned.
            SessionStateError: its time is over.
            IdempotencyKeyReusedError: the key came with another pause of the session.
        """
        action = self._staff_actions.action("pause", reason, idempotency_key, by, at)
        result = found(await self._room.pause(session_key(session_id), action))
        return await self._after(result, action)

    async def resume(
        self,
        session_id: str | UUID,
        reason: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Let the clock of a paused session run again, its deadline as much later as the pause lasted.

        Where the quiz is paused as well, the clock stands until that is resumed.

        Raises:
            QuizPausedError: only the quiz is paused, and not this session by itself.
            also the same as `pause`.
        """
        action = self._staff_actions.action("resume", reason, idempotency_key, by, at)
        result = found(await self._room.resume(session_key(session_id), action))
        if result.outcome is ActionOutcome.QUIZ_PAUSED:
            raise QuizPausedError
        return await self._after(result, action)

    async def pause_quiz(
        self,
        quiz_id: str,
        reason: str,
        *,
        session_ids: Sequence[UUID] | None = None,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> CohortAction:
        """Pause a quiz: its clocks stand, and nobody starts it. With `session_ids` pause these alone.

        Raises:
            QuizNotFoundError: no quiz is registered under this id.
            IdempotencyKeyReusedError: the key came with another pause at the quiz.
        """
        _check_named(quiz_id, session_ids)
        action = self._staff_actions.action("pause-quiz", reason, idempotency_key, by, at)
        return await self._show(await self._room.pause_quiz(quiz_id, session_ids, action))

    async def resume_quiz(
        self,
        quiz_id: str,
        reason: str,
        *,
        session_ids: Sequence[UUID] | None = None,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> CohortAction:
        """Resume a quiz, all but the sessions that were paused by themselves; or these, with `session_ids`.

        Raises:
            the same as `pause_quiz`.
        """
        _check_named(quiz_id, session_ids)
        action = self._staff_actions.action("resume-quiz", reason, idempotency_key, by, at)
        return await self._show(await self._room.resume_quiz(quiz_id, session_ids, action))

    async def _after(self, result: ActionResult, action: StaffAction) -> Session:
        if result.outcome is ActionOutcome.EXPIRED:
            raise SessionStateError("The session's time is over. Reopen it to give it more.")
        return await self._staff_actions.session_after(result, action)

    async def _show(self, result: CohortAction | None) -> CohortAction:
        if result is None:
            raise QuizNotFoundError
        # Also those that an earlier sending changed: it may have ended before it showed them.
        listed = [result.unchanged[why].session_ids for why in _SHOWN_AS_WELL & result.unchanged.keys()]
        await self._settler.refresh([*result.changed, *(each for ids in listed for each in ids)])
        return result


def _check_named(quiz_id: str, session_ids: Sequence[UUID] | None) -> None:
    check_id("quiz_id", quiz_id)
    if session_ids is not None and not 0 < len(session_ids) <= MAX_NAMED:
        raise InvalidInputError(f"session_ids has 1 to {MAX_NAMED} sessions.", member="session_ids")
