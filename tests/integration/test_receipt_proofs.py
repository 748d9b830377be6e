"""Receipts over HTTP: who gets one, and what it proves, whatever has happened since."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.timestamps import to_micros
from quiz_sessions.services.jws import MAX_CHARACTERS
from tests.harness.builders import LATER, SECOND, START
from tests.harness.canonical_cases import CASES, Case
from tests.harness.service import client_of, services_on, start_over_http
from tests.harness.signing_keys import RECEIPT_KEYS, ed25519_key, held, hmac_key, public_part
from tests.harness.stores import Stores
from tests.harness.tables import Database


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    """A process that signs."""
    async with services_on(stores, receipt_keys=RECEIPT_KEYS) as built:
        yield built


async def keep(client: httpx.AsyncClient, session_id: str, answers: dict[str, Any], **more: Any) -> Any:
    body = {"answers": answers, **more}
    return (await client.patch(f"/sessions/{session_id}/progress", json=body)).json()


async def prove(client: httpx.AsyncClient, receipt: str, answers: Any = None) -> tuple[Any, Any, Any]:
    """Whether it is genuine, recorded, and for these answers."""
    body = {"receipt": receipt} if answers is None else {"receipt": receipt, "answers": answers}
    proof = (await client.post("/receipts/verify", json=body)).json()
    return proof["genuine"], proof["recorded"], proof["answers_match"]


# Who gets one


async def test_every_committed_write_has_a_receipt_for_all_answers(client: httpx.AsyncClient) -> None:
    started = await start_over_http(client)
    path = f"/sessions/{started['id']}"
    kept = await keep(client, started["id"], {"0": "A"})
    done = (await client.post(f"{path}/complete", json={"answers": {"1": "B"}})).json()
    for session, answers in ((started, {}), (kept, {"0": "A"}), (done, {"0": "A", "1": "B"})):
        assert await prove(client, session["receipt"], answers) == (True, True, True)


async def test_a_receipt_says_what_the_reply_says(client: httpx.AsyncClient, database: Database) -> None:
    session = await keep(client, (await start_over_http(client))["id"], {"0": "A"})
    proof = (await client.post("/receipts/verify", json={"receipt": session["receipt"]})).json()
    (published,) = (await client.get("/.well-known/jwks.json")).json()["keys"]
    claims = jwt.decode(session["receipt"], jwt.PyJWK(published), algorithms=["EdDSA"])
    assert proof["session_id"] == claims["session_id"] == session["id"]
    assert proof["version"] == claims["version"] == session["version"]
    assert proof["answers_sha256"] == claims["answers_sha256"]
    event = database.execute("SELECT at FROM attempt_events WHERE revision = 1").fetchone()
    assert event is not None
    assert claims["committed_at"] == to_micros(event["at"]) / 1_000_000


async def test_giving_up_has_a_receipt(services: Services) -> None:
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    given_up = await services.sessions.abandon(session.id, at=LATER)
    assert given_up.receipt is not None
    assert (await services.audit.prove(given_up.receipt, {})).recorded


async def test_a_repeated_write_has_a_receipt_too(client: httpx.AsyncClient) -> None:
    session_id = (await start_over_http(client))["id"]
    first = await keep(client, session_id, {"0": "A"}, version=0)
    again = await keep(client, session_id, {"0": "A"}, version=0)
    assert again["version"] == first["version"]
    assert await prove(client, again["receipt"], {"0": "A"}) == (True, True, True)


async def test_a_write_in_the_grace_has_a_receipt(services: Services) -> None:
    await services.administration.put_quiz("quiz1", QuizRules(grace_seconds=60), at=START)
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    late = await services.sessions.update_answer(session.id, 0, "A", at=START + 1801 * SECOND)
    assert late.late_ms == 1000
    assert late.receipt is not None
    assert (await services.audit.prove(late.receipt, {"0": "A"})).recorded


async def test_what_was_in_time_and_arrived_after_the_expiry_has_a_receipt(services: Services) -> None:
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    await services.sessions.get_session(session.id, at=START + 1801 * SECOND)
    held_up = await services.sessions.update_answer(session.id, 0, "A", at=START + 1800 * SECOND)
    assert held_up.receipt is not None
    assert (await services.audit.prove(held_up.receipt, {"0": "A"})).recorded


async def test_what_is_only_buffered_or_read_has_none(client: httpx.AsyncClient) -> None:
    session_id = (await start_over_http(client))["id"]
    assert (await keep(client, session_id, {"0": "A"}, autosave=True))["receipt"] is None
    assert (await client.get(f"/sessions/{session_id}")).json()["receipt"] is None


async def test_the_receipt_of_a_write_leaves_out_what_others_have_buffered(client: httpx.AsyncClient) -> None:
    session_id = (await start_over_http(client))["id"]
    await keep(client, session_id, {"1": "draft"}, autosave=True)
    kept = await keep(client, session_id, {"0": "A"})
    assert kept["answers"] == {"0": "A", "1": "draft"}
    assert await prove(client, kept["receipt"], {"0": "A"}) == (True, True, True)


async def test_a_graded_completion_has_a_receipt(services: Services, client: httpx.AsyncClient) -> None:
    questions = parse_questions({"0": {"grading": "exact", "key": "A"}})
    await services.administration.put_quiz("quiz1", QuizRules(questions=questions))
    session_id = (await start_over_http(client))["id"]
    done = (await client.post(f"/sessions/{session_id}/complete", json={"answers": {"0": "A"}})).json()
    assert done["score"] == 1
    assert await prove(client, done["receipt"], {"0": "A"}) == (True, True, True)


# What it proves


@pytest.mark.parametrize(
    "answers", [{}, {"0": "B"}, {"0": "A", "1": "B"}, {"1": "A"}, {"0": ["A"]}, {"0": None}]
)
async def test_other_answers_do_not_match(client: httpx.AsyncClient, answers: dict[str, Any]) -> None:
    session = await keep(client, (await start_over_http(client))["id"], {"0": "A"})
    assert await prove(client, session["receipt"], answers) == (True, True, False)


async def test_without_answers_nothing_is_said_of_them(client: httpx.AsyncClient) -> None:
    session = await keep(client, (await start_over_http(client))["id"], {"0": "A"})
    assert await prove(client, session["receipt"]) == (True, True, None)


@pytest.mark.parametrize(
    "answer", [1, 1.0, 1.5, True, None, "ü\u2028", {"b": [1, {}], "a": 1e-7}, 2**70, 1e23, -0.0, "\U0001f600"]
)
async def test_the_answers_as_they_are_shown_match(client: httpx.AsyncClient, answer: object) -> None:
    session = await keep(client, (await start_over_http(client))["id"], {"0": answer, "x": "y"})
    shown = dict(reversed(session["answers"].items()))
    assert await prove(client, session["receipt"], shown) == (True, True, True)


@pytest.mark.parametrize("case", [case for case in CASES if case.answers != "{}"], ids=lambda case: case.name)
async def test_a_receipt_has_the_hash_of_the_table_whatever_jsonb_makes_of_a_number(
    client: httpx.AsyncClient, case: Case
) -> None:
    session_id = (await start_over_http(client))["id"]
    headers = {"content-type": "application/json"}
    kept = await client.patch(
        f"/sessions/{session_id}/progress", content=f'{{"answers": {case.answers}}}', headers=headers
    )
    receipt = kept.json()["receipt"]
    claims = jwt.decode(receipt, options={"verify_signature": False})
    assert claims["answers_sha256"] == case.sha256
    body = f'{{"receipt": "{receipt}", "answers": {case.answers}}}'
    proof = (await client.post("/receipts/verify", content=body, headers=headers)).json()
    assert (proof["recorded"], proof["answers_match"]) == (True, True)
    shown = (await client.get(f"/sessions/{session_id}")).json()["answers"]
    assert await prove(client, receipt, shown) == (True, True, True)


async def test_it_still_proves_it_after_everything_that_follows(
    services: Services, client: httpx.AsyncClient
) -> None:
    session_id = (await start_over_http(client))["id"]
    kept = await keep(client, session_id, {"0": "A"})
    await keep(client, session_id, {"0": "B"})
    await client.post(f"/sessions/{session_id}/extend", json={"seconds": 60, "reason": "a fire drill"})
    await client.post(f"/sessions/{session_id}/complete", json={})
    await services.scores.set_score(session_id, 1, 2, "read")
    assert await prove(client, kept["receipt"], {"0": "A"}) == (True, True, True)
    assert await prove(client, kept["receipt"], {"0": "B"}) == (True, True, False)


async def test_a_row_changed_in_the_database_does_not_take_the_proof_away(
    services: Services, client: httpx.AsyncClient, database: Database
) -> None:
    kept = await keep(client, (await start_over_http(client))["id"], {"0": "A"})
    database.execute('UPDATE quiz_attempts SET answers = \'{"0": "B"}\', version = 9')
    assert await prove(client, kept["receipt"], {"0": "A"}) == (True, True, True)
    assert (await services.audit.verify(UUID(kept["id"]))).differs == ["answers", "version"]


@pytest.mark.parametrize(
    "change",
    [
        'UPDATE attempt_events SET changes = \'{"answers": {"0": "B"}}\' WHERE revision = 1',
        "UPDATE attempt_events SET at = at - interval '1 hour' WHERE revision = 0",
        "DELETE FROM attempt_events WHERE revision = 0",
        "DELETE FROM attempt_events WHERE revision = 1",
        "DELETE FROM attempt_events",
        "DELETE FROM quiz_attempts",
        # With everything made to fit but for what the receipt remembers.
        """
        UPDATE attempt_events
        SET changes = forged, digest = attempt_event_digest(nonce, forged), hash = attempt_event_hash(
            (SELECT hash FROM attempt_events WHERE revision = 0), attempt_id, revision, version, type,
            attempt_event_digest(nonce, forged), at
        )
        FROM (SELECT '{"answers": {"0": "B"}}'::jsonb AS forged) AS attack WHERE revision = 1""",
    ],
)
async def test_a_trail_that_was_changed_does_not_say_the_same(
    client: httpx.AsyncClient, database: Database, change: str
) -> None:
    kept = await keep(client, (await start_over_http(client))["id"], {"0": "A"})
    await keep(client, kept["id"], {"0": "C"})
    assert database.execute(change).rowcount > 0
    assert await prove(client, kept["receipt"], {"0": "A"}) == (True, False, True)


async def test_a_trail_whose_last_event_is_gone_does_not_say_the_same(
    services: Services, client: httpx.AsyncClient, database: Database
) -> None:
    questions = parse_questions({"0": {"grading": "exact", "key": "A"}})
    await services.administration.put_quiz("quiz1", QuizRules(questions=questions))
    session_id = (await start_over_http(client))["id"]
    done = (await client.post(f"/sessions/{session_id}/complete", json={"answers": {"0": "A"}})).json()
    # It holds no answer and has the version of the one before.
    database.execute("DELETE FROM attempt_events WHERE type = 'graded'")
    assert await prove(client, done["receipt"], {"0": "A"}) == (True, False, True)


async def test_a_trail_changed_further_on_says_the_same(
    client: httpx.AsyncClient, database: Database
) -> None:
    kept = await keep(client, (await start_over_http(client))["id"], {"0": "A"})
    later = await keep(client, kept["id"], {"0": "B"})
    database.execute("UPDATE attempt_events SET version = 7 WHERE revision = 2")
    assert await prove(client, kept["receipt"], {"0": "A"}) == (True, True, True)
    assert await prove(client, later["receipt"], {"0": "B"}) == (True, False, True)


async def test_a_row_that_was_changed_shows_in_the_next_receipt(
    client: httpx.AsyncClient, database: Database
) -> None:
    kept = await keep(client, (await start_over_http(client))["id"], {"0": "A"})
    database.execute('UPDATE quiz_attempts SET answers = \'{"0": "B"}\'')
    later = await keep(client, kept["id"], {"1": "C"})
    assert await prove(client, later["receipt"], {"0": "B", "1": "C"}) == (True, False, True)


async def test_a_receipt_of_others_proves_nothing(stores: Stores, client: httpx.AsyncClient) -> None:
    others = build_services(replace(stores.settings, receipt_keys=held("k1", ed25519_key(seed=b"x" * 32))))
    session = await others.sessions.create_session("user1", "quiz1")
    await others.close()
    assert session.receipt is not None
    proof = (await client.post("/receipts/verify", json={"receipt": session.receipt, "answers": {}})).json()
    assert proof == {
        "genuine": False, "recorded": False, "answers_match": None, "session_id": None, "version": None,
        "answers_sha256": None, "committed_at": None,
    }  # fmt: skip


# What is sent in


@pytest.mark.parametrize(("length", "status"), [(MAX_CHARACTERS, 200), (MAX_CHARACTERS + 1, 422)])
async def test_the_longest_text_that_is_looked_at(
    client: httpx.AsyncClient, length: int, status: int
) -> None:
    assert (await client.post("/receipts/verify", json={"receipt": "x" * length})).status_code == status


@pytest.mark.parametrize(
    "answers", [{"0": "\ud800"}, {"\ud800": 0}, {"0": {"\x00": 1}}, {"0": "\x00"}, {"": 0}]
)
async def test_answers_that_no_session_can_hold_are_refused(
    client: httpx.AsyncClient, answers: dict[str, Any]
) -> None:
    kept = await keep(client, (await start_over_http(client))["id"], {"0": "A"})
    body = json.dumps({"receipt": kept["receipt"], "answers": answers})
    reply = await client.post("/receipts/verify", content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")


# The public keys


async def test_the_public_keys_may_be_cached_and_have_nothing_secret(client: httpx.AsyncClient) -> None:
    reply = await client.get("/.well-known/jwks.json")
    assert (reply.status_code, reply.json()) == (200, {"keys": [public_part(ed25519_key())]})
    assert reply.headers["cache-control"] == "public, max-age=300"
    assert reply.headers["vary"] == "Origin"


async def test_former_and_coming_keys_are_public_too(stores: Stores) -> None:
    former, current, coming = (ed25519_key(kid, kid.encode() * 16) for kid in ("k1", "k2", "k3"))
    secret = held("k2", public_part(former), current, coming)
    async with services_on(stores, receipt_keys=secret) as services, client_of(services) as http:
        published = (await http.get("/.well-known/jwks.json")).json()["keys"]
        assert published == [public_part(key) for key in (former, current, coming)]


async def test_without_keys_the_set_of_public_ones_is_empty(stores: Stores) -> None:
    async with services_on(stores) as services, client_of(services) as http:
        reply = await http.get("/.well-known/jwks.json")
        assert (reply.status_code, reply.json()) == (200, {"keys": []})


# Without keys


@pytest.mark.parametrize("unusable", ["", "nonsense", "{}", held("k1", hmac_key())])
async def test_a_write_succeeds_where_the_keys_are_unusable(stores: Stores, unusable: str) -> None:
    services = build_services(replace(stores.settings, receipt_keys=unusable))
    async with client_of(services) as client:
        session_id = (await start_over_http(client))["id"]
        kept = await keep(client, session_id, {"0": "A"})
        assert (kept["durability"], kept["receipt"]) == ("committed", None)
        # Nobody can say what is genuine, or with which keys to find out.
        for reply in (
            await client.post("/receipts/verify", json={"receipt": "e30.e30.e30"}),
            await client.get("/.well-known/jwks.json"),
        ):
            assert (reply.status_code, reply.json()["code"]) == (503, "secret_unavailable")
            assert reply.headers["cache-control"] == "no-store"
    await services.close()
