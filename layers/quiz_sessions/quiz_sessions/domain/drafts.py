"""Drafts: answers in Valkey that are not in PostgreSQL yet, and the rule by which they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .attempts import Attempt
from .json_values import Json
from .timestamps import Micros


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer, or a current question, that is not in PostgreSQL yet.

    Attributes:
        value: the answer, any JSON value.
        at: when the gateway received it.
    """

    value: Json
    at: Micros


@dataclass(frozen=True, slots=True)
class Drafts:
    """The drafts of one session, by question."""

    answers: Mapping[str, Draft] = field(default_factory=dict)
    current_question: Draft | None = None

    def __bool__(self) -> bool:
        return bool(self.answers) or self.current_question is not None


NO_DRAFTS = Drafts()


def counts(draft: Draft, committed_at: Micros, end: Micros) -> bool:
    """Whether a draft counts: it is later than the committed answer and not after the end of the attempt."""
    return committed_at < draft.at <= end


def counting(attempt: Attempt, drafts: Drafts) -> dict[str, Json]:
    """The drafts' answers that count, by question."""
    return {
        question: draft.value
        for question, draft in drafts.answers.items()
        if counts(draft, attempt.answered_at(question), attempt.end)
    }


def merge_drafts(older: Drafts, newer: Drafts) -> Drafts:
    """Merge two sets of drafts: of two for one question the one with the larger `at`; on a tie, `newer`."""
    answers = dict(older.answers)
    for question, draft in newer.answers.items():
        known = answers.get(question)
        if known is None or draft.at >= known.at:
            answers[question] = draft
    current = older.current_question
    if newer.current_question is not None and (current is None or newer.current_question.at >= current.at):
        current = newer.current_question
    return Drafts(answers, current)
