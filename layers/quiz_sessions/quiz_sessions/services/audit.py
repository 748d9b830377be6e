"""Looking things up: attempts, their audit logs, what they were, and what a receipt proves."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from ..domain.attempts import Attempt, Status
from ..domain.audit_events import AuditEvent
from ..domain.drafts import NO_DRAFTS
from ..domain.errors import InvalidInputError, SessionNotFoundError, VersionNotFoundError
from ..domain.json_values import Json
from ..domain.replay import differences, replay
from ..domain.sessions import Session, view
from ..domain.timestamps import Micros, from_micros, to_micros
from ..domain.validation import MAX_INTEGER, check_answers, check_count, check_id, session_key
from ..stores.attempts import AttemptStore
from ..stores.audit import AuditStore
from .receipts import Receipt, Receipts, answers_sha256

MAX_PAGE = 200
MAX_PAGE_BYTES = 3 * 1024 * 1024 // 2
"""Of events, and one more: a function's reply has 6 MB, in which half of the characters may be escaped."""
MAX_MISSING = 1000
"""So many missing events are named."""
_BEFORE_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class Page:
    """Sessions, newest first, without their answers.

    Attributes:
        next_cursor: where the next page begins; None on the last one.
    """

    sessions: list[Session]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events of a session in their order.

    Attributes:
        next_after: the revision behind which the next page begins; None on the last one.
    """

    events: list[AuditEvent]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the trail of a session is whole, and its row as the trail says.

    Attributes:
        events: how many there are.
        broken: revisions that are missing, or whose event is not as it was recorded.
        differs: the names of what the row says otherwise.
    """

    events: int
    broken: list[int]
    differs: list[str]

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.broken and not self.differs


@dataclass(frozen=True, slots=True)
class Proof:
    """What a receipt is worth.

    Attributes:
        receipt: what it says; None when it is not genuine.
        recorded: whether the session's trail says the same.
        answers_match: whether the answers shown with it are those that it was given for; None without any.
    """

    receipt: Receipt | None
    recorded: bool = False
    answers_match: bool | None = None


class Audit:
    """Reads what happened. Every method raises DatabaseUnavailableError and BusyError."""

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        audit: AuditStore,
        receipts: Receipts,
        clock: Callable[[], Micros],
    ) -> None:
        self._attempts = attempts
        self._audit = audit
        self._receipts = receipts
        self._clock = clock

    async def find(
        self,
        *,
        user_id: str | None = None,
        quiz_id: str | None = None,
        status: Status | None = None,
        cursor: str | None = None,
        limit: int = 50,
        at: Micros | None = None,
    ) -> Page:
        """The attempts of a user, at a quiz, or both. What is only buffered does not show.

        Raises:
            InvalidInputError: neither is named, or the cursor is none of ours.
        """
        if user_id is None and quiz_id is None:
            raise InvalidInputError("Name a user_id, a quiz_id, or both.")
        for name, value in (("user_id", user_id), ("quiz_id", quiz_id)):
            if value is not None:
                check_id(name, value)
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInputError(f"limit is from 1 to {MAX_PAGE}.")
        at = self._clock() if at is None else at
        found = await self._audit.attempts(
            user_id=user_id,
            quiz_id=quiz_id,
            status=status,
            now=at,
            before=None if cursor is None else _read_cursor(cursor),
            limit=limit + 1,
        )
        page = found[:limit]
        return Page(
            [view(attempt, NO_DRAFTS, at) for attempt in page],
            _write_cursor(page[-1]) if len(found) > limit else None,
        )

    async def events(self, session_id: str | UUID, *, after: int = -1, limit: int = MAX_PAGE) -> EventPage:
        """The events of a session behind revision `after`, at most `limit`, fewer where they are large.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        if not 1 <= limit <= MAX_PAGE or not -1 <= after <= MAX_INTEGER:
            raise InvalidInputError(f"limit is from 1 to {MAX_PAGE}, after a revision.")
        attempt = await self._attempt(session_id)
        events = await self._audit.events(attempt.id, after=after, limit=limit, max_bytes=MAX_PAGE_BYTES)
        more = bool(events) and events[-1].revision < attempt.revision
        return EventPage(events, events[-1].revision if more else None)

    async def at_version(self, session_id: str | UUID, version: int, *, owner: str | None = None) -> Session:
        """The session as it was before its next version.

        Raises:
            SessionNotFoundError: there is no such session.
            VersionNotFoundError: it has not reached the version.
            AuditLogDamagedError: its trail can't be understood.
        """
        check_count("at_version", version)
        attempt = await self._attempt(session_id, owner)
        trail = [event for event in await self._audit.events(attempt.id) if event.version <= version]
        if version > attempt.version or not trail:
            raise VersionNotFoundError
        return view(replay(attempt, trail), NO_DRAFTS, to_micros(trail[-1].at))

    async def verify(self, session_id: str | UUID) -> Verification:
        """Hold a session's trail against its hashes, and its row against the trail.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        attempt = await self._attempt(session_id)
        found = await self._audit.events(attempt.id, after=_BEFORE_ALL)
        # An event is committed with its row: one that is ahead of the row even now is none of ours. What has
        # been committed since the row was read first is not its concern.
        ahead = (await self._attempt(attempt.id)).revision
        trail = [event for event in found if event.revision <= attempt.revision]
        known = {event.revision for event in trail}
        missing = (revision for revision in range(attempt.revision + 1) if revision not in known)
        broken = {event.revision for event in trail if not event.holds or event.revision < 0}
        broken.update(event.revision for event in found if event.revision > ahead)
        # A revision that was made up may be any number.
        broken.update(islice(missing, MAX_MISSING))
        return Verification(len(trail), sorted(broken), differences(attempt, trail))

    async def prove(self, receipt: str, answers: Mapping[str, Json] | None = None) -> Proof:
        """Whether a receipt is genuine, and agrees with the trail and with the answers shown.

        Raises:
            InvalidInputError, ContentTooLargeError: no session can have these answers.
        """
        if answers:
            check_answers(answers)
        genuine = await self._receipts.verify(receipt)
        if genuine is None:
            return Proof(None)
        attempts = await self._attempts.get([genuine.session_id])
        trail = [
            event
            for event in await self._audit.events(genuine.session_id)
            if event.revision <= genuine.revision
        ]
        return Proof(
            genuine,
            bool(attempts) and _is_recorded(genuine, attempts[0], trail),
            None if answers is None else answers_sha256(answers) == genuine.answers_sha256,
        )

    async def _attempt(self, session_id: str | UUID, owner: str | None = None) -> Attempt:
        attempts = await self._attempts.get([session_key(session_id)])
        if not attempts or (owner is not None and attempts[0].user_id != owner):
            raise SessionNotFoundError
        return attempts[0]


def _is_recorded(receipt: Receipt, attempt: Attempt, trail: Sequence[AuditEvent]) -> bool:
    if len(trail) != receipt.revision + 1 or not all(event.holds for event in trail):
        return False
    then = replay(attempt, trail)
    return then.version == receipt.version and answers_sha256(then.answers) == receipt.answers_sha256


def _write_cursor(attempt: Attempt) -> str:
    text = f"{to_micros(attempt.started_at)}:{attempt.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        found = re.fullmatch(r"([0-9]{1,16}):([0-9a-f-]{36})", text)
        if found is not None:
            return from_micros(int(found[1])), UUID(found[2])
    except ValueError:
        pass
    raise InvalidInputError("cursor is the next_cursor of the page before.")
