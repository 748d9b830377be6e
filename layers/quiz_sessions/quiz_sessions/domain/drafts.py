"""Drafts: answers that are in Valkey and not in PostgreSQL yet, and which of them count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .attempts import Attempt
from .json_values import Json
from .timestamps import Micros


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer, or a current_question, that is not in PostgreSQL yet.

    Attributes:
        value: the answer, any JSON value.
        at: when the gateway received it.
    """

    value: Json
    at: Micros


@dataclass(frozen=True, slots=True)
class Drafts:
    """What Valkey holds of one session beyond PostgreSQL, by question."""

    answers: Mapping[str, Draft] = field(default_factory=dict)
    current_question: Draft | None = None

    def __bool__(self) -> bool:
        return bool(self.answers) or self.current_question is not None


NO_DRAFTS = Drafts()


def counts(draft: Draft, committed_at: Micros, end: Micros) -> bool:
    """Whether a draft stands over what is committed: later than it, and not after the end."""
    return committed_at < draft.at <= end


def counting(attempt: Attempt, drafts: Drafts) -> dict[str, Json]:
    """The answers of the drafts that count, by question."""
    return {
        question: draft.value
        for question, draft in drafts.answers.items()
        if counts(draft, attempt.answered_at(question), attempt.end)
    }


def merge_drafts(older: Drafts, newer: Drafts) -> Drafts:
    """Both together: of two drafts for one question the one with the larger `at`, `newer` on a tie."""
    answers = dict(older.answers)
    for question, draft in newer.answers.items():
        known = answers.get(question)
        if known is None or draft.at >= known.at:
            answers[question] = draft
    current = older.current_question
    if newer.current_question is not None and (current is None or newer.current_question.at >= current.at):
        current = newer.current_question
    return Drafts(answers, current)
