"""Statistics of a quiz over HTTP: which sessions count, what is said of questions, and who may see it."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from statistics import correlation
from typing import Any
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import QuizNotFoundError
from quiz_sessions.domain.grading import Mark, Question
from quiz_sessions.domain.labels import Labels
from quiz_sessions.domain.matching import identity
from quiz_sessions.domain.papers import Paper, Section
from quiz_sessions.domain.quiz_statistics import MAX_LISTED_CHARACTERS, QuizStatistics
from quiz_sessions.domain.quizzes import ShowResults
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.services.quiz_statistics import Statistics
from quiz_sessions.stores.quiz_statistics import Place, Taken
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api, api_of
from tests.harness.papers import TIMED, put_paper, question
from tests.harness.service import autosave, flush_at, put_quiz, start
from tests.integration.staff import WHY, reopen

KEYED = {"0": question("A"), "1": question("B", 2)}
QUESTIONS = {**KEYED, "essay": question(None, 5)}
STAFF = "sessions:grade"


async def hand_in(
    services: Services,
    user: str,
    answers: Mapping[str, Any],
    group: str | None = None,
    at: Micros = START,
) -> UUID:
    session = await services.sessions.create_session(user, "quiz1", labels=Labels(group=group), at=at)
    await services.sessions.complete(session.id, answers, at=LATER)
    return session.id


async def mark(services: Services, session_id: UUID, points: float) -> None:
    await services.scores.set_grades(session_id, {"essay": Mark(points)}, by="teacher", at=LATER)


async def of_quiz(services: Services, group: str | None = None) -> QuizStatistics:
    return await services.statistics.of_quiz("quiz1", group=group)


async def in_pages(services: Services, page: int, seconds: float = 60) -> QuizStatistics:
    """The same in pages of another length."""
    statistics = Statistics(
        statistics=services.stores.statistics,
        administration=services.stores.administration,
        clock=services.clock,
        page=page,
        seconds=seconds,
    )
    return await statistics.of_quiz("quiz1")


async def test_what_keys_and_persons_gave_is_told_over_http(services: Services, api: Api) -> None:
    await put_quiz(services, questions=QUESTIONS)
    for number, (first, second, points) in enumerate([("A", "B", 4.0), ("A", "C", 1.0), ("D", "B", 2.5)]):
        session_id = await hand_in(
            services, f"user{number}", {"0": first, "1": second, "essay": "It was the age"}
        )
        await mark(services, session_id, points)
    reply = await api("GET", "/quizzes/quiz1/statistics")
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    told = reply.json()
    # The scores are 7, 2 and 4.5.
    assert {name: told[name] for name in ("attempts", "pending", "complete", "mean", "deviation")} == {
        "attempts": 3,
        "pending": 0,
        "complete": True,
        "mean": 4.5,
        "deviation": 2.5,
    }
    # Variances: 1/3, 4/3 and 2.25 of the questions, 6.25 of the scores.
    assert told["alpha"] == pytest.approx(3 / 2 * (1 - (5 / 3 + 2.25) / 6.25))
    assert list(told["questions"]) == ["0", "1", "essay"]
    # 1, 1, 0 with a rest of 6, 1, 4.5.
    assert told["questions"]["0"].pop("discrimination") == pytest.approx(correlation([1, 1, 0], [6, 1, 4.5]))
    assert told["questions"]["0"] == {
        "asked": 3,
        "answered": 3,
        "facility": pytest.approx(2 / 3),
        "answers": [
            {"answer": "A", "count": 2, "mean_points": 1.0, "mean_score": 4.5},
            {"answer": "D", "count": 1, "mean_points": 0.0, "mean_score": 4.5},
        ],
        "others": 0,
        "first_answer_seconds": {"median": 10, "p90": 10},
    }
    assert told["questions"]["essay"]["facility"] == 0.5


# Which sessions count


async def test_a_session_that_waits_for_a_person_is_pending(services: Services) -> None:
    await put_quiz(services, questions=QUESTIONS)
    session_id = await hand_in(services, "user1", {"0": "A", "essay": "It was"})
    found = await of_quiz(services)
    assert (found.attempts, found.pending, found.mean, found.questions) == (0, 1, None, {})
    await mark(services, session_id, 3.0)
    found = await of_quiz(services)
    assert (found.attempts, found.pending, found.mean) == (1, 0, 4.0)


async def test_expired_sessions_count_and_open_and_abandoned_ones_do_not(services: Services) -> None:
    await put_quiz(services, questions=KEYED)
    expired = await start(services, "user1")
    await services.sessions.update_answers(expired, {"0": "A"}, at=LATER)
    await flush_at(services, END + SECOND)
    abandoned = await start(services, "user2")
    await services.sessions.abandon(abandoned, at=LATER)
    await start(services, "user3")
    found = await of_quiz(services)
    assert (found.attempts, found.pending, found.mean) == (1, 0, 1.0)


async def test_a_session_whose_time_is_over_is_pending_before_it_is_settled(services: Services) -> None:
    await put_quiz(services, questions=KEYED)
    await start(services)
    for at, pending in ((END, 0), (END + SECOND, 1)):
        assert (await services.statistics.of_quiz("quiz1", at=at)).pending == pending


async def test_a_session_that_nothing_has_scored_is_pending(services: Services) -> None:
    # Nobody registered the quiz.
    await hand_in(services, "user1", {"0": "A"})
    found = await of_quiz(services)
    assert (found.attempts, found.pending) == (0, 1)


async def test_who_could_not_answer_a_question_was_not_asked_it(services: Services) -> None:
    await put_quiz(services, questions={"0": question(), "1": question()})
    await hand_in(services, "user1", {"0": "A", "1": "A"})
    await put_quiz(services, LATER, questions={"0": question(), "2": question()})
    await hand_in(services, "user2", {"0": "A", "2": "B"})
    await services.scores.regrade("quiz1", WHY, at=LATER)
    found = (await of_quiz(services)).questions
    assert {name: each.asked for name, each in found.items()} == {"0": 2, "2": 1}


async def test_a_session_that_is_opened_again_does_not_count(services: Services) -> None:
    await put_quiz(services, questions=KEYED)
    session_id = await hand_in(services, "user1", {"0": "A"})
    await reopen(services, session_id, at=LATER)
    assert (await of_quiz(services)).attempts == 0


async def test_a_regrade_is_followed(services: Services) -> None:
    await put_quiz(services, questions=KEYED)
    await hand_in(services, "user1", {"0": "A"})
    await put_quiz(services, LATER, questions={**KEYED, "0": question("A", 3)})
    await services.scores.regrade("quiz1", WHY, at=LATER)
    found = await of_quiz(services)
    assert (found.mean, found.questions["0"].facility) == (3.0, 1.0)


async def test_a_score_that_was_set_as_a_whole_has_no_questions(services: Services, api: Api) -> None:
    # Nobody registered the quiz.
    for number, points in enumerate([6.0, 8.0]):
        session_id = await hand_in(services, f"user{number}", {"0": "A"})
        await services.scores.set_score(session_id, points, 10, WHY, at=LATER)
    await hand_in(services, "user9", {"0": "A"})
    told = (await api("GET", "/quizzes/quiz1/statistics")).json()
    assert told == {
        "attempts": 2,
        "pending": 1,
        "complete": True,
        "mean": 7.0,
        "deviation": pytest.approx(2**0.5),
        "alpha": None,
        "questions": {},
    }


async def test_a_group_has_statistics_of_its_own(services: Services, api: Api) -> None:
    await put_quiz(services, questions=KEYED)
    await hand_in(services, "user1", {"0": "A", "1": "B"}, "Room 1")
    await hand_in(services, "user2", {"0": "A"}, "Room 2")
    await hand_in(services, "user3", {"0": "A"})
    told = (await api("GET", "/quizzes/quiz1/statistics?group=Room%201")).json()
    assert (told["attempts"], told["mean"]) == (1, 3.0)
    assert (await of_quiz(services)).attempts == 3
    assert (await of_quiz(services, "Room 3")).attempts == 0


@pytest.mark.parametrize("page", [1, 2, 3, 7])
async def test_pages_add_up(services: Services, page: int) -> None:
    await put_quiz(services, questions=QUESTIONS)
    for number in range(7):
        # Several start at the same moment.
        answers = {"0": "ABC"[number % 3], "1": "B", **({"essay": "?"} if number == 5 else {})}
        await hand_in(services, f"user{number}", answers, at=START + number // 3)
    assert await in_pages(services, page) == await of_quiz(services)
    assert (await of_quiz(services)).attempts == 6


async def test_what_takes_too_long_is_told_of_those_who_started_first(services: Services) -> None:
    await put_quiz(services, questions=KEYED)
    for number in range(3):
        await hand_in(services, f"user{number}", {"0": "A" if number == 0 else "B"}, at=START + number)
    found = await in_pages(services, 1, seconds=0)
    assert (found.attempts, found.complete, found.mean) == (1, False, 1.0)


async def test_a_page_is_bounded_in_bytes(services: Services) -> None:
    await put_quiz(services, questions=QUESTIONS)
    random = Random(1)
    for number in range(4):
        # PostgreSQL can't make these shorter.
        session_id = await hand_in(services, f"user{number}", {"essay": random.randbytes(30_000).hex()})
        await mark(services, session_id, number)
    store = services.stores.statistics
    page = await store.page(Taken("quiz1", LATER), Place(), limit=500, max_bytes=70_000)
    assert 1 <= page.sums.attempts < 4
    assert page.next is not None
    alone = await store.page(Taken("quiz1", LATER), Place(), limit=500, max_bytes=1)
    assert alone.sums.attempts == 1
    assert (await of_quiz(services)).attempts == 4


# Questions


async def test_a_question_is_over_those_who_were_asked_it(services: Services) -> None:
    await put_paper(services, Paper((Section(title="", questions=("a", "b", "c"), pick=2),)))
    asked = []
    for number in range(12):
        session_id = await start(services, f"user{number}")
        (attempt,) = await services.stores.attempts.get([session_id])
        assert attempt.question_ids is not None
        await services.sessions.complete(session_id, {attempt.question_ids[0]: "A"}, at=LATER)
        asked.append(attempt.question_ids)
    found = await of_quiz(services)
    assert {name: each.asked for name, each in found.questions.items()} == {
        name: sum(name in questions for questions in asked) for name in "abc"
    }
    assert {name: each.answered for name, each in found.questions.items()} == {
        name: sum(name == questions[0] for questions in asked) for name in "abc"
    }
    assert (found.attempts, found.mean, found.alpha) == (12, 1.0, None)


async def test_what_is_not_answered_earns_nothing(services: Services) -> None:
    await put_quiz(services, questions=KEYED)
    await hand_in(services, "user1", {"0": "A"})
    await hand_in(services, "user2", {"0": "A", "1": None})
    found = (await of_quiz(services)).questions["1"]
    assert (found.asked, found.answered, found.facility) == (2, 1, 0.0)
    assert [(each.answer, each.count) for each in found.answers] == [(None, 1)]


async def test_equal_points_have_no_correlation(services: Services) -> None:
    thirds = Question(1 / 3, question().grading, "A", 0, False)
    await put_quiz(services, questions={"0": thirds, "1": thirds, "2": thirds})
    for number in range(20):
        await hand_in(services, f"user{number}", {"0": "A", "1": "A", "2": "AB"[number % 2]})
    found = await of_quiz(services)
    # What was earned in all but question 2 is the same for all.
    assert [each.discrimination for each in found.questions.values()] == [None, None, None]


async def test_answers_are_counted_by_value_and_long_ones_are_not_listed(services: Services) -> None:
    await put_quiz(services, questions={"0": question("A")})
    # With its quotes it has as many characters as are listed.
    longest = "ß" * (MAX_LISTED_CHARACTERS - 2)
    given = [1, 1.0, "café", "cafe\u0301", longest, longest + "ß", "x" * 60_000, ["A", {"b": 1}]]
    for number, answer in enumerate(given):
        await hand_in(services, f"user{number}", {"0": answer})
    found = (await of_quiz(services)).questions["0"]
    assert {identity(each.answer): each.count for each in found.answers} == {
        identity(1): 2,
        identity("café"): 2,
        identity(longest): 1,
        identity(["A", {"b": 1}]): 1,
    }
    assert (found.answered, found.others) == (8, 2)


async def test_seconds_are_counted_from_the_start(services: Services) -> None:
    await put_quiz(services, questions=KEYED)
    for number, seconds in enumerate([5, 61, 1236]):
        session_id = await start(services, f"user{number}")
        await services.sessions.update_answers(session_id, {"0": "A"}, at=START + seconds * SECOND)
        await services.sessions.complete(session_id, at=START + 1300 * SECOND)
    found = (await of_quiz(services)).questions
    assert found["0"].first_answer_seconds is not None
    # From 1000 on three digits.
    assert (found["0"].first_answer_seconds.median, found["0"].first_answer_seconds.p90) == (61, 1230)
    assert found["1"].first_answer_seconds is None


@pytest.mark.parametrize("way", ["commits", "flushed drafts", "a draft"])
async def test_seconds_are_counted_to_the_first_answer(services: Services, way: str) -> None:
    await put_quiz(services, questions=KEYED)
    session_id = await start(services)
    first, later, last = (START + seconds * SECOND for seconds in (5, 30, 60))
    if way == "commits":
        await services.sessions.update_answers(session_id, {"0": "B"}, at=first)
        await services.sessions.update_answers(session_id, {"0": "C"}, at=later)
    else:
        await autosave(services, session_id, "B", at=first)
    if way == "flushed drafts":
        await flush_at(services, first + SECOND)
        await autosave(services, session_id, "C", at=later)
        await flush_at(services, later + SECOND)
    await services.sessions.complete(session_id, {"0": "A"}, at=last)
    found = (await of_quiz(services)).questions["0"].first_answer_seconds
    assert found is not None
    assert found.median == 5


async def test_seconds_are_counted_from_the_entry_of_a_section_with_a_time_limit(services: Services) -> None:
    await put_paper(services, Paper((Section(title="Free", questions=("a",)), TIMED)))
    session_id = await start(services)
    await services.sessions.update_answers(session_id, {"a": "A"}, at=START + 20 * SECOND)
    await services.papers.enter(session_id, 1, at=START + 100 * SECOND)
    await services.sessions.update_answers(session_id, {"g": "A"}, at=START + 130 * SECOND)
    await services.sessions.complete(session_id, at=START + 200 * SECOND)
    found = (await of_quiz(services)).questions
    medians = {
        name: each.first_answer_seconds and each.first_answer_seconds.median for name, each in found.items()
    }
    assert medians == {"a": 20, "g": 30, "h": None}


# Who may see them


async def test_students_are_refused_and_staff_are_not(services: Services) -> None:
    await put_quiz(services, questions=KEYED)
    await hand_in(services, "user1", {"0": "A"})
    async with api_of(services, jwt=True) as api:
        api.be("user1")
        refused = await api("GET", "/quizzes/quiz1/statistics")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        api.be("teacher", STAFF)
        assert (await api("GET", "/quizzes/quiz1/statistics")).json()["attempts"] == 1


async def test_staff_are_told_nothing_of_their_own_score(services: Services) -> None:
    await put_quiz(services, questions=KEYED, show_results=ShowResults.NEVER)
    await hand_in(services, "teacher", {"0": "A", "1": "B"})
    await hand_in(services, "user1", {"0": "A"})
    async with api_of(services, jwt=True) as api:
        api.be("teacher", STAFF)
        told = (await api("GET", "/quizzes/quiz1/statistics")).json()
        assert (told["attempts"], told["mean"], told["questions"]["1"]["answered"]) == (1, 1.0, 0)


async def test_a_quiz_that_is_unknown_is_not_found(services: Services, api: Api) -> None:
    reply = await api("GET", "/quizzes/quiz1/statistics")
    assert (reply.status_code, reply.json()["code"]) == (404, "quiz_not_found")
    with pytest.raises(QuizNotFoundError):
        await of_quiz(services, "Room 1")


async def test_a_quiz_that_nobody_has_taken_has_empty_statistics(services: Services, api: Api) -> None:
    await put_quiz(services, questions=KEYED)
    reply = await api("GET", "/quizzes/quiz1/statistics")
    assert (reply.status_code, reply.json()["attempts"], reply.json()["mean"]) == (200, 0, None)


@pytest.mark.parametrize("group", ["", "r" * 129, "%00"])
async def test_a_group_that_there_can_not_be_is_refused(services: Services, api: Api, group: str) -> None:
    await put_quiz(services, questions=KEYED)
    reply = await api("GET", f"/quizzes/quiz1/statistics?group={group}")
    assert (reply.status_code, reply.json()["errors"][0]["location"]) == (422, "query.group")
