"""Papers: what a session asks, as far as it is shown, and the entry of its sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from ..domain.access import REFUSALS, UNKNOWN_SOURCE, Entry, RequestSource, check
from ..domain.attempts import Attempt, Owner, Staff
from ..domain.errors import (
    NoPaperError,
    OtherDeviceError,
    SectionNotFoundError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionPausedError,
)
from ..domain.json_values import Json
from ..domain.outcomes import SectionOutcome, SectionResult
from ..domain.papers import Navigation, shown_content
from ..domain.section_times import SectionProgress, progress_of
from ..domain.sessions import view
from ..domain.tags import writer_of
from ..domain.timestamps import Micros, from_micros, to_micros
from ..domain.validation import check_count, session_key
from ..stores.administration import AdministrationStore
from ..stores.papers import PaperStore
from .devices import device_unnamed
from .disclosure import Disclosure
from .settlement import Current, Settler


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedQuestion:
    """A question of a session's paper."""

    id: str
    points: float | None = field(
        metadata={"description": "What it is worth now; null where the quiz does not have it any more."}
    )
    content: Json = field(
        metadata={
            "description": "Null until the section is entered, or, without a limit, the session has started; "
            "and where the quiz gave none."
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSection:
    """A section of a session's paper, and how far the session is in it."""

    title: str
    navigation: Navigation = field(
        metadata={"description": "forward: an answer locks the questions before it."}
    )
    time_limit_seconds: int | None = field(
        metadata={"description": "Without what this user has more; null for as long as the session."}
    )
    entered_at: datetime | None = field(metadata={"description": "When its time began."})
    expires_at: datetime | None = field(
        metadata={"description": "When its time ends, at the latest with the session's."}
    )
    time_remaining: int | None
    shown: bool = field(metadata={"description": "Whether its contents are shown."})
    locked: list[str] = field(metadata={"description": "The questions that take no answers any more."})
    questions: list[AskedQuestion] = field(metadata={"description": "In their order."})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPaper:
    """What a session asks: its own, as it was drawn at its start."""

    session_id: UUID
    seed: str = field(metadata={"description": "What it was drawn with."})
    quiz_revision: int = field(metadata={"description": "The revision of the quiz that it was drawn from."})
    server_time: datetime
    sections: list[AskedSection]


class Papers:
    """Shows papers, and enters their sections. Both need PostgreSQL: DatabaseUnavailableError."""

    def __init__(
        self,
        *,
        papers: PaperStore,
        administration: AdministrationStore,
        settler: Settler,
        disclosure: Disclosure,
        clock: Callable[[], Micros],
    ) -> None:
        self._papers = papers
        self._administration = administration
        self._settler = settler
        self._disclosure = disclosure
        self._clock = clock

    async def paper(
        self,
        session_id: str | UUID,
        *,
        owner: Owner = None,
        source: RequestSource = UNKNOWN_SOURCE,
        at: Micros | None = None,
    ) -> SessionPaper:
        """What a session asks, with the contents that are shown by now.

        Staff are shown all contents of others' sessions. Without tokens everybody is shown what the student
        is.

        Raises:
            SessionNotFoundError: there is no such session.
            NoPaperError: its quiz had no paper when it was started.
            AccessRefusedError: the quiz does not let the request in; of staff it asks nothing.
        """
        at = self._clock() if at is None else at
        current = await self._settler.current(session_key(session_id), owner, at)
        everything = isinstance(owner, Staff) and current.attempt.user_id != owner.subject
        # rule: who is not let in is shown no question
        if not everything and (refused := check(current.attempt.access, source)):
            raise refused
        return await self._shown(current.attempt, at, everything=everything)

    async def enter(
        self,
        session_id: str | UUID,
        section: int,
        *,
        client_id: str | None = None,
        owner: str | None = None,
        source: RequestSource = UNKNOWN_SOURCE,
        at: Micros | None = None,
    ) -> SessionPaper:
        """Enter a section, by its number from 0: from now on its time runs and its contents are shown.

        One that was entered before, or has no time limit, stays as it is.

        Raises:
            SessionNotFoundError: there is no such session.
            NoPaperError, SectionNotFoundError: it has no such section.
            SessionClosedError, SessionExpiredError: it has ended.
            SessionPausedError: the clock stands.
            AccessRefusedError: the quiz does not let the request in.
            OtherDeviceError: the session is taken on another device.
            InvalidInputError: the quiz asks for one device at a time, and it is not named.
        """
        at = self._clock() if at is None else at
        check_count("section", section)
        entry = Entry(source, writer_of(client_id))
        result = await self._papers.enter(session_key(session_id), section, entry, at, owner=owner)
        if result is None:
            raise SessionNotFoundError
        current = await self._settler.write_back(result.attempt, [], at)
        await self._refuse(result, current, owner, at)
        return await self._shown(current.attempt, at)

    async def _refuse(self, result: SectionResult, current: Current, owner: str | None, at: Micros) -> None:
        if result.outcome in REFUSALS:
            raise REFUSALS[result.outcome]()
        shown = view(current.attempt, current.drafts, at)
        match result.outcome:
            case SectionOutcome.NO_PAPER:
                raise NoPaperError
            case SectionOutcome.NOT_FOUND:
                raise SectionNotFoundError
            case SectionOutcome.CLOSED:
                raise SessionClosedError(await self._disclosure.show(current, owner, at))
            case SectionOutcome.OVERDUE:
                raise SessionExpiredError
            case SectionOutcome.PAUSED:
                raise SessionPausedError(shown)
            case SectionOutcome.DEVICE_UNNAMED:
                raise device_unnamed()
            case SectionOutcome.OTHER_DEVICE:
                raise OtherDeviceError(shown, takeover=current.attempt.allows_takeover)

    async def _shown(self, attempt: Attempt, at: Micros, *, everything: bool = False) -> SessionPaper:
        if attempt.paper is None:
            raise NoPaperError
        seed, revision = attempt.paper["seed"], attempt.paper["revision"]
        sections = attempt.paper["sections"]
        entered = attempt.progress.get("entered", {})
        # rule: content is shown from the start on, and that of a section with a limit from its entry on
        started = at >= to_micros(attempt.started_at)
        shown = [
            everything or (started and (section["time_limit_seconds"] is None or str(number) in entered))
            for number, section in enumerate(sections)
        ]
        wanted = [
            q
            for section, is_shown in zip(sections, shown, strict=True)
            if is_shown
            for q in section["questions"]
        ]
        asked = await self._administration.asked(
            attempt.quiz_id, revision, attempt.question_ids or (), wanted
        )
        progress = {each.section: each for each in progress_of(attempt, at) or ()}

        def question(name: str) -> AskedQuestion:
            return AskedQuestion(
                id=name, points=asked[name].points, content=shown_content(asked[name].content, name, seed)
            )

        return SessionPaper(
            session_id=attempt.id,
            seed=seed,
            quiz_revision=revision,
            server_time=from_micros(at),
            sections=[
                _section(
                    section, progress.get(number), shown[number], [question(q) for q in section["questions"]]
                )
                for number, section in enumerate(sections)
            ],
        )


def _section(
    section: dict[str, Any], progress: SectionProgress | None, shown: bool, questions: list[AskedQuestion]
) -> AskedSection:
    return AskedSection(
        title=section["title"],
        navigation=Navigation(section["navigation"]),
        time_limit_seconds=section["time_limit_seconds"],
        entered_at=None if progress is None else progress.entered_at,
        expires_at=None if progress is None else progress.expires_at,
        time_remaining=None if progress is None else progress.time_remaining,
        shown=shown,
        locked=[] if progress is None else progress.locked,
        questions=questions,
    )
