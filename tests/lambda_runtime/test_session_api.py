"""The API's handler under the Lambda runtime, driven with API Gateway's events."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis

from tests.harness.runtime import Runtime, request_event, running_runtime, sample
from tests.harness.stores import Stores

Connection = psycopg.Connection[dict[str, object]]
HOUR_SECONDS = 3600


def body_of(reply: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(reply["body"])
    return body


def start(api: Runtime, **options: Any) -> str:
    return str(body_of(api.invoke(request_event("start", **options)))["id"])


def backends(database: Connection) -> list[object]:
    """Pids of what serves the functions' connections."""
    rows = database.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'quiz-sessions'")
    return [row["pid"] for row in rows.fetchall()]


def cache_clients(valkey: redis.Redis) -> set[str]:
    """Ids of the connections to Valkey, this test's own left out."""
    return {client["id"] for client in valkey.client_list()} - {str(valkey.client_id())}


@pytest.mark.parametrize(
    ("start_name", "progress_name"),
    [("start", "progress"), ("rest_start", "rest_progress")],
    ids=["2.0", "1.0"],
)
def test_a_session_lives_from_start_to_completion(api: Runtime, start_name: str, progress_name: str) -> None:
    started = api.invoke(request_event(start_name))
    session_id = body_of(started)["id"]
    assert (started["statusCode"], body_of(started)["status"]) == (201, "started")
    answered = api.invoke(request_event(progress_name, session_id))
    assert (answered["statusCode"], body_of(answered)["answers"]) == (200, {"0": "A"})
    read = api.invoke(request_event("read", session_id))
    assert (read["statusCode"], body_of(read)["status"]) == (200, "in_progress")
    completed = api.invoke(request_event("complete", session_id))
    assert (completed["statusCode"], body_of(completed)["status"]) == (200, "completed")
    assert body_of(completed)["answers"] == {"0": "A", "1": "B"}


def test_a_sample_event_is_served_as_it_lies_in_its_file(api: Runtime) -> None:
    replies = [api.invoke(sample("start")), api.invoke(sample("start"))]
    # The same Idempotency-Key.
    assert [reply["statusCode"] for reply in replies] == [201, 200]


@pytest.mark.parametrize("name", ["start", "rest_start"])
def test_a_reply_is_plain_text_with_its_headers(api: Runtime, name: str) -> None:
    reply = api.invoke(request_event(name))
    headers = reply["headers"]
    assert headers["location"] == body_of(reply)["id"]
    assert (headers["etag"][:3], headers["cache-control"]) == ('"0-', "no-store")
    assert (headers["content-type"], reply["isBase64Encoded"]) == ("application/json", False)


def test_a_session_that_is_not_there_is_a_problem_in_plain_text(api: Runtime) -> None:
    reply = api.invoke(request_event("read", uuid4()))
    assert (reply["statusCode"], reply["isBase64Encoded"]) == (404, False)
    assert reply["headers"]["content-type"] == "application/problem+json"
    assert body_of(reply)["code"] == "session_not_found"


def test_an_answer_to_a_completed_session_is_a_problem_in_plain_text(api: Runtime) -> None:
    session_id = start(api)
    api.invoke(request_event("complete", session_id))
    reply = api.invoke(request_event("progress", session_id))
    assert (reply["statusCode"], reply["isBase64Encoded"]) == (409, False)
    assert reply["headers"]["content-type"] == "application/problem+json"
    assert body_of(reply)["code"] == "session_closed"


@pytest.mark.parametrize("name", ["progress", "rest_progress"])
def test_a_problem_names_the_request_id_of_the_gateway(api: Runtime, name: str) -> None:
    event = request_event(name, uuid4())
    assert body_of(api.invoke(event))["request_id"] == event["requestContext"]["requestId"]


def test_the_log_line_names_the_request_id_of_the_gateway(api: Runtime) -> None:
    event = request_event("progress", str(uuid4()))
    api.invoke(event)
    lines = [json.loads(line) for line in api.log().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == event["requestContext"]["requestId"]]
    assert (line["method"], line["status"]) == ("PATCH", 404)


def started_ago(api: Runtime, database: Connection, seconds: int, limit: int) -> str:
    """A session that began so long ago, and was to last so long."""
    session_id = start(api, millis=millis_ago(seconds))
    database.execute(
        "UPDATE quiz_attempts SET expires_at = started_at + make_interval(secs => %s) WHERE id = %s",
        [limit, session_id],
    )
    return session_id


def millis_ago(seconds: int) -> int:
    return time.time_ns() // 1_000_000 - seconds * 1000


@pytest.mark.parametrize("name", ["progress", "rest_progress"])
def test_a_request_that_the_gateway_received_after_the_deadline_is_410(
    api: Runtime, database: Connection, name: str
) -> None:
    session_id = started_ago(api, database, 40, 5)
    reply = api.invoke(request_event(name, session_id, millis=millis_ago(34)))
    assert (reply["statusCode"], body_of(reply)["code"]) == (410, "session_expired")


@pytest.mark.parametrize("name", ["progress", "rest_progress"])
def test_a_request_that_the_gateway_received_in_time_counts_however_late_it_is_served(
    api: Runtime, database: Connection, name: str
) -> None:
    session_id = started_ago(api, database, 40, 5)
    reply = api.invoke(request_event(name, session_id, millis=millis_ago(36)))
    assert (reply["statusCode"], body_of(reply)["answers"]) == (200, {"0": "A"})


@pytest.mark.parametrize("name", ["progress", "rest_progress"])
@pytest.mark.parametrize("claimed", [HOUR_SECONDS, -HOUR_SECONDS], ids=["long ago", "to come"])
def test_a_time_of_the_gateway_that_can_not_be_buys_nothing(
    api: Runtime, database: Connection, name: str, claimed: int
) -> None:
    session_id = started_ago(api, database, 40, 5)
    reply = api.invoke(request_event(name, session_id, millis=millis_ago(claimed)))
    assert (reply["statusCode"], body_of(reply)["code"]) == (410, "session_expired")
    lines = [json.loads(line) for line in api.log().splitlines() if line.startswith("{")]
    assert any("GatewayTimeRefused" in line for line in lines)


def test_a_session_starts_when_the_gateway_received_the_request(api: Runtime, database: Connection) -> None:
    received = millis_ago(20)
    session_id = start(api, millis=received)
    row = database.execute(
        "SELECT (extract(epoch FROM started_at) * 1000)::bigint AS millis FROM quiz_attempts WHERE id = %s",
        [session_id],
    ).fetchone()
    assert row == {"millis": received}


def test_a_body_in_base64_is_read(api: Runtime) -> None:
    event = request_event("progress", start(api), body={"question_id": 0, "answer": "Größe 🎓"})
    event["body"] = base64.b64encode(event["body"].encode()).decode()
    event["isBase64Encoded"] = True
    assert body_of(api.invoke(event))["answers"] == {"0": "Größe 🎓"}


@pytest.mark.parametrize("name", ["progress", "rest_progress"])
def test_an_answer_outside_ascii_comes_back_as_it_was(api: Runtime, name: str) -> None:
    answer = {"ключ": ["naïve", "数学", "👩🏽‍🎓", "\u2028"]}
    session_id = start(api)
    api.invoke(request_event(name, session_id, body={"question_id": 0, "answer": answer}))
    assert body_of(api.invoke(request_event("read", session_id)))["answers"] == {"0": answer}


def test_a_fresh_runtime_connects_to_neither_store_before_it_must(
    stores: Stores, database: Connection, valkey: redis.Redis, tmp_path: Path
) -> None:
    before = set(backends(database)), cache_clients(valkey)
    with running_runtime("session_api.handler.handler", stores, tmp_path) as fresh:
        event = request_event("read")
        event["rawPath"] = event["requestContext"]["http"]["path"] = "/health"
        # The emulator initializes a runtime only with its first invocation.
        assert fresh.invoke(event)["statusCode"] == 200
        assert (set(backends(database)), cache_clients(valkey)) == before


def test_connections_survive_from_one_invocation_to_the_next(
    api: Runtime, database: Connection, valkey: redis.Redis
) -> None:
    session_id = start(api)
    before = backends(database), cache_clients(valkey)
    api.invoke(request_event("progress", session_id))
    assert (backends(database), cache_clients(valkey)) == before
    assert (len(before[0]), len(before[1])) == (1, 1)


def test_a_connection_to_postgres_that_broke_is_made_again(api: Runtime, database: Connection) -> None:
    session_id = start(api)
    (broken,) = backends(database)
    database.execute("SELECT pg_terminate_backend(%s::int)", [broken])
    reply = api.invoke(request_event("progress", session_id))
    assert (reply["statusCode"], body_of(reply)["durability"]) == (200, "committed")
    (made,) = backends(database)
    assert made != broken


def test_a_connection_to_valkey_that_broke_is_made_again(api: Runtime, valkey: redis.Redis) -> None:
    session_id = start(api)
    (broken,) = cache_clients(valkey)
    valkey.client_kill_filter(_id=broken)
    body = {"question_id": 0, "answer": "A", "autosave": True}
    reply = api.invoke(request_event("progress", session_id, body=body))
    assert (reply["statusCode"], body_of(reply)["durability"]) == (200, "buffered")
    (made,) = cache_clients(valkey)
    assert made != broken


def test_a_runtime_complains_about_nothing(stores: Stores, tmp_path: Path) -> None:
    with running_runtime("session_api.handler.handler", stores, tmp_path) as fresh:
        session_id = start(fresh)
        fresh.invoke(request_event("progress", session_id))
        fresh.invoke(request_event("complete", session_id))
        assert "warn" not in fresh.log().lower()
