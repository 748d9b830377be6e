"""Notices: staff write to students, deadlines move, clocks stand; and students acknowledge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from ..domain.attempts import Owner, Staff
from ..domain.errors import (
    ForbiddenError,
    InvalidInputError,
    NoticeNotFoundError,
    SessionNotFoundError,
    SessionStateError,
)
from ..domain.notices import Notice, NoticePage, QuizNoticePage, ReadingOutcome
from ..domain.outcomes import ActionOutcome, CohortAction
from ..domain.timestamps import Micros
from ..domain.validation import check_count, check_id, session_key
from ..stores.attempts import AttemptStore
from ..stores.notices import NoticeStore
from .pages import MAX_PAGE, check_page
from .settlement import Settler
from .staff_actions import StaffActions, check_named, check_words

MAX_TEXT_CHARACTERS = 2000
MAX_MESSAGES = 20
"""To a quiz, on one page: of each the sessions of the quiz are looked at."""


class Notices:
    """Writes to students who are taking a quiz, and keeps what they have read.

    Every method takes `at`, the moment at which the gateway received the request, in microseconds since
    1970-01-01 UTC; without it, the clock of this process is used. Without PostgreSQL nothing changes:
    DatabaseUnavailableError.
    """

    def __init__(
        self,
        *,
        notices: NoticeStore,
        attempts: AttemptStore,
        settler: Settler,
        staff_actions: StaffActions,
        clock: Callable[[], Micros],
    ) -> None:
        self._notices = notices
        self._attempts = attempts
        self._settler = settler
        self._staff_actions = staff_actions
        self._clock = clock

    async def notify(
        self,
        session_id: str | UUID,
        text: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Notice:
        """Write a message to the one who takes an open session.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is completed or abandoned.
            SessionStateError: its time is over.
            IdempotencyKeyReusedError: the key came with another message to the session.
        """
        check_words("text", text, MAX_TEXT_CHARACTERS)
        action = self._staff_actions.action("notify", None, idempotency_key, by, at)
        notified = await self._notices.notify(session_key(session_id), text, action)
        if notified is None:
            raise SessionNotFoundError
        if notified.result.outcome is ActionOutcome.EXPIRED:
            raise SessionStateError("The session's time is over.")
        await self._staff_actions.after(notified.result, action)
        assert notified.notice is not None
        return notified.notice

    async def notify_quiz(
        self,
        quiz_id: str,
        text: str,
        *,
        session_ids: Sequence[UUID] | None = None,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> CohortAction:
        """Write a message to all who are taking a quiz, registered or not, or to these.

        Raises:
            IdempotencyKeyReusedError: the key came with another message at the quiz.
        """
        check_named(quiz_id, session_ids)
        check_words("text", text, MAX_TEXT_CHARACTERS)
        action = self._staff_actions.action("notify-quiz", None, idempotency_key, by, at)
        notified = await self._notices.notify_quiz(quiz_id, text, session_ids, action)
        # Also those that an earlier sending wrote to: it may have ended before it showed them.
        already = notified.unchanged.get("notified already")
        await self._settler.refresh([*notified.changed, *(already.session_ids if already else ())])
        return notified

    async def read(
        self, session_id: str | UUID, notice: int, *, owner: Owner = None, at: Micros | None = None
    ) -> None:
        """Acknowledge a notice, also after the end. Repeating it is not an error.

        Raises:
            SessionNotFoundError: there is no such session.
            ForbiddenError: the caller is staff, and the session somebody else's.
            NoticeNotFoundError: it has no notice of this number.
        """
        key = session_key(session_id)
        check_count("notice", notice)
        at = self._clock() if at is None else at
        # rule: a notice is read by the one whom it is for
        reader = owner.subject if isinstance(owner, Staff) else owner
        reading = await self._notices.read(key, notice, reader, at)
        if reading is None:
            if isinstance(owner, Staff) and await self._attempts.get([key]):
                raise ForbiddenError("A notice is acknowledged by the one whom it is for.")
            raise SessionNotFoundError
        if reading.outcome is ReadingOutcome.NO_NOTICE:
            raise NoticeNotFoundError
        await self._settler.write_back(reading.attempt, [], at)

    async def notices(
        self,
        session_id: str | UUID,
        *,
        after: int = -1,
        limit: int = MAX_PAGE,
        owner: Owner = None,
        at: Micros | None = None,
    ) -> NoticePage:
        """The notices of a session after notice `after`, oldest first: at most `limit`.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        check_page(after, limit)
        at = self._clock() if at is None else at
        current = await self._settler.current(session_key(session_id), owner, at)
        found = await self._notices.notices(current.attempt.id, after=after, limit=limit + 1)
        more = len(found) > limit
        return NoticePage(found[:limit], found[limit - 1].id if more else None)

    async def quiz_notices(self, quiz_id: str, *, after: int = 0, limit: int = 5) -> QuizNoticePage:
        """The messages to a quiz after message `after`, oldest first, and how many have read them."""
        check_id("quiz_id", quiz_id)
        check_count("after", after)
        if not 1 <= limit <= MAX_MESSAGES:
            raise InvalidInputError(f"limit must be from 1 to {MAX_MESSAGES}.", member="limit")
        found = await self._notices.quiz_notices(quiz_id, after=after, limit=limit + 1)
        more = len(found) > limit
        return QuizNoticePage(found[:limit], found[limit - 1].id if more else None)
