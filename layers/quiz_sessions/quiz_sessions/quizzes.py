"""What a quiz demands of its attempts, and the extra time that some users have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .grading import Question, to_json
from .models import Micros, iso, to_micros


class WhenActive(StrEnum):
    """What a start does while an attempt of the same user at the same quiz is open."""

    NEW = "new"
    RESUME = "resume"
    REJECT = "reject"


class ShowResults(StrEnum):
    """From when on a student sees results."""

    AFTER_END = "after_end"
    AFTER_CLOSE = "after_close"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizRules:
    """What a quiz's owner decides.

    Attributes:
        time_limit_seconds: None for the service's default.
        grace_seconds: how long after the deadline answers are still accepted, marked as late.
        opens_at, closes_at: starts are allowed from the one, before the other; no attempt lasts longer.
        max_attempts: of one user; None for any number.
        questions: how each is graded, with the answer key.
    """

    time_limit_seconds: int | None = None
    grace_seconds: int = 0
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    max_attempts: int | None = None
    when_active: WhenActive = WhenActive.NEW
    show_results: ShowResults = ShowResults.AFTER_END
    questions: Mapping[str, Question] = field(default_factory=dict)

    def shows_results(self, at: Micros) -> bool:
        """Whether a student whose attempt has ended may see its results at `at`."""
        match self.show_results:
            case ShowResults.AFTER_END:
                return True
            case ShowResults.AFTER_CLOSE:
                return self.closes_at is not None and at >= to_micros(self.closes_at)
            case ShowResults.NEVER:
                return False


@dataclass(frozen=True, slots=True)
class Quiz:
    """A registered quiz.

    Attributes:
        revision: +1 with every change; a score remembers by which one it was graded.
    """

    quiz_id: str
    revision: int
    rules: QuizRules
    updated_at: datetime

    def to_dict(self, *, with_keys: bool) -> dict[str, Any]:
        """The quiz with JSON values only; without keys, for those who take it."""
        rules = self.rules
        return {
            "quiz_id": self.quiz_id,
            "revision": self.revision,
            "time_limit_seconds": rules.time_limit_seconds,
            "grace_seconds": rules.grace_seconds,
            "opens_at": iso(rules.opens_at),
            "closes_at": iso(rules.closes_at),
            "max_attempts": rules.max_attempts,
            "when_active": rules.when_active,
            "show_results": rules.show_results,
            "questions": {
                name: to_json(question) if with_keys else {"points": question.points}
                for name, question in rules.questions.items()
            },
            "updated_at": iso(self.updated_at),
        }


@dataclass(frozen=True, slots=True)
class Accommodation:
    """Extra time of one user for one quiz, whenever it is started.

    Attributes:
        granted_by: the caller's subject; None where callers are not known.
    """

    user_id: str
    quiz_id: str
    extra_seconds: int
    reason: str
    granted_by: str | None
    granted_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """The same with JSON values only."""
        return {
            "user_id": self.user_id,
            "quiz_id": self.quiz_id,
            "extra_seconds": self.extra_seconds,
            "reason": self.reason,
            "granted_by": self.granted_by,
            "granted_at": iso(self.granted_at),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes something about an attempt, when, and why.

    Attributes:
        by: the caller's subject; None where callers are not known.
        key: makes a repetition known, as an Idempotency-Key does.
    """

    at: Micros
    by: str | None
    reason: str
    key: str
