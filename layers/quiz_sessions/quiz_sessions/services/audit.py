"""Reading the record: attempts, their audit logs, earlier versions, and what a receipt proves."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from ..domain.attempts import Attempt, Owner, Staff, Status
from ..domain.audit_events import AuditEvent
from ..domain.drafts import NO_DRAFTS
from ..domain.errors import (
    AuditLogDamagedError,
    EventsErasedError,
    ForbiddenError,
    InvalidInputError,
    SessionNotFoundError,
    VersionNotFoundError,
)
from ..domain.json_values import Json
from ..domain.papers import draw
from ..domain.replay import COMPARED, differences, replay
from ..domain.sessions import Session, drafts_show_in_lists, view
from ..domain.tags import entity_tag
from ..domain.timestamps import Micros, from_micros, to_micros
from ..domain.validation import check_answers, check_count, check_id, search_words, session_key
from ..stores.administration import AdministrationStore
from ..stores.attempts import AttemptStore
from ..stores.audit import AuditStore, Filters, Listed
from ..stores.best_effort_cache import BestEffortCache
from .disclosure import Disclosure
from .pages import MAX_PAGE, MAX_PAGE_BYTES, check_limit, check_page
from .receipts import Receipt, Receipts, answers_sha256
from .settlement import Current

MAX_ROUNDS = 5
"""How often a list reads rows for one page; a page of a status can't say before how many it needs."""
MAX_MISSING = 1000
"""How many missing events a verification lists."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of sessions, newest first, without their answers.

    Attributes:
        next_cursor: where the next page begins; None on the last one. Any other may have fewer sessions than
            it could, even none.
    """

    sessions: list[Session]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of a session's audit events, in order of revision.

    Attributes:
        next_after: the revision after which the next page begins; None on the last one.
    """

    events: list[AuditEvent]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a session's audit log is intact, and its row as the log says.

    Attributes:
        events: how many events there are.
        broken: the revisions whose event is missing or was changed, and those of events added by others.
        differs: the names of the fields in which the row differs from its audit log; of a session with erased
            events, only as far as can be told.
        erased: of how many events staff have erased what they changed.
        erased_by: the numbers of the staff actions that did so.
        paper_as_drawn: whether its paper is what its seed draws from the quiz as that was then; None without
            one.
    """

    events: int
    broken: list[int]
    differs: list[str]
    erased: int = 0
    erased_by: list[int] = field(default_factory=list)
    paper_as_drawn: bool | None = None

    @property
    def intact(self) -> bool:
        """Whether neither the audit log nor the row shows damage; what staff have erased is none."""
        return not self.broken and not self.differs and self.paper_as_drawn is not False


@dataclass(frozen=True, slots=True)
class Proof:
    """What a receipt proves.

    Attributes:
        receipt: its content; None if it is not genuine.
        recorded: whether the session's audit log agrees with it; None if that can't be told, because events
            were erased.
        answers_match: whether the answers sent along are those that it was issued for; None if none were.
    """

    receipt: Receipt | None
    recorded: bool | None = False
    answers_match: bool | None = None


class Audit:
    """Reads attempts and audit logs. Every method raises DatabaseUnavailableError and BusyError."""

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        audit: AuditStore,
        administration: AdministrationStore,
        cache: BestEffortCache,
        receipts: Receipts,
        disclosure: Disclosure,
        clock: Callable[[], Micros],
    ) -> None:
        self._disclosure = disclosure
        self._attempts = attempts
        self._audit = audit
        self._administration = administration
        self._cache = cache
        self._receipts = receipts
        self._clock = clock

    async def find(
        self,
        *,
        user_id: str | None = None,
        quiz_id: str | None = None,
        group: str | None = None,
        matching: str | None = None,
        statuses: Collection[Status] = (),
        is_pending: bool = False,
        owner: Owner = None,
        cursor: str | None = None,
        limit: int = 50,
        at: Micros | None = None,
    ) -> Page:
        """Find attempts of a user, at a quiz, or both; with `statuses` those that are shown with one of them.

        With `group` those that are in it.
        With `matching` those whose user id, label, group or metadata has each of its words, as a part of one.
        With `is_pending` those that have ended and wait for a person to mark them. An `owner` sees those
        scores that were shown before; None sees all.

        Raises:
            InvalidInputError: neither is named, nor `matching`, or `find` did not issue the cursor.
        """
        if user_id is None and quiz_id is None and matching is None:
            raise InvalidInputError("Name a user_id, a quiz_id, or both.", member="user_id")
        words = None if matching is None else search_words(matching)
        for name, value in (("user_id", user_id), ("quiz_id", quiz_id), ("group", group)):
            if value is not None:
                check_id(name, value)
        check_limit(limit)
        at = self._clock() if at is None else at
        filters = Filters(
            user_id=user_id,
            quiz_id=quiz_id,
            group=group,
            # What is in progress by its drafts is started by its row.
            statuses={*statuses, Status.STARTED} if Status.IN_PROGRESS in statuses else statuses,
            is_pending=is_pending,
            owner=owner,
            at=at,
        )
        before = None if cursor is None else _read_cursor(cursor)
        sessions: list[Session] = []
        for _ in range(MAX_ROUNDS if words is None else 1):
            rows, after = await self._rows(filters, words, before, limit + 1)
            shown = await self._shown(rows, owner, at)
            sessions += [session for session in shown if not statuses or session.status in statuses]
            if len(sessions) > limit:
                return Page(sessions[:limit], _cursor_after(sessions[limit - 1]))
            if after is None:
                return Page(sessions, None)
            before = after
        return Page(sessions, before and _write_cursor(*before))

    async def _rows(
        self,
        filters: Filters,
        words: Sequence[str] | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> tuple[Sequence[Listed], tuple[datetime, UUID] | None]:
        """At most `limit` attempts after `before`, and after which others follow; None if none do."""
        if words is None:
            rows = await self._audit.attempts(filters, before=before, limit=limit)
            last = rows[-1].attempt if len(rows) == limit else None
            return rows, None if last is None else (last.started_at, last.id)
        matched = await self._audit.matching(words, filters, before=before, limit=limit)
        found = await self._audit.without_answers(matched.ids, filters.owner, filters.at)
        by_id = {row.attempt.id: row for row in found}
        return [by_id[each] for each in matched.ids if each in by_id], matched.last

    async def _shown(self, rows: Sequence[Listed], owner: Owner, at: Micros) -> list[Session]:
        """The sessions of `rows` as a read of each would show them, but without answers."""
        ids = [row.attempt.id for row in rows if drafts_show_in_lists(row.attempt, at)]
        if not ids:
            return [view(row.attempt, NO_DRAFTS, at, scored=row.scored) for row in rows]
        drafts = await self._cache.drafts(ids)
        # A flush may have taken drafts over since the rows were read; the rows as they are now have them.
        # rule: a read takes the drafts before the session
        now = {row.attempt.id: row for row in await self._audit.without_answers(ids, owner, at)}
        # Without its answers a row does not say which drafts it supersedes. That does no harm: they are not
        # later than an answer that has moved its status and its `late_ms` already.
        found = [now.get(row.attempt.id, row) for row in rows]
        return [
            replace(
                view(row.attempt, drafts.get(row.attempt.id, NO_DRAFTS), at, scored=row.scored), answers={}
            )
            for row in found
        ]

    async def events(
        self, session_id: str | UUID, *, after: int = -1, limit: int = MAX_PAGE, owner: Owner = None
    ) -> EventPage:
        """The audit events of a session after revision `after`: at most `limit`, fewer if they are large.

        Raises:
            SessionNotFoundError: there is no such session.
            ForbiddenError: it is the caller's own, whose events have its score.
        """
        check_page(after, limit)
        attempt = await self._attempt(session_id)
        if isinstance(owner, Staff) and attempt.user_id == owner.subject:
            raise ForbiddenError("The audit log of your own session is for others to read.")
        events = await self._audit.events(attempt.id, after=after, limit=limit, max_bytes=MAX_PAGE_BYTES)
        more = bool(events) and events[-1].revision < attempt.revision
        return EventPage(events, events[-1].revision if more else None)

    async def at_version(
        self, session_id: str | UUID, version: int, *, owner: Owner = None, at: Micros | None = None
    ) -> Session:
        """The session at `version`, just before the next version; at the current one, as it is now.

        Raises:
            SessionNotFoundError: there is no such session.
            VersionNotFoundError: it has no such version.
            EventsErasedError: what it held was erased.
            AuditLogDamagedError: its audit log can't be replayed.
        """
        check_count("at_version", version)
        key = session_key(session_id)
        # rule: a read takes the drafts before the session
        drafts = (await self._cache.drafts([key])).get(key, NO_DRAFTS)
        attempt = await self._attempt(key, owner)
        if version > attempt.version:
            raise VersionNotFoundError
        last = await self._audit.last_revision(attempt.id, version)
        until = attempt.revision if last is None else last
        events = [event async for event in self._audit.steps(attempt.id, until=until)]
        if not events:
            raise VersionNotFoundError
        then = await self._filled(replay(attempt, events))
        if version < attempt.version:
            # Nothing can be based on what is past.
            shown = view(replace(then, answer_meta={}), NO_DRAFTS, to_micros(events[-1].at))
            # Not the entity tag of the session as it was then, which had those tags.
            return replace(shown, etag=entity_tag(then.revision, "past", shown.version))
        at = self._clock() if at is None else at
        return await self._disclosure.show(Current(then, drafts, then), owner, at)

    async def verify(self, session_id: str | UUID) -> Verification:
        """Check a session's audit log against its hashes, and its row against the audit log.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        # Before the attempt, so that the event with this hash is among those that are compared with it.
        known_head = await self._audit.chain_head(session_key(session_id))
        attempt = await self._attempt(session_id)
        found = [event async for event in self._audit.steps(attempt.id)]
        # An event is committed together with its row, so an event ahead of the row as it is now was not
        # written by this service. Events committed since the row was first read are left out of the
        # comparison.
        ahead = (await self._attempt(attempt.id)).revision
        events = {event.revision: event for event in found if event.revision <= attempt.revision}
        missing = (revision for revision in range(attempt.revision + 1) if revision not in events)
        broken = {event.revision for event in events.values() if not event.holds or event.revision < 0}
        broken.update(event.revision for event in found if event.revision > ahead)
        # Limited, because a forged revision may be any number.
        broken.update(islice(missing, MAX_MISSING))
        erased = [event.erased_by for event in events.values() if event.erased_by is not None]
        differs = await self._differences(attempt, list(events.values()))
        if known_head is not None:
            revision, head = known_head
            if revision in events and events[revision].hash != head:
                differs.append("chain_head")
        return Verification(
            events=len(events),
            broken=sorted(broken),
            differs=differs,
            erased=len(erased),
            erased_by=sorted(set(erased)),
            paper_as_drawn=await self._is_as_drawn(attempt),
        )

    async def _is_as_drawn(self, attempt: Attempt) -> bool | None:
        if attempt.paper is None:
            return None
        paper = await self._administration.paper_of(attempt.quiz_id, attempt.paper["revision"])
        return paper is not None and attempt.paper["sections"] == draw(paper, attempt.paper["seed"])

    async def _differences(self, attempt: Attempt, events: Sequence[AuditEvent]) -> list[str]:
        """The fields in which the row differs from its audit log, as far as that can be told."""
        try:
            return differences(attempt, await self._filled(replay(attempt, events)))
        except AuditLogDamagedError:
            return list(COMPARED)
        except EventsErasedError:
            last = events[-1]
            return [name for name in ("version", "revision") if getattr(attempt, name) != getattr(last, name)]

    async def _filled(self, then: Attempt) -> Attempt:
        """The outcome of a replay, with the answers in the place of references to them."""
        return replace(then, answers=await self._audit.recorded_answers(then.id, then.answers))

    async def prove(self, receipt: str, answers: Mapping[str, Json] | None = None) -> Proof:
        """Check whether a receipt is genuine and agrees with the audit log and with the given answers.

        Raises:
            InvalidInputError, ContentTooLargeError: no session could have these answers.
            AuditLogDamagedError: the session's audit log can't be replayed.
        """
        if answers:
            check_answers(answers)
        genuine = await self._receipts.verify(receipt)
        if genuine is None:
            return Proof(None)
        attempts = await self._attempts.get([genuine.session_id])
        return Proof(
            genuine,
            bool(attempts) and await self._is_recorded(genuine, attempts[0]),
            None if answers is None else answers_sha256(answers) == genuine.answers_sha256,
        )

    async def _is_recorded(self, receipt: Receipt, attempt: Attempt) -> bool | None:
        events = [event async for event in self._audit.steps(attempt.id, until=receipt.revision)]
        if len(events) != receipt.revision + 1 or not all(event.holds for event in events):
            return False
        try:
            then = await self._filled(replay(attempt, events))
        except EventsErasedError:
            return None
        return then.version == receipt.version and answers_sha256(then.answers) == receipt.answers_sha256

    async def _attempt(self, session_id: str | UUID, owner: Owner = None) -> Attempt:
        attempts = await self._attempts.get([session_key(session_id)])
        if not attempts or not attempts[0].is_owned_by(owner):
            raise SessionNotFoundError
        return attempts[0]


def _cursor_after(last: Session) -> str:
    return _write_cursor(last.started_at, last.id)


def _write_cursor(started_at: datetime, session_id: UUID) -> str:
    text = f"{to_micros(started_at)}:{session_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        found = re.fullmatch(r"([0-9]{1,16}):([0-9a-f-]{36})", text)
        if found is not None:
            return from_micros(int(found[1])), UUID(found[2])
    except ValueError:
        pass
    raise InvalidInputError("cursor must be the next_cursor of the page before.", member="cursor")
