"""Beacons: the last answers of a page that is being closed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import ForbiddenError
from quiz_sessions.domain.tags import writer_of
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.beacons import SECONDS
from tests.harness.service import client_of, services_on
from tests.harness.signing_keys import BEACON_KEYS, RECEIPT_KEYS
from tests.harness.stores import Stores
from tests.integration.contract import Progress, Store, check_problem, started

A = {"X-Client-Id": "client-a"}
TEXT = {"Content-Type": "text/plain;charset=UTF-8"}


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    """The parts of a process that has keys to sign with."""
    async with services_on(stores, receipt_keys=RECEIPT_KEYS, beacon_keys=BEACON_KEYS) as built:
        yield built


async def token_of(session: Progress) -> str:
    reply = await session.http.post(f"{session.path}/beacon-token", headers=A)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["token"])


async def send(
    session: Progress, token: str, headers: Mapping[str, str] = TEXT, **body: Any
) -> httpx.Response:
    text = json.dumps({"token": token, **body})
    return await session.http.post(f"{session.path}/beacon", content=text, headers=headers)


async def test_a_beacon_is_an_autosave_of_its_client(session: Progress) -> None:
    reply = await send(session, await token_of(session), answers={"essay": "the last words"})
    assert (reply.status_code, reply.content) == (204, b"")
    body = await session.read()
    assert (body["answers"], body["buffered_questions"]) == ({"essay": "the last words"}, ["essay"])
    assert body["answer_tags"]["essay"].endswith(writer_of("client-a"))


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}, {"Content-Type": "x/y"}])
async def test_any_content_type_will_do(session: Progress, headers: dict[str, str]) -> None:
    assert (await send(session, await token_of(session), headers, answers={"1": "A"})).status_code == 204


async def test_a_beacon_sent_twice_is_kept_once(session: Progress) -> None:
    token = await token_of(session)
    await send(session, token, answers={"essay": "one"})
    await session.patch(A, question_id="essay", answer="two", autosave=True)
    assert (await send(session, token, answers={"essay": "one"})).status_code == 204
    assert (await session.read())["answers"] == {"essay": "two"}


async def test_a_token_is_good_for_one_beacon(session: Progress) -> None:
    token = await token_of(session)
    await send(session, token, answers={"essay": "one"})
    problem = check_problem(
        await send(session, token, answers={"essay": "two"}), 422, "idempotency_key_reused"
    )
    assert [each["location"] for each in problem["errors"]] == ["body.token"]
    assert (await session.read())["answers"] == {"essay": "one"}


@pytest.mark.parametrize(("answer", "status"), [("one", 204), ("two", 422)])
async def test_a_used_token_is_recognised_after_the_end(session: Progress, answer: str, status: int) -> None:
    token = await token_of(session)
    await send(session, token, answers={"essay": "one"}, based_on={"essay": None})
    await session.complete()
    reply = await send(session, token, answers={"essay": answer}, based_on={"essay": None})
    assert reply.status_code == status
    assert (await session.read())["answers"] == {"essay": "one"}


async def test_a_beacon_is_judged_by_what_it_is_based_on(session: Progress) -> None:
    await session.patch({"X-Client-Id": "client-b"}, question_id="essay", answer="theirs", autosave=True)
    token = await token_of(session)
    reply = await send(session, token, answers={"essay": "mine"}, based_on={"essay": None})
    check_problem(reply, 409, "answer_conflict")


async def test_a_token_of_another_session_is_refused(session: Progress, store: Store) -> None:
    other = await started(session.http, user_id="user2")
    before = store.everything()
    check_problem(await send(session, await token_of(other), answers={"1": "A"}), 403, "forbidden")
    assert store.everything() == before


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 2000])
async def test_what_is_no_token_is_refused(session: Progress, token: str) -> None:
    check_problem(await send(session, token, answers={"1": "A"}), 403, "forbidden")


async def test_a_receipt_is_no_token(session: Progress) -> None:
    receipt = (await session.answer(1, "A"))["receipt"]
    check_problem(await send(session, receipt, answers={"1": "B"}), 403, "forbidden")


async def test_a_token_is_no_receipt(services: Services, session: Progress) -> None:
    assert await services.receipts.verify(await token_of(session)) is None


async def test_a_token_is_not_good_for_ever(services: Services, session: Progress) -> None:
    at, session_id = current_micros(), UUID(session.id)
    issued = await services.beacons.issue(session_id, client_id=None, owner=None, at=at)
    late = at + SECONDS * 1_000_000 + 1
    with pytest.raises(ForbiddenError):
        await services.beacons.receive(session_id, issued.token, {"1": "A"}, None, at=late)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 422),
        ("{", 400),
        ("[]", 422),
        ('{"token":"x"}', 422),
        ('{"token":"x","answers":{"1":1},"a":1}', 422),
    ],
)
async def test_a_body_that_is_no_beacon_is_refused(session: Progress, text: str, status: int) -> None:
    reply = await session.http.post(f"{session.path}/beacon", content=text, headers=TEXT)
    assert reply.status_code == status


async def test_there_is_no_token_for_a_session_that_there_is_not(client: httpx.AsyncClient) -> None:
    reply = await client.post("/sessions/00000000-0000-4000-8000-000000000000/beacon-token")
    check_problem(reply, 404, "session_not_found")


async def test_the_secret_of_receipts_signs_no_tokens(stores: Stores) -> None:
    async with services_on(stores, receipt_keys=RECEIPT_KEYS) as services, client_of(services) as http:
        session = await started(http)
        check_problem(await http.post(f"{session.path}/beacon-token"), 503, "secret_unavailable")


@pytest.mark.parametrize("keys", ["nonsense", "{}", RECEIPT_KEYS])
async def test_a_token_is_not_judged_while_the_keys_can_not_be_read(
    session: Progress, stores: Stores, keys: str
) -> None:
    token = await token_of(session)
    async with services_on(stores, beacon_keys=keys) as services, client_of(services) as http:
        reply = await http.post(f"{session.path}/beacon", json={"token": token, "answers": {"1": "A"}})
        check_problem(reply, 503, "secret_unavailable")


async def test_without_a_key_there_are_no_tokens(stores: Stores) -> None:
    async with services_on(stores) as services, client_of(services) as http:
        session = await started(http)
        check_problem(await http.post(f"{session.path}/beacon-token"), 503, "secret_unavailable")
