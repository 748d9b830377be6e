"""How a session is started over HTTP, once or again with the same key."""

import asyncio
import json
from datetime import datetime
from uuid import UUID

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from tests.harness.gateway import Gateway
from tests.harness.service import app_of, client_of, with_tokens
from tests.integration.contract import (
    JSON_TYPE,
    TO_START,
    Progress,
    Store,
    check_problem,
    check_session,
    check_start,
    lasting,
    started,
)

# Starting


async def test_start_replies_201_with_a_session(client: httpx.AsyncClient) -> None:
    check_start(await client.post("/sessions/start", json=TO_START))


async def test_a_new_session_is_empty(client: httpx.AsyncClient) -> None:
    body = (await client.post("/sessions/start", json=TO_START)).json()
    untold = {
        "id",
        "started_at",
        "expires_at",
        "accepts_until",
        "last_updated",
        "server_time",
        "next_autosave_after_ms",
    }
    assert {name: body[name] for name in body if name not in untold} == {
        "user_id": "user1",
        "quiz_id": "quiz1",
        "attempt_no": 1,
        "status": "started",
        "current_question": 0,
        "answers": {},
        "version": 0,
        "time_remaining": 1800,
        "paused": False,
        "pause_seconds": 0,
        "sections": None,
        "completed_at": None,
        "group": None,
        "label": None,
        "metadata": None,
        "unread_notices": 0,
        "late_ms": 0,
        "score": None,
        "max_score": None,
        "grading": None,
        "durability": "committed",
        "buffered_questions": [],
        "answer_tags": {},
        "receipt": None,
        "resumed": False,
    }


async def test_start_says_where_the_session_is(client: httpx.AsyncClient) -> None:
    reply = await client.post("/sessions/start", json=TO_START)
    # Relative to the request's own address, so that whatever stands in front of both stays there.
    assert reply.headers["location"] == reply.json()["id"]
    place = reply.url.join(reply.headers["location"])
    assert (await client.get(place)).json()["id"] == reply.json()["id"]


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
    quiz_id = name.replace("/", "\\")
    session = await started(client, user_id=name, quiz_id=quiz_id)
    store.forget_cached(session)
    shown = await session.read()
    assert (shown["user_id"], shown["quiz_id"]) == (name, quiz_id)


@pytest.mark.parametrize("quiz_id", ["a/b", "/", ".", "..", "a/"])
async def test_a_quiz_that_no_path_can_name_is_not_started(client: httpx.AsyncClient, quiz_id: str) -> None:
    reply = await client.post("/sessions/start", json={"user_id": "user1", "quiz_id": quiz_id})
    assert (reply.status_code, reply.json()["errors"][0]["location"]) == (422, "body.quiz_id")


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
    assert store.everything() == {"rows": []}


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
    assert store.everything() == {"rows": []}
