"""Headers and paths that pretend, exaggerate or are no text: none is believed, and none is a fault."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from tests.harness.service import start_over_http
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.hostile.operations import OPERATIONS, PROGRESS, assert_refused, assert_sound

START = {"user_id": "user1", "quiz_id": "quiz1"}
ONE = {"question_id": 0, "answer": "A"}

# Header values

VALUES = {
    "nothing": b"",
    "spaces": b"   ",
    "NUL": b"a\x00b",
    "a line end": b'"0"\r\nX-Injected: 1',
    "control characters": bytes(range(1, 32)),
    "not UTF-8": b"\xff\xfe\x80",
    "UTF-8": "ключ🙂".encode(),
    "long": b"9" * 60_000,
    "a long tag": b'"' + b"9" * 60_000 + b'"',
    "21 digits": b'"' + b"9" * 21 + b'"',
    "a list": b'"0", "1"',
    "weak": b'W/"0"',
    "half a tag": b'"0',
    "superscript digits": '"²"'.encode("latin-1"),
    "digits of another script": '"٣"'.encode(),
    "a sign": b'"-1"',
    "JSON": b'{"a":[1]}',
    "a format": b"%s%n%(id)s{0}",
}


@pytest.mark.parametrize("name", ["If-Match", "Idempotency-Key"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_no_header_value_is_a_fault_and_a_refused_one_stores_nothing(
    client: httpx.AsyncClient, stores: Stores, name: str, value: bytes
) -> None:
    session = await start_over_http(client)
    for operation in OPERATIONS:
        if name not in operation.headers:
            continue
        before = stores.everything()
        changed = operation.of(session)
        headers = [(name.encode(), value)]
        reply = await client.request(changed.method, changed.url, json=changed.body, headers=headers)
        assert_sound(reply, str(changed))
        if reply.status_code >= 400:
            assert stores.everything() == before


@pytest.mark.parametrize("value", [value for value in VALUES.values() if value.strip(b" *")], ids=repr)
async def test_an_if_match_that_is_no_version_changes_nothing(
    client: httpx.AsyncClient, stores: Stores, value: bytes
) -> None:
    url = PROGRESS.of(await start_over_http(client)).url
    before = stores.everything()
    assert_refused(await client.patch(url, json=ONE, headers=[(b"If-Match", value)]))
    assert stores.everything() == before


async def test_of_two_if_match_headers_none_is_overlooked(client: httpx.AsyncClient, stores: Stores) -> None:
    url = PROGRESS.of(await start_over_http(client)).url
    before = stores.everything()
    for first, second in ((b'"0"', b'"7"'), (b'"7"', b'"0"'), (b"*", b'"7"')):
        reply = await client.patch(url, json=ONE, headers=[(b"If-Match", first), (b"If-Match", second)])
        assert_refused(reply, f"{first!r} {second!r}")
    assert stores.everything() == before


# Headers that speak for others

FORGED = {
    "X-HTTP-Method-Override": "DELETE",
    "X-HTTP-Method": "DELETE",
    "X-Method-Override": "DELETE",
    "X-Original-URL": "/sessions/start",
    "X-Rewrite-URL": "/sessions/start",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "javascript",
    "X-Forwarded-Prefix": "//evil.example",
    "Forwarded": "for=127.0.0.1;host=evil.example;proto=https",
    "Host": "evil.example",
    "X-Amzn-Request-Context": '{"authorizer":{"jwt":{"claims":{"sub":"user2"}}},"timeEpoch":1}',
    "X-Amzn-Requestid": "forged",
    "X-Amzn-Trace-Id": "Root=1-forged;Sampled=1",
    "X-Amzn-Oidc-Data": "e30.eyJzdWIiOiJ1c2VyMiJ9.",
    "X-Apigateway-Event": '{"requestContext":{"requestId":"forged","timeEpoch":1}}',
    "X-User": "user2",
    "X-Sub": "user2",
    "X-Request-Id": "forged, and not well-formed",
    "Date": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Cookie": "sub=user2; scope=sessions:proctor",
    "Range": "bytes=0-0",
    "Expect": "200-ok",
    "Transfer-Encoding": "gzip",
}


async def test_forged_headers_change_nothing_about_a_request(
    client: httpx.AsyncClient, database: Database
) -> None:
    reply = await client.post("/sessions/start", json=START, headers=FORGED)
    assert reply.status_code == 201
    session = reply.json()
    assert session["user_id"] == "user1"
    assert 1795 <= session["time_remaining"] <= 1800
    assert reply.headers["location"] == session["id"]
    for operation in OPERATIONS:
        if operation.method == "GET":
            shown = await client.request("GET", operation.of(session).url, headers=FORGED)
            plain = await client.request("GET", operation.of(session).url)
            assert shown.status_code == plain.status_code, operation
            assert "evil" not in shown.text + str(shown.headers)
            assert "forged" not in shown.text + str(shown.headers)
    assert database.execute("SELECT count(*) AS n FROM quiz_attempts").fetchone() == {"n": 1}


async def test_a_problem_repeats_no_header(client: httpx.AsyncClient) -> None:
    reply = await client.get("/nope", headers=FORGED)
    assert_refused(reply)
    assert all(value not in reply.text for value in FORGED.values())


# Paths


STRANGE_IDS = ["a/b", "..", ".", "%2e%2e", "a b", "a?b", "a#b", "ü", "a\r\nb", "\u202e", "a" * 128]


@pytest.mark.parametrize("quiz_id", STRANGE_IDS, ids=repr)
async def test_a_strange_quiz_id_in_a_path_means_itself_or_nothing(
    client: httpx.AsyncClient, stores: Stores, quiz_id: str
) -> None:
    before = stores.everything()
    path = f"/quizzes/{quote(quiz_id, safe='').replace('.', '%2e')}"
    url = httpx.URL("http://test").copy_with(raw_path=path.encode())
    reply = await client.put(url, json={})
    assert_sound(reply)
    if reply.status_code == 201:
        assert reply.json()["quiz_id"] == quiz_id
    else:
        assert stores.everything() == before


@pytest.mark.parametrize("quiz_id", ["a" * 129, "a\x00b", "a" * 10_000])
async def test_an_id_that_cannot_be_kept_is_refused_in_a_path(
    client: httpx.AsyncClient, stores: Stores, quiz_id: str
) -> None:
    before = stores.everything()
    for operation in OPERATIONS:
        if "quiz_id" in operation.parameters:
            assert_refused(await operation.at(quiz_id=quiz_id).send(client), str(operation))
    assert stores.everything() == before


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "get", "G" * 1000, "PATCH\x00"])
async def test_another_method_is_refused(client: httpx.AsyncClient, stores: Stores, method: str) -> None:
    session = await start_over_http(client)
    before = stores.everything()
    for path in ("/sessions/start", f"/sessions/{session['id']}", f"/sessions/{session['id']}/progress"):
        request = client.build_request("GET", path)
        request.method = method
        assert_refused(await client.send(request), f"{method} {path}")
    assert stores.everything() == before


QUERIES = [
    "?%ff=%fe",
    "?&&&=&",
    "?limit=1&limit=x",
    "?" + "a=1&" * 10_000,
    "?cursor=" + "A" * 50_000,
    "?status[]=x",
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:12])
async def test_no_query_is_a_fault(client: httpx.AsyncClient, query: str) -> None:
    session = await start_over_http(client)
    for operation in OPERATIONS:
        if operation.method == "GET":
            url = httpx.URL("http://test").copy_with(raw_path=(operation.of(session).url + query).encode())
            assert_sound(await client.get(url), str(operation))
