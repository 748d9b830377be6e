"""The exam room in PostgreSQL: clocks that proctors stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import errors

from ..domain.errors import IdempotencyKeyReusedError
from ..domain.outcomes import ActionResult, CohortAction, Counted
from ..domain.quizzes import StaffAction
from .postgres import Postgres
from .staff_actions import act, cohort_parameters
from .statements import Statement, load

_LOCK_QUIZ: Final = load("lock_quiz")
_LOCK_QUIZ_ROW: Final = load("lock_quiz_row")
_PAUSE: Final = load("pause_attempt")
_RESUME: Final = load("resume_attempt")
_PAUSE_QUIZ: Final = load("pause_quiz")
_RESUME_QUIZ: Final = load("resume_quiz")
_ATTEMPTS: Final = load("attempts_of_quiz")
_PAUSES: Final = load("paused_backlog")


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses that are not over.

    Attributes:
        attempts: how many attempts are paused.
        oldest_age_seconds: how long the oldest one lasts, of an attempt or a quiz; 0 without one.
    """

    attempts: int
    oldest_age_seconds: float


class RoomStore:
    """What proctors do in the exam room. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def pause(self, session_id: UUID, action: StaffAction) -> ActionResult | None:
        """Stop the clock of an open attempt; None if there is no such attempt."""
        return await act(self._postgres, _PAUSE, {"id": session_id, "whole": False}, action)

    async def resume(self, session_id: UUID, action: StaffAction) -> ActionResult | None:
        """Let the clock run again of an attempt that `pause` stopped; None if there is no such attempt."""
        return await act(self._postgres, _RESUME, {"id": session_id, "whole": False}, action)

    async def pause_quiz(
        self, quiz_id: str, session_ids: Sequence[UUID] | None, action: StaffAction
    ) -> CohortAction | None:
        """Stop the clocks of a quiz, or of some open attempts at it; None if it is not registered.

        Raises:
            IdempotencyKeyReusedError: another pause at the quiz has this key.
        """
        return await self._act_on_quiz(_PAUSE_QUIZ, quiz_id, session_ids, action)

    async def resume_quiz(
        self, quiz_id: str, session_ids: Sequence[UUID] | None, action: StaffAction
    ) -> CohortAction | None:
        """Let the clocks of a quiz, or of some of its attempts, run again; None if it is not registered.

        Raises:
            IdempotencyKeyReusedError: another resumption at the quiz has this key.
        """
        return await self._act_on_quiz(_RESUME_QUIZ, quiz_id, session_ids, action)

    async def attempts_of(
        self, quiz_id: str, session_ids: Sequence[UUID] | None, limit: int, action: StaffAction
    ) -> dict[str, Counted]:
        """The attempts at a quiz, or some of them: those that are `open`, at most `limit`, and the others.

        Raises:
            IdempotencyKeyReusedError: another hand-in at the quiz has the key of `action`.
        """
        parameters = {"quiz_id": quiz_id, "limit": limit, **cohort_parameters(action, session_ids)}
        rows = await self._postgres.fetch(_ATTEMPTS, parameters)
        found = {row["reason"]: Counted(row["count"], row["ids"]) for row in rows}
        if "reused" in found:
            raise IdempotencyKeyReusedError
        return found

    async def pauses(self) -> Pauses:
        """The pauses that there are."""
        (row,) = await self._postgres.fetch(_PAUSES, {})
        return Pauses(row["count"], row["age"])

    async def _act_on_quiz(
        self, statement: Statement, quiz_id: str, session_ids: Sequence[UUID] | None, action: StaffAction
    ) -> CohortAction | None:
        parameters: dict[str, Any] = {
            "quiz_id": quiz_id,
            "whole": session_ids is None,
            "resent": False,
            **cohort_parameters(action, session_ids),
        }
        statements = [_LOCK_QUIZ_ROW, statement]
        resend = {"resent": True}
        try:
            known, rows = await self._postgres.fetch_together(
                statements, parameters, lock=_LOCK_QUIZ, resend=resend
            )
        except errors.UniqueViolation:
            # The same request was sent twice, and the other sending has committed: run again to find it.
            known, rows = await self._postgres.fetch_together(statements, parameters, lock=_LOCK_QUIZ)
        if not known:
            return None
        found = {row["reason"]: Counted(row["count"], row["ids"]) for row in rows}
        if "reused" in found:
            raise IdempotencyKeyReusedError
        return CohortAction(found.pop("changed", Counted(0, [])).session_ids, found)
