"""The session: an attempt with its drafts laid over it, as a caller sees it at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from .attempts import FIELDS, Attempt, GradingState, Status
from .deadlines import lateness_ms, shown_status, shown_time_remaining
from .drafts import Drafts, counting, counts
from .json_values import Json, shown_fields, to_json_object
from .section_times import SectionProgress, progress_of
from .tags import EntityTag, entity_tag
from .timestamps import Micros, from_micros, to_micros

GRADING: Final = (
    "pending while the score is a part only, because an answer waits for a person, or is not shown (yet); "
    "null before the end, and where there is nothing to grade."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session. Its fields, except for the last four, are what the API replies, in this order.

    Attributes:
        results_read_at: when its owner was shown results, for staff.
        etag: the entity tag of what is shown.
        replayed: an earlier start with the same Idempotency-Key created it.
        resumed: the start returned the user's open attempt.
    """

    id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    status: Status
    current_question: int
    answers: dict[str, Json]
    version: int
    server_time: datetime = field(
        compare=False, metadata={"description": "The moment that is shown, by the server's clock."}
    )
    time_remaining: int = field(metadata={"description": "Whole seconds, rounded up; 0 once expired."})
    started_at: datetime = field(
        metadata={"description": "When its clock starts: with a common start that may be after completed_at."}
    )
    expires_at: datetime
    accepts_until: datetime = field(
        metadata={"description": "expires_at with the grace; the end of 9999 while the session is paused."}
    )
    paused: bool = field(metadata={"description": "Whether the clock stands: time_remaining does not run."})
    pause_seconds: int = field(
        metadata={"description": "How long it stood in pauses that are over, each rounded up."}
    )
    sections: list[SectionProgress] | None = field(
        metadata={
            "description": "How far it is in those sections of its paper that have a time limit and were "
            "entered, or have locked questions; null without a paper."
        }
    )
    last_updated: datetime
    completed_at: datetime | None
    group: str | None = field(metadata={"description": "The room or campus that it is taken in."})
    label: str | None = field(metadata={"description": "The platform's, for people."})
    metadata: dict[str, Json] | None = field(metadata={"description": "The platform's, for programs."})
    unread_notices: int = field(
        metadata={"description": "Notices of staff, and changes of the deadline, not acknowledged yet."}
    )
    late_ms: int = field(
        metadata={"description": "By how much the latest answer that counts came after the deadline."}
    )
    score: float | None
    max_score: float | None
    grading: GradingState | None = field(metadata={"description": GRADING})
    durability: Literal["committed", "buffered"] = field(
        metadata={"description": "buffered while an answer shown is not in PostgreSQL yet."}
    )
    buffered_questions: list[str] = field(
        metadata={"description": "The questions whose shown answer is a draft."}
    )
    answer_tags: dict[str, str] = field(
        metadata={"description": "Question -> tag of the answer shown, for `based_on`."}
    )
    receipt: str | None = field(
        default=None,
        compare=False,
        metadata={"description": "Signed proof of a committed write; null on everything else."},
    )
    results_read_at: datetime | None = field(default=None, compare=False, metadata={"exclude": True})
    etag: EntityTag = field(default=EntityTag(0, ""), compare=False, metadata={"exclude": True})
    replayed: bool = field(default=False, compare=False, metadata={"exclude": True})
    resumed: bool = field(default=False, compare=False, metadata={"exclude": True})

    def to_dict(self) -> dict[str, Json]:
        """The fields that the API replies, as JSON values."""
        shown = to_json_object(self, SHOWN)
        if self.sections:
            shown["sections"] = [to_json_object(section, _SECTION) for section in self.sections]
        return shown


SHOWN: Final = shown_fields(Session)
_SECTION: Final = shown_fields(SectionProgress)
_COMPUTED: Final = frozenset(
    {
        "status",
        "current_question",
        "answers",
        "time_remaining",
        "late_ms",
        "score",
        "max_score",
        "grading",
    }
)
_AS_STORED: Final = tuple(name for name in SHOWN if name in FIELDS and name not in _COMPUTED)


def view(attempt: Attempt, drafts: Drafts, at: Micros, *, scored: bool = False) -> Session:
    """What a caller sees of `attempt` at `at`; only if it is to be `scored`, with the score of its row.

    Without, the grading of an attempt that has ended is pending. `services.disclosure` says who sees scores.
    """
    buffered = counting(attempt, drafts)
    latest = max((draft.at for draft in buffered.values()), default=0)
    status = shown_status(attempt, drafts, at)
    current = drafts.current_question
    if current is not None and not counts(current, attempt.current_question_at, attempt.end):
        current = None
    committed = ((question, attempt.answer_tag(question)) for question in attempt.answers)
    tags = {question: str(tag) for question, tag in committed if tag is not None}
    tags |= {question: str(draft.tag) for question, draft in buffered.items()}
    held = sorted(f"{draft.tag} {question}" for question, draft in buffered.items())
    stored: dict[str, Any] = {name: getattr(attempt, name) for name in _AS_STORED}
    return Session(
        **stored,
        status=status,
        current_question=attempt.current_question if current is None else current.value,
        answers={**attempt.answers, **{question: draft.value for question, draft in buffered.items()}},
        server_time=from_micros(at),
        time_remaining=shown_time_remaining(attempt, at),
        paused=attempt.paused_at is not None,
        sections=progress_of(attempt, at),
        group=attempt.group_name,
        late_ms=max(attempt.late_ms, lateness_ms(attempt.expires_at, latest)),
        score=attempt.score if scored else None,
        max_score=attempt.max_score if scored else None,
        grading=_grading(attempt, scored=scored),
        durability="buffered" if buffered else "committed",
        buffered_questions=sorted(buffered),
        answer_tags=tags,
        results_read_at=attempt.results_read_at,
        etag=entity_tag(attempt.revision, status, scored, current and current.at, *held),
    )


def view_tag(revision: int, status: Status) -> EntityTag:
    """The entity tag of an ended attempt without drafts, as staff are shown it."""
    return entity_tag(revision, status, True, None)


def _grading(attempt: Attempt, *, scored: bool) -> GradingState | None:
    # An earlier version of a session that ended since was open, and one opened again may wait for a person.
    if attempt.status.is_open:
        return None
    return "pending" if attempt.needs_grading or not scored else attempt.grading


def drafts_show_in_lists(attempt: Attempt, at: Micros) -> bool:
    """Whether a list, which has no answers, depends on drafts of `attempt`: its status or `late_ms` may."""
    return attempt.status.is_open and (attempt.status is Status.STARTED or at > to_micros(attempt.expires_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The score of an ended session."""

    session_id: UUID
    score: float | None
    max_score: float | None
    grading: GradingState | None = field(metadata={"description": GRADING})
    late_ms: int
    questions: dict[str, Json] | None = field(
        metadata={"description": "By question; null where the score is not a sum of questions."}
    )
