"""Scores: students read results; staff mark questions, set whole scores, or regrade by a corrected key."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from ..domain.attempts import Owner
from ..domain.deadlines import shown_status
from ..domain.drafts import NO_DRAFTS
from ..domain.errors import (
    ContentTooLargeError,
    GradedByKeyError,
    InvalidInputError,
    PreconditionFailedError,
    QuestionHeldError,
    QuizNotFoundError,
    ResultsHiddenError,
    SessionOpenError,
)
from ..domain.grading import Mark, check_marks
from ..domain.outcomes import ActionOutcome, Regrade
from ..domain.sessions import Results, Session, view
from ..domain.tags import parse_entity_tag
from ..domain.timestamps import Micros
from ..domain.validation import MAX_SESSION_BYTES, check_id, session_key
from ..stores.administration import AdministrationStore
from ..stores.best_effort_cache import BestEffortCache
from .disclosure import Disclosure
from .grading import BATCH, asked, grade_update
from .settlement import Current, Settler
from .staff_actions import StaffActions, check_reason, found

REGRADE_SECONDS = 5.0
"""How long one call grades; the next call continues."""


class Scores:
    """Reads and changes scores. Every method raises DatabaseUnavailableError and BusyError."""

    def __init__(
        self,
        *,
        administration: AdministrationStore,
        cache: BestEffortCache,
        settler: Settler,
        disclosure: Disclosure,
        staff_actions: StaffActions,
        clock: Callable[[], Micros],
    ) -> None:
        self._administration = administration
        self._cache = cache
        self._settler = settler
        self._disclosure = disclosure
        self._staff_actions = staff_actions
        self._clock = clock

    async def results(
        self, session_id: str | UUID, *, owner: Owner = None, at: Micros | None = None
    ) -> Results:
        """The score of an ended session, question by question if it is the sum of questions.

        For an `owner` the quiz decides whether and when results are shown; without one they always are.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionOpenError: it has not ended.
            ResultsHiddenError: the quiz does not show its results, or not yet.
        """
        at = self._clock() if at is None else at
        attempt = (await self._settler.current(session_key(session_id), owner, at)).attempt
        if shown_status(attempt, NO_DRAFTS, at).is_open:
            raise SessionOpenError
        shown = await self._disclosure.results(attempt, owner, at)
        if not shown.may_see:
            raise ResultsHiddenError
        session = view(shown.attempt, NO_DRAFTS, at, scored=shown.is_shown)
        return Results(
            session_id=session.id,
            score=session.score,
            max_score=session.max_score,
            grading=session.grading,
            late_ms=session.late_ms,
            questions=shown.questions,
        )

    async def set_score(
        self,
        session_id: str | UUID,
        score: float,
        max_score: float,
        reason: str,
        *,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Set the score of an ended session whose quiz has no questions.

        It stands until a person sets another one or marks questions, also if the quiz gets questions.
        `by` is the subject of the caller, None if callers are not authenticated.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionOpenError: it has not ended.
            SessionClosedError: it was abandoned and can't have a score.
            GradedByKeyError: the score is the sum of the quiz's questions.
        """
        key = session_key(session_id)
        if not (math.isfinite(score) and math.isfinite(max_score) and 0 <= score <= max_score):
            raise InvalidInputError("score must be from 0 to max_score.", member="score")
        action = self._staff_actions.action("score", reason, None, by, at)
        await self._settler.current(key, None, action.at)
        result = found(await self._administration.set_score(key, score, max_score, action))
        match result.outcome:
            case ActionOutcome.OPEN:
                raise SessionOpenError
            case ActionOutcome.GRADED_BY_KEY:
                raise GradedByKeyError
        return await self._staff_actions.session_after(result, action)

    async def set_grades(
        self,
        session_id: str | UUID,
        marks: Mapping[str, Mark | None],
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
        if_match: Sequence[str] | None = None,
        marker: str | None = None,
        take: bool = False,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Mark questions of an ended session; None gives a question back to its key, or lets it wait.

        Marks of other questions stay. A score that was set as a whole gives way to the sum. `marker` is who
        marks, and holds what is marked no longer; with `take` also what others hold. `if_match` are entity
        tags of which one must be the session's, as far as its row goes.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionOpenError: it has not ended.
            SessionClosedError: it was abandoned and can't have a score.
            InvalidInputError: `check_marks` refuses the marks.
            ContentTooLargeError: all marks of the session together would be too large.
            PreconditionFailedError: the session has changed since the entity tag.
            QuestionHeldError: another marker holds one of the answers.
            IdempotencyKeyReusedError: the key came with other marks of the session.
        """
        key = session_key(session_id)
        action = self._staff_actions.action("grades", reason, idempotency_key, by, at)
        attempt = (await self._settler.current(key, None, action.at)).attempt
        quiz = (await self._administration.quizzes([attempt.quiz_id])).get(attempt.quiz_id)
        check_marks(asked(attempt, quiz) if quiz else {}, marks)
        result = found(
            await self._administration.set_grades(
                attempt,
                marks,
                action,
                marker=marker,
                take=take,
                revisions=None if if_match is None else _revisions(if_match),
            )
        )
        match result.outcome:
            case ActionOutcome.OPEN:
                raise SessionOpenError
            case ActionOutcome.MOVED:
                current = Current(result.attempt, NO_DRAFTS, result.attempt)
                raise PreconditionFailedError(await self._staff_actions.shown(current, action))
            case ActionOutcome.HELD if result.claim is not None:
                raise QuestionHeldError(result.claim.question, result.claim.held_by, result.claim.held_until)
            case ActionOutcome.TOO_LARGE:
                raise ContentTooLargeError(
                    f"The marks of a session may have at most {MAX_SESSION_BYTES} bytes."
                )
        return await self._staff_actions.session_after(result, action)

    async def regrade(
        self, quiz_id: str, reason: str, *, by: str | None = None, at: Micros | None = None
    ) -> Regrade:
        """Grade those ended attempts again that were not graded with the quiz's current revision.

        It works in batches for some seconds; the next call continues where this one stopped.

        Raises:
            QuizNotFoundError: none is registered under this id.
        """
        check_id("quiz_id", quiz_id)
        quiz = (await self._administration.quizzes([quiz_id])).get(quiz_id)
        if quiz is None:
            raise QuizNotFoundError
        check_reason(reason)
        at = self._clock() if at is None else at
        until = time.monotonic() + REGRADE_SECONDS
        regraded = changed = 0
        skipped = False
        after = UUID(int=0)
        while time.monotonic() < until:
            waiting = await self._administration.graded_otherwise(quiz, after, BATCH)
            if not waiting:
                return Regrade(regraded, changed, not skipped)
            after = waiting[-1].id
            updates = [grade_update(attempt, quiz, by=by, reason=reason) for attempt in waiting]
            saved = await self._administration.save_grades(updates, at)
            former = {attempt.id: (attempt.score, attempt.max_score) for attempt in waiting}
            regraded += len(saved)
            changed += sum((attempt.score, attempt.max_score) != former[attempt.id] for attempt in saved)
            skipped = skipped or len(saved) < len(waiting)
            await self._cache.put_changed(saved)
        return Regrade(regraded, changed, complete=False)


def _revisions(tags: Sequence[str]) -> list[int]:
    """Those of the entity tags of sessions; others match none."""
    return [tag.revision for text in tags if (tag := parse_entity_tag(text)) is not None]
