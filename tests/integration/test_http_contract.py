"""The HTTP contract, endpoint by endpoint, on real stores."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import redis

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.timestamps import Micros
from tests.harness.builders import SECOND, START
from tests.harness.gateway import Gateway
from tests.harness.service import app_of, client_of, with_tokens
from tests.harness.stores import Stores

Database = psycopg.Connection[dict[str, object]]

SESSION_FIELDS = {
    "id",
    "user_id",
    "quiz_id",
    "attempt_no",
    "status",
    "current_question",
    "answers",
    "version",
    "time_remaining",
    "started_at",
    "expires_at",
    "last_updated",
    "completed_at",
    "late_ms",
    "score",
    "max_score",
    "durability",
    "buffered_questions",
    "receipt",
    "next_autosave_after_ms",
}
MOVING = {"time_remaining", "next_autosave_after_ms"}
"""What two replies on the same session may say differently."""
PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "request_id"}
JSON_TYPE = {"Content-Type": "application/json"}
TO_START = {"user_id": "user1", "quiz_id": "quiz1"}
ONE: dict[str, Any] = {"question_id": 1, "answer": "A"}
MIB = 1024 * 1024
UNKNOWN = "00000000-0000-4000-8000-000000000000"
MILLI: Micros = 1000
LIMIT: Micros = 1_800_000 * MILLI
"""The time limit of an attempt."""


# What tests use


class Progress:
    """One session, spoken to over HTTP."""

    def __init__(self, http: httpx.AsyncClient, session: dict[str, Any]) -> None:
        self.http = http
        self.started = session
        self.id: str = session["id"]
        self.path = f"/sessions/{self.id}"

    async def read(self) -> dict[str, Any]:
        reply = await self.http.get(self.path)
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def patch(self, headers: Mapping[str, str] | None = None, **body: Any) -> httpx.Response:
        return await self.http.patch(f"{self.path}/progress", json=body, headers=headers)

    async def send(self, text: str | bytes, headers: Mapping[str, str] = JSON_TYPE) -> httpx.Response:
        return await self.http.patch(f"{self.path}/progress", content=text, headers=headers)

    async def answer(self, question: int | str, answer: Any, **more: Any) -> dict[str, Any]:
        reply = await self.patch(question_id=question, answer=answer, **more)
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def complete(self, **body: Any) -> httpx.Response:
        return await self.http.post(f"{self.path}/complete", json=body)

    async def abandon(self) -> httpx.Response:
        return await self.http.post(f"{self.path}/abandon")


async def started(http: httpx.AsyncClient, **fields: str) -> Progress:
    reply = await http.post("/sessions/start", json={**TO_START, **fields})
    assert reply.status_code == 201, reply.text
    session = reply.json()
    assert session.pop("resumed") is False
    return Progress(http, session)


@pytest.fixture
async def session(client: httpx.AsyncClient) -> Progress:
    """A session just started."""
    return await started(client)


@pytest.fixture
def gateway(services: Services) -> Gateway:
    return Gateway(app_of(services), request_id="from-the-gateway")


@pytest.fixture
async def timed(gateway: Gateway) -> AsyncIterator[Progress]:
    """A session started at the gateway's time."""
    async with client_of(gateway) as http:
        yield await started(http)


@dataclass(frozen=True)
class Store:
    """What both stores hold beyond the read cache."""

    database: Database
    valkey: redis.Redis

    def everything(self) -> object:
        attempts = self.database.execute("SELECT * FROM quiz_attempts ORDER BY id").fetchall()
        events = self.database.execute("SELECT * FROM attempt_events ORDER BY id").fetchall()
        drafts = {key: self.valkey.hgetall(key) for key in self.valkey.scan_iter("{session:*}:drafts")}
        return attempts, events, drafts, self.valkey.zrange("dirty:0", 0, -1, withscores=True)

    def row(self, session: Progress) -> dict[str, Any]:
        row = self.database.execute("SELECT * FROM quiz_attempts WHERE id = %s", [session.id]).fetchone()
        assert row is not None
        return row

    def events(self, session: Progress) -> list[tuple[object, Any]]:
        rows = self.database.execute(
            "SELECT type, changes FROM attempt_events WHERE attempt_id = %s ORDER BY revision", [session.id]
        )
        return [(row["type"], row["changes"]) for row in rows]

    def forget_cached(self, session: Progress) -> None:
        assert self.valkey.delete(f"session:{session.id}") == 1


@pytest.fixture
def store(database: Database, valkey: redis.Redis) -> Store:
    return Store(database, valkey)


def check_problem(reply: httpx.Response, status: int, code: str, *extra: str) -> dict[str, Any]:
    """That `reply` is this problem, with these members beyond the usual ones."""
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), (
        reply.text
    )
    body: dict[str, Any] = reply.json()
    assert body["code"] == code, body
    assert set(body) - {"errors"} == PROBLEM_FIELDS | set(extra)
    assert body["status"] == status
    assert all(isinstance(body[name], str) and body[name] for name in PROBLEM_FIELDS - {"status"})
    return body


def check_session(reply: httpx.Response, status: int = 200, more: Set[str] = frozenset()) -> dict[str, Any]:
    """That `reply` is a session, as every endpoint shows one, with `more` members."""
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/json"), reply.text
    body: dict[str, Any] = reply.json()
    assert set(body) == SESSION_FIELDS | more
    assert reply.headers["etag"] == f'"{body["version"]}"'
    assert reply.headers["cache-control"] == "no-store"
    return body


def check_start(reply: httpx.Response, status: int = 201) -> dict[str, Any]:
    """That `reply` is a session as a start shows it; returns it as others do."""
    body = check_session(reply, status, {"resumed"})
    assert body.pop("resumed") is False
    return body


def lasting(session: Mapping[str, Any]) -> dict[str, Any]:
    """A session without what moves by itself."""
    return {name: value for name, value in session.items() if name not in MOVING}


def expire(store: Store, session: Progress) -> None:
    """Move the deadline into the past, where neither the row nor the cache says expired yet."""
    store.database.execute(
        "UPDATE quiz_attempts SET expires_at = started_at - interval '1 minute' WHERE id = %s", [session.id]
    )
    store.forget_cached(session)


def text_size(answers: Mapping[str, Any]) -> int:
    """The size of answers as PostgreSQL writes them."""
    return len(json.dumps(answers, ensure_ascii=False).encode())


def session_of(size: int) -> dict[str, Any]:
    """Answers that make a session of `size` bytes."""
    answers = {f"q{n:02}": "ü" * 30_000 for n in range(17)}
    answers["rest"] = ""
    answers["rest"] = "a" * (size - text_size(answers))
    return answers


# Starting


async def test_start_replies_201_with_a_session(client: httpx.AsyncClient) -> None:
    check_start(await client.post("/sessions/start", json=TO_START))


async def test_a_new_session_is_empty(client: httpx.AsyncClient) -> None:
    body = (await client.post("/sessions/start", json=TO_START)).json()
    untold = {"id", "started_at", "expires_at", "last_updated", "next_autosave_after_ms"}
    assert {name: body[name] for name in body if name not in untold} == {
        "user_id": "user1",
        "quiz_id": "quiz1",
        "attempt_no": 1,
        "status": "started",
        "current_question": 0,
        "answers": {},
        "version": 0,
        "time_remaining": 1800,
        "completed_at": None,
        "late_ms": 0,
        "score": None,
        "max_score": None,
        "durability": "committed",
        "buffered_questions": [],
        "receipt": None,
        "resumed": False,
    }


async def test_start_says_where_the_session_is(client: httpx.AsyncClient) -> None:
    reply = await client.post("/sessions/start", json=TO_START)
    assert reply.headers["location"] == f"/sessions/{reply.json()['id']}"
    assert (await client.get(reply.headers["location"])).json()["id"] == reply.json()["id"]


async def test_a_session_id_is_a_uuid(session: Progress) -> None:
    assert str(UUID(session.id)) == session.id


@pytest.mark.parametrize("field", ["started_at", "expires_at", "last_updated"])
async def test_times_are_iso_8601_in_utc(session: Progress, field: str) -> None:
    text = session.started[field]
    assert text.endswith("Z")
    assert datetime.fromisoformat(text).utcoffset() is not None


async def test_the_deadline_is_the_time_limit_after_the_start(session: Progress) -> None:
    begin, end = (datetime.fromisoformat(session.started[name]) for name in ("started_at", "expires_at"))
    assert (end - begin).total_seconds() == 1800


async def test_starting_is_recorded(session: Progress, store: Store) -> None:
    assert [kind for kind, _ in store.events(session)] == ["started"]


async def test_attempts_are_numbered_by_user_and_quiz(client: httpx.AsyncClient) -> None:
    numbers = [
        (await started(client, user_id=user, quiz_id=quiz)).started["attempt_no"]
        for user, quiz in [("u", "a"), ("u", "a"), ("u", "b"), ("v", "a"), ("u", "a")]
    ]
    assert numbers == [1, 2, 1, 1, 3]


async def test_simultaneous_starts_get_different_numbers(client: httpx.AsyncClient) -> None:
    sessions = await asyncio.gather(*(started(client) for _ in range(20)))
    assert sorted(session.started["attempt_no"] for session in sessions) == list(range(1, 21))


@pytest.mark.parametrize("name", ["x", "x" * 128, "Zoë 🙂 学生", "🙂" * 128, " ", "a/b?c#d", "null", "'; --"])
async def test_ids_of_any_characters(client: httpx.AsyncClient, store: Store, name: str) -> None:
    session = await started(client, user_id=name, quiz_id=name)
    store.forget_cached(session)
    shown = await session.read()
    assert (shown["user_id"], shown["quiz_id"]) == (name, name)


@pytest.mark.parametrize("autosave", [False, True])
async def test_an_open_session_says_when_to_autosave_next(session: Progress, autosave: bool) -> None:
    for body in (session.started, await session.answer(1, "A", autosave=autosave), await session.read()):
        # Ten seconds, a fifth more or less.
        assert 8_000 <= body["next_autosave_after_ms"] <= 12_000


@pytest.mark.parametrize("end", ["complete", "abandon"])
async def test_an_ended_session_asks_for_no_autosave(session: Progress, end: str) -> None:
    body = check_session(await session.http.post(f"{session.path}/{end}"))
    assert body["next_autosave_after_ms"] is (await session.read())["next_autosave_after_ms"] is None


@pytest.mark.parametrize("field", ["user_id", "quiz_id"])
@pytest.mark.parametrize(
    "value", ["", "x" * 129, "🙂" * 129, "a\x00b", "a\ud800", 1, True, 1.0, None, [], {}]
)
async def test_other_ids_are_refused(
    client: httpx.AsyncClient, store: Store, field: str, value: object
) -> None:
    before = store.everything()
    body = json.dumps({**TO_START, field: value})
    check_problem(await client.post("/sessions/start", content=body, headers=JSON_TYPE), 422, "invalid_input")
    assert store.everything() == before


@pytest.mark.parametrize(
    "body", [{}, {"user_id": "u"}, {"quiz_id": "q"}, {**TO_START, "surprise": 1}, [], None, "x", 1]
)
async def test_another_start_is_refused(client: httpx.AsyncClient, store: Store, body: object) -> None:
    check_problem(
        await client.post("/sessions/start", content=json.dumps(body), headers=JSON_TYPE),
        422,
        "invalid_input",
    )
    assert store.everything() == ([], [], {}, [])


async def test_a_start_may_leave_its_user_to_the_token(services: Services) -> None:
    async with client_of(Gateway(app_of(with_tokens(services)), subject="from-the-token")) as http:
        body = check_start(await http.post("/sessions/start", json={"quiz_id": "quiz1"}))
    assert body["user_id"] == "from-the-token"


# Idempotency-Key


async def start_with_key(http: httpx.AsyncClient, key: str, **fields: str) -> httpx.Response:
    return await http.post("/sessions/start", json={**TO_START, **fields}, headers={"Idempotency-Key": key})


async def test_the_first_start_with_a_key_is_201(client: httpx.AsyncClient) -> None:
    check_start(await start_with_key(client, "k1"))


async def test_a_start_repeated_with_its_key_is_200_and_the_same(client: httpx.AsyncClient) -> None:
    first = await start_with_key(client, "k1")
    again = await start_with_key(client, "k1")
    assert lasting(check_start(again, 200)) == lasting(check_start(first))
    assert again.headers["location"] == first.headers["location"]


async def test_a_repeated_start_stores_nothing(client: httpx.AsyncClient, store: Store) -> None:
    await start_with_key(client, "k1")
    before = store.everything()
    await start_with_key(client, "k1")
    assert store.everything() == before


async def test_a_repeated_start_shows_the_session_as_it_is_now(client: httpx.AsyncClient) -> None:
    session = Progress(client, (await start_with_key(client, "k1")).json())
    await session.answer(1, "A")
    await session.answer(2, "B", autosave=True)
    again = check_start(await start_with_key(client, "k1"), 200)
    assert (again["answers"], again["version"]) == ({"1": "A", "2": "B"}, 1)
    assert again["buffered_questions"] == ["2"]


async def test_a_repeated_start_does_not_use_up_a_number(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await start_with_key(client, "k1")
    assert (await started(client)).started["attempt_no"] == 2


async def test_simultaneous_starts_with_one_key_start_once(client: httpx.AsyncClient) -> None:
    replies = await asyncio.gather(*(start_with_key(client, "k1") for _ in range(10)))
    assert sorted(reply.status_code for reply in replies) == [200] * 9 + [201]
    assert len({reply.json()["id"] for reply in replies}) == 1


async def test_a_key_of_another_quiz_is_refused(client: httpx.AsyncClient, store: Store) -> None:
    await start_with_key(client, "k1")
    before = store.everything()
    check_problem(await start_with_key(client, "k1", quiz_id="quiz2"), 422, "idempotency_key_reused")
    assert store.everything() == before


async def test_keys_are_each_users_own(client: httpx.AsyncClient) -> None:
    first = await start_with_key(client, "k1")
    other = await start_with_key(client, "k1", user_id="user2", quiz_id="quiz2")
    assert other.status_code == 201
    assert other.json()["id"] != first.json()["id"]


async def test_other_keys_start_other_attempts(client: httpx.AsyncClient) -> None:
    await start_with_key(client, "k1")
    assert (await start_with_key(client, "k2")).json()["attempt_no"] == 2


async def test_a_key_of_128_characters_is_known_again(client: httpx.AsyncClient) -> None:
    replies = [await start_with_key(client, "k" * 128) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [201, 200]


@pytest.mark.parametrize("key", ["", "k" * 129])
async def test_another_key_is_refused(client: httpx.AsyncClient, store: Store, key: str) -> None:
    check_problem(await start_with_key(client, key), 422, "invalid_input")
    assert store.everything() == ([], [], {}, [])


# Reading


async def test_a_read_shows_the_session(session: Progress) -> None:
    body = check_session(await session.http.get(session.path))
    assert lasting(body) == lasting(session.started)


async def test_a_read_from_the_database_shows_the_same(session: Progress, store: Store) -> None:
    await session.answer(1, {"a": [1.0, None]})
    await session.answer("x", "draft", autosave=True)
    cached = await session.read()
    store.forget_cached(session)
    assert lasting(await session.read()) == lasting(cached)


async def test_a_read_stores_nothing(session: Progress, store: Store) -> None:
    before = store.everything()
    await session.read()
    assert store.everything() == before


async def test_etag_is_the_version(session: Progress) -> None:
    await session.answer(1, "A")
    assert (await session.http.get(session.path)).headers["etag"] == '"1"'


# Answering


async def test_one_answer_is_committed(session: Progress, store: Store) -> None:
    body = check_session(await session.patch(question_id="essay", answer="text"))
    assert (body["answers"], body["version"], body["status"]) == ({"essay": "text"}, 1, "in_progress")
    assert store.row(session)["answers"] == {"essay": "text"}


async def test_several_answers_are_one_version(session: Progress, store: Store) -> None:
    body = check_session(await session.patch(answers={"1": "A", "essay": "text"}))
    assert (body["answers"], body["version"]) == ({"1": "A", "essay": "text"}, 1)
    assert store.row(session)["version"] == 1


async def test_a_commit_is_recorded_with_its_answers(session: Progress, store: Store) -> None:
    await session.answer(1, "A")
    kind, changes = store.events(session)[-1]
    assert (kind, changes["answers"]) == ("answered", {"1": "A"})


async def test_a_commit_says_that_it_is_committed(session: Progress) -> None:
    body = await session.answer(1, "A")
    assert (body["durability"], body["buffered_questions"]) == ("committed", [])


async def test_a_commit_does_not_show_what_the_api_strips(session: Progress) -> None:
    assert set(await session.answer(1, "A")) == set(await session.read()) == SESSION_FIELDS


async def test_answers_are_merged(session: Progress) -> None:
    await session.answer(1, "A")
    await session.patch(answers={"2": "B", "3": "C"})
    body = await session.answer(2, "changed")
    assert (body["answers"], body["version"]) == ({"1": "A", "2": "changed", "3": "C"}, 3)


async def test_ten_simultaneous_answers_all_count(session: Progress) -> None:
    await asyncio.gather(*(session.answer(n, n) for n in range(10)))
    body = await session.read()
    assert (body["answers"], body["version"]) == ({str(n): n for n in range(10)}, 10)


@pytest.mark.parametrize(
    "question", [0, 2**31 - 1, "0", "x" * 128, "🙂" * 128, " ", "q:1", "current_question"]
)
@pytest.mark.parametrize("autosave", [False, True])
async def test_a_question_is_a_string_key_in_answers(
    session: Progress, question: int | str, autosave: bool
) -> None:
    await session.answer(question, "A", autosave=autosave)
    assert (await session.read())["answers"] == {str(question): "A"}


async def test_a_question_by_number_and_by_its_digits_is_the_same(session: Progress) -> None:
    await session.answer(7, "number")
    assert (await session.answer("7", "digits"))["answers"] == {"7": "digits"}


@pytest.mark.parametrize(
    ("body", "current"),
    [
        ({"question_id": 4, "answer": "A"}, 5),
        ({"question_id": 0, "answer": "A"}, 1),
        ({"question_id": 2**31 - 2, "answer": "A"}, 2**31 - 1),
        ({"question_id": "4", "answer": "A"}, 3),
        ({"answers": {"8": "A"}}, 3),
        ({"question_id": 4, "answer": "A", "current_question": 9}, 9),
        ({"question_id": 4, "answer": "A", "current_question": 0}, 0),
        ({"question_id": "x", "answer": "A", "current_question": 9}, 9),
        ({"answers": {"8": "A"}, "current_question": 2**31 - 1}, 2**31 - 1),
        ({"question_id": 4, "answer": "A", "current_question": None}, 5),
    ],
)
@pytest.mark.parametrize("autosave", [False, True])
async def test_current_question(
    session: Progress, body: dict[str, Any], current: int, autosave: bool
) -> None:
    await session.answer("first", "A", current_question=3)
    reply = await session.patch(**body, autosave=autosave)
    assert reply.json()["current_question"] == current
    assert (await session.read())["current_question"] == current


async def test_a_commit_beats_the_current_question_of_an_older_draft(session: Progress) -> None:
    await session.answer(1, "draft", autosave=True, current_question=5)
    await session.answer(2, "committed", current_question=9)
    assert (await session.read())["current_question"] == 9


# At a version


@pytest.mark.parametrize("autosave", [False, True])
async def test_the_current_version_is_accepted(session: Progress, autosave: bool) -> None:
    await session.answer(1, "A")
    assert (await session.answer(2, "B", version=1, autosave=autosave))["answers"] == {"1": "A", "2": "B"}


@pytest.mark.parametrize("tag", ['"1"', ' "1" ', "*"])
async def test_the_current_etag_is_accepted(session: Progress, tag: str) -> None:
    await session.answer(1, "A")
    body = check_session(await session.patch({"If-Match": tag}, question_id=2, answer="B"))
    assert body["version"] == 2


async def test_if_match_and_the_same_version_agree(session: Progress) -> None:
    reply = await session.patch({"If-Match": '"0"'}, **ONE, version=0)
    assert check_session(reply)["version"] == 1


async def test_any_etag_leaves_the_version_to_decide(session: Progress) -> None:
    await session.answer(1, "A")
    reply = await session.patch({"If-Match": "*"}, question_id=2, answer="B", version=0)
    check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "1",
        'W/"0"',
        '"x"',
        '"-1"',
        '"0", "1"',
        '"0',
        '""',
        '"1.0"',
        '"0" "1"',
        "**",
        '"' + "9" * 5000 + '"',
    ],
)
async def test_another_if_match_is_refused(session: Progress, store: Store, tag: str) -> None:
    before = store.everything()
    check_problem(await session.patch({"If-Match": tag}, **ONE), 422, "invalid_input")
    assert store.everything() == before


async def test_if_match_and_another_version_disagree(session: Progress, store: Store) -> None:
    before = store.everything()
    check_problem(await session.patch({"If-Match": '"0"'}, **ONE, version=1), 422, "invalid_input")
    assert store.everything() == before


async def test_an_entity_tag_beyond_every_version_is_stale(session: Progress) -> None:
    reply = await session.patch({"If-Match": '"99999999999"'}, **ONE)
    check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")


async def test_the_current_question_moves_behind_the_last_possible_one(session: Progress) -> None:
    assert (await session.answer(2**31 - 1, "A"))["current_question"] == 2**31


async def test_a_path_with_a_slash_too_many_is_not_found(client: httpx.AsyncClient) -> None:
    check_problem(await client.get("/health/"), 404, "not_found")


STALE: list[tuple[dict[str, str], dict[str, int]]] = [({}, {"version": 1}), ({"If-Match": '"1"'}, {})]


@pytest.mark.parametrize(("headers", "version"), STALE, ids=["version", "If-Match"])
@pytest.mark.parametrize("autosave", [False, True])
async def test_a_stale_version_is_a_conflict_that_tells_what_has_changed(
    session: Progress, store: Store, headers: dict[str, str], version: dict[str, int], autosave: bool
) -> None:
    await session.answer(1, "A")
    await session.answer(2, "B")
    await session.patch(answers={"10": "C", "1": "D"})
    before = store.everything()
    reply = await session.patch(headers, question_id=2, answer="mine", autosave=autosave, **version)
    body = check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")
    assert (body["current_version"], body["changed_questions"]) == (3, ["1", "10", "2"])
    assert lasting(body["session"]) == lasting(await session.read())
    assert store.everything() == before


@pytest.mark.parametrize("version", [1, 2, 2**31 - 2, 2**31 - 1])
@pytest.mark.parametrize("autosave", [False, True])
async def test_a_version_yet_to_come_is_a_conflict(
    session: Progress, store: Store, version: int, autosave: bool
) -> None:
    before = store.everything()
    reply = await session.patch(**ONE, version=version, autosave=autosave)
    body = check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")
    assert (body["current_version"], body["changed_questions"]) == (0, [])
    assert store.everything() == before


async def test_a_repeated_write_with_its_version_is_the_committed_result(
    session: Progress, store: Store
) -> None:
    first = check_session(await session.patch(**ONE, version=0))
    before = store.everything()
    again = check_session(await session.patch(**ONE, version=0))
    assert lasting(again) == lasting(first)
    assert store.everything() == before


@pytest.mark.parametrize("answer", [None, {"b": 1, "a": [1e2, "🙂"]}, 1.0, -0.0, 1e23, ""])
async def test_a_repeated_write_is_known_by_value(session: Progress, answer: Any) -> None:
    await session.answer(1, answer, version=0)
    assert (await session.answer(1, answer, version=0))["version"] == 1


async def test_a_repeated_write_with_its_etag_is_the_committed_result(session: Progress) -> None:
    for _ in range(2):
        body = check_session(await session.patch({"If-Match": '"0"'}, **ONE))
        assert body["version"] == 1


async def test_another_answer_at_the_version_before_is_a_conflict(session: Progress) -> None:
    await session.answer(1, "A", version=0)
    reply = await session.patch(question_id=1, answer="B", version=0)
    check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")


async def test_the_same_answer_by_an_older_version_is_a_conflict(session: Progress) -> None:
    await session.answer(1, "A")
    await session.answer(2, "B")
    reply = await session.patch(question_id=1, answer="A", version=1)
    check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")


async def test_a_repeated_write_without_version_is_a_new_version(session: Progress) -> None:
    await session.answer(1, "A")
    assert (await session.answer(1, "A"))["version"] == 2


async def test_a_write_held_up_does_not_undo_a_newer_answer(timed: Progress, gateway: Gateway) -> None:
    gateway.at = START + 20 * SECOND
    await timed.answer(1, "newer")
    gateway.at = START + 10 * SECOND
    body = check_session(await timed.patch(answers={"1": "held up", "2": "new"}))
    assert (body["answers"], body["version"]) == ({"1": "newer", "2": "new"}, 2)


# Autosave


async def test_an_autosave_is_buffered(session: Progress, store: Store) -> None:
    body = check_session(await session.patch(**ONE, autosave=True))
    assert (body["durability"], body["buffered_questions"]) == ("buffered", ["1"])
    assert (body["answers"], body["version"]) == ({"1": "A"}, 0)
    assert store.row(session)["answers"] == {}


async def test_a_read_shows_what_is_buffered(session: Progress) -> None:
    await session.answer(1, "A")
    await session.patch(answers={"1": "B", "x": "C"}, autosave=True)
    body = await session.read()
    assert (body["durability"], body["buffered_questions"]) == ("buffered", ["1", "x"])
    assert (body["answers"], body["version"]) == ({"1": "B", "x": "C"}, 1)


async def test_an_autosave_leaves_the_etag(session: Progress) -> None:
    assert (await session.patch(**ONE, autosave=True)).headers["etag"] == '"0"'


async def test_a_started_session_with_drafts_reads_as_in_progress(session: Progress, store: Store) -> None:
    assert (await session.answer(1, "A", autosave=True))["status"] == "in_progress"
    assert (await session.read())["status"] == "in_progress"
    assert store.row(session)["status"] == "started"


async def test_an_autosave_without_a_cached_session_is_buffered_too(session: Progress, store: Store) -> None:
    store.forget_cached(session)
    assert (await session.answer(1, "A", autosave=True))["durability"] == "buffered"


async def test_a_commit_drops_the_draft_it_supersedes(session: Progress) -> None:
    await session.answer(1, "draft", autosave=True)
    body = await session.answer(1, "committed")
    assert (body["durability"], body["buffered_questions"]) == ("committed", [])
    assert (await session.read())["answers"] == {"1": "committed"}


async def test_a_superseded_draft_is_gone_from_valkey(session: Progress, store: Store) -> None:
    await session.patch(answers={"1": "draft", "2": "draft"}, autosave=True)
    await session.answer(1, "committed")
    assert list(store.valkey.hgetall(f"{{session:{session.id}}}:drafts")) == [b"q:2"]


async def test_a_commit_is_committed_while_others_are_buffered(session: Progress) -> None:
    await session.answer(1, "draft", autosave=True)
    body = await session.answer(2, "committed")
    assert (body["durability"], body["buffered_questions"]) == ("committed", ["1"])
    assert body["answers"] == {"1": "draft", "2": "committed"}
    assert (await session.read())["durability"] == "buffered"


async def test_once_flushed_a_read_is_committed(session: Progress, services: Services) -> None:
    await session.answer(1, "A", autosave=True)
    await services.flusher.run()
    body = await session.read()
    assert (body["durability"], body["buffered_questions"], body["answers"]) == ("committed", [], {"1": "A"})
    assert (body["version"], body["status"]) == (0, "in_progress")


# Answers of any kind

ANSWERS: dict[str, Any] = {
    "null": None,
    "false": False,
    "true": True,
    "0": 0,
    "1": 1,
    "1.0": 1.0,
    "0.1": 0.1,
    "-0.0": -0.0,
    "2**60": 2**60,
    "2**64": 2**64,
    "-10**40": -(10**40),
    "4300 digits": 10**4300 - 1,
    "1e23": 1e23,
    "1e308": 1.7976931348623157e308,
    "5e-324": 5e-324,
    "empty text": "",
    "space": " ",
    "emoji": "👩‍🎓🙂",
    "scripts": "ÄöΩж学 \u2028 \x01\x7f\ufffe",
    "quotes": "\"'\\/\b\f\n\r\t",
    "empty list": [],
    "empty object": {},
    "empties": [[], {}, "", None, [[]]],
    "order": [3, 1, 2, [True, False, 1, 0]],
    "keys": {"b": 1, "a": {"": None, " ": [], "🙂": {"at": 1}}, "answer": 1, "revision": 7},
    "depth": json.loads("[" * 100 + "]" * 100),
    "long": "ü" * 32_767,
}


def by_value(text: str) -> object:
    """What a JSON text says: numbers exactly, by value; true is no number."""
    return tagged(json.loads(text, parse_int=Decimal, parse_float=Decimal))


def tagged(value: Any) -> object:
    if isinstance(value, dict):
        return {key: tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    return (isinstance(value, bool), value)


async def shown_answers(session: Progress) -> object:
    shown = by_value((await session.http.get(session.path)).text)
    assert isinstance(shown, dict)
    return shown["answers"]


async def by_commit(session: Progress, services: Services) -> None:
    assert (await session.patch(answers=ANSWERS)).status_code == 200


async def by_single_commits(session: Progress, services: Services) -> None:
    for question, answer in ANSWERS.items():
        await session.answer(question, answer)


async def by_autosave(session: Progress, services: Services) -> None:
    assert (await session.patch(answers=ANSWERS, autosave=True)).status_code == 200


async def by_autosave_and_flush(session: Progress, services: Services) -> None:
    await by_autosave(session, services)
    assert (await services.flusher.run()).sessions_flushed == 1


async def by_completing(session: Progress, services: Services) -> None:
    assert (await session.complete(answers=ANSWERS)).status_code == 200


async def by_autosave_and_completing(session: Progress, services: Services) -> None:
    await by_autosave(session, services)
    assert (await session.complete()).status_code == 200


async def by_autosave_and_abandoning(session: Progress, services: Services) -> None:
    await by_autosave(session, services)
    assert (await session.abandon()).status_code == 200


every_way = pytest.mark.parametrize(
    "way",
    [
        by_commit,
        by_single_commits,
        by_autosave,
        by_autosave_and_flush,
        by_completing,
        by_autosave_and_completing,
        by_autosave_and_abandoning,
    ],
)
Way = Callable[[Progress, Services], Awaitable[None]]


@every_way
async def test_any_answer_survives_through_the_cache(session: Progress, services: Services, way: Way) -> None:
    await way(session, services)
    assert await shown_answers(session) == by_value(json.dumps(ANSWERS))


@every_way
async def test_any_answer_survives_from_the_database(
    session: Progress, services: Services, store: Store, way: Way
) -> None:
    await way(session, services)
    store.forget_cached(session)
    assert await shown_answers(session) == by_value(json.dumps(ANSWERS))


@pytest.mark.parametrize("autosave", [False, True])
async def test_any_answer_is_in_the_reply(session: Progress, autosave: bool) -> None:
    reply = by_value((await session.patch(answers=ANSWERS, autosave=autosave)).text)
    assert isinstance(reply, dict)
    assert reply["answers"] == by_value(json.dumps(ANSWERS))


async def test_characters_may_come_escaped(session: Progress) -> None:
    reply = await session.send(rb'{"question_id":"\u00fc","answer":"\ud83d\ude42"}')
    assert check_session(reply)["answers"] == {"ü": "🙂"}


# What a write refuses

REFUSED_BODIES: dict[str, str | bytes] = {
    "empty": "",
    "not JSON": '{"question_id":1,"answer":secret}',
    "cut off": '{"question_id":1,"answer":"secret"',
    "no object": '["secret"]',
    "null": "null",
    "neither form": "{}",
    "no answer": '{"question_id":1}',
    "no question": '{"answer":"secret"}',
    "null question": '{"question_id":null,"answer":"secret"}',
    "both forms": '{"question_id":1,"answer":"secret","answers":{"1":"secret"}}',
    "no answers": '{"answers":{}}',
    "null answers": '{"answers":null}',
    "a list of answers": '{"answers":["secret"]}',
    "another field": '{"question_id":1,"answer":"secret","at":1}',
    "question -1": '{"question_id":-1,"answer":"secret"}',
    "question 2^31": '{"question_id":2147483648,"answer":"secret"}',
    "question 1.5": '{"question_id":1.5,"answer":"secret"}',
    "question true": '{"question_id":true,"answer":"secret"}',
    "question empty": '{"question_id":"","answer":"secret"}',
    "question of 129": '{"question_id":"' + "q" * 129 + '","answer":"secret"}',
    "question with NUL": r'{"question_id":"a\u0000","answer":"secret"}',
    "question with a surrogate": r'{"question_id":"a\ud800","answer":"secret"}',
    "questions: empty": '{"answers":{"":"secret"}}',
    "questions: of 129": '{"answers":{"' + "q" * 129 + '":"secret"}}',
    "questions: NUL": r'{"answers":{"\u0000":"secret"}}',
    "questions: a surrogate": r'{"answers":{"\udfff":"secret"}}',
    "version -1": '{"question_id":1,"answer":"secret","version":-1}',
    "version 2^31": '{"question_id":1,"answer":"secret","version":2147483648}',
    "version text": '{"question_id":1,"answer":"secret","version":"0"}',
    "version true": '{"question_id":1,"answer":"secret","version":true}',
    "version 0.5": '{"question_id":1,"answer":"secret","version":0.5}',
    "current_question -1": '{"question_id":1,"answer":"secret","current_question":-1}',
    "current_question 2^31": '{"question_id":1,"answer":"secret","current_question":2147483648}',
    "current_question text": '{"question_id":1,"answer":"secret","current_question":"2"}',
    "autosave text": '{"question_id":1,"answer":"secret","autosave":"true"}',
    "autosave 1": '{"question_id":1,"answer":"secret","autosave":1}',
    "autosave null": '{"question_id":1,"answer":"secret","autosave":null}',
    "NUL": r'{"question_id":1,"answer":"secret\u0000"}',
    "NUL in a key": r'{"question_id":1,"answer":[{"secret\u0000":1}]}',
    "a surrogate": r'{"question_id":1,"answer":"secret\ud800"}',
    "a surrogate in a key": r'{"question_id":1,"answer":{"secret\udc00":1}}',
    "surrogates the wrong way round": r'{"question_id":1,"answer":"secret\ude42\ud83d"}',
    "NaN": '{"question_id":1,"answer":["secret",NaN]}',
    "Infinity": '{"question_id":1,"answer":["secret",-Infinity]}',
    "1e400": '{"question_id":1,"answer":["secret",1e400]}',
    "4301 digits": '{"question_id":1,"answer":["secret",' + "1" * 4301 + "]}",
    "depth 101": '{"question_id":1,"answer":' + "[" * 101 + "]" * 101 + "}",
    "depth 100000": '{"question_id":1,"answer":' + "[" * 100_000 + "]" * 100_000 + "}",
    "a key twice": '{"question_id":1,"answer":"secret","answer":"secret"}',
    "an answer twice": '{"answers":{"1":"secret","1":"secret"}}',
    "a key twice in an answer": '{"question_id":1,"answer":{"secret":1,"secret":2}}',
    "latin-1": '{"question_id":1,"answer":"secret ü"}'.encode("latin-1"),
    "utf-16": '{"question_id":1,"answer":"secret"}'.encode("utf-16"),
    "513 answers": json.dumps({"answers": {str(n): "secret" for n in range(513)}}),
    "one of several": r'{"answers":{"1":"secret","2":"\u0000"}}',
}
refused_bodies = pytest.mark.parametrize("body", REFUSED_BODIES.values(), ids=REFUSED_BODIES)


@refused_bodies
async def test_a_write_that_cannot_be_kept_is_422_and_stores_nothing(
    session: Progress, store: Store, body: str | bytes
) -> None:
    before = store.everything()
    check_problem(await session.send(body), 422, "invalid_input")
    assert store.everything() == before
    assert lasting(await session.read()) == lasting(session.started)


@refused_bodies
async def test_a_refusal_does_not_repeat_the_answer(session: Progress, body: str | bytes) -> None:
    assert "secret" not in (await session.send(body)).text


@pytest.mark.parametrize(
    "answer",
    [r"\u0000", r"\ud800", "1e400", "1" * 4301, "[" * 101 + "]" * 101],
    ids=["NUL", "surrogate", "1e400", "digits", "depth"],
)
async def test_an_autosave_refuses_the_same(session: Progress, store: Store, answer: str) -> None:
    before = store.everything()
    text = f'"{answer}"' if answer.startswith("\\") else answer
    reply = await session.send(f'{{"question_id":1,"answer":{text},"autosave":true}}')
    check_problem(reply, 422, "invalid_input")
    assert store.everything() == before


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}]
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sessions/start", json.dumps(TO_START)),
        ("PATCH", "/sessions/{id}/progress", json.dumps(ONE)),
        ("POST", "/sessions/{id}/complete", '{"answers":{"1":"A"}}'),
    ],
)
async def test_a_body_that_does_not_say_json_is_refused(
    session: Progress, store: Store, headers: dict[str, str], method: str, path: str, body: str
) -> None:
    before = store.everything()
    reply = await session.http.request(
        method, path.format(id=session.id), content=body.encode(), headers=headers
    )
    check_problem(reply, 422, "invalid_input")
    assert store.everything() == before


async def test_json_may_name_its_charset(session: Progress) -> None:
    reply = await session.send(json.dumps(ONE), {"Content-Type": "application/json; charset=utf-8"})
    assert check_session(reply)["answers"] == {"1": "A"}


async def test_what_is_wrong_with_a_request_is_listed(session: Progress) -> None:
    body = check_problem(
        await session.patch(question_id=1, answer=1, version="x", autosave=2), 422, "invalid_input"
    )
    assert [error["location"] for error in body["errors"]] == ["body.version", "body.autosave"]
    assert all(set(error) == {"location", "message"} for error in body["errors"])


# Limits


@pytest.mark.parametrize("answer", ["a" * 65_534, "🙂" * 16_383 + "aa"], ids=["ascii", "emoji"])
@pytest.mark.parametrize("autosave", [False, True])
async def test_an_answer_of_64_kib_is_kept(session: Progress, answer: str, autosave: bool) -> None:
    await session.answer(1, answer, autosave=autosave)
    assert (await session.read())["answers"] == {"1": answer}


@pytest.mark.parametrize("answer", ["a" * 65_535, "🙂" * 16_383 + "aaa"], ids=["ascii", "emoji"])
@pytest.mark.parametrize("autosave", [False, True])
async def test_an_answer_over_64_kib_is_413_and_not_stored(
    session: Progress, store: Store, answer: str, autosave: bool
) -> None:
    before = store.everything()
    reply = await session.patch(answers={"1": answer, "2": "small"}, autosave=autosave)
    check_problem(reply, 413, "content_too_large")
    assert store.everything() == before
    assert (await session.read())["answers"] == {}


async def test_512_answers_are_kept(session: Progress) -> None:
    body = check_session(await session.patch(answers={str(n): n for n in range(512)}))
    assert len(body["answers"]) == 512


@pytest.mark.parametrize(("filled_by_autosave", "autosave"), [(False, False), (False, True), (True, True)])
async def test_a_513th_answer_is_422_and_not_stored(
    session: Progress, store: Store, filled_by_autosave: bool, autosave: bool
) -> None:
    await session.patch(answers={str(n): n for n in range(512)}, autosave=filled_by_autosave)
    before = store.everything()
    reply = await session.patch(question_id=512, answer="one more", autosave=autosave)
    check_problem(reply, 422, "invalid_input")
    assert store.everything() == before


@pytest.mark.parametrize("autosave", [False, True])
async def test_one_of_512_answers_may_still_change(session: Progress, autosave: bool) -> None:
    await session.patch(answers={str(n): n for n in range(512)})
    assert (await session.answer(7, "changed", autosave=autosave))["answers"]["7"] == "changed"


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_session_of_1_mib_is_kept(session: Progress, autosave: bool) -> None:
    answers = session_of(MIB)
    check_session(await session.patch(answers=answers, autosave=autosave))
    assert (await session.read())["answers"] == answers


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_session_over_1_mib_is_413_and_not_stored(
    session: Progress, store: Store, autosave: bool
) -> None:
    before = store.everything()
    reply = await session.patch(answers=session_of(MIB + 1), autosave=autosave)
    check_problem(reply, 413, "content_too_large")
    assert store.everything() == before


@pytest.mark.parametrize("autosave", [False, True])
async def test_an_answer_that_makes_a_session_too_large_is_413(
    session: Progress, store: Store, autosave: bool
) -> None:
    await session.patch(answers=session_of(MIB))
    before = store.everything()
    check_problem(await session.patch(question_id=1, answer=1, autosave=autosave), 413, "content_too_large")
    assert store.everything() == before


async def test_an_autosaved_session_is_measured_as_it_will_be_stored(session: Progress, store: Store) -> None:
    # PostgreSQL writes 1e300 with 301 digits.
    before = store.everything()
    reply = await session.patch(question_id=1, answer=[1e300] * 9000, autosave=True)
    check_problem(reply, 413, "content_too_large")
    assert store.everything() == before


async def test_a_shorter_answer_makes_room(session: Progress) -> None:
    await session.patch(answers=session_of(MIB))
    await session.answer("rest", "")
    assert (await session.answer(1, "room"))["answers"]["1"] == "room"


async def test_a_body_of_4_mib_is_read(session: Progress) -> None:
    body = json.dumps(ONE).encode()
    reply = await session.send(body + b" " * (4 * MIB - len(body)))
    assert check_session(reply)["answers"] == {"1": "A"}


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), MIB):
        yield body[start : start + MIB]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sessions/start", TO_START),
        ("PATCH", "/sessions/{id}/progress", ONE),
        ("POST", "/sessions/{id}/complete", {}),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_4_mib_is_413_and_not_stored(
    session: Progress, store: Store, method: str, path: str, body: object, chunked: bool
) -> None:
    before = store.everything()
    text = json.dumps(body).encode()
    text += b" " * (4 * MIB + 1 - len(text))
    reply = await session.http.request(
        method, path.format(id=session.id), content=in_pieces(text) if chunked else text, headers=JSON_TYPE
    )
    check_problem(reply, 413, "content_too_large")
    assert store.everything() == before


async def test_a_refused_body_over_4_mib_abandons_nothing(session: Progress, store: Store) -> None:
    before = store.everything()
    reply = await session.http.post(f"{session.path}/abandon", content=b" " * (4 * MIB + 1))
    assert reply.status_code == 200 or store.everything() == before


# Completing


async def test_completing(session: Progress, store: Store) -> None:
    await session.answer(1, "A")
    body = check_session(await session.complete())
    assert (body["status"], body["version"], body["answers"]) == ("completed", 2, {"1": "A"})
    assert body["completed_at"].endswith("Z")
    assert store.row(session)["status"] == "completed"
    assert store.events(session)[-1][0] == "completed"


async def test_completing_needs_no_body(session: Progress) -> None:
    assert check_session(await session.http.post(f"{session.path}/complete"))["status"] == "completed"


async def test_completing_at_once_is_possible(session: Progress) -> None:
    body = check_session(await session.complete())
    assert (body["answers"], body["version"]) == ({}, 1)


async def test_completing_takes_last_answers(session: Progress) -> None:
    await session.answer(1, "A")
    body = check_session(await session.complete(answers={"1": "changed", "x": "last"}, version=1))
    assert body["answers"] == {"1": "changed", "x": "last"}


async def test_completing_merges_drafts(session: Progress, store: Store) -> None:
    await session.answer(1, "committed")
    await session.patch(answers={"1": "draft", "2": "draft", "3": "draft"}, autosave=True)
    body = check_session(await session.complete(answers={"3": "last"}))
    assert body["answers"] == {"1": "draft", "2": "draft", "3": "last"}
    assert (body["durability"], body["buffered_questions"]) == ("committed", [])
    assert store.row(session)["answers"] == body["answers"]


async def test_completing_merges_drafts_without_their_mark(session: Progress, store: Store) -> None:
    await session.answer(1, "draft", autosave=True)
    store.valkey.delete("dirty:0")
    assert check_session(await session.complete())["answers"] == {"1": "draft"}


async def test_a_completed_session_reads_as_its_record(session: Progress, store: Store) -> None:
    done = check_session(await session.complete(answers={"1": "A"}))
    assert await session.read() == done
    store.forget_cached(session)
    assert await session.read() == done


@pytest.mark.parametrize("body", [{}, {"answers": {"1": "other"}}, {"version": 0}, {"version": 77}])
async def test_completing_again_is_the_same_result(
    session: Progress, store: Store, body: dict[str, Any]
) -> None:
    done = check_session(await session.complete(answers={"1": "A"}))
    before = store.everything()
    assert check_session(await session.complete(**body)) == done
    assert store.everything() == before


async def test_completing_simultaneously_happens_once(session: Progress, store: Store) -> None:
    replies = await asyncio.gather(*(session.complete() for _ in range(5)))
    assert {reply.status_code for reply in replies} == {200}
    assert [kind for kind, _ in store.events(session)] == ["started", "completed"]


@pytest.mark.parametrize(("headers", "version"), STALE, ids=["version", "If-Match"])
async def test_completing_at_a_stale_version_is_a_conflict(
    session: Progress, store: Store, headers: dict[str, str], version: dict[str, int]
) -> None:
    await session.answer(1, "A")
    await session.answer(2, "B")
    before = store.everything()
    reply = await session.http.post(f"{session.path}/complete", json=version, headers=headers)
    body = check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")
    assert (body["current_version"], body["changed_questions"]) == (2, ["2"])
    assert set(body["session"]) == SESSION_FIELDS - {"next_autosave_after_ms"}
    assert store.everything() == before


@pytest.mark.parametrize(
    "text",
    [
        '{"answers":{"1":"\\u0000"}}',
        '{"answers":{"":1}}',
        '{"answers":[]}',
        '{"version":-1}',
        '{"version":"1"}',
        '{"version":2147483648}',
        '{"surprise":1}',
        '{"question_id":1,"answer":1}',
        "[]",
        "{",
        json.dumps({"answers": {str(n): n for n in range(513)}}),
    ],
)
async def test_completing_with_what_cannot_be_kept_is_refused(
    session: Progress, store: Store, text: str
) -> None:
    before = store.everything()
    reply = await session.http.post(f"{session.path}/complete", content=text, headers=JSON_TYPE)
    check_problem(reply, 422, "invalid_input")
    assert store.everything() == before


@pytest.mark.parametrize(
    "answers",
    [{"1": "a" * 65_535}, session_of(MIB + 1)],
    ids=["an answer over 64 KiB", "a session over 1 MiB"],
)
async def test_completing_over_a_limit_is_413(
    session: Progress, store: Store, answers: dict[str, Any]
) -> None:
    before = store.everything()
    check_problem(await session.complete(answers=answers), 413, "content_too_large")
    assert store.everything() == before


async def test_completing_with_a_513th_answer_is_refused(session: Progress, store: Store) -> None:
    await session.patch(answers={str(n): n for n in range(512)})
    before = store.everything()
    check_problem(await session.complete(answers={"one more": 1}), 422, "invalid_input")
    assert store.everything() == before


# Abandoning


async def test_abandoning(session: Progress, store: Store) -> None:
    await session.answer(1, "A")
    body = check_session(await session.abandon())
    assert (body["status"], body["version"], body["answers"]) == ("abandoned", 2, {"1": "A"})
    assert (body["completed_at"], body["score"], body["max_score"]) == (None, None, None)
    assert store.row(session)["status"] == "abandoned"
    assert store.events(session)[-1][0] == "abandoned"


async def test_abandoning_keeps_drafts_as_answers(session: Progress, store: Store) -> None:
    await session.answer(1, "draft", autosave=True)
    body = check_session(await session.abandon())
    assert (body["answers"], body["durability"]) == ({"1": "draft"}, "committed")
    assert store.row(session)["answers"] == {"1": "draft"}


async def test_abandoning_again_is_the_same_result(session: Progress, store: Store) -> None:
    done = check_session(await session.abandon())
    before = store.everything()
    assert check_session(await session.abandon()) == done
    assert store.everything() == before


# Closed sessions


@pytest.mark.parametrize("end", ["complete", "abandon"])
@pytest.mark.parametrize(
    "body", [ONE, {**ONE, "autosave": True}, {**ONE, "version": 1}, {**ONE, "version": 0}]
)
async def test_a_closed_session_takes_no_answer(
    session: Progress, store: Store, end: str, body: dict[str, Any]
) -> None:
    await session.http.post(f"{session.path}/{end}")
    before = store.everything()
    problem = check_problem(await session.patch(**body), 409, "session_closed", "session")
    assert lasting(problem["session"]) == lasting(await session.read())
    assert store.everything() == before


@pytest.mark.parametrize(("first", "second"), [("complete", "abandon"), ("abandon", "complete")])
async def test_the_first_end_wins(session: Progress, store: Store, first: str, second: str) -> None:
    await session.http.post(f"{session.path}/{first}")
    before = store.everything()
    reply = await session.http.post(f"{session.path}/{second}")
    problem = check_problem(reply, 409, "session_closed", "session")
    assert lasting(problem["session"]) == lasting(await session.read())
    assert store.everything() == before


# The clock


async def test_time_remaining_runs_with_the_gateways_clock(timed: Progress, gateway: Gateway) -> None:
    gateway.at += 10_500 * MILLI
    assert (await timed.read())["time_remaining"] == 1790


@pytest.mark.parametrize("payload", ["2.0", "1.0"], ids=["timeEpoch", "requestTimeEpoch"])
async def test_the_gateway_tells_the_time_in_both_payloads(
    timed: Progress, gateway: Gateway, payload: str
) -> None:
    gateway.payload = payload
    gateway.at += 1000 * SECOND
    assert (await timed.read())["time_remaining"] == 800


async def test_a_session_starts_at_the_gateways_time(timed: Progress) -> None:
    assert timed.started["started_at"] == "2027-01-15T08:00:00Z"
    assert timed.started["expires_at"] == "2027-01-15T08:30:00Z"


async def test_a_problem_names_the_gateways_request(timed: Progress) -> None:
    problem = check_problem(await timed.http.get(f"/sessions/{UNKNOWN}"), 404, "session_not_found")
    assert problem["request_id"] == "from-the-gateway"


@pytest.mark.parametrize("before_end", [1, 0])
async def test_up_to_the_deadline_everything_goes(timed: Progress, gateway: Gateway, before_end: int) -> None:
    gateway.at += LIMIT - before_end * MILLI
    body = await timed.answer(1, "A")
    assert (body["time_remaining"], body["status"]) == (before_end, "in_progress")
    assert (await timed.answer(2, "B", autosave=True))["durability"] == "buffered"
    assert check_session(await timed.complete())["answers"] == {"1": "A", "2": "B"}


async def test_a_read_past_the_deadline_is_the_record(
    timed: Progress, gateway: Gateway, store: Store
) -> None:
    await timed.answer(1, "A")
    await timed.answer(2, "draft", autosave=True)
    gateway.at += LIMIT + MILLI
    body = await timed.read()
    assert (body["status"], body["time_remaining"], body["completed_at"]) == ("expired", 0, None)
    assert (body["answers"], body["durability"]) == ({"1": "A", "2": "draft"}, "committed")
    assert store.row(timed)["status"] == "expired"


PAST: dict[str, tuple[str, str, dict[str, Any]]] = {
    "commit": ("PATCH", "progress", ONE),
    "commit at a version": ("PATCH", "progress", {**ONE, "version": 1}),
    "commit at a stale version": ("PATCH", "progress", {**ONE, "version": 0}),
    "autosave": ("PATCH", "progress", {**ONE, "autosave": True}),
    "complete": ("POST", "complete", {}),
    "complete with answers": ("POST", "complete", {"answers": {"1": "A"}}),
    "abandon": ("POST", "abandon", {}),
}


@pytest.mark.parametrize(("method", "action", "body"), PAST.values(), ids=PAST)
@pytest.mark.parametrize("noticed", [False, True])
async def test_past_the_deadline_a_write_is_410_and_the_session_expired(
    timed: Progress,
    gateway: Gateway,
    store: Store,
    method: str,
    action: str,
    body: dict[str, Any],
    noticed: bool,
) -> None:
    await timed.answer("first", "in time")
    gateway.at += LIMIT + MILLI
    if noticed:
        await timed.read()
    check_problem(
        await timed.http.request(method, f"{timed.path}/{action}", json=body), 410, "session_expired"
    )
    row = store.row(timed)
    assert (row["status"], row["answers"], row["version"]) == ("expired", {"first": "in time"}, 1)
    assert (await timed.read())["answers"] == {"first": "in time"}


@pytest.mark.parametrize(
    ("method", "action", "body"),
    [PAST[name] for name in PAST if "answer" in PAST[name][2] or "answers" in PAST[name][2]],
)
async def test_a_late_answer_is_kept_uncounted(
    timed: Progress, gateway: Gateway, store: Store, method: str, action: str, body: dict[str, Any]
) -> None:
    gateway.at += LIMIT + MILLI
    await timed.http.request(method, f"{timed.path}/{action}", json=body)
    kinds = [kind for kind, _ in store.events(timed)]
    assert kinds == ["started", "expired", "late_answer"]
    assert list(store.events(timed)[-1][1]["late_answers"]) == ["1"]


@pytest.mark.parametrize("autosave", [False, True])
async def test_past_a_deadline_in_the_row_a_write_is_410(
    session: Progress, store: Store, autosave: bool
) -> None:
    expire(store, session)
    check_problem(await session.patch(**ONE, autosave=autosave), 410, "session_expired")
    assert store.row(session)["status"] == "expired"
    assert (await session.read())["status"] == "expired"


async def test_a_draft_in_time_counts_when_the_session_expires(
    timed: Progress, gateway: Gateway, store: Store
) -> None:
    await timed.answer(1, "draft", autosave=True)
    gateway.at += LIMIT + MILLI
    check_problem(await timed.complete(), 410, "session_expired")
    assert store.row(timed)["answers"] == {"1": "draft"}


async def test_an_answer_received_in_time_counts_after_the_session_expired(
    timed: Progress, gateway: Gateway, store: Store
) -> None:
    gateway.at += LIMIT + MILLI
    await timed.read()
    gateway.at -= MILLI
    body = check_session(await timed.patch(**ONE))
    assert (body["status"], body["answers"]) == ("expired", {"1": "A"})
    assert store.row(timed)["answers"] == {"1": "A"}


# Ids in the path

EVERY_SESSION_ENDPOINT: list[tuple[str, str, object]] = [
    ("GET", "/sessions/{}", None),
    ("PATCH", "/sessions/{}/progress", ONE),
    ("PATCH", "/sessions/{}/progress", {**ONE, "autosave": True}),
    ("GET", "/sessions/{}?at_version=0", None),
    ("GET", "/sessions/{}/deadline", None),
    ("GET", "/sessions/{}/results", None),
    ("POST", "/sessions/{}/complete", {}),
    ("POST", "/sessions/{}/complete", {"answers": {"1": "A"}}),
    ("POST", "/sessions/{}/abandon", None),
    ("POST", "/sessions/{}/extend", {"seconds": 60, "reason": "why"}),
    ("POST", "/sessions/{}/reopen", {"seconds": 60, "reason": "why"}),
    ("GET", "/sessions/{}/late-answers", None),
    ("POST", "/sessions/{}/late-answers/2/accept", {"reason": "why"}),
    ("POST", "/sessions/{}/score", {"score": 1.0, "max_score": 2.0, "reason": "why"}),
    ("GET", "/sessions/{}/events", None),
    ("GET", "/sessions/{}/verify", None),
]


@pytest.mark.parametrize(("method", "path", "body"), EVERY_SESSION_ENDPOINT)
async def test_an_unknown_session_is_404(
    client: httpx.AsyncClient, store: Store, method: str, path: str, body: object
) -> None:
    reply = await client.request(method, path.format(uuid4()), json=body)
    check_problem(reply, 404, "session_not_found")
    assert store.everything() == ([], [], {}, [])


@pytest.mark.parametrize(("method", "path", "body"), EVERY_SESSION_ENDPOINT)
@pytest.mark.parametrize("session_id", ["nope", "1", UNKNOWN[:-1], UNKNOWN + "0", "%00", "ü", "%F0%9F%99%82"])
async def test_an_id_that_is_no_uuid_is_422(
    client: httpx.AsyncClient, method: str, path: str, body: object, session_id: str
) -> None:
    check_problem(await client.request(method, path.format(session_id), json=body), 422, "invalid_input")


# The framework's own errors


@pytest.mark.parametrize("path", ["/", "/nope", "/quizzes", f"/sessions/{UNKNOWN}/nope", "/redoc"])
async def test_an_unknown_path_is_a_404_problem(client: httpx.AsyncClient, path: str) -> None:
    check_problem(await client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/sessions/start", {"POST"}),
        ("PUT", f"/sessions/{UNKNOWN}", {"GET"}),
        ("POST", f"/sessions/{UNKNOWN}/progress", {"PATCH"}),
        ("GET", f"/sessions/{UNKNOWN}/complete", {"POST"}),
        ("GET", f"/sessions/{UNKNOWN}/abandon", {"POST"}),
        ("POST", "/sessions", {"GET"}),
        ("GET", f"/sessions/{UNKNOWN}/extend", {"POST"}),
        ("DELETE", f"/sessions/{UNKNOWN}/events", {"GET"}),
        ("POST", "/quizzes/quiz1", {"GET", "PUT", "DELETE"}),
        ("GET", "/receipts/verify", {"POST"}),
        ("POST", "/health", {"GET"}),
        ("POST", "/docs", {"GET", "HEAD"}),
    ],
)
async def test_another_method_is_a_405_problem(
    client: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    reply = await client.request(method, path)
    check_problem(reply, 405, "method_not_allowed")
    assert set(reply.headers["allow"].split(", ")) == allowed


async def test_each_problem_has_a_request_id_of_its_own(client: httpx.AsyncClient) -> None:
    replies = [await client.get("/nope") for _ in range(2)]
    assert len({reply.json()["request_id"] for reply in replies}) == 2


# Health and documents


async def test_health(client: httpx.AsyncClient) -> None:
    reply = await client.get("/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


async def test_ready_with_both_stores(client: httpx.AsyncClient) -> None:
    reply = await client.get("/health/ready")
    assert (reply.status_code, reply.json()) == (200, {"status": "ready", "database": "up", "cache": "up"})


@pytest.fixture
async def without_valkey(stores: Stores) -> AsyncIterator[httpx.AsyncClient]:
    """An app whose Valkey is not there: nothing listens on port 1."""
    built = build_services(replace(stores.settings, redis_url="redis://127.0.0.1:1"))
    async with client_of(built) as http:
        yield http
    await built.close()


async def test_not_ready_without_valkey(without_valkey: httpx.AsyncClient) -> None:
    reply = await without_valkey.get("/health/ready")
    assert (reply.status_code, reply.json()) == (
        503,
        {"status": "degraded", "database": "up", "cache": "down"},
    )


async def test_healthy_without_valkey(without_valkey: httpx.AsyncClient) -> None:
    assert (await without_valkey.get("/health")).status_code == 200


async def test_an_autosave_without_valkey_is_committed(without_valkey: httpx.AsyncClient) -> None:
    session = await started(without_valkey)
    body = await session.answer(1, "A", autosave=True)
    assert (body["durability"], body["buffered_questions"], body["version"]) == ("committed", [], 1)


@pytest.fixture
async def without_stores(stores: Stores) -> AsyncIterator[httpx.AsyncClient]:
    """An app with neither store."""
    nowhere = replace(
        stores.settings, database_url="postgresql://127.0.0.1:1/quiz", redis_url="redis://127.0.0.1:1"
    )
    built = build_services(nowhere)
    async with client_of(built) as http:
        yield http
    await built.close()


@pytest.mark.parametrize(
    ("method", "path", "body"), [("POST", "/sessions/start", TO_START), *EVERY_SESSION_ENDPOINT[:3]]
)
async def test_without_stores_a_request_may_be_tried_again(
    without_stores: httpx.AsyncClient, method: str, path: str, body: object
) -> None:
    reply = await without_stores.request(method, path.format(UNKNOWN), json=body)
    check_problem(reply, 503, "store_unavailable")
    assert int(reply.headers["retry-after"]) > 0


async def test_not_ready_without_stores(without_stores: httpx.AsyncClient) -> None:
    reply = await without_stores.get("/health/ready")
    assert (reply.status_code, reply.json()) == (
        503,
        {"status": "degraded", "database": "down", "cache": "down"},
    )


async def test_docs(client: httpx.AsyncClient) -> None:
    reply = await client.get("/docs")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert "/openapi.json" in reply.text


async def test_openapi(client: httpx.AsyncClient) -> None:
    reply = await client.get("/openapi.json")
    assert reply.status_code == 200
    assert reply.json()["info"]["title"] == "Quiz Sessions"
    assert "/sessions/{session_id}/progress" in reply.json()["paths"]
