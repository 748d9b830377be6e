"""Requests that no client library would send, and slow ones, to the server that `make run` uses."""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import psycopg
import pytest

from session_api.server.concurrency_limiter import AT_ONCE
from tests.harness.launch import Served, eventually
from tests.harness.stores import Stores
from tests.hostile.conftest import PATIENCE_SECONDS

Address = tuple[str, int]
START = json.dumps({"user_id": "user1", "quiz_id": "quiz1"}).encode()
HEAD = b"POST /sessions/start HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"


@contextmanager
def connection(address: Address) -> Iterator[socket.socket]:
    with socket.create_connection(address, PATIENCE_SECONDS) as opened:
        yield opened


def reply_to(address: Address, request: bytes) -> bytes:
    """All that the server says to these bytes until it closes the connection, which each of them asks for."""
    with connection(address) as opened:
        reply = b""
        try:
            opened.sendall(request)
            while piece := opened.recv(65536):
                reply += piece
        except (ConnectionResetError, BrokenPipeError):
            # It has refused before it had read everything.
            pass
        return reply


def statuses(reply: bytes) -> list[int]:
    """The status of each reply."""
    return [int(status) for status in re.findall(rb"^HTTP/1.1 ([0-9]{3}) ", reply, re.MULTILINE)]


def assert_refused(reply: bytes, said: str = "") -> None:
    assert statuses(reply), said
    assert all(400 <= status < 500 for status in statuses(reply)), (said, reply)


def session(http: httpx.Client) -> str:
    found: str = http.post("/sessions/start", json=json.loads(START)).json()["id"]
    return found


# Lengths


LENGTHS = {
    "two that differ": b"Content-Length: 3\r\nContent-Length: %d\r\n" % len(START),
    "a list that differs": b"Content-Length: 3, %d\r\n" % len(START),
    "negative": b"Content-Length: -1\r\n",
    "signed": b"Content-Length: +%d\r\n" % len(START),
    "hexadecimal": b"Content-Length: 0x2f\r\n",
    "no number": b"Content-Length: many\r\n",
    "empty": b"Content-Length:\r\n",
    "a fraction": b"Content-Length: 47.0\r\n",
    "a space before the colon": b"Content-Length : %d\r\n" % len(START),
    "beyond every integer": b"Content-Length: 1%s\r\n" % (b"0" * 40),
    "missing": b"",
    "a bad chunk": b"Transfer-Encoding: chunked\r\n",
    "an unknown coding": b"Transfer-Encoding: gzip, chunked\r\n",
}


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
def test_a_length_that_is_none_starts_nothing(
    address: Address, http: httpx.Client, stores: Stores, length: bytes
) -> None:
    before = stores.everything()
    reply = reply_to(address, HEAD + length + b"\r\n" + START + b"\r\n")
    assert_refused(reply)
    # The server has dealt with that one by the time that it answers another.
    assert http.get("/health").status_code == 200
    assert stores.everything() == before


def test_a_connection_goes_on_after_the_reply_to_head(address: Address) -> None:
    head = b"HEAD /health HTTP/1.1\r\nHost: x\r\n"
    reply = reply_to(address, head + b"\r\n" + head + b"Connection: close\r\n\r\n")
    assert statuses(reply) == [200, 200]
    assert reply.count(b"content-length: ") == 2
    assert reply.endswith(b"\r\n\r\n")


def test_a_length_that_is_too_short_leaves_no_second_request(
    address: Address, http: httpx.Client, stores: Stores
) -> None:
    before = stores.everything()
    reply = reply_to(address, HEAD + b"Content-Length: 5\r\n\r\n" + START)
    assert statuses(reply)[0] == 400
    assert_refused(reply)
    assert http.get("/health").status_code == 200
    assert stores.everything() == before


def test_a_body_that_breaks_off_stores_nothing(address: Address, http: httpx.Client, stores: Stores) -> None:
    path = f"/sessions/{session(http)}/complete"
    before = stores.everything()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n".encode()
    )
    for rest in (
        b"Content-Length: 100\r\n\r\n",
        b"Content-Length: 100\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}",
    ):
        with connection(address) as opened:
            opened.sendall(head + rest)
        assert http.get("/health").status_code == 200
        assert stores.everything() == before


# Lines


LINES = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /health\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nHost: y\r\n\r\n",
    "NUL in a header": b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: a\x00b\r\n\r\n",
    "a bare line feed in a header": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: a\rb\r\n\r\n",
    "a folded header": b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: a\r\n b\r\n\r\n",
    "no colon": b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX\r\n\r\n",
    "a header of 1 MB": b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: %s\r\n\r\n"
    % (b"a" * 1_000_000),
    "50,000 headers": b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n"
    % (b"X: a\r\n" * 50_000),
    "a path of 1 MB": b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (b"a" * 1_000_000),
    "NUL in a path": b"GET /health\x00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a space in a path": b"GET /health /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "not ASCII in a path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "UTF-8 in a path": "GET /sessions/ѕtart HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
    "no path": b"GET  HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a proxy": b"GET http://127.0.0.1/nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a trace": b"TRACE /sessions/start HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "no method": b" /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a long method": b"%s /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (b"G" * 10_000),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_that_is_none_is_refused_and_the_server_goes_on(
    address: Address, http: httpx.Client, stores: Stores, line: bytes
) -> None:
    before = stores.everything()
    reply = reply_to(address, line)
    assert_refused(reply)
    assert http.get("/health").status_code == 200
    assert stores.everything() == before


@pytest.mark.parametrize("name", ["no HTTP", "a header of 1 MB", "NUL in a header"])
def test_what_is_no_http_gets_a_problem_with_the_headers_of_every_reply(address: Address, name: str) -> None:
    reply = reply_to(address, LINES[name])
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: application/problem+json\r\n" in head
    assert b"\r\nx-content-type-options: nosniff\r\n" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (400, "bad_request")
    assert f"\r\nx-request-id: {problem['request_id']}\r\n".encode() in head


def test_what_is_no_http_behind_a_request_is_refused_after_its_reply(address: Address) -> None:
    reply = reply_to(address, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n\x00\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 ([0-9]{3}) ", reply) == [b"200", b"400"]


def test_an_upgrade_is_passed_over(address: Address) -> None:
    reply = reply_to(
        address, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    )
    assert statuses(reply) == [200]


@pytest.mark.parametrize("length", [b"Content-Length: %d" % len(START), b"Transfer-Encoding: chunked"])
def test_an_upgrade_with_a_body_is_refused(address: Address, length: bytes) -> None:
    upgrade = b"POST /sessions/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    reply = reply_to(address, upgrade + length + b"\r\n\r\n" + START)
    assert statuses(reply) == [400]


def test_a_header_without_end_is_refused_at_64_kib(address: Address) -> None:
    with connection(address) as opened:
        opened.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX: ")
        sent = 0
        with suppress(ConnectionResetError, BrokenPipeError):
            while sent < 10_000_000:
                opened.sendall(b"a" * 16_384)
                sent += 16_384
        # What lies between a client and a server takes some.
        assert sent < 10_000_000


# Paths, as a client library would tidy them up


def paths(session_id: str) -> dict[str, str]:
    return {
        "up": f"/sessions/x/../{session_id}",
        "escaped dots": f"/sessions/x/%2e%2e/{session_id}",
        "escaped twice": f"/sessions/%252e%252e%252f{session_id}",
        "two slashes before": f"//sessions/{session_id}",
        "two slashes inside": f"/sessions//{session_id}",
        "a slash behind": f"/sessions/{session_id}/",
        "a dot": f"/./sessions/{session_id}",
        "NUL": f"/sessions/{session_id}%00",
        "NUL and more": f"/sessions/{session_id}%00.html",
        "a line end": f"/sessions/{session_id}%0d%0aX-Injected:1",
        "not UTF-8": "/sessions/%ff%fe",
        "overlong": f"/sessions/%c0%af{session_id}",
        "half an escape": "/sessions/%",
        "no hex": "/sessions/%zz",
        "a backslash": f"/sessions\\{session_id}",
        "a semicolon": f"/sessions/{session_id};jsessionid=1",
        "long": "/sessions/" + "a" * 30_000,
        "many parts": "/" + "a/" * 15_000,
        "another case": f"/SESSIONS/{session_id}",
        "a file": "/../../../../etc/passwd",
        "an escaped file": "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "no end of the id": f"/sessions/{session_id}-/deadline",
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
def test_a_path_that_pretends_is_refused_and_nothing_is_stored(
    address: Address, http: httpx.Client, stores: Stores, method: str
) -> None:
    session_id = session(http)
    before = stores.everything()
    for name, path in paths(session_id).items():
        body = b'{"question_id":0,"answer":"A","reason":"r","seconds":1}'
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        )
        reply = reply_to(address, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert_refused(reply, name)
        assert b"application/problem+json" in reply, (name, reply)
        assert b"\r\nx-injected" not in reply.lower(), name
    assert stores.everything() == before


def test_an_escaped_slash_is_a_slash(address: Address, http: httpx.Client) -> None:
    reply = reply_to(
        address, f"GET /sessions%2f{session(http)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert statuses(reply) == [200]


# Slow clients


def test_clients_that_never_finish_hold_nobody_up(
    address: Address, http: httpx.Client, stores: Stores
) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connection(address)) for _ in range(100)]
        for number, opened in enumerate(slow):
            # Some in the middle of a header, some of a body, some before anything.
            opened.sendall(
                (
                    b"",
                    HEAD,
                    HEAD + b"Content-Length: 100\r\n\r\n{",
                    HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                )[number % 4]
            )
        before = stores.everything()
        for _ in range(20):
            assert http.get("/health/ready").status_code == 200
        assert stores.everything() == before
        assert (
            http.patch(f"/sessions/{session(http)}/progress", json={"question_id": 0, "answer": "A"}).json()[
                "durability"
            ]
            == "committed"
        )


def test_a_body_that_comes_byte_by_byte_is_read(address: Address, stores: Stores) -> None:
    with connection(address) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(START))
        for byte in START:
            opened.sendall(bytes([byte]))
        assert opened.recv(65536).startswith(b"HTTP/1.1 201")


def test_clients_that_do_not_read_their_replies_hold_nobody_up(
    address: Address, http: httpx.Client, stores: Stores
) -> None:
    # Far more than fits between a server and a client.
    large = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 10
    with ExitStack() as stack:
        for _ in range(2 * AT_ONCE):
            opened = stack.enter_context(socket.socket())
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            opened.connect(address)
            opened.sendall(large)
        for _ in range(20):
            assert http.get("/health/ready").status_code == 200
        session(http)


# Places


def leave(opened: socket.socket) -> None:
    """At once, without the manners of TCP."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    opened.close()


WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(START) + START
KEPT = WHOLE.replace(b"Connection: close\r\n", b"")
DEEDS = {
    "nothing at all": b"",
    "half a header": HEAD,
    "half a body": HEAD + b"Content-Length: 100\r\n\r\n{",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\n{",
    "more than the app takes": HEAD + b"Content-Length: 10000000\r\n\r\n" + b" " * 5_000_000,
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a whole request": WHOLE,
    "many requests in one": KEPT * 20,
    "no HTTP behind a request": KEPT + b"\x00\r\n\r\n",
}


@pytest.mark.parametrize("goes", [socket.socket.close, leave], ids=["closes", "resets"])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_who_leaves_takes_no_place_along(
    server: Served,
    http: httpx.Client,
    stores: Stores,
    deed: bytes,
    goes: Callable[[socket.socket], None],
) -> None:
    for _ in range(2 * AT_ONCE):
        with connection((server.host, server.port)) as opened:
            with suppress(ConnectionResetError, BrokenPipeError):
                opened.sendall(deed)
            goes(opened)
    eventually(lambda: server.limiter.under_way == 0)
    assert http.get("/health").status_code == 200


def test_who_leaves_while_its_request_is_served_or_waits_takes_no_place_along(
    server: Served, http: httpx.Client, stores: Stores
) -> None:
    with psycopg.connect(stores.database_url) as other:
        other.execute("LOCK TABLE quiz_attempts")
        with ExitStack() as stack:
            for _ in range(3 * AT_ONCE):
                stack.enter_context(connection((server.host, server.port))).sendall(WHOLE)
            eventually(lambda: server.limiter.under_way == AT_ONCE)
    eventually(lambda: server.limiter.under_way == 0)
    session(http)
