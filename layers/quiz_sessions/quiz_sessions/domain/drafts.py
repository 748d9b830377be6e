"""Drafts: answers in Valkey that are not in PostgreSQL yet, and the rule by which they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .attempts import Attempt
from .json_values import Json, same_value
from .tags import ANYBODY, BasedOn, Tag
from .timestamps import Micros


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer, or a current question, that is not in PostgreSQL yet.

    Attributes:
        value: the answer, any JSON value.
        at: when the gateway received it.
        writer: who wrote it; see `tags`.
    """

    value: Json
    at: Micros
    writer: str = ANYBODY

    @property
    def tag(self) -> Tag:
        return Tag(self.at, self.writer)


@dataclass(frozen=True, slots=True)
class Drafts:
    """The drafts of one session, by question.

    Attributes:
        displaced: drafts that lost their place to one of another writer. They wait to be recorded.
    """

    answers: Mapping[str, Draft] = field(default_factory=dict)
    current_question: Draft | None = None
    displaced: tuple[tuple[str, Draft], ...] = ()

    @property
    def latest(self) -> Micros:
        """When the gateway received the latest of them; 0 if there is none."""
        held = [*self.answers.values(), *([] if self.current_question is None else [self.current_question])]
        return max((draft.at for draft in held), default=0)

    def __bool__(self) -> bool:
        return bool(self.answers) or self.current_question is not None or bool(self.displaced)


NO_DRAFTS = Drafts()


def counts(draft: Draft, committed_at: Micros, end: Micros) -> bool:
    """Whether a draft counts: it is later than the committed answer and not after the end of the attempt."""
    return committed_at < draft.at <= end


def counting(attempt: Attempt, drafts: Drafts) -> dict[str, Draft]:
    """The drafts of answers that count, by question."""
    return {
        question: draft
        for question, draft in drafts.answers.items()
        if counts(draft, attempt.answered_at(question), attempt.end)
        and not attempt.is_of_other_device(draft.writer, draft.at)
        and not attempt.is_past(question, draft.at)
    }


def unseen(
    attempt: Attempt, drafts: Drafts, answers: Mapping[str, Json], writer: str, based_on: BasedOn
) -> list[str]:
    """The questions whose answer counts, is somebody else's, and was not shown to the writer of `answers`.

    `stores/sql/fragments/unseen.sql` judges likewise.
    """
    held = counting(attempt, drafts)
    found = []
    for question, known in based_on.items():
        draft = held.get(question)
        tag = draft.tag if draft is not None else attempt.answer_tag(question)
        if tag is None or tag.writer == writer:
            continue
        answer = draft.value if draft is not None else attempt.answers[question]
        if same_value(answer, answers[question]):
            continue
        if known is None or tag.at > known.at or (tag.at == known.at and tag.writer != known.writer):
            found.append(question)
    return found


def merge_drafts(older: Drafts, newer: Drafts) -> Drafts:
    """Merge two sets of drafts: of two for one question the one with the larger `at`; on a tie, `newer`.

    Of two writers' drafts the one that loses its place is displaced.
    """
    answers = dict(older.answers)
    displaced = [*older.displaced, *newer.displaced]
    for question, draft in newer.answers.items():
        known = answers.get(question)
        if known is None or draft.at >= known.at:
            answers[question] = draft
        if known is not None and known.writer != draft.writer and not same_value(known.value, draft.value):
            displaced.append((question, known if answers[question] is draft else draft))
    current = older.current_question
    if newer.current_question is not None and (current is None or newer.current_question.at >= current.at):
        current = newer.current_question
    return Drafts(answers, current, tuple(displaced))
