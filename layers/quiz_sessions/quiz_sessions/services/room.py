"""The exam room: what proctors do while students write."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from ..domain.attempts import Status
from ..domain.errors import (
    IdempotencyKeyReusedError,
    QuizNotFoundError,
    QuizPausedError,
    SessionClosedError,
    SessionNotFoundError,
    SessionStateError,
)
from ..domain.outcomes import (
    ActionOutcome,
    ActionResult,
    CohortAction,
    CohortHandIn,
    Counted,
    WriteOutcome,
    WriteResult,
)
from ..domain.quizzes import StaffAction
from ..domain.sessions import Session
from ..domain.timestamps import Micros
from ..domain.validation import session_key
from ..stores.attempts import AttemptStore
from ..stores.best_effort_cache import BestEffortCache
from ..stores.room import RoomStore
from .settlement import Settler
from .staff_actions import MAX_NAMED, StaffActions, check_named, found

MAX_HANDED_IN = 5000
"""Sessions that one request hands in."""
HAND_IN_SECONDS = 10
"""After so long a request begins with no further session: pages wait 15 s for a reply, the gateway 30 s."""
AT_ONCE = 8
"""Sessions that one request hands in at a time."""
_SHOWN_AS_WELL = {"paused already", "resumed already", "paused by itself", "quiz paused"}


class Room:
    """Stops clocks and lets them run again, and hands in for students.

    Every method takes `at`, the moment at which the gateway received the request, in microseconds since
    1970-01-01 UTC; without it, the clock of this process is used. Without PostgreSQL nothing changes:
    DatabaseUnavailableError.
    """

    def __init__(
        self,
        *,
        room: RoomStore,
        attempts: AttemptStore,
        cache: BestEffortCache,
        settler: Settler,
        staff_actions: StaffActions,
    ) -> None:
        self._room = room
        self._attempts = attempts
        self._cache = cache
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
        check_named(quiz_id, session_ids)
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
        check_named(quiz_id, session_ids)
        action = self._staff_actions.action("resume-quiz", reason, idempotency_key, by, at)
        return await self._show(await self._room.resume_quiz(quiz_id, session_ids, action))

    async def hand_in(
        self,
        session_id: str | UUID,
        reason: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Complete a session for its user, with its drafts. One that is completed stays as it is.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is abandoned.
            SessionStateError: its time is over.
            IdempotencyKeyReusedError: the key came with another hand-in of the session.
        """
        action = self._staff_actions.action("complete", reason, idempotency_key, by, at)
        key = session_key(session_id)
        result = await self._finish(key, action)
        if result is None:
            raise SessionNotFoundError
        if result.outcome is WriteOutcome.KEY_REUSED:
            raise IdempotencyKeyReusedError
        if result.outcome is WriteOutcome.OVERDUE:
            await self._settler.expire(key, (await self._cache.read(key)).drafts, action.at)
            raise SessionStateError("The session's time is over; it has ended by itself.")
        current = await self._settler.write_back(result.attempt, [], action.at)
        shown = await self._staff_actions.shown(current, action)
        if result.outcome is WriteOutcome.CLOSED:
            raise SessionClosedError(shown)
        return shown

    async def hand_in_quiz(
        self,
        quiz_id: str,
        reason: str,
        *,
        session_ids: Sequence[UUID] | None = None,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> CohortHandIn:
        """Complete all open sessions of a quiz, or these; as many as there is time for.

        Called again, it goes on with those that are left.

        Raises:
            IdempotencyKeyReusedError: the key came with another hand-in at the quiz.
        """
        check_named(quiz_id, session_ids)
        action = self._staff_actions.action("complete-quiz", reason, idempotency_key, by, at)
        attempts = await self._room.attempts_of(quiz_id, session_ids, MAX_HANDED_IN, action)
        found = attempts.pop("open", Counted(0, []))
        begun = time.monotonic()
        waiting = deque(found.session_ids)
        outcomes: dict[str, list[UUID]] = {}

        async def hand_in_next() -> None:
            while waiting and (elapsed := time.monotonic() - begun) < HAND_IN_SECONDS:
                session_id = waiting.popleft()
                # rule: each is handed in when its turn comes: what its student was told to be kept counts
                in_turn = replace(action, at=action.at + int(elapsed * 1_000_000))
                outcome = await self._hand_in_one(session_id, in_turn, session_ids)
                outcomes.setdefault(outcome, []).append(session_id)

        await asyncio.gather(*(hand_in_next() for _ in range(AT_ONCE)))
        completed = len(outcomes.pop(WriteOutcome.WRITTEN, []))
        for reason_why, session_ids_left in outcomes.items():
            known = attempts.get(reason_why, Counted(0, []))
            attempts[reason_why] = Counted(
                known.number + len(session_ids_left), [*known.session_ids, *session_ids_left][:MAX_NAMED]
            )
        return CohortHandIn(completed, attempts, found.number - len(found.session_ids) + len(waiting))

    async def _hand_in_one(self, session_id: UUID, action: StaffAction, named: Sequence[UUID] | None) -> str:
        """Why a session was not handed in, or that it was."""
        result = await self._finish(session_id, action, named)
        if result is None:
            return "not found"
        if result.outcome is WriteOutcome.OVERDUE:
            await self._settler.expire(session_id, (await self._cache.read(session_id)).drafts, action.at)
            return "expired"
        if result.outcome is WriteOutcome.KEY_REUSED:
            raise IdempotencyKeyReusedError
        await self._settler.write_back(result.attempt, [], action.at)
        if result.outcome is WriteOutcome.WRITTEN:
            return result.outcome
        # What was opened again since this was asked for the first time stays open.
        return "handed in already" if result.attempt.status.is_open else result.attempt.status

    async def _finish(
        self, session_id: UUID, action: StaffAction, named: Sequence[UUID] | None = None
    ) -> WriteResult | None:
        # rule: a hand-in by staff merges the drafts
        drafts = (await self._cache.read(session_id)).drafts
        return await self._attempts.finish(
            session_id, Status.COMPLETED, drafts, {}, action.at, action=action, named=named
        )

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
