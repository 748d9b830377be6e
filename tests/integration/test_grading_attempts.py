"""Scores: the sum of questions that the key or a person marks; by hand where there are no questions."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.canonical_json import canonical_json
from quiz_sessions.domain.errors import (
    ContentTooLargeError,
    GradedByKeyError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionOpenError,
)
from quiz_sessions.domain.grading import Mark, parse_questions
from quiz_sessions.domain.outcomes import Regrade
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.services.grading import BATCH
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import holding
from tests.harness.service import flush_at, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row

WHY = "because"


def keyed(key: str = "A", **more: Any) -> dict[str, Any]:
    return {"0": {"points": 2, "grading": "exact", "key": key}, **more}


ESSAY: dict[str, Any] = {"essay": {"points": 5}}


async def put(services: Services, questions: dict[str, Any] | None = None, at: Micros = START) -> None:
    parsed = parse_questions(keyed() if questions is None else questions)
    await services.administration.put_quiz("quiz1", QuizRules(questions=parsed), at=at)


async def complete(services: Services, answer: Any = "A", user: str = "user1") -> UUID:
    session_id = await start(services, user)
    await services.sessions.complete(session_id, {"0": answer}, at=LATER)
    return session_id


async def complete_many(services: Services, number: int) -> None:
    for first in range(0, number, 10):
        users = [f"user{i}" for i in range(first, min(first + 10, number))]
        await asyncio.gather(*(complete(services, user=user) for user in users))


async def regrade(services: Services, at: Micros = LATER) -> Regrade:
    return await services.scores.regrade("quiz1", WHY, by="teacher", at=at)


async def score(services: Services, session_id: UUID, points: float = 7.5, max_score: float = 10) -> Session:
    return await services.scores.set_score(session_id, points, max_score, WHY, by="teacher", at=LATER)


async def mark(
    services: Services,
    session_id: UUID,
    marks: dict[str, Mark | None],
    at: Micros = LATER,
    key: str | None = None,
) -> Session:
    return await services.scores.set_grades(
        session_id, marks, reason=WHY, idempotency_key=key, by="teacher", at=at
    )


async def write(services: Services, user: str = "user1", **answers: Any) -> UUID:
    """An attempt that was handed in, by default with the right answer and an essay."""
    session_id = await start(services, user)
    await services.sessions.complete(session_id, answers or {"0": "A", "essay": "It was a"}, at=LATER)
    return session_id


async def expire_with_late_answers(services: Services, **answers: Any) -> tuple[UUID, int]:
    """An attempt that expired with an essay; and the event with what came too late."""
    session_id = await start(services)
    await services.sessions.update_answers(session_id, {"0": "A", "essay": "It was a"}, at=LATER)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answers(session_id, answers, at=END + 1)
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    return session_id, late.event


def hash_of(answer: Any) -> str:
    return sha256(canonical_json(answer).encode()).hexdigest()


def scored(database: Database, session_id: UUID) -> tuple[Any, ...]:
    stored = row(database, session_id)
    return stored["score"], stored["max_score"], stored["needs_grading"]


def told(session: Session) -> tuple[float | None, float | None, str | None]:
    return session.score, session.max_score, session.grading


@pytest.mark.parametrize("other", [{"essay": Mark(5)}, {"0": Mark(1)}, {"essay": Mark(1), "0": Mark(1)}])
async def test_a_key_stands_for_the_same_marks_alone(
    services: Services, other: dict[str, Mark | None]
) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    first = await mark(services, session_id, {"essay": Mark(1)}, key="key")
    again = await mark(services, session_id, {"essay": Mark(1)}, at=LATER + 1, key="key")
    assert (again.score, again.version) == (first.score, first.version)
    with pytest.raises(IdempotencyKeyReusedError):
        await mark(services, session_id, other, key="key")
    assert (await services.sessions.get_session(session_id)).score == first.score


# When an attempt ends


async def test_a_completion_is_graded_at_once(services: Services, database: Database) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=LATER)
    session = await services.sessions.complete(session_id, at=LATER)
    assert (session.score, session.max_score) == (2, 2)
    assert scored(database, session_id) == (2, 2, False)
    assert events(database, session_id) == ["started", "completed", "graded"]
    (change,) = changes(database, session_id, "graded")
    assert change == {"score": 2, "max_score": 2, "grading": "done", "quiz_revision": 1}
    results = await services.scores.results(session_id, at=LATER)
    assert results.questions == {
        "0": {"points": 2, "max_points": 2, "correct": True, "marked_by": "key", "comment": None},
    }
    assert (await services.sessions.get_session(session_id, at=LATER)).score == 2
    assert (await services.audit.verify(session_id)).intact


async def test_simultaneous_completions_are_graded_once(services: Services, database: Database) -> None:
    await put(services)
    session_id = await start(services)
    await asyncio.gather(*(services.sessions.complete(session_id, {"0": "A"}, at=LATER) for _ in range(20)))
    assert scored(database, session_id) == (2, 2, False)
    assert events(database, session_id) == ["started", "completed", "graded"]


async def test_an_expiry_by_touch_is_graded_at_once(services: Services, database: Database) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=END)
    session = await services.sessions.get_session(session_id, at=END + 1)
    assert (session.status, session.score) == (Status.EXPIRED, 2)
    assert events(database, session_id) == ["started", "expired", "graded"]


async def test_an_expiry_by_a_late_write_is_graded_at_once(services: Services, database: Database) -> None:
    await put(services)
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, "A", at=END + 1)
    assert scored(database, session_id) == (0, 2, False)


async def test_an_expiry_by_the_flush_is_graded_by_it(services: Services, database: Database) -> None:
    await put(services)
    ids = [await start(services, f"user{i}") for i in range(3)]
    for session_id in ids:
        await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=END)
    report = await flush_at(services, END + 1)
    assert (report.sessions_expired, report.attempts_graded) == (3, 3)
    for session_id in ids:
        assert scored(database, session_id) == (2, 2, False)
        assert (await services.sessions.get_session(session_id, at=END + 1)).score == 2


async def test_the_flush_grades_what_a_request_could_not(services: Services, database: Database) -> None:
    await put(services)
    session_id = await complete(services)
    database.execute("UPDATE quiz_attempts SET needs_grading = true, score = NULL, max_score = NULL")
    assert (await flush_at(services)).attempts_graded == 1
    assert scored(database, session_id) == (2, 2, False)
    assert (await flush_at(services)).attempts_graded == 0


async def test_the_flush_grades_more_than_a_batch(services: Services, database: Database) -> None:
    await put(services)
    await complete_many(services, BATCH + 20)
    database.execute("UPDATE quiz_attempts SET needs_grading = true, score = NULL, max_score = NULL")
    assert (await flush_at(services)).attempts_graded == BATCH + 20
    assert database.execute("SELECT DISTINCT score, needs_grading FROM quiz_attempts").fetchall() == [
        {"score": 2, "needs_grading": False}
    ]


async def test_an_abandoned_attempt_has_no_score(services: Services, database: Database) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    session = await services.sessions.abandon(session_id, at=LATER)
    await flush_at(services)
    await regrade(services)
    assert (session.score, scored(database, session_id)) == (None, (None, None, False))
    assert events(database, session_id) == ["started", "answered", "abandoned"]


async def test_an_attempt_at_a_quiz_without_questions_has_no_score(
    services: Services, database: Database
) -> None:
    await put(services, {})
    session_id = await complete(services)
    await flush_at(services)
    assert scored(database, session_id) == (None, None, False)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (None, None, None)
    assert events(database, session_id) == ["started", "completed"]


async def test_an_essay_waits_for_a_person(services: Services, database: Database) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (2, 7, "pending")
    assert scored(database, session_id) == (2, 7, False)
    results = await services.scores.results(session_id, at=LATER)
    assert results.grading == "pending"
    assert results.questions is not None
    assert results.questions["essay"] == {
        "points": 0,
        "max_points": 5,
        "correct": None,
        "marked_by": None,
        "comment": None,
    }


async def test_an_essay_that_nobody_wrote_waits_for_nobody(services: Services) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await complete(services)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (2, 7, "done")


async def test_an_open_session_has_no_grading(services: Services) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await start(services)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (None, None, None)


async def test_a_session_that_ended_is_pending_until_it_is_graded(
    services: Services, database: Database
) -> None:
    await put(services)
    session_id = await start(services)
    database.execute("UPDATE quiz_attempts SET needs_grading = true, status = 'completed', ended_at = now()")
    page = await services.audit.find(quiz_id="quiz1", at=LATER)
    assert [told(each) for each in page.sessions] == [(None, None, "pending")]
    await flush_at(services)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (0, 2, "done")


async def test_an_attempt_ends_without_score_while_others_hold_its_row_and_gets_it_later(
    services: Services, stores: Stores, database: Database
) -> None:
    await put(services)
    session_id = await start(services)
    database.execute("UPDATE quiz_attempts SET needs_grading = true, status = 'completed', ended_at = now()")
    with holding(stores, "SELECT FROM quiz_attempts FOR UPDATE"):
        assert (await flush_at(services)).attempts_graded == 0
    assert (await flush_at(services)).attempts_graded == 1
    assert scored(database, session_id) == (0, 2, False)


async def test_a_session_opened_again_loses_its_score_until_it_ends(
    services: Services, database: Database
) -> None:
    await put(services)
    session_id = await start(services)
    assert (await services.sessions.get_session(session_id, at=END + 1)).score == 0
    session = (await services.administration.reopen(session_id, 600, WHY, at=END + SECOND)).session
    assert (session.score, session.max_score, scored(database, session_id)) == (
        None,
        None,
        (None, None, False),
    )
    assert row(database, session_id)["results"] is None
    done = await services.sessions.complete(session_id, {"0": "A"}, at=END + 2 * SECOND)
    assert done.score == 2
    assert (await services.audit.verify(session_id)).intact


async def test_results_over_http(api: Api) -> None:
    await api("PUT", "/quizzes/quiz1", {"questions": keyed()})
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    path = f"/sessions/{session['id']}"
    still_open = await api("GET", f"{path}/results")
    assert (still_open.status_code, still_open.json()["code"]) == (409, "session_open")
    done = await api("POST", f"{path}/complete", {"answers": {"0": "B"}}, at=LATER)
    assert (done.json()["score"], done.json()["max_score"]) == (0, 2)
    results = await api("GET", f"{path}/results")
    assert (results.status_code, results.headers["cache-control"]) == (200, "no-store")
    assert results.json() == {
        "session_id": session["id"],
        "score": 0.0,
        "max_score": 2.0,
        "grading": "done",
        "late_ms": 0,
        "questions": {
            "0": {"points": 0.0, "max_points": 2.0, "correct": False, "marked_by": "key", "comment": None},
        },
    }
    assert (await api("GET", f"/sessions/{uuid4()}/results")).status_code == 404


# A corrected key


async def test_a_corrected_key_changes_scores_when_it_is_said_so(
    services: Services, database: Database
) -> None:
    await put(services)
    right, wrong = await complete(services, "A"), await complete(services, "B", "user2")
    await put(services, keyed("B"))
    assert (scored(database, right), scored(database, wrong)) == ((2, 2, False), (0, 2, False))
    assert await regrade(services) == Regrade(2, 2, complete=True)
    assert (scored(database, right), scored(database, wrong)) == ((0, 2, False), (2, 2, False))
    assert changes(database, right, "graded")[-1] == {
        "score": 0,
        "max_score": 2,
        "grading": "done",
        "quiz_revision": 2,
        "by": "teacher",
        "reason": WHY,
        "former_score": 2,
        "former_max_score": 2,
    }
    assert (await services.sessions.get_session(wrong, at=LATER)).score == 2
    assert (await services.audit.verify(right)).intact


async def test_a_regrade_done_is_not_done_again(services: Services, database: Database) -> None:
    await put(services)
    await complete(services)
    await put(services, keyed("B"))
    await regrade(services)
    before = contents(database)
    assert await regrade(services) == Regrade(0, 0, complete=True)
    assert contents(database) == before


async def test_a_regrade_tells_how_many_scores_are_others(services: Services) -> None:
    await put(services)
    for user, answer in (("user1", "A"), ("user2", "B"), ("user3", "C")):
        await complete(services, answer, user)
    await put(services, keyed("B"))
    assert await regrade(services) == Regrade(3, 2, complete=True)


async def test_a_regrade_grades_expired_attempts_and_leaves_open_ones(
    services: Services, database: Database
) -> None:
    await put(services)
    expired = await start(services)
    await services.sessions.get_session(expired, at=END + 1)
    await services.sessions.create_session("user2", "quiz1", at=END)
    await put(services, keyed(more={"points": 1, "grading": "exact", "key": "x"}))
    assert await regrade(services) == Regrade(1, 1, complete=True)
    assert scored(database, expired) == (0, 3, False)


async def test_a_quiz_registered_after_the_exam_grades_it(services: Services, database: Database) -> None:
    session_id = await complete(services)
    await put(services)
    assert await regrade(services) == Regrade(1, 1, complete=True)
    assert scored(database, session_id) == (2, 2, False)


async def test_a_regrade_goes_through_several_batches(services: Services, database: Database) -> None:
    await put(services)
    number = 2 * BATCH + 10
    await complete_many(services, number)
    await put(services, keyed("B"))
    done = [await regrade(services)]
    while not done[-1].complete:
        done.append(await regrade(services))
    assert sum(each.regraded for each in done) == sum(each.changed for each in done) == number
    assert database.execute("SELECT DISTINCT score, graded_with FROM quiz_attempts").fetchall() == [
        {"score": 0, "graded_with": 2}
    ]
    assert database.execute(
        "SELECT count(*) AS n FROM attempt_events WHERE type = 'graded' AND changes ->> 'by' = 'teacher'"
    ).fetchone() == {"n": number}


async def test_simultaneous_regrades_grade_each_attempt_once(services: Services, database: Database) -> None:
    await put(services)
    await complete_many(services, BATCH + 10)
    await put(services, keyed("B"))
    done = await asyncio.gather(*(regrade(services) for _ in range(5)))
    while not done[-1].complete:
        done.append(await regrade(services))
    assert sum(each.regraded for each in done) == BATCH + 10
    assert database.execute(
        "SELECT count(*) AS n FROM attempt_events WHERE type = 'graded' AND changes ->> 'by' = 'teacher'"
    ).fetchone() == {"n": BATCH + 10}


async def test_a_regrade_leaves_rows_that_others_hold_and_says_so(
    services: Services, stores: Stores, database: Database
) -> None:
    await put(services)
    held, free = await complete(services), await complete(services, user="user2")
    await put(services, keyed("B"))
    with holding(stores, "SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", held):
        assert await regrade(services) == Regrade(1, 1, complete=False)
    assert (scored(database, held)[0], scored(database, free)[0]) == (2, 0)
    assert await regrade(services) == Regrade(1, 1, complete=True)
    assert scored(database, held)[0] == 0


async def test_a_regrade_among_late_answers_and_another_correction_ends_right(
    services: Services, database: Database
) -> None:
    await put(services)
    ids = [await start(services, f"user{i}") for i in range(10)]
    late = []
    for session_id in ids:
        with pytest.raises(SessionExpiredError):
            await services.sessions.update_answer(session_id, 0, "B", at=END + 1)
        late.append(((await services.administration.late_answers(session_id)).late_answers)[0].event)
    await put(services, keyed("C"))
    await asyncio.gather(
        regrade(services),
        *(
            services.administration.accept_late_answer(session_id, event, WHY, at=END + SECOND)
            for session_id, event in zip(ids, late, strict=True)
        ),
        put(services, keyed("B")),
        regrade(services),
        flush_at(services, END + SECOND),
    )
    await flush_at(services, END + SECOND)
    while not (await regrade(services)).complete:
        pass
    assert {scored(database, session_id) for session_id in ids} == {(2, 2, False)}
    for session_id in ids:
        assert (await services.audit.verify(session_id)).intact


async def test_a_key_that_was_corrected_by_deleting_the_quiz_is_another_key(
    services: Services, database: Database
) -> None:
    await put(services)
    session_id = await complete(services, "B")
    await services.administration.delete_quiz("quiz1")
    written = await services.administration.put_quiz(
        "quiz1", QuizRules(questions=parse_questions(keyed("B"))), at=LATER
    )
    assert written.created
    assert await regrade(services) == Regrade(1, 1, complete=True)
    assert scored(database, session_id) == (2, 2, False)
    assert row(database, session_id)["graded_with"] == written.quiz.revision


async def test_a_regrade_over_http(api: Api) -> None:
    await api("PUT", "/quizzes/quiz1", {"questions": keyed()})
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    await api("POST", f"/sessions/{session['id']}/complete", {"answers": {"0": "B"}}, at=LATER)
    await api("PUT", "/quizzes/quiz1", {"questions": keyed("B")})
    reply = await api("POST", "/quizzes/quiz1/regrade", {"reason": WHY})
    assert (reply.status_code, reply.json()) == (200, {"regraded": 1, "changed": 1, "complete": True})


# By hand


@pytest.mark.parametrize(
    ("points", "max_score"), [(0, 0), (0, 10), (7.5, 10), (10, 10), (1e308, 1e308), (0.1 + 0.2, 1)]
)
async def test_an_ended_attempt_without_key_is_scored_by_hand(
    services: Services, database: Database, points: float, max_score: float
) -> None:
    await put(services, {})
    session_id = await complete(services)
    session = await score(services, session_id, points, max_score)
    assert (session.score, session.max_score) == (points, max_score)
    assert scored(database, session_id) == (points, max_score, False)
    (change,) = changes(database, session_id, "graded")
    assert (float(change["score"]), change["by"], change["reason"]) == (points, "teacher", WHY)
    assert (await services.audit.verify(session_id)).intact
    results = await services.scores.results(session_id, owner="user1", at=LATER)
    assert (results.score, results.max_score, results.questions) == (points, max_score, None)


async def test_an_expired_attempt_is_scored_by_hand_and_again(services: Services, database: Database) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    await score(services, session_id, 5, 10)
    await score(services, session_id, 6, 10)
    assert scored(database, session_id) == (6, 10, False)
    first, second = changes(database, session_id, "graded")
    assert "former_score" not in first
    assert (second["former_score"], second["former_max_score"]) == (5, 10)


async def test_what_can_not_be_scored_by_hand_is_left_alone(services: Services, database: Database) -> None:
    opened, abandoned = await start(services), await start(services, "user2")
    await services.sessions.abandon(abandoned, at=LATER)
    before = contents(database)
    with pytest.raises(SessionOpenError):
        await score(services, opened)
    with pytest.raises(SessionClosedError):
        await score(services, abandoned)
    with pytest.raises(SessionNotFoundError):
        await score(services, uuid4())
    assert contents(database) == before


async def test_a_key_alone_scores_where_there_is_one(services: Services, database: Database) -> None:
    await put(services)
    session_id = await complete(services)
    before = contents(database)
    with pytest.raises(GradedByKeyError):
        await score(services, session_id)
    assert contents(database) == before


async def test_a_quiz_with_questions_is_marked_question_by_question(services: Services) -> None:
    await put(services, ESSAY)
    with pytest.raises(GradedByKeyError):
        await score(services, await write(services, essay="It was a"))


@pytest.mark.parametrize(
    ("points", "max_score"),
    [
        (-0.1, 1),
        (1.1, 1),
        (1, -1),
        (float("nan"), 1),
        (1, float("nan")),
        (1, float("inf")),
        (float("inf"),) * 2,
    ],
)
async def test_a_score_is_from_0_to_its_maximum(
    services: Services, database: Database, points: float, max_score: float
) -> None:
    session_id = await complete(services)
    before = contents(database)
    with pytest.raises(InvalidInputError):
        await score(services, session_id, points, max_score)
    assert contents(database) == before


async def test_scores_by_hand_over_http(services: Services, api: Api, database: Database) -> None:
    session_id = await complete(services)
    path = f"/sessions/{session_id}/score"
    before = contents(database)
    for body in (
        {"score": -1, "max_score": 1},
        {"score": 2, "max_score": 1},
        {"score": "1", "max_score": 1},
        {"score": True, "max_score": 1},
        {"score": None, "max_score": 1},
        {"score": 1},
        {"score": 1, "max_score": 1, "questions": {}},
    ):
        assert (await api("POST", path, {**body, "reason": WHY})).status_code == 422
    assert contents(database) == before
    reply = await api("POST", path, {"score": 1, "max_score": 2.5, "reason": WHY})
    assert (reply.status_code, reply.json()["score"], reply.json()["max_score"]) == (200, 1.0, 2.5)
    assert reply.json()["grading"] == "done"
    await put(services)
    graded_id = await complete(services, user="user3")
    graded = await api("POST", f"/sessions/{graded_id}/score", {"score": 1, "max_score": 2.5, "reason": WHY})
    assert (graded.status_code, graded.json()["code"]) == (409, "graded_by_key")
    open_id = await start(services, "user2")
    still_open = await api("POST", f"/sessions/{open_id}/score", {"score": 1, "max_score": 1, "reason": WHY})
    assert (still_open.status_code, still_open.json()["code"]) == (409, "session_open")


async def test_a_score_by_hand_has_no_results_of_a_key_that_is_gone(services: Services) -> None:
    await put(services)
    session_id = await complete(services)
    await put(services, {})
    await score(services, session_id, 4, 5)
    results = await services.scores.results(session_id, at=LATER)
    assert (results.score, results.max_score, results.questions) == (4, 5, None)


async def test_a_score_by_hand_survives_a_key_that_comes_later(
    services: Services, database: Database
) -> None:
    session_id = await complete(services)
    await score(services, session_id, 4, 5)
    await put(services)
    before = contents(database)
    assert await regrade(services) == Regrade(0, 0, complete=True)
    await flush_at(services)
    assert contents(database) == before
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (4, 5, "done")


async def test_a_score_by_hand_can_be_set_again_when_a_key_came_later(services: Services) -> None:
    session_id = await complete(services)
    await score(services, session_id, 4, 5)
    await put(services)
    assert told(await score(services, session_id, 5, 5)) == (5, 5, "done")
    assert (await services.audit.verify(session_id)).intact


async def test_a_score_by_hand_survives_a_late_answer_after_a_key_came(services: Services) -> None:
    session_id, event = await expire_with_late_answers(services, essay="It was the best")
    await score(services, session_id, 4, 5)
    await put(services, keyed(**ESSAY))
    accepted = await services.administration.accept_late_answer(session_id, event, WHY, at=END + SECOND)
    assert told(accepted) == (4, 5, "done")
    await flush_at(services)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (4, 5, "done")


async def test_a_score_by_hand_survives_drafts_that_are_merged_after_a_key_came(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    await score(services, session_id, 4, 5)
    await put(services)
    # In time, but held up on its way.
    merged = await services.sessions.update_answer(session_id, 0, "A", at=END)
    assert merged.answers == {"0": "A"}
    assert told(merged) == (4, 5, "done")


async def test_a_score_by_hand_is_not_graded_away_by_what_was_waiting(
    services: Services, database: Database
) -> None:
    await put(services)
    session_id = await complete(services)
    database.execute("UPDATE quiz_attempts SET needs_grading = true")
    await services.administration.delete_quiz("quiz1")
    await score(services, session_id, 4, 5)
    await put(services)
    await flush_at(services)
    assert scored(database, session_id) == (4, 5, False)
    assert events(database, session_id) == ["started", "completed", "graded", "graded"]


@pytest.mark.parametrize("questions", [None, keyed()], ids=["without questions", "with a key by now"])
async def test_a_session_opened_again_waits_for_the_person_who_set_its_score(
    services: Services, questions: dict[str, Any] | None
) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    await score(services, session_id, 4, 5)
    if questions is not None:
        await put(services, questions, at=END)
    opened = await services.administration.reopen(session_id, 600, WHY, at=END + SECOND)
    assert told(opened.session) == (None, None, None)
    done = await services.sessions.complete(session_id, {"0": "A"}, at=END + 2 * SECOND)
    assert told(done) == (None, None, "pending")
    waiting = await services.audit.find(quiz_id="quiz1", is_pending=True, at=END + 2 * SECOND)
    assert [session.id for session in waiting.sessions] == [session_id]
    assert (await services.audit.verify(session_id)).intact
    assert told(await score(services, session_id, 3, 5)) == (3, 5, "done")
    assert (await services.audit.find(quiz_id="quiz1", is_pending=True, at=END + 2 * SECOND)).sessions == []
    assert (await services.audit.verify(session_id)).intact


async def test_an_answer_that_is_sent_again_keeps_its_mark(services: Services) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    await mark(services, session_id, {"essay": Mark(3)})
    await services.administration.reopen(session_id, 600, WHY, at=END)
    await services.sessions.update_answers(session_id, {"essay": "It was a"}, at=END + SECOND)
    done = await services.sessions.complete(session_id, at=END + 2 * SECOND)
    assert told(done) == (5, 7, "done")


async def test_a_regrade_without_questions_keeps_scores_by_hand(
    services: Services, database: Database
) -> None:
    await put(services, {})
    session_id = await complete(services)
    await score(services, session_id, 4, 5)
    await regrade(services)
    assert scored(database, session_id) == (4, 5, False)


# By a person, question by question


async def test_a_person_marks_an_essay(services: Services, database: Database) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    session = await mark(services, session_id, {"essay": Mark(3.5, "well argued")})
    assert told(session) == (5.5, 7, "done")
    assert scored(database, session_id) == (5.5, 7, False)
    results = await services.scores.results(session_id, owner="user1", at=LATER)
    assert (results.score, results.max_score, results.grading) == (5.5, 7, "done")
    assert results.questions == {
        "0": {"points": 2, "max_points": 2, "correct": True, "marked_by": "key", "comment": None},
        "essay": {
            "points": 3.5,
            "max_points": 5,
            "correct": None,
            "marked_by": "person",
            "comment": "well argued",
        },
    }
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (5.5, 7, "done")


async def test_a_mark_is_recorded_with_who_gave_it_why_and_what_it_was_before(
    services: Services, database: Database
) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    await mark(services, session_id, {"0": Mark(1), "essay": Mark(3, "good")}, key="k")
    assert events(database, session_id) == ["started", "completed", "graded", "marked", "graded"]
    (change,) = changes(database, session_id, "marked")
    assert change == {
        "write_id": "grades:k",
        "payload": change["payload"],
        "marks": {
            "0": {"points": 1, "answer_sha256": hash_of("A")},
            "essay": {"points": 3, "comment": "good", "answer_sha256": hash_of("It was a")},
        },
        "former_points": {"0": 2, "essay": 0},
        "score_by_hand": False,
        "by": "teacher",
        "reason": WHY,
    }
    graded = changes(database, session_id, "graded")[-1]
    assert (graded["score"], graded["former_score"]) == (4, 2)
    assert (await services.audit.verify(session_id)).intact


async def test_a_person_marks_what_nobody_answered(services: Services) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await complete(services)
    assert told(await mark(services, session_id, {"essay": Mark(3)})) == (5, 7, "done")


async def test_a_person_overrides_the_key_and_gives_the_question_back(services: Services) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await complete(services, "B")
    assert told(await mark(services, session_id, {"0": Mark(1.5)})) == (1.5, 7, "done")
    assert told(await mark(services, session_id, {"0": None})) == (0, 7, "done")
    assert (await services.audit.verify(session_id)).intact


async def test_an_essay_given_back_waits_again(services: Services, database: Database) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    await mark(services, session_id, {"essay": Mark(3)})
    assert told(await mark(services, session_id, {"essay": None})) == (2, 7, "pending")
    assert row(database, session_id)["marks"] == {}
    assert (await services.audit.verify(session_id)).intact


async def test_marks_of_other_questions_stay(services: Services) -> None:
    await put(services, keyed(**ESSAY, other={"points": 1}))
    session_id = await write(services)
    await mark(services, session_id, {"essay": Mark(3)})
    assert told(await mark(services, session_id, {"other": Mark(1)})) == (6, 8, "done")


async def test_a_person_changes_a_mark(services: Services) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    await mark(services, session_id, {"essay": Mark(3, "hasty")})
    assert told(await mark(services, session_id, {"essay": Mark(4)})) == (6, 7, "done")
    results = await services.scores.results(session_id, at=LATER)
    assert results.questions is not None
    assert results.questions["essay"]["comment"] is None


async def test_a_repeated_mark_is_one(services: Services, database: Database) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    first = await mark(services, session_id, {"essay": Mark(3)}, key="k")
    await mark(services, session_id, {"essay": Mark(4)})
    repeated = await mark(services, session_id, {"essay": Mark(3)}, key="k")
    assert (told(first), told(repeated)) == ((5, 7, "done"), (6, 7, "done"))
    assert events(database, session_id).count("marked") == 2


async def test_simultaneous_marks_all_count(services: Services, database: Database) -> None:
    names = [f"e{number}" for number in range(10)]
    await put(services, {name: {"points": 1} for name in names})
    session_id = await start(services)
    await services.sessions.complete(session_id, dict.fromkeys(names, "an essay"), at=LATER)
    await asyncio.gather(*(mark(services, session_id, {name: Mark(1)}) for name in names))
    await flush_at(services)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (10, 10, "done")
    assert scored(database, session_id) == (10, 10, False)
    assert (await services.audit.verify(session_id)).intact


async def test_a_regrade_leaves_the_marks_of_a_person(services: Services, database: Database) -> None:
    await put(services, keyed(**ESSAY, more={"points": 1, "grading": "exact", "key": "x"}))
    session_id = await write(services)
    await mark(services, session_id, {"0": Mark(1), "essay": Mark(4, "good")})
    before = row(database, session_id)["marks"]
    await put(services, keyed("B", **ESSAY, more={"points": 1, "grading": "exact", "key": None}))
    assert await regrade(services) == Regrade(1, 0, complete=True)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (5, 8, "done")
    assert row(database, session_id)["marks"] == before


async def test_a_regrade_regrades_what_no_person_marked(services: Services) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    await mark(services, session_id, {"essay": Mark(4)})
    await put(services, keyed("B", **ESSAY))
    assert await regrade(services) == Regrade(1, 1, complete=True)
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (4, 7, "done")


async def test_a_mark_counts_up_to_what_the_question_is_worth(services: Services) -> None:
    await put(services, ESSAY)
    session_id = await write(services, essay="It was a")
    await mark(services, session_id, {"essay": Mark(4)})
    for worth, expected in ((3, (3, 3, "done")), (6, (4, 6, "done"))):
        await put(services, {"essay": {"points": worth}})
        await regrade(services)
        assert told(await services.sessions.get_session(session_id, at=LATER)) == expected


@pytest.mark.parametrize(("question", "score"), [("essay", 1), ("0", 4)])
async def test_a_mark_does_not_hold_for_a_late_answer_that_is_accepted(
    services: Services, database: Database, question: str, score: float
) -> None:
    await put(services, keyed(**ESSAY))
    session_id, event = await expire_with_late_answers(services, **{question: "B"})
    await mark(services, session_id, {"0": Mark(1), "essay": Mark(4, "good")}, at=END + SECOND)
    accepted = await services.administration.accept_late_answer(session_id, event, WHY, at=END + SECOND)
    assert told(accepted) == (score, 7, "pending")
    results = await services.scores.results(session_id, at=END + SECOND)
    assert results.questions is not None
    assert results.questions[question]["marked_by"] is None
    assert results.questions[question]["comment"] is None
    assert (await services.audit.verify(session_id)).intact


async def test_a_mark_does_not_hold_for_a_draft_that_is_merged_after_it(services: Services) -> None:
    await put(services, ESSAY)
    session_id = await start(services)
    await services.sessions.update_answer(session_id, "essay", "It was a", at=LATER)
    await services.sessions.get_session(session_id, at=END + 1)
    assert told(await mark(services, session_id, {"essay": Mark(4)}, at=END + 1)) == (4, 5, "done")
    merged = await services.sessions.update_answer(session_id, "essay", "It was the best", at=END)
    assert merged.answers == {"essay": "It was the best"}
    assert told(merged) == (0, 5, "pending")
    assert told(await mark(services, session_id, {"essay": Mark(5)}, at=END + 1)) == (5, 5, "done")


async def test_a_mark_survives_a_reopening_for_the_same_answer_only(services: Services) -> None:
    await put(services, {"a": {"points": 1}, "b": {"points": 1}})
    session_id = await start(services)
    await services.sessions.update_answers(session_id, {"a": "one", "b": "two"}, at=LATER)
    await services.sessions.get_session(session_id, at=END + 1)
    await mark(services, session_id, {"a": Mark(1), "b": Mark(1)}, at=END + 1)
    reopened = await services.administration.reopen(session_id, 600, WHY, at=END + SECOND)
    assert told(reopened.session) == (None, None, None)
    done = await services.sessions.complete(session_id, {"b": "three"}, at=END + 2 * SECOND)
    assert told(done) == (1, 2, "pending")
    assert (await services.audit.verify(session_id)).intact


async def test_marks_replace_a_score_by_hand(services: Services, database: Database) -> None:
    session_id = await complete(services)
    await score(services, session_id, 4, 5)
    await put(services, keyed(**ESSAY))
    assert told(await mark(services, session_id, {"essay": Mark(3)})) == (5, 7, "done")
    with pytest.raises(GradedByKeyError):
        await score(services, session_id, 4, 5)
    await put(services, keyed("B", **ESSAY))
    assert await regrade(services) == Regrade(1, 1, complete=True)
    assert (await services.audit.verify(session_id)).intact


async def test_marks_grade_an_attempt_that_ended_before_the_quiz_had_questions(services: Services) -> None:
    session_id = await write(services)
    await put(services, keyed(**ESSAY))
    assert told(await mark(services, session_id, {"essay": Mark(3)})) == (5, 7, "done")


async def test_an_attempt_whose_time_is_over_is_marked_before_its_row_says_so(services: Services) -> None:
    await put(services, ESSAY)
    session_id = await start(services)
    assert told(await mark(services, session_id, {"essay": Mark(3)}, at=END + 1)) == (3, 5, "done")


async def test_an_attempt_whose_time_is_over_is_scored_before_its_row_says_so(services: Services) -> None:
    session_id = await start(services)
    session = await services.scores.set_score(session_id, 3, 5, WHY, at=END + 1)
    assert told(session) == (3, 5, "done")


async def test_marks_that_could_not_be_summed_yet_are_summed_by_the_flush(
    services: Services, stores: Stores, database: Database
) -> None:
    await put(services, ESSAY)
    session_id = await write(services, essay="It was a")
    await mark(services, session_id, {"essay": Mark(3)})
    database.execute("UPDATE quiz_attempts SET needs_grading = true, score = 0, grading = 'pending'")
    assert (await flush_at(services)).attempts_graded == 1
    assert told(await services.sessions.get_session(session_id, at=LATER)) == (3, 5, "done")


async def test_what_has_not_ended_or_is_unknown_is_not_marked(services: Services, database: Database) -> None:
    await put(services, ESSAY)
    opened, abandoned = await start(services), await start(services, "user2")
    await services.sessions.abandon(abandoned, at=LATER)
    before = contents(database)
    with pytest.raises(SessionOpenError):
        await mark(services, opened, {"essay": Mark(3)})
    with pytest.raises(SessionClosedError):
        await mark(services, abandoned, {"essay": Mark(3)})
    with pytest.raises(SessionNotFoundError):
        await mark(services, uuid4(), {"essay": Mark(3)})
    assert contents(database) == before


async def test_the_marks_of_a_session_are_no_larger_than_its_answers_may_be(
    services: Services, database: Database
) -> None:
    names = [f"e{number}" for number in range(300)]
    await put(services, {name: {"points": 1} for name in names})
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await mark(services, session_id, {name: Mark(1, "x" * 4096) for name in names[:200]})
    before = contents(database)
    with pytest.raises(ContentTooLargeError):
        await mark(services, session_id, {name: Mark(1, "x" * 4096) for name in names[200:]})
    assert contents(database) == before


async def test_marks_over_http(services: Services, api: Api, database: Database) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    path = f"/sessions/{session_id}/grades"
    body = {"essay": {"points": 3, "comment": "good"}, "0": {"points": 0.5}}
    reply = await api("PUT", path, body)
    assert (reply.status_code, "etag" in reply.headers) == (200, True)
    session = reply.json()
    assert (session["score"], session["max_score"], session["grading"]) == (3.5, 7.0, "done")
    results = (await api("GET", f"/sessions/{session_id}/results")).json()
    assert (results["grading"], results["questions"]) == (
        "done",
        {
            "0": {"points": 0.5, "max_points": 2.0, "correct": None, "marked_by": "person", "comment": None},
            "essay": {
                "points": 3,
                "max_points": 5.0,
                "correct": None,
                "marked_by": "person",
                "comment": "good",
            },
        },
    )
    back = await api("PUT", f"{path}?reason=an%20appeal", {"0": None})
    assert (back.json()["score"], back.json()["grading"]) == (5.0, "done")
    assert [each["reason"] for each in changes(database, session_id, "marked")] == [None, "an appeal"]
    (listed,) = (await api("GET", "/sessions?quiz_id=quiz1")).json()["sessions"]
    assert (listed["score"], listed["grading"]) == (5.0, "done")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"essay": {"points": -1}}, "essay"),
        ({"essay": {"points": 5.5}}, "essay"),
        ({"0": {"points": 2}, "essay": {"points": 6}}, "essay"),
        ({"other": {"points": 1}}, "other"),
        ({"other": None}, "other"),
        ({"essay": {"points": "1"}}, "essay.points"),
        ({"essay": {"points": True}}, "essay.points"),
        ({"essay": {"points": None}}, "essay.points"),
        ({"essay": {"comment": "good"}}, "essay.points"),
        ({"essay": {"points": 1, "comment": 1}}, "essay.comment"),
        ({"essay": {"points": 1, "comment": "x" * 4097}}, "essay.comment"),
        ({"essay": {"points": 1, "comment": "a\x00"}}, "essay"),
        ({"essay": {"points": 1, "by": "me"}}, "essay.by"),
        ({"essay": 1}, "essay"),
        ({}, "body"),
        ([], "body"),
    ],
)
async def test_other_marks_are_refused_over_http_by_name(
    services: Services, api: Api, database: Database, body: Any, named: str
) -> None:
    await put(services, keyed(**ESSAY))
    session_id = await write(services)
    before = contents(database)
    reply = await api("PUT", f"/sessions/{session_id}/grades", body)
    problem = reply.json()
    code = "unknown_question" if named == "other" else "invalid_input"
    assert (reply.status_code, problem["code"]) == (422, code)
    assert named in problem.get("question_id", "") or named in problem["errors"][0]["location"]
    assert contents(database) == before


async def test_marks_of_what_can_not_be_marked_over_http(services: Services, api: Api) -> None:
    await put(services, ESSAY)
    body = {"essay": {"points": 1}}
    open_id = await start(services)
    still_open = await api("PUT", f"/sessions/{open_id}/grades", body)
    assert (still_open.status_code, still_open.json()["code"]) == (409, "session_open")
    await services.sessions.abandon(open_id, at=LATER)
    closed = await api("PUT", f"/sessions/{open_id}/grades", body)
    assert (closed.status_code, closed.json()["code"]) == (409, "session_closed")
    assert (await api("PUT", f"/sessions/{uuid4()}/grades", body)).status_code == 404
