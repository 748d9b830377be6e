"""What holds of every endpoint: versions, the clock, ids, the framework's own errors, health."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from quiz_sessions.bootstrap import build_services
from tests.harness.builders import SECOND, START
from tests.harness.gateway import Gateway
from tests.harness.service import client_of
from tests.harness.stores import Stores
from tests.integration.contract import (
    LIMIT,
    MILLI,
    ONE,
    TO_START,
    UNKNOWN,
    Progress,
    Store,
    check_problem,
    check_session,
    expire,
    lasting,
    started,
)

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


# At a version


@pytest.mark.parametrize("autosave", [False, True])
async def test_the_current_version_is_accepted(session: Progress, autosave: bool) -> None:
    await session.answer(1, "A")
    assert (await session.answer(2, "B", version=1, autosave=autosave))["answers"] == {"1": "A", "2": "B"}


async def test_any_etag_leaves_the_version_to_decide(session: Progress) -> None:
    await session.answer(1, "A")
    reply = await session.patch({"If-Match": "*"}, question_id=2, answer="B", version=0)
    check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "1",
        '"0',
        '"0" "1"',
        "**",
        '*, "0"',
        'w/"0"',
    ],
)
async def test_another_if_match_is_refused(session: Progress, store: Store, tag: str) -> None:
    before = store.everything()
    check_problem(await session.patch({"If-Match": tag}, **ONE), 422, "invalid_input")
    assert store.everything() == before


@pytest.mark.parametrize(
    "tag", ['"x"', '"1"', '"-1"', '""', '"1.0"', '"0-0"', '"' + "9" * 5000 + '"', f'"0-{"0" * 16}"']
)
async def test_a_tag_of_another_session_is_none_of_this_one(
    session: Progress, store: Store, tag: str
) -> None:
    before = store.everything()
    check_problem(await session.patch({"If-Match": tag}, **ONE), 412, "precondition_failed", "session")
    assert store.everything() == before


async def test_the_current_question_moves_behind_the_last_possible_one(session: Progress) -> None:
    assert (await session.answer(2**31 - 1, "A"))["current_question"] == 2**31


async def test_a_path_with_a_slash_too_many_is_not_found(client: httpx.AsyncClient) -> None:
    check_problem(await client.get("/health/"), 404, "not_found")


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_stale_version_is_a_conflict_that_tells_what_has_changed(
    session: Progress, store: Store, autosave: bool
) -> None:
    await session.answer(1, "A")
    await session.answer(2, "B")
    await session.patch(answers={"10": "C", "1": "D"})
    before = store.everything()
    reply = await session.patch(question_id=2, answer="mine", autosave=autosave, version=1)
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
    ("PUT", "/sessions/{}/grades", {"essay": {"points": 1.0}}),
    ("GET", "/sessions/{}/events", None),
    ("GET", "/sessions/{}/verify", None),
]


@pytest.mark.parametrize(("method", "path", "body"), EVERY_SESSION_ENDPOINT)
async def test_an_unknown_session_is_404(
    client: httpx.AsyncClient, store: Store, method: str, path: str, body: object
) -> None:
    reply = await client.request(method, path.format(uuid4()), json=body)
    check_problem(reply, 404, "session_not_found")
    assert store.everything() == {"rows": []}


@pytest.mark.parametrize(("method", "path", "body"), EVERY_SESSION_ENDPOINT)
@pytest.mark.parametrize("session_id", ["nope", "1", UNKNOWN[:-1], UNKNOWN + "0", "%00", "ü", "%F0%9F%99%82"])
async def test_an_id_that_is_no_uuid_is_422(
    client: httpx.AsyncClient, method: str, path: str, body: object, session_id: str
) -> None:
    check_problem(await client.request(method, path.format(session_id), json=body), 422, "invalid_input")


# The framework's own errors


@pytest.mark.parametrize("path", ["/", "/nope", "/users", f"/sessions/{UNKNOWN}/nope", "/redoc"])
async def test_an_unknown_path_is_a_404_problem(client: httpx.AsyncClient, path: str) -> None:
    check_problem(await client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/sessions/start", {"POST"}),
        ("PUT", f"/sessions/{UNKNOWN}", {"GET", "HEAD", "PATCH"}),
        ("POST", f"/sessions/{UNKNOWN}/progress", {"PATCH"}),
        ("GET", f"/sessions/{UNKNOWN}/complete", {"POST"}),
        ("GET", f"/sessions/{UNKNOWN}/abandon", {"POST"}),
        ("POST", "/sessions", {"GET", "HEAD"}),
        ("GET", f"/sessions/{UNKNOWN}/extend", {"POST"}),
        ("DELETE", f"/sessions/{UNKNOWN}/events", {"GET", "HEAD"}),
        ("POST", "/quizzes/quiz1", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
        ("GET", "/receipts/verify", {"POST"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("POST", "/.well-known/jwks.json", {"GET", "HEAD"}),
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


async def test_ready_but_degraded_without_valkey(without_valkey: httpx.AsyncClient) -> None:
    reply = await without_valkey.get("/health/ready")
    assert (reply.status_code, reply.json()) == (
        200,
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
        {"status": "unavailable", "database": "down", "cache": "down"},
    )


async def test_docs(client: httpx.AsyncClient) -> None:
    reply = await client.get("/docs")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert "openapi.json" in reply.text


async def test_openapi(client: httpx.AsyncClient) -> None:
    reply = await client.get("/openapi.json")
    assert reply.status_code == 200
    assert reply.json()["info"]["title"] == "Quiz Sessions"
    assert "/sessions/{session_id}/progress" in reply.json()["paths"]
