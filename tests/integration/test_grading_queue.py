"""The grading queue: what waits for a person, and that two persons do not mark the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import (
    IdempotencyKeyReusedError,
    InvalidInputError,
    PreconditionFailedError,
    QuestionHeldError,
)
from quiz_sessions.domain.grading import CLAIM_SECONDS, Mark
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.services.grading_queue import QueuedAnswer
from tests.harness.builders import LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.papers import question
from tests.harness.service import put_quiz, start
from tests.harness.tables import Database, changes
from tests.integration.staff import WHY, reopen

QUESTIONS = {"key": question(), "essay": question(None, 5), "proof": question(None, 3)}
ANSWERS = {"key": "A", "essay": "It was", "proof": "qed"}
OVER = LATER + CLAIM_SECONDS * SECOND


@pytest.fixture
async def ended(services: Services) -> list[UUID]:
    """Three sessions that were handed in, the first one started first."""
    await put_quiz(services, questions=QUESTIONS)
    return [await hand_in(services, f"user{number}", START + number) for number in range(3)]


async def hand_in(services: Services, user: str, at: Micros, **answers: Any) -> UUID:
    session_id = await start(services, user, at=at)
    await services.sessions.complete(session_id, answers or ANSWERS, at=LATER)
    return session_id


async def take(
    services: Services,
    marker: str,
    at: Micros = LATER,
    question: str | None = "essay",
    after: str | None = None,
) -> QueuedAnswer | None:
    claimed = await services.grading_queue.claim(
        "quiz1", marker, question=question, after=after, by=marker, at=at
    )
    return claimed.item


async def mark(
    services: Services, session_id: UUID, marker: str, points: float = 2.0, at: Micros = LATER, **options: Any
) -> Session:
    question = options.pop("question", "essay")
    return await services.scores.set_grades(
        session_id, {question: Mark(points)}, marker=marker, by=marker, at=at, **options
    )


def of(item: QueuedAnswer | None) -> UUID | None:
    return None if item is None else item.session_id


async def test_what_waits_is_listed_by_question(services: Services, ended: list[UUID]) -> None:
    page = await services.grading_queue.page("quiz1", at=LATER)
    assert (page.waiting, page.questions) == (6, {"essay": 3, "proof": 3})
    assert [(item.session_id, item.question, item.points) for item in page.items] == [
        (session_id, name, points)
        for session_id in ended
        for name, points in (("essay", 5.0), ("proof", 3.0))
    ]
    of_one = await services.grading_queue.page("quiz1", question="proof", at=LATER)
    assert (of_one.waiting, [item.answer for item in of_one.items]) == (3, ["qed"] * 3)


async def test_an_empty_queue_is_told_as_such(services: Services) -> None:
    page = await services.grading_queue.page("quiz1", at=LATER)
    assert (page.waiting, page.items, page.next_after) == (0, [], None)
    assert await take(services, "teacher") is None


async def test_what_is_marked_by_the_key_unanswered_worth_nothing_or_abandoned_waits_for_nobody(
    services: Services,
) -> None:
    await put_quiz(services, questions={**QUESTIONS, "free": question(None, 0)})
    await hand_in(services, "user1", START, key="A", free="?")
    abandoned = await start(services, "user2")
    await services.sessions.update_answers(abandoned, ANSWERS, at=LATER)
    await services.sessions.abandon(abandoned, at=LATER)
    await start(services, "user3")
    assert (await services.grading_queue.page("quiz1", at=LATER)).waiting == 0


async def test_pages_lose_and_repeat_nothing(services: Services, ended: list[UUID]) -> None:
    whole = await services.grading_queue.page("quiz1", at=LATER)
    found, after = [], None
    while True:
        page = await services.grading_queue.page("quiz1", after=after, limit=1, at=LATER)
        found += page.items
        if (after := page.next_after) is None:
            break
    assert found == whole.items
    assert len(ended) * 2 == len(found)


async def test_a_page_is_bounded_in_bytes(services: Services) -> None:
    await put_quiz(services, questions=QUESTIONS)
    for number in range(40):
        await hand_in(services, f"user{number}", START + number, essay="x" * 60_000)
    page = await services.grading_queue.page("quiz1", at=LATER)
    assert 20 <= len(page.items) < 40
    assert page.next_after is not None
    rest = await services.grading_queue.page("quiz1", after=page.next_after, at=LATER)
    assert len(page.items) + len(rest.items) == 40


async def test_markers_are_given_different_answers(services: Services, ended: list[UUID]) -> None:
    taken = [of(await take(services, f"teacher{number}")) for number in range(4)]
    assert taken == [*ended, None]
    page = await services.grading_queue.page("quiz1", question="essay", at=LATER)
    assert [item.held_by for item in page.items] == ["teacher0", "teacher1", "teacher2"]


async def test_twenty_markers_at_once_are_given_different_answers(services: Services) -> None:
    await put_quiz(services, questions=QUESTIONS)
    for number in range(22):
        await hand_in(services, f"user{number}", START + number)
    taken = await asyncio.gather(*(take(services, f"teacher{number}") for number in range(20)))
    assert len(Counter(of(item) for item in taken)) == 20


async def test_a_marker_who_asks_again_is_given_the_same_answer(
    services: Services, ended: list[UUID]
) -> None:
    first = await take(services, "teacher")
    again = await take(services, "teacher", LATER + SECOND)
    assert first is not None
    assert again is not None
    assert (again.session_id, again.question) == (ended[0], "essay")
    assert again.held_until is not None
    assert first.held_until is not None
    assert again.held_until > first.held_until


async def test_with_after_the_next_one_is_given_and_the_former_is_free(
    services: Services, ended: list[UUID]
) -> None:
    first = await take(services, "teacher")
    assert first is not None
    assert of(await take(services, "teacher", after=first.cursor)) == ended[1]
    assert of(await take(services, "other")) == ended[0]


async def test_an_answer_that_is_released_is_given_to_others(services: Services, ended: list[UUID]) -> None:
    assert of(await take(services, "teacher")) == ended[0]
    assert (await services.grading_queue.release("quiz1", "other")).item is None
    assert of(await take(services, "other")) == ended[1]
    await services.grading_queue.release("quiz1", "teacher")
    assert of(await take(services, "third")) == ended[0]


async def test_an_answer_is_free_again_when_its_time_is_over(services: Services, ended: list[UUID]) -> None:
    await take(services, "teacher")
    assert of(await take(services, "other", OVER - 1)) == ended[1]
    assert of(await take(services, "third", OVER)) == ended[0]


async def test_a_mark_ends_the_claim_and_the_next_is_given(services: Services, ended: list[UUID]) -> None:
    await take(services, "teacher")
    await mark(services, ended[0], "teacher")
    assert of(await take(services, "teacher")) == ended[1]
    assert (await services.grading_queue.page("quiz1", at=LATER)).questions == {"essay": 2, "proof": 3}


async def test_what_another_holds_is_not_marked(
    services: Services, ended: list[UUID], database: Database
) -> None:
    await take(services, "teacher")
    for marker in ("other", None):
        with pytest.raises(QuestionHeldError) as refused:
            await services.scores.set_grades(ended[0], {"essay": Mark(1)}, marker=marker, at=LATER)
        assert (refused.value.question, refused.value.held_by) == ("essay", "teacher")
    assert changes(database, ended[0], "marked") == []
    # Another question of the same session is free.
    await mark(services, ended[0], "other", question="proof")


async def test_one_who_says_so_takes_what_another_holds(
    services: Services, ended: list[UUID], database: Database
) -> None:
    await take(services, "teacher")
    await mark(services, ended[0], "head", take=True)
    (action,) = database.execute("SELECT after FROM staff_actions WHERE action = 'grades'").fetchall()
    assert action["after"]["held"] == "take"
    assert of(await take(services, "teacher")) == ended[1]


async def test_after_its_time_an_answer_may_be_marked_by_others(
    services: Services, ended: list[UUID]
) -> None:
    await take(services, "teacher")
    await mark(services, ended[0], "other", at=OVER)


async def test_a_mark_for_another_state_of_the_session_is_refused(
    services: Services, ended: list[UUID]
) -> None:
    item = await take(services, "teacher")
    assert item is not None
    etag = item.etag.strip('"')
    assert str((await services.sessions.get_session(ended[0], at=LATER)).etag) == etag
    await mark(services, ended[0], "other", question="proof", if_match=[etag], idempotency_key="k1")
    with pytest.raises(PreconditionFailedError) as refused:
        await mark(services, ended[0], "teacher", if_match=[etag])
    fresh = str(refused.value.session.etag)
    await mark(services, ended[0], "teacher", if_match=["0-0000000000000000", fresh])
    # A repeat comes before it.
    await mark(services, ended[0], "other", question="proof", if_match=[etag], idempotency_key="k1")
    with pytest.raises(IdempotencyKeyReusedError):
        await mark(services, ended[0], "other", 1.0, question="proof", if_match=[etag], idempotency_key="k1")


async def test_another_answer_waits_again(services: Services, ended: list[UUID]) -> None:
    await mark(services, ended[0], "teacher")
    await reopen(services, ended[0], at=LATER)
    assert (await services.grading_queue.page("quiz1", question="essay", at=LATER)).waiting == 2
    await services.sessions.complete(ended[0], {"essay": "otherwise"}, at=LATER + SECOND)
    page = await services.grading_queue.page("quiz1", question="essay", at=LATER + SECOND)
    assert [item.answer for item in page.items] == ["otherwise", "It was", "It was"]


async def test_a_mark_taken_back_waits_again(services: Services, ended: list[UUID]) -> None:
    await mark(services, ended[0], "teacher")
    await services.scores.set_grades(ended[0], {"essay": None}, marker="teacher", at=LATER)
    assert of(await take(services, "teacher")) == ended[0]


async def test_a_regrade_changes_no_mark_and_what_waits_goes_on_waiting(
    services: Services, ended: list[UUID]
) -> None:
    await mark(services, ended[0], "teacher", 4.0)
    await put_quiz(services, LATER, questions={**QUESTIONS, "key": question("B")})
    await services.scores.regrade("quiz1", WHY, at=LATER)
    results = await services.scores.results(ended[0], at=LATER)
    assert results.questions is not None
    assert (results.questions["essay"]["points"], results.questions["key"]["points"]) == (4.0, 0.0)
    assert (await services.grading_queue.page("quiz1", at=LATER)).questions == {"essay": 2, "proof": 3}


async def test_markers_and_regrades_at_once_lose_no_mark(services: Services, ended: list[UUID]) -> None:
    async def regrade(key: str) -> None:
        await put_quiz(services, LATER, questions={**QUESTIONS, "key": question(key)})
        await services.scores.regrade("quiz1", WHY, at=LATER)

    marks = [mark(services, session_id, "teacher", 1.0 + n) for n, session_id in enumerate(ended)]
    others = [mark(services, session_id, "other", 2.0, question="proof") for session_id in ended]
    await asyncio.gather(*marks, *others, *(regrade(key) for key in "BCA"))
    # Whichever of them was the last.
    await put_quiz(services, LATER, questions={**QUESTIONS, "key": question("A")})
    await services.scores.regrade("quiz1", WHY, at=LATER)
    for number, session_id in enumerate(ended):
        results = await services.scores.results(session_id, at=LATER)
        assert results.questions is not None
        assert {q: each["points"] for q, each in results.questions.items()} == {
            "key": 1.0,
            "essay": 1.0 + number,
            "proof": 2.0,
        }
        assert results.grading == "done"


async def test_nobody_is_given_an_answer_of_their_own(services: Services, ended: list[UUID]) -> None:
    assert of(await take(services, "user0")) == ended[1]
    page = await services.grading_queue.page("quiz1", question="essay", by="user0", at=LATER)
    assert (page.waiting, [item.session_id for item in page.items]) == (2, ended[1:])


@pytest.mark.parametrize("cursor", ["", "x", "é", "MDow", "A" * 768])
async def test_a_cursor_that_is_none_is_refused(services: Services, cursor: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await services.grading_queue.page("quiz1", after=cursor, at=LATER)
    assert refused.value.member == "after"


async def test_over_http_a_marker_takes_and_marks(services: Services, ended: list[UUID], api: Api) -> None:
    refused = await api("POST", "/quizzes/quiz1/grading/next", {})
    assert (refused.status_code, refused.json()["errors"][0]["location"]) == (422, "header.x-client-id")
    taken = await api(
        "POST", "/quizzes/quiz1/grading/next", {"question": "essay"}, headers={"X-Client-Id": "m1"}
    )
    item = taken.json()["item"]
    assert item["session_id"] == str(ended[0])
    body = {"essay": {"points": 4, "comment": "Good."}}
    path = f"/sessions/{ended[0]}/grades"
    held = await api("PUT", path, body, headers={"X-Client-Id": "m2"})
    assert (held.status_code, held.json()["code"], held.json()["held_by"]) == (409, "question_held", "m1")
    marked = await api("PUT", path, body, headers={"X-Client-Id": "m1", "If-Match": item["etag"]})
    assert (marked.status_code, marked.json()["score"], marked.json()["grading"]) == (200, 5.0, "pending")
    again = await api("PUT", path, body, headers={"X-Client-Id": "m1", "If-Match": item["etag"]})
    assert again.status_code == 412
    assert (await api("PUT", f"{path}?held=take", body)).status_code == 200
