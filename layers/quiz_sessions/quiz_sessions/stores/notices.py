"""Notices in PostgreSQL. They are audit events of their session; there is no other store of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import errors

from ..domain.errors import IdempotencyKeyReusedError
from ..domain.notices import KIND_OF, Notice, Notified, QuizNotice, Reading, ReadingOutcome
from ..domain.outcomes import ActionOutcome, ActionResult, CohortAction, Counted
from ..domain.quizzes import StaffAction
from ..domain.timestamps import Micros, from_micros
from .attempts import attempt_of
from .postgres import Postgres
from .staff_actions import act_on, cohort_parameters
from .statements import load

_NOTIFY: Final = load("notify_attempt")
_NOTIFY_QUIZ: Final = load("notify_quiz")
_READ: Final = load("read_notice")
_NOTICES: Final = load("notices")
_QUIZ_NOTICES: Final = load("quiz_notices")


class NoticeStore:
    """Notices of attempts. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def notify(self, session_id: UUID, text: str, action: StaffAction) -> Notified | None:
        """Write a message to the one who takes an open attempt; None if there is no such attempt."""
        row = await act_on(self._postgres, _NOTIFY, {"id": session_id, "text": text}, action)
        if row is None:
            return None
        outcome, notice, at = (row.pop(name) for name in ("outcome", "notice", "noticed_at"))
        message = None if notice is None else _notice("notified", id=notice, text=text, at=at)
        return Notified(ActionResult(ActionOutcome(outcome), attempt_of(row)), message)

    async def notify_quiz(
        self, quiz_id: str, text: str, session_ids: Sequence[UUID] | None, action: StaffAction
    ) -> CohortAction:
        """Write a message to those who take a quiz, or to some of them, in one statement.

        Raises:
            IdempotencyKeyReusedError: another message at the quiz has this key.
        """
        parameters: dict[str, Any] = {
            "quiz_id": quiz_id,
            "text": text,
            "resent": False,
            **cohort_parameters(action, session_ids, text),
        }
        try:
            rows = await self._postgres.fetch(_NOTIFY_QUIZ, parameters, resend={"resent": True})
        except errors.UniqueViolation:
            # The same message was sent twice, and the other sending has committed: run again to find it.
            rows = await self._postgres.fetch(_NOTIFY_QUIZ, parameters)
        found = {row["reason"]: Counted(row["count"], row["ids"]) for row in rows}
        if "reused" in found:
            raise IdempotencyKeyReusedError
        return CohortAction(found.pop("changed", Counted(0, [])).session_ids, found)

    async def read(self, session_id: UUID, notice: int, reader: str | None, at: Micros) -> Reading | None:
        """Mark a notice as read; None if there is no such attempt, or it is not `reader`'s."""
        parameters = {
            "id": session_id,
            "notice": notice,
            "reader": reader,
            "at": from_micros(at),
            # rule: a notice is read once
            "write_id": f"read:{notice}",
        }
        try:
            rows = await self._postgres.fetch(_READ, parameters)
        except errors.UniqueViolation:
            # It was read twice at the same time, and the other one has committed: run again to find it.
            rows = await self._postgres.fetch(_READ, parameters)
        if not rows:
            return None
        outcome = ReadingOutcome(rows[0].pop("outcome"))
        return Reading(outcome, attempt_of(rows[0]))

    async def notices(self, session_id: UUID, *, after: int, limit: int) -> list[Notice]:
        """The notices of an attempt after notice `after`, oldest first: at most `limit`."""
        rows = await self._postgres.fetch(_NOTICES, {"id": session_id, "after": after, "limit": limit})
        return [_notice(row.pop("type"), **row) for row in rows]

    async def quiz_notices(self, quiz_id: str, *, after: int, limit: int) -> list[QuizNotice]:
        """The messages to a quiz after message `after`, oldest first: at most `limit`."""
        parameters = {"quiz_id": quiz_id, "after": after, "limit": limit}
        return [QuizNotice(**row) for row in await self._postgres.fetch(_QUIZ_NOTICES, parameters)]


def _notice(event: str, **known: Any) -> Notice:
    nothing = {"expires_at": None, "pause_seconds": None, "read_at": None}
    return Notice(kind=KIND_OF[event], **{**nothing, **known})
