"""Papers over HTTP, as their authors write and read them."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.papers import Content, Paper, Section
from tests.harness.builders import LATER, SECOND, START
from tests.harness.gateway import STAFF, Api, api_of
from tests.harness.papers import put_paper, question
from tests.harness.service import put_quiz, start
from tests.harness.tables import Database

PAPER = {
    "sections": [
        {
            "title": "One",
            "questions": ["a", "b"],
            "pick": 1,
            "shuffle": True,
            "time_limit_seconds": 60,
            "navigation": "forward",
        }
    ]
}
CONTENTS = [
    "text",
    1,
    0.1,
    12345678901234567890,
    True,
    [],
    {},
    {"options": ["A", "B"], "é": None},
]


def quiz(content: Any = "What?", **more: Any) -> dict[str, Any]:
    return {"questions": {"a": {"points": 1, "content": content}, "b": {"points": 2}}, "paper": PAPER, **more}


@pytest.mark.parametrize("content", CONTENTS)
async def test_what_is_read_and_sent_back_changes_nothing(api: Api, database: Database, content: Any) -> None:
    assert (await api("PUT", "/quizzes/quiz1", quiz(content))).status_code == 201
    read = (await api("GET", "/quizzes/quiz1")).json()
    assert read["paper"] == PAPER
    assert read["questions"]["a"] == {"points": 1, "content": content}
    assert read["questions"]["b"] == {"points": 2}
    rows = database.execute("SELECT * FROM question_contents").fetchall()
    again = {name: read[name] for name in ("questions", "paper")}
    assert (await api("PUT", "/quizzes/quiz1", again)).status_code == 200
    assert (await api("GET", "/quizzes/quiz1")).json()["questions"] == read["questions"]
    assert database.execute("SELECT * FROM question_contents").fetchall() == rows


async def test_a_content_that_is_left_out_is_gone(api: Api) -> None:
    await api("PUT", "/quizzes/quiz1", quiz({"options": [1, 2]}))
    await api("PUT", "/quizzes/quiz1", {**quiz(), "questions": {"a": {}, "b": {}}})
    assert (await api("GET", "/quizzes/quiz1")).json()["questions"]["a"] == {"points": 1}


async def test_whether_options_are_shuffled_is_kept(api: Api) -> None:
    body = quiz()
    body["questions"]["a"] = {"content": {"options": [1, 2]}, "shuffle_options": True}
    await api("PUT", "/quizzes/quiz1", body)
    shown = (await api("GET", "/quizzes/quiz1")).json()["questions"]["a"]
    assert shown == {"points": 1, "content": {"options": [1, 2]}, "shuffle_options": True}


async def test_students_see_neither_paper_nor_contents(services: Services) -> None:
    async with api_of(services, jwt=True) as api:
        api.be("author", STAFF)
        assert (await api("PUT", "/quizzes/quiz1", quiz())).status_code == 201
        api.be("student")
        shown = (await api("GET", "/quizzes/quiz1")).json()
        assert (shown["paper"], shown["questions"]) == (None, {"a": {"points": 1}, "b": {"points": 2}})


@pytest.mark.parametrize(
    ("body", "status", "location"),
    [
        ({"paper": PAPER}, 422, "body.paper"),
        ({"questions": {"a": {}}, "paper": PAPER}, 422, "body.paper"),
        ({"questions": {"a": {"content": "x"}}}, 422, "body.questions.a"),
        (quiz("\x00"), 422, "body.questions.a"),
        ({**quiz(), "paper": {"sections": []}}, 422, "body.paper"),
        ({**quiz(), "paper": []}, 422, "body.paper"),
        ({**quiz(), "paper": "x"}, 422, "body.paper"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_stored(
    api: Api, database: Database, body: dict[str, Any], status: int, location: str
) -> None:
    reply = await api("PUT", "/quizzes/quiz1", body)
    assert (reply.status_code, reply.json()["errors"][0]["location"]) == (status, location)
    for table in ("quizzes", "quiz_revisions", "question_contents"):
        assert database.execute(f"SELECT FROM {table}".encode()).fetchall() == []


async def test_a_content_that_is_too_large_is_said_with_its_question(api: Api) -> None:
    reply = await api("PUT", "/quizzes/quiz1", quiz("x" * 65536))
    assert (reply.status_code, reply.json()["question_id"]) == (413, "a")


async def test_the_list_of_staff_actions_has_the_paper_and_which_contents_changed(
    services: Services, database: Database
) -> None:
    await put_paper(services, Paper((Section(questions=("a", "b")),)))
    await put_paper(
        services,
        Paper((Section(questions=("b", "a")),)),
        LATER,
        contents={"a": Content("new"), "b": Content({"text": "What is b?"})},
    )
    first, second = (row["after"] for row in database.execute("SELECT after FROM staff_actions ORDER BY id"))
    assert (first["contents"], second["contents"]) == (["a", "b"], ["a"])
    assert first["paper"]["sections"][0]["questions"] == ["a", "b"]
    assert "What is" not in str(first)


async def test_every_revision_keeps_its_paper(services: Services, database: Database) -> None:
    for number, names in enumerate((("a",), ("b",))):
        await put_paper(services, Paper((Section(questions=names),)), START + number)
    await put_quiz(services, LATER, questions={"a": question()})
    kept = [await services.stores.administration.paper_of("quiz1", number) for number in (1, 2, 3, 4)]
    assert kept == [Paper((Section(questions=("a",)),)), Paper((Section(questions=("b",)),)), None, None]


async def test_a_quiz_registered_again_has_revisions_of_its_own(services: Services) -> None:
    await put_paper(services)
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await services.administration.delete_quiz("quiz1", at=LATER)
    gone = await services.papers.paper(session_id, at=LATER)
    assert gone.sections[0].questions[0].content == {"text": "What is a?"}
    await put_paper(services, Paper((Section(questions=("a",)),)), LATER, contents={"a": Content("other")})
    kept = await services.papers.paper(session_id, at=LATER)
    assert kept.sections[0].questions[0].content == {"text": "What is a?"}
    assert (await services.audit.verify(session_id)).paper_as_drawn
    new = await services.papers.paper(await start(services, "user2", at=LATER), at=LATER + SECOND)
    assert new.sections[0].questions[0].content == "other"


async def test_a_regrade_follows_the_question(services: Services) -> None:
    await put_paper(services, Paper((Section(questions=("a", "b")),)))
    session_id = await start(services)
    ended = await services.sessions.complete(session_id, {"a": "B", "b": "A"}, at=LATER)
    assert (ended.score, ended.max_score) == (1.0, 2.0)
    await put_paper(
        services,
        Paper((Section(questions=("c",)),)),
        LATER,
        questions={"a": question("B", 3), "c": question()},
    )
    await services.scores.regrade("quiz1", "the key", at=LATER)
    results = await services.scores.results(session_id, at=LATER)
    # b is gone, and c was never asked.
    assert (results.score, results.max_score) == (3.0, 3.0)
    assert (results.questions or {}).keys() == {"a"}
