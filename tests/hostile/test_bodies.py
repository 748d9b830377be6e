"""JSON that is too large, too deep, ambiguous or no JSON: refused by a problem, and nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx
import pytest

from quiz_sessions.domain.errors import ContentTooLargeError
from quiz_sessions.domain.validation import MAX_ANSWER_BYTES, check_json_value
from session_api.strict_json import MAX_BEACON_BYTES, MAX_BODY_BYTES, MAX_MEMBERS, MAX_VALUES, loads
from tests.harness.service import start_over_http
from tests.harness.stores import Stores
from tests.hostile.operations import (
    JSON_TYPE,
    PROGRESS,
    WITH_BODY,
    Operation,
    assert_refused,
    assert_sound,
    find,
)


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth


def members(count: int, value: str) -> str:
    """An object of so many members, the inside of its braces."""
    return ",".join(f'"{number}":{value}' for number in range(count))


async def send(
    client: httpx.AsyncClient, operation: Operation, body: str, kind: str | bytes = "application/json"
) -> httpx.Response:
    """The operation with another body."""
    headers = [(b"Content-Type", kind if isinstance(kind, bytes) else kind.encode())]
    return await client.request(operation.method, operation.url, content=body.encode(), headers=headers)


# Each is no request to any endpoint.
BOMBS = {
    "nothing": "",
    "cut short": '{"a":',
    "two texts": "{}{}",
    "deep arrays": "[" * 200_000,
    "deep arrays that end": deep(100_000),
    "deep objects": '{"a":' * 100_000,
    "as deep as Python reads": '{"reason":' + deep(900) + "}",
    "twice a key": '{"user_id":"a","user_id":"b","quiz_id":"q","reason":"r","reason":"s"}',
    "twice a key, once escaped": r'{"reason":"r","\u0072eason":"s"}',
    "an enormous exponent": '{"seconds":1e999999999,"version":1e999999999,"score":1e999999999}',
    "an enormous negative exponent": '{"seconds":1e-999999999,"version":1e-999999999}',
    "an integer of 5000 digits": '{"seconds":1' + "0" * 5000 + "}",
    "an integer of 4000 digits": f'{{"seconds":{"9" * 4000},"version":{"9" * 4000},"score":{"9" * 4000}}}',
    "more than a value": "null ,",
    "not a number": '{"seconds":NaN,"reason":"r"}',
    "a byte order mark": '\ufeff{"reason":"r"}',
    "a key of 4 MB": '{"' + "k" * 4_000_000 + '":1}',
}
# Those that take longest, for the two operations that take most.
LARGE_BOMBS = {
    "a string of 4 MB": '{"question_id":"' + "q" * 4_000_000 + '","answer":1}',
    "300,000 fields": "{" + members(290_000, "1") + "}",
    "300,000 answers": '{"answers":{' + members(290_000, "1") + "}}",
    "300,000 questions": '{"questions":{' + members(290_000, "1") + "}}",
    "a question of 4 MB": '{"questions":{"' + "k" * 4_000_000 + '":{}}}',
    "an answer of 4 MB": '{"answers":{"' + "k" * 4_000_000 + '":1}}',
    "a million arrays": '{"answers":{"q":[' + ",".join(["[]"] * 1_300_000) + "]}}",
    "a thousand long numbers": '{"answers":{"q":[' + ",".join(["1" * 4300] * 950) + "]}}",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
async def test_a_body_that_is_none_is_refused_everywhere_and_nothing_is_stored(
    client: httpx.AsyncClient, stores: Stores, bomb: str
) -> None:
    session = await start_over_http(client)
    before = stores.everything()
    for operation in WITH_BODY:
        # Completing needs no body.
        if bomb or not operation.path.endswith("/complete"):
            reply = await send(client, operation.of(session), bomb)
            assert_refused(reply, str(operation))
            assert stores.everything() == before


@pytest.mark.parametrize("bomb", LARGE_BOMBS.values(), ids=LARGE_BOMBS)
async def test_a_large_body_that_is_none_is_refused_and_nothing_is_stored(
    client: httpx.AsyncClient, stores: Stores, bomb: str
) -> None:
    session = await start_over_http(client)
    before = stores.everything()
    for operation in (PROGRESS, find("/quizzes/{quiz_id}")):
        assert_refused(await send(client, operation.of(session), bomb), str(operation))
        assert stores.everything() == before


@pytest.mark.parametrize("body", [f"{{{members(10_000, '1')}}}", '{"' + "k" * 4_000_000 + '":1}'])
async def test_a_refusal_is_small_however_much_is_wrong(client: httpx.AsyncClient, body: str) -> None:
    url = PROGRESS.of(await start_over_http(client)).url
    reply = await client.patch(url, content=body, headers=JSON_TYPE)
    assert_refused(reply)


@pytest.mark.parametrize(("wrong", "listed"), [(19, 19), (20, 20), (21, 20)])
async def test_a_refusal_lists_what_is_wrong_up_to_twenty(
    client: httpx.AsyncClient, wrong: int, listed: int
) -> None:
    # quiz_id is missing too.
    body = "{" + members(wrong - 1, "1") + "}"
    reply = await client.post("/sessions/start", content=body, headers=JSON_TYPE)
    assert len(reply.json()["errors"]) == listed


def test_an_object_has_at_most_as_many_members_as_fit_into_an_answer() -> None:
    assert len(loads(f"{{{members(MAX_MEMBERS, '1')}}}".encode())) == MAX_MEMBERS == 13_107
    with pytest.raises(json.JSONDecodeError, match="more than 13107 members"):
        loads(f"{{{members(MAX_MEMBERS + 1, '1')}}}".encode())


def test_as_many_values_as_an_answer_has_bytes_are_looked_at() -> None:
    check_json_value([0] * (MAX_ANSWER_BYTES - 1))
    with pytest.raises(ContentTooLargeError):
        check_json_value([0] * MAX_ANSWER_BYTES)


def test_values_are_counted_over_all_levels() -> None:
    check_json_value([[0] * 1000] * 65)
    with pytest.raises(ContentTooLargeError):
        check_json_value([{"k": [0] * 1000}] * 66)


@pytest.mark.parametrize("value", ["[]", "0", "{}"])
async def test_an_answer_of_a_million_values_is_too_large(
    client: httpx.AsyncClient, stores: Stores, value: str
) -> None:
    url = PROGRESS.of(await start_over_http(client)).url
    before = stores.everything()
    body = '{"question_id":0,"answer":[' + ",".join([value] * 1_300_000) + "]}"
    reply = await client.patch(url, content=body, headers=JSON_TYPE)
    assert_refused(reply)
    assert reply.status_code == 413
    assert stores.everything() == before


async def test_the_largest_answer_of_single_digits_is_kept(client: httpx.AsyncClient) -> None:
    url = PROGRESS.of(await start_over_http(client)).url
    answer = [0] * 32_767
    reply = await client.patch(url, json={"question_id": 0, "answer": answer})
    assert reply.status_code == 200
    assert reply.json()["answers"]["0"] == answer


def of_values(count: int, **members: object) -> str:
    """A body with so many commas and opening brackets: answers of `{}`, which are slowest to parse."""
    answers: dict[str, object] = {str(number): [{}] * 1000 for number in range(30)}
    body = json.dumps({"answers": {**answers, "left": [0]}, **members})
    return body.replace("[0", "[0" + ",0" * (count - sum(map(body.count, ",[{"))))


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/progress"), ("POST", "/complete")])
async def test_a_body_of_too_many_values_is_refused_before_it_is_parsed(
    client: httpx.AsyncClient, stores: Stores, method: str, path: str
) -> None:
    url = f"/sessions/{(await start_over_http(client))['id']}{path}"
    before = stores.everything()
    for body in (of_values(MAX_VALUES + 1), of_values(MAX_VALUES + 1) + "no JSON"):
        reply = await client.request(method, url, content=body, headers=JSON_TYPE)
        assert_refused(reply)
        assert (reply.status_code, reply.json()["code"]) == (413, "content_too_large")
        assert stores.everything() == before
    reply = await client.request(method, url, content=of_values(MAX_VALUES), headers=JSON_TYPE)
    assert reply.status_code == 200


async def test_answers_to_verify_have_no_more_values(client: httpx.AsyncClient) -> None:
    for count, status in ((MAX_VALUES, 200), (MAX_VALUES + 1, 413)):
        body = of_values(count, receipt="none")
        reply = await client.post("/receipts/verify", content=body, headers=JSON_TYPE)
        assert reply.status_code == status


async def test_no_operation_takes_a_body_of_too_many_values(
    client: httpx.AsyncClient, stores: Stores
) -> None:
    session = await start_over_http(client)
    before = stores.everything()
    for operation in WITH_BODY:
        reply = await send(client, operation.of(session), f"[{'0,' * MAX_VALUES}0]")
        assert_refused(reply, str(operation))
        assert reply.status_code == 413
    assert stores.everything() == before


async def test_a_beacon_is_as_large_as_browsers_send_it(client: httpx.AsyncClient) -> None:
    url = f"/sessions/{(await start_over_http(client))['id']}/beacon"
    for size, status in ((MAX_BEACON_BYTES, 403), (MAX_BEACON_BYTES + 1, 413)):
        body = '{"token":"none","answers":{"0":"A"}}'.ljust(size)
        assert (await client.post(url, content=body)).status_code == status


TYPES: Mapping[str, str | bytes] = {
    "none": "",
    "text": "text/plain",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=x",
    "xml": "application/xml",
    "two": "application/json, text/plain",
    "a list": "text/plain, application/json",
    "nearly": "application/jsonx",
    "a slash": "/",
    "an open quote": 'text/plain; charset="',
    "not ASCII": b"application/\xff\xfe",
}


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
async def test_a_body_that_does_not_say_json_is_refused_everywhere_and_nothing_is_stored(
    client: httpx.AsyncClient, stores: Stores, kind: str | bytes
) -> None:
    session = await start_over_http(client)
    before = stores.everything()
    for operation in WITH_BODY:
        body = json.dumps(operation.body)
        reply = await send(client, operation.of(session), body, kind)
        assert_refused(reply, str(operation))
        assert reply.status_code == 415
        assert stores.everything() == before


CHARSETS = [
    "latin-1",
    "utf-16",
    "utf-7",
    '"',
    "",
    "x" * 10_000,
    "utf-8; charset=utf-16",
    "utf-16; charset=utf-8",
]
START = '{"user_id":"ü+AGE-","quiz_id":"quiz1"}'


@pytest.mark.parametrize("charset", CHARSETS, ids=lambda charset: charset[:21])
async def test_a_body_that_says_another_charset_is_refused(
    client: httpx.AsyncClient, stores: Stores, charset: str
) -> None:
    before = stores.everything()
    for encoding in ("utf-8", "utf-16"):
        reply = await client.post(
            "/sessions/start",
            content=START.encode(encoding),
            headers={"Content-Type": f"application/json; charset={charset}"},
        )
        assert_refused(reply)
        assert reply.status_code == 415
    assert stores.everything() == before


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8"])
async def test_a_body_may_say_that_it_is_in_utf_8(client: httpx.AsyncClient, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    reply = await client.post("/sessions/start", content=START.encode(), headers={"Content-Type": kind})
    assert_sound(reply)
    assert reply.status_code == 201
    assert reply.json()["user_id"] == "ü+AGE-"


async def test_a_body_over_4_mib_is_refused_everywhere_and_nothing_is_stored(
    client: httpx.AsyncClient, stores: Stores
) -> None:
    session = await start_over_http(client)
    before = stores.everything()
    for operation in WITH_BODY:
        reply = await send(client, operation.of(session), " " * (MAX_BODY_BYTES + 1))
        assert_refused(reply, str(operation))
        assert reply.status_code == 413
        assert stores.everything() == before
