"""Notices: messages of staff, and what students are told of their clocks."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field, StrictStr

from quiz_sessions.domain.notices import Notice, QuizNotice
from quiz_sessions.services.notices import MAX_TEXT_CHARACTERS

from .common import SESSION_IDS, RequestBody, SessionIds, example, reply
from .room import Unchanged

Text = Annotated[StrictStr, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)]


class NoticeRequest(RequestBody):
    """What to write to a student."""

    model_config = example(text="You have the wrong paper. Please raise your hand.")

    text: Text = Field(description="As the student sees it, and kept in the audit log.")


class CohortNoticeRequest(NoticeRequest):
    """What to write, and to which sessions of the quiz if not all."""

    model_config = example(text="In question 3 it must read 5 N, not 5 kg.")

    session_ids: SessionIds | None = SESSION_IDS


@reply
class NoticeReply(Notice):
    """A message of staff, or that a deadline moved, a clock stood or ran again."""


@reply
class NoticesReply:
    """Notices of a session, oldest first."""

    notices: list[NoticeReply]
    next_after: int | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )


@reply
class QuizNoticeReply(QuizNotice):
    """A message to those who were taking a quiz, and how many have read it."""


@reply
class QuizNoticesReply:
    """Messages to a quiz, oldest first."""

    notices: list[QuizNoticeReply]
    next_after: int | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )


@reply
class NotifiedReply:
    """The result of writing to those who take a quiz."""

    notified: int
    unchanged: list[Unchanged]
