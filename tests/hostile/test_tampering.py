"""Cursors and receipts that somebody has changed, and receipts signed by others."""

from __future__ import annotations

import json
import string
from typing import Any

import httpx
import pytest

from quiz_sessions.domain import base64url
from tests.harness.service import start_over_http
from tests.harness.signing_keys import ed25519_key, public_part, signed, signed_by_hmac, unsigned
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.hostile.operations import assert_refused, assert_sound

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def spoiled(text: str) -> list[str]:
    """`text` with each of its characters changed, taken away, doubled and escaped."""
    changes = []
    for position, character in enumerate(text):
        head, tail = text[:position], text[position + 1 :]
        # Far enough that it differs in the bits that count, of which the last character has four.
        other = ALPHABET[(ALPHABET.find(character) + 7) % len(ALPHABET)]
        changes += [head + new + tail for new in (other, "", character * 2, "\x00", "é", "=", ".", "\ud7ff")]
    return [change for change in changes if change != text]


async def verified(client: httpx.AsyncClient, receipt: str) -> dict[str, Any]:
    reply = await client.post("/receipts/verify", json={"receipt": receipt})
    assert_sound(reply, receipt)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


# Receipts


async def test_a_receipt_that_was_changed_at_any_character_is_not_genuine(client: httpx.AsyncClient) -> None:
    receipt = (await start_over_http(client))["receipt"]
    assert (await verified(client, receipt))["genuine"]
    for changed in spoiled(receipt):
        proof = await verified(client, changed)
        assert not proof["genuine"], changed
        assert proof["session_id"] is None


async def test_a_part_of_a_receipt_is_not_genuine(client: httpx.AsyncClient) -> None:
    receipt = (await start_over_http(client))["receipt"]
    for length in range(len(receipt)):
        assert not (await verified(client, receipt[:length]))["genuine"]


HEADER = {"alg": "EdDSA", "kid": "k1", "typ": "receipt+jws"}
OURS, OTHER = b"s" * 32, b"o" * 32
FORGED = {
    "alg none": ({**HEADER, "alg": "none"}, OURS),
    "alg None": ({**HEADER, "alg": None}, OURS),
    "no alg": ({"kid": "k1", "typ": "receipt+jws"}, OURS),
    "another algorithm": ({**HEADER, "alg": "HS256"}, OURS),
    "the newer name of the same": ({**HEADER, "alg": "Ed25519"}, OURS),
    "another kind": ({**HEADER, "typ": "beacon+jws"}, OURS),
    "no kind": ({"alg": "EdDSA", "kid": "k1"}, OURS),
    "another key": (HEADER, OTHER),
    "an unknown kid": ({**HEADER, "kid": "k2"}, OURS),
    "no kid": ({"alg": "EdDSA", "typ": "receipt+jws"}, OURS),
    "a kid that is a list": ({**HEADER, "kid": ["k1"]}, OURS),
    "a kid that is an object": ({**HEADER, "kid": {"k1": 1}}, OURS),
    "a kid that is a path": ({**HEADER, "kid": "../../dev/null"}, OURS),
    "a key of its own": ({**HEADER, "jwk": public_part(ed25519_key(seed=OTHER))}, OTHER),
    "something that must be understood": ({**HEADER, "crit": ["b64"], "b64": True}, OURS),
    "a header that is a list": ([HEADER], OURS),
    "a header that must be a string": ("EdDSA", OURS),
    "no header": (None, OURS),
}


@pytest.mark.parametrize(("header", "seed"), FORGED.values(), ids=FORGED)
async def test_a_forged_receipt_is_not_genuine(
    client: httpx.AsyncClient, header: object, seed: bytes
) -> None:
    session = await start_over_http(client)
    payload = json.loads(base64url.decode(session["receipt"].split(".")[1]))
    # As the service signs, it is genuine: the forgery is what fails.
    assert (await verified(client, signed(HEADER, payload, OURS)))["genuine"]
    assert not (await verified(client, signed(header, payload, seed)))["genuine"]


@pytest.mark.parametrize("alg", ["HS256", "EdDSA", "none"])
async def test_what_is_published_of_a_key_signs_nothing(client: httpx.AsyncClient, alg: str) -> None:
    session = await start_over_http(client)
    payload = json.loads(base64url.decode(session["receipt"].split(".")[1]))
    published = (await client.get("/.well-known/jwks.json")).json()["keys"][0]["x"]
    header = {**HEADER, "alg": alg}
    for secret in (b"", published.encode(), base64url.decode(published)):
        assert not (await verified(client, signed_by_hmac(header, payload, secret)))["genuine"]
    assert not (await verified(client, f"{unsigned(header, payload)}."))["genuine"]


@pytest.mark.parametrize("depth", [10, 500, 900, 1000, 1500])
async def test_a_receipt_of_deep_json_is_not_genuine(client: httpx.AsyncClient, depth: int) -> None:
    deep = base64url.encode(b"[" * depth)
    assert not (await verified(client, f"{deep}.e30.e30"))["genuine"]


async def test_a_genuine_receipt_does_not_show_another_session(client: httpx.AsyncClient) -> None:
    mine, other = await start_over_http(client), await start_over_http(client, "user2")
    header, payload, signature = mine["receipt"].split(".")
    changed = {**json.loads(base64url.decode(payload)), "session_id": other["id"]}
    assert not (
        await verified(client, f"{header}.{base64url.encode(json.dumps(changed).encode())}.{signature}")
    )["genuine"]


@pytest.mark.parametrize(
    "answer",
    [r'"\ud800"', r'"\u0000"', "1e999", "[" * 200 + "]" * 200, r'{"\udfff":1}', f'"{"x" * 70_000}"'],
    ids=["half a pair", "NUL", "infinity", "deep", "half a pair as a key", "large"],
)
async def test_answers_that_no_session_can_have_are_refused_with_a_genuine_receipt(
    client: httpx.AsyncClient, answer: str
) -> None:
    receipt = (await start_over_http(client))["receipt"]
    body = f'{{"receipt":"{receipt}","answers":{{"0":{answer}}}}}'
    headers = {"Content-Type": "application/json"}
    assert_refused(await client.post("/receipts/verify", content=body, headers=headers))


async def test_a_receipt_of_no_answers_matches_no_answers(client: httpx.AsyncClient) -> None:
    receipt = (await start_over_http(client))["receipt"]
    body = {"receipt": receipt, "answers": {}}
    assert (await client.post("/receipts/verify", json=body)).json()["answers_match"] is True


async def test_verifying_stores_nothing(client: httpx.AsyncClient, stores: Stores) -> None:
    receipt = (await start_over_http(client))["receipt"]
    before = stores.everything()
    await verified(client, receipt)
    await verified(client, receipt[:-5])
    assert stores.everything() == before


# The trail


@pytest.mark.parametrize(
    "changes",
    ['{"expires_at": "soon"}', '{"answers": null}', '{"late_ms": []}', "[]", "null", '{"status": 1}'],
)
async def test_a_trail_that_was_made_unreadable_is_told_as_broken(
    client: httpx.AsyncClient, database: Database, changes: str
) -> None:
    session = await start_over_http(client)
    await client.patch(f"/sessions/{session['id']}/progress", json={"question_id": 0, "answer": "A"})
    database.execute("UPDATE attempt_events SET changes = %s WHERE revision = 1", [changes])
    reply = await client.get(f"/sessions/{session['id']}/verify")
    assert reply.status_code == 200
    assert reply.json()["intact"] is False
    assert 1 in reply.json()["broken"]
    then = await client.get(f"/sessions/{session['id']}", params={"at_version": 1})
    # An event that tells nothing by which a session is shown does no harm.
    assert (then.status_code, then.json().get("code")) in ((409, "trail_damaged"), (200, None))


# Cursors


async def cursor(client: httpx.AsyncClient) -> str:
    """The cursor behind the first of three sessions of user1; user2 has others."""
    for user in ("user1", "user1", "user1", "user2", "user2"):
        await start_over_http(client, user)
    page = (await client.get("/sessions", params={"user_id": "user1", "limit": 1})).json()
    text: str = page["next_cursor"]
    return text


async def test_a_cursor_that_was_changed_shows_nobody_elses_sessions(client: httpx.AsyncClient) -> None:
    good = await cursor(client)
    for changed in spoiled(good):
        reply = await client.get("/sessions", params={"user_id": "user1", "cursor": changed})
        assert_sound(reply, changed)
        assert reply.status_code in (200, 422)
        if reply.status_code == 200:
            assert {each["user_id"] for each in reply.json()["sessions"]} <= {"user1"}


CURSORS = {
    "nothing readable": b"\xff\xfe",
    "no id": b"1800000000000000:",
    "no time": b":11111111-2222-4333-8444-555555555555",
    "dashes": b"1:" + b"-" * 36,
    "a negative time": b"-1:11111111-2222-4333-8444-555555555555",
    "the year 30000": b"99999999999999999:11111111-2222-4333-8444-555555555555",
    "SQL": b"1:' OR 1=1 --",
    "digits of another script": "٣:11111111-2222-4333-8444-555555555555".encode(),
    "a line end": b"1:11111111-2222-4333-8444-555555555555\n",
}


@pytest.mark.parametrize("text", CURSORS.values(), ids=CURSORS)
async def test_a_made_up_cursor_is_refused(client: httpx.AsyncClient, text: bytes) -> None:
    assert_refused(
        await client.get("/sessions", params={"user_id": "user1", "cursor": base64url.encode(text)})
    )


@pytest.mark.parametrize("micros", [0, 9_999_999_999_999_999])
async def test_a_cursor_of_any_time_is_a_cursor(client: httpx.AsyncClient, micros: int) -> None:
    await start_over_http(client)
    made_up = base64url.encode(f"{micros}:{'0' * 8}-0000-4000-8000-{'0' * 12}".encode())
    reply = await client.get("/sessions", params={"user_id": "user1", "cursor": made_up})
    assert len(reply.json()["sessions"]) == (micros > 0)
