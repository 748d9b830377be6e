"""SQL, Lua and other programs in every string of every operation: they are kept as text, or refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import redis

from tests.harness.service import start_over_http
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.hostile.operations import OPERATIONS, assert_sound, find

SNIPPETS = [
    "'; DROP TABLE quiz_attempts CASCADE; --",
    "' OR '1'='1",
    "1); SELECT pg_sleep(30); --",
    "' || (SELECT rolpassword FROM pg_authid LIMIT 1) || '",
    "\\'; TRUNCATE attempt_events; --",
    "$$; DELETE FROM quizzes; $$",
    '"; DROP TABLE quizzes; --',
    "'}'::jsonb || '{\"0\": 1}",
    "%s",
    "%(id)s",
    "%%(owner)s %",
    "{session_id}",
    "{0.__class__.__init__.__globals__}",
    "]] redis.call('FLUSHALL') --",
    "'); redis.call('FLUSHALL'); return redis.call('SET', 'owned', '1') --",
    "return redis.call('FLUSHALL')",
    "\r\nFLUSHALL\r\n",
    "*1\r\n$8\r\nFLUSHALL\r\n",
    "%d+",
    "q:0",
    "current_question",
    "{session:x}:drafts",
    "dirty:0",
    "../../etc/passwd",
    "${jndi:ldap://127.0.0.1/x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "__proto__",
    "\u202egnp.exe",
    "\x1b[2J\x07\x7f",
]
BYSTANDER = "bystander"


def of_bystander(stores: Stores) -> list[Any]:
    """What is stored of a user and a quiz that no request of these tests names."""
    return [
        line
        for name, found in stores.everything().items()
        if name in ("quiz_attempts", "attempt_events", "attempt_counters", "quizzes", "user_accommodations")
        for (line,) in found
        if BYSTANDER in line
    ]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=repr)
async def test_no_string_is_run_by_a_store(
    client: httpx.AsyncClient, stores: Stores, valkey: redis.Redis, database: Database, snippet: str
) -> None:
    await find("/quizzes/{quiz_id}").at(quiz_id=BYSTANDER).send(client)
    bystander = await start_over_http(client, BYSTANDER, BYSTANDER)
    draft = {"question_id": BYSTANDER, "answer": "A", "autosave": True}
    await client.patch(f"/sessions/{bystander['id']}/progress", json=draft)
    before = of_bystander(stores)
    session = await start_over_http(client)
    for operation in OPERATIONS:
        for changed in operation.of(session).with_each_string(snippet):
            assert_sound(await changed.send(client), f"{changed}")
    assert of_bystander(stores) == before
    assert valkey.hkeys(f"{{session:{bystander['id']}}}:drafts") == [f"q:{BYSTANDER}".encode()]
    # What a snippet would have made or run in the background.
    assert not valkey.exists("owned")
    assert database.execute(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE query ~ 'pg_sleep\\(30'"
    ).fetchone() == {"n": 0}


def without_slash(snippet: str) -> str:
    """As a quiz may be called, which stands in paths."""
    return snippet.replace("/", "\\")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=repr)
async def test_every_string_is_kept_as_it_was_sent(client: httpx.AsyncClient, snippet: str) -> None:
    quiz_id = without_slash(snippet)
    session = await start_over_http(client, snippet, quiz_id)
    assert (session["user_id"], session["quiz_id"]) == (snippet, quiz_id)
    path = f"/sessions/{session['id']}"
    answer = {snippet: [snippet]}
    await client.patch(f"{path}/progress", json={"question_id": snippet, "answer": answer})
    draft = {"question_id": f"draft {snippet}", "answer": answer, "autosave": True}
    await client.patch(f"{path}/progress", json=draft)
    await client.post(f"{path}/extend", json={"seconds": 60, "reason": snippet})
    assert (await client.get(path)).json()["answers"] == {snippet: answer, f"draft {snippet}": answer}
    trail = (await client.get(f"{path}/events")).json()["events"]
    assert trail[1]["changes"]["answers"] == {snippet: answer}
    assert trail[2]["changes"]["reason"] == snippet
    assert (await client.get(f"{path}/verify")).json()["intact"]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=repr)
async def test_a_filter_finds_what_is_named_so_and_nothing_else(
    client: httpx.AsyncClient, snippet: str
) -> None:
    await start_over_http(client)
    names = {"user_id": snippet, "quiz_id": without_slash(snippet)}
    mine = await start_over_http(client, *names.values())
    for name, value in names.items():
        found = (await client.get("/sessions", params={name: value})).json()["sessions"]
        assert [each["id"] for each in found] == [mine["id"]]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=repr)
async def test_a_key_repeats_its_own_start_alone(client: httpx.AsyncClient, snippet: str) -> None:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    await client.post("/sessions/start", json=body, headers={"Idempotency-Key": "another"})
    headers = [(b"Idempotency-Key", snippet.encode())]
    first, again = [await client.post("/sessions/start", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
