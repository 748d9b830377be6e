"""Papers over HTTP, as their authors write and read them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.json_values import dump_json
from quiz_sessions.domain.papers import Content, Navigation, Paper, Section, draw
from quiz_sessions.stores.statements import load
from tests.harness.builders import LATER, SECOND, START
from tests.harness.gateway import STAFF, Api, api_of
from tests.harness.papers import put_paper, question
from tests.harness.proxy import Loss, Proxy
from tests.harness.service import put_quiz, start
from tests.harness.stores import Stores
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
    "",
    1,
    0.1,
    1e22,
    5e-324,
    12345678901234567890,
    True,
    False,
    [],
    [None, [1.0, {}]],
    {},
    {"options": ["A", "B"], "é": None},
]
READ_ONLY = {"quiz_id", "revision", "paused_at", "updated_at"}
"""Members of a quiz that no request has."""


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
    again = {name: value for name, value in read.items() if name not in READ_ONLY}
    assert (await api("PUT", "/quizzes/quiz1", again)).status_code == 200
    reread = (await api("GET", "/quizzes/quiz1")).json()
    assert {name: value for name, value in reread.items() if name not in READ_ONLY} == again
    assert database.execute("SELECT * FROM question_contents").fetchall() == rows


@pytest.mark.parametrize("question", [{}, {"content": None}, {"content": None, "shuffle_options": False}])
async def test_a_content_that_is_left_out_or_null_is_gone(api: Api, question: dict[str, Any]) -> None:
    await api("PUT", "/quizzes/quiz1", quiz({"options": [1, 2]}))
    await api("PUT", "/quizzes/quiz1", {**quiz(), "questions": {"a": question, "b": {}}})
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


async def test_what_a_question_may_have_is_said_with_its_content(api: Api) -> None:
    reply = await api("PUT", "/quizzes/quiz1", {"questions": {"a": {"contents": "x"}}})
    assert "content, " in reply.json()["detail"]


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


async def test_another_paper_weakens_nothing(api: Api, services: Services) -> None:
    assert (await api("PUT", "/quizzes/quiz1", quiz())).status_code == 201
    await start(services)
    for paper in ({"sections": [{"questions": ["b"]}]}, None):
        body = {**quiz(None if paper is None else "What?"), "paper": paper}
        assert (await api("PUT", "/quizzes/quiz1", body)).status_code == 200


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_that_is_sent_again_writes_its_revision_and_contents_once(
    by_proxy: Services, proxy: Proxy, database: Database, loss: Loss
) -> None:
    await put_paper(by_proxy, Paper((Section(questions=("a",)),)))
    # What the connection sends with the last of the statements, which commits.
    proxy.lose(b"COMMIT", loss)
    await put_paper(by_proxy, Paper((Section(questions=("b",)),)), LATER)
    assert not proxy.rules
    kept = database.execute("SELECT revision FROM quiz_revisions ORDER BY revision").fetchall()
    assert [row["revision"] for row in kept] == [1, 2]
    rows = database.execute("SELECT question_id, revision FROM question_contents ORDER BY 2, 1").fetchall()
    assert [tuple(row.values()) for row in rows] == [("a", 1), ("b", 2)]
    actions = database.execute("SELECT after FROM staff_actions ORDER BY id").fetchall()
    assert [row["after"]["contents"] for row in actions] == [["a"], ["b"]]


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


async def test_a_question_out_of_the_paper_is_graded_in_papers_that_are_out(services: Services) -> None:
    await put_paper(services, Paper((Section(questions=("a", "b")),)))
    session_id = await start(services)
    await put_paper(services, Paper((Section(questions=("a",)),)), LATER, questions={"b": question()})
    ended = await services.sessions.complete(session_id, {"a": "A", "b": "A"}, at=LATER)
    assert (ended.score, ended.max_score) == (2.0, 2.0)
    new = await start(services, "user2", at=LATER)
    ended = await services.sessions.complete(new, {"a": "A"}, at=LATER + SECOND)
    assert (ended.score, ended.max_score) == (1.0, 1.0)


async def test_a_question_that_a_paper_does_not_ask_takes_neither_answer_nor_mark(
    services: Services, api: Api
) -> None:
    await put_paper(services, Paper((Section(questions=("a",)),)), questions={"b": question(None)})
    path = f"/sessions/{await start(services)}"
    answered = await api("PATCH", f"{path}/progress", {"question_id": "b", "answer": "x"}, at=LATER)
    assert (answered.status_code, answered.json()["code"]) == (422, "unknown_question")
    assert (await api("POST", f"{path}/complete", {}, at=LATER)).status_code == 200
    marked = await api("PUT", f"{path}/grades", {"b": {"points": 1}}, at=LATER + SECOND)
    assert (marked.status_code, marked.json()["question_id"]) == (422, "b")
    # The quiz has it: only this session does not.
    assert "quiz" not in answered.json()["detail"] + marked.json()["detail"]


async def test_contents_and_revisions_are_read_by_their_whole_keys(
    services: Services, stores: Stores
) -> None:
    await put_paper(services)
    told = await plan(stores, "asked_questions", questions=["a", "b"], shown=["a"], revision=1)
    assert "Seq Scan" not in told
    quiz_id = "quiz_id = 'quiz1'::text"
    assert f"(({quiz_id}) AND (question_id = asked.question_id) AND (revision <= 1))" in told
    assert f"(({quiz_id}) AND (revision = 1))" in await plan(stores, "quiz_revision", revision=1)


async def plan(stores: Stores, statement: str, **parameters: Any) -> str:
    """How PostgreSQL would carry out a statement on quiz1, if it had more rows than a page."""
    connecting = psycopg.AsyncConnection.connect(stores.database_url)
    async with await connecting as connection:
        await connection.execute("SET enable_seqscan = off")
        query = f"EXPLAIN {load(statement).text}".encode()
        rows = await connection.execute(query, {"quiz_id": "quiz1", **parameters})
        return "\n".join([line async for (line,) in rows])


SECTIONS = st.builds(
    Section,
    questions=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=3),
        min_size=1,
        max_size=12,
        unique=True,
    ).map(tuple),
    pick=st.none() | st.integers(1, 12),
    shuffle=st.booleans(),
    time_limit_seconds=st.none() | st.just(60),
    navigation=st.sampled_from(Navigation),
)
SEEDS = st.binary(min_size=16, max_size=16).map(bytes.hex)


def test_postgresql_draws_as_the_rule_says(stores: Stores) -> None:
    with psycopg.connect(stores.database_url) as connection:

        @settings(max_examples=200, deadline=None)
        @given(st.lists(SECTIONS, min_size=1, max_size=11).map(tuple).map(Paper), SEEDS)
        def is_drawn_alike(paper: Paper, seed: str) -> None:
            drawn = connection.execute("SELECT drawn(%s::jsonb, %s)", (dump_json(paper.to_json()), seed))
            assert drawn.fetchone() == (draw(paper, seed),)

        is_drawn_alike()
