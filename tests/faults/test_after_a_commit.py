"""A change is committed, and PostgreSQL goes away before what follows it: the request succeeds all the same.

Its caller must not be told 503 of what has happened. The next flush makes up for what is missing.
"""

from __future__ import annotations

from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import SessionExpiredError
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import QuizRules
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.proxy import Loss, Proxy

KEYED = QuizRules(questions=parse_questions({"0": {"grading": "exact", "key": "A"}}))
SAVES_GRADES = b"graded_with = quiz_revision"
READS_ATTEMPTS = b"WHERE id = ANY("


async def start(services: Services, rules: QuizRules) -> UUID:
    await services.administration.put_quiz("quiz1", rules, at=START)
    return (await services.sessions.create_session("user1", "quiz1", at=START)).id


async def score_after_a_flush(services: Services, session_id: UUID) -> float | None:
    await services.flusher.run()
    return (await services.sessions.get_session(session_id)).score


async def test_a_completion_that_could_not_be_graded_succeeds(
    services: Services, by_proxy: Services, proxy: Proxy
) -> None:
    session_id = await start(services, KEYED)
    proxy.lose(SAVES_GRADES, Loss.STATEMENT, Loss.STATEMENT)
    completed = await by_proxy.sessions.complete(session_id, {"0": "A"}, at=LATER)
    assert (completed.status, completed.score, proxy.rules) == ("completed", None, [])
    assert await score_after_a_flush(services, session_id) == 1


async def test_a_late_answer_whose_session_could_not_be_graded_is_accepted(
    services: Services, by_proxy: Services, proxy: Proxy
) -> None:
    session_id = await start(services, KEYED)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, "A", at=END + 1)
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    proxy.lose(SAVES_GRADES, Loss.STATEMENT, Loss.STATEMENT)
    session = await by_proxy.administration.accept_late_answer(session_id, late.event, "why", at=END + SECOND)
    assert (session.answers, proxy.rules) == ({"0": "A"}, [])
    assert await score_after_a_flush(services, session_id) == 1


async def extend_quiz(services: Services) -> None:
    assert len((await services.administration.extend_quiz("quiz1", 60, "why", at=LATER)).changed) == 1


async def put_quiz(services: Services) -> None:
    await services.administration.put_quiz("quiz1", QuizRules(time_limit_seconds=1860), at=LATER)


async def put_accommodation(services: Services) -> None:
    await services.administration.put_accommodation("user1", "quiz1", 60, "why", at=LATER)


@pytest.mark.parametrize("change", [extend_quiz, put_quiz, put_accommodation])
async def test_a_change_whose_sessions_could_not_be_cached_succeeds(
    services: Services, by_proxy: Services, proxy: Proxy, change: object
) -> None:
    session_id = await start(services, QuizRules())
    proxy.lose(READS_ATTEMPTS, Loss.STATEMENT, Loss.STATEMENT)
    assert callable(change)
    await change(by_proxy)
    assert proxy.rules == []
    assert (await services.flusher.run()).caches_reconciled == 1
    assert (await services.sessions.get_deadline(session_id, at=LATER)).time_remaining == 1850
