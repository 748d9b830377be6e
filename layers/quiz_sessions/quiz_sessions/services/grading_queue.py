"""The grading queue: which answers wait for a person, and who marks which at the moment."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from ..domain.errors import InvalidInputError, UnknownQuestionError
from ..domain.grading import CLAIM_SECONDS
from ..domain.json_values import Json
from ..domain.outcomes import WaitingAnswer
from ..domain.sessions import view_tag
from ..domain.timestamps import Micros, from_micros, to_micros
from ..domain.validation import MAX_ID_CHARACTERS, check_id
from ..stores.administration import AdministrationStore
from ..stores.grading_queue import GradingQueueStore, Place, Queue
from .pages import MAX_PAGE_BYTES, check_limit

MAX_CURSOR_CHARACTERS: Final = 768
"""The id of a question may have 128 characters of four bytes."""
_PLACE: Final = re.compile(rf"([0-9]{{1,16}}):([0-9a-f]{{32}}):(.{{1,{MAX_ID_CHARACTERS}}})", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedAnswer:
    """An answer that waits for a person. Whose it is, its session says to those who ask."""

    session_id: UUID
    question: str
    answer: Json = field(metadata={"description": "Null also where there is none any more."})
    points: float = field(metadata={"description": "What its question is worth."})
    held_by: str | None = field(metadata={"description": "Who is about to mark it, if anybody is."})
    held_until: datetime | None
    etag: str = field(
        metadata={"description": "Of its session, for If-Match: that the mark is for what was read."}
    )
    cursor: str = field(metadata={"description": "Its place: the `after` of what follows."})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """A page of the grading queue; those who started first are first."""

    waiting: int = field(metadata={"description": "How many answers wait, held ones too, on all pages."})
    questions: dict[str, int] = field(metadata={"description": "Question -> how many answers to it wait."})
    items: list[QueuedAnswer]
    next_after: str | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedAnswer:
    """The answer that the caller is to mark."""

    item: QueuedAnswer | None = field(
        metadata={"description": "Held for the caller for 15 minutes; null where none waits that is free."}
    )


class GradingQueue:
    """Hands out answers to markers. Every method raises DatabaseUnavailableError and BusyError."""

    def __init__(
        self,
        *,
        queue: GradingQueueStore,
        administration: AdministrationStore,
        clock: Callable[[], Micros],
    ) -> None:
        self._queue = queue
        self._administration = administration
        self._clock = clock

    async def page(
        self,
        quiz_id: str,
        *,
        question: str | None = None,
        after: str | None = None,
        limit: int = 50,
        by: str | None = None,
        at: Micros | None = None,
    ) -> QueuePage:
        """The answers at a quiz, or to one question, that wait for a person.

        `by` is the subject of the caller, whose own answers are left out.

        Raises:
            InvalidInputError: there can't be such a quiz, question, cursor or limit.
            UnknownQuestionError: the quiz has questions, not this one, and no answer to it waits.
        """
        _check(quiz_id, question)
        check_limit(limit)
        place = Place() if after is None else _parse(after)
        at = self._clock() if at is None else at
        page = await self._queue.page(
            Queue(quiz_id, question, by), place, at, limit=limit, max_bytes=MAX_PAGE_BYTES
        )
        items = [_shown(answer) for answer in page.answers]
        counted = page.questions if question is None else {question: page.questions.get(question, 0)}
        if question is not None and not counted[question]:
            await self._check_question(quiz_id, question)
        return QueuePage(
            waiting=sum(counted.values()),
            questions=counted,
            items=items,
            next_after=items[-1].cursor if page.more else None,
        )

    async def claim(
        self,
        quiz_id: str,
        marker: str | None,
        *,
        question: str | None = None,
        after: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> ClaimedAnswer:
        """Give `marker` the next answer to mark, which nobody else is given for CLAIM_SECONDS.

        A marker holds one answer of a quiz. Asked again the marker is given the same one, for as long anew;
        with `after` the next one behind, and the former is free.

        Raises:
            InvalidInputError: there can't be such a quiz, question or cursor, or the marker is not named.
            UnknownQuestionError: the quiz has questions, not this one, and no answer to it waits.
        """
        _check(quiz_id, question)
        marker = _named(marker)
        place = None if after is None else _parse(after)
        at = self._clock() if at is None else at
        answer = await self._queue.claim(
            Queue(quiz_id, question, by), marker, place, at, seconds=CLAIM_SECONDS
        )
        if answer is None and question is not None:
            await self._check_question(quiz_id, question)
        return ClaimedAnswer(item=None if answer is None else _shown(answer))

    async def release(self, quiz_id: str, marker: str | None) -> ClaimedAnswer:
        """Let others have the answer that `marker` holds, if any; raises InvalidInputError as `claim`."""
        _check(quiz_id, None)
        await self._queue.release(quiz_id, _named(marker))
        return ClaimedAnswer(item=None)

    async def _check_question(self, quiz_id: str, question: str) -> None:
        quiz = (await self._administration.quizzes([quiz_id])).get(quiz_id)
        known = quiz.rules.questions if quiz else {}
        if known and question not in known:
            raise UnknownQuestionError(question, known, what="The quiz has", member="question")


def _named(marker: str | None) -> str:
    if marker is None:
        raise InvalidInputError("Without tokens X-Client-Id says who marks: send one.", member="X-Client-Id")
    return marker


def _check(quiz_id: str, question: str | None) -> None:
    check_id("quiz_id", quiz_id)
    if question is not None:
        check_id("question", question)


def _shown(answer: WaitingAnswer) -> QueuedAnswer:
    return QueuedAnswer(
        session_id=answer.session_id,
        question=answer.question,
        answer=answer.answer,
        points=answer.points,
        held_by=answer.held_by,
        held_until=answer.held_until,
        etag=f'"{view_tag(answer.revision, answer.status)}"',
        cursor=_written(Place(answer.started_at, answer.session_id, answer.question)),
    )


def _written(place: Place) -> str:
    text = f"{to_micros(place.started_at)}:{place.session_id.hex}:{place.question}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parse(cursor: str) -> Place:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        found = _PLACE.fullmatch(text)
        if found is not None and "\x00" not in found[3]:
            return Place(from_micros(int(found[1])), UUID(hex=found[2]), found[3])
    except (ValueError, OverflowError):
        pass
    raise InvalidInputError("after must be the `cursor` of an answer, or a `next_after`.", member="after")
