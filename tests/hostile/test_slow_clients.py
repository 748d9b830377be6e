"""Clients that take their time, or many connections, at the server that `make run` uses."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

from quiz_sessions.bootstrap import build_services
from session_api.server.http_protocol import Limits
from tests.harness.launch import Served, eventually, served
from tests.harness.stores import Stores
from tests.hostile.conftest import PATIENCE_SECONDS

HEAD = b"POST /sessions/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LARGE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
CONNECTIONS = 8


@pytest.fixture(scope="module")
def hasty(running_stores: Stores) -> Iterator[Served]:
    """A server that waits for nobody."""
    limits = Limits(connections=100, seconds=0.3)
    with served(build_services(running_stores.settings), limits) as running:
        yield running


@pytest.fixture(scope="module")
def small(running_stores: Stores) -> Iterator[Served]:
    """A server with few connections."""
    limits = Limits(connections=CONNECTIONS)
    with served(build_services(running_stores.settings), limits) as running:
        yield running


@contextmanager
def connection(server: Served) -> Iterator[socket.socket]:
    with socket.create_connection((server.host, server.port), PATIENCE_SECONDS) as opened:
        yield opened


def rest(opened: socket.socket) -> bytes:
    """All that the server says until it closes the connection."""
    said = b""
    with suppress(ConnectionResetError):
        while piece := opened.recv(65536):
            said += piece
    return said


def assert_problem(said: bytes, status: int, code: str) -> None:
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), said
    assert b"\r\ncontent-type: application/problem+json" in head
    assert json.loads(body)["code"] == code


@pytest.mark.parametrize(
    "begun",
    [
        b"GET",
        HEAD,
        HEAD + b"Content-Length: 100\r\n\r\n",
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\n{",
    ],
    ids=["a method", "half a head", "a head", "half a body", "half a chunk"],
)
def test_a_request_that_does_not_end_is_refused(hasty: Served, begun: bytes) -> None:
    with connection(hasty) as opened:
        opened.sendall(begun)
        assert_problem(rest(opened), 408, "request_timeout")


def test_a_connection_without_a_request_is_closed(hasty: Served) -> None:
    with connection(hasty) as opened:
        assert rest(opened) == b""


@pytest.mark.parametrize("begun", [b"GET /health HTTP/1.1\r\nX: ", HEAD + b"Content-Length: 9999\r\n\r\n"])
def test_a_byte_from_time_to_time_buys_no_time(hasty: Served, begun: bytes) -> None:
    with connection(hasty) as opened:
        opened.sendall(begun)
        closed = threading.Event()

        def trickle() -> None:
            with suppress(OSError):
                while not closed.wait(0.05):
                    opened.sendall(b"a")

        thread = threading.Thread(target=trickle)
        thread.start()
        said = rest(opened)
        closed.set()
        thread.join()
    assert_problem(said, 408, "request_timeout")


@pytest.mark.parametrize("autosave", [False, True])
def test_a_body_that_is_held_back_over_the_deadline_is_too_late(
    server: Served, http: httpx.Client, autosave: bool
) -> None:
    http.put("/quizzes/brief", json={"time_limit_seconds": 1, "open_attempts": "keep"})
    started = http.post("/sessions/start", json={"user_id": f"slow {autosave}", "quiz_id": "brief"}).json()
    path = f"/sessions/{started['id']}"
    body = json.dumps({"answers": {"0": "late"}, "autosave": autosave}).encode()
    with connection(server) as opened:
        head = f"PATCH {path}/progress HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        opened.sendall(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
        eventually(lambda: http.get(path).json()["status"] == "expired")
        opened.sendall(body[-1:])
        assert_problem(rest(opened), 410, "session_expired")
    assert http.get(path).json()["answers"] == {}


def test_a_reply_that_is_not_read_is_given_up(hasty: Served) -> None:
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect((hasty.host, hasty.port))
        # More than fits between a server and a client.
        opened.sendall(LARGE * 10)
        eventually(lambda: hasty.connections == 1)
        eventually(lambda: hasty.connections == 0)


def test_a_second_request_on_a_connection_has_its_own_time(hasty: Served) -> None:
    with connection(hasty) as opened:
        for _ in range(3):
            opened.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            said = b""
            while not said.endswith(b"}"):
                said += opened.recv(65536)
            assert said.startswith(b"HTTP/1.1 200")
        opened.sendall(b"GET /heal")
        assert_problem(rest(opened), 408, "request_timeout")


def test_the_timeout_of_a_head_has_no_body(hasty: Served) -> None:
    with connection(hasty) as opened:
        opened.sendall(b"HEAD /health/ready HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        head, _, body = rest(opened).partition(b"\r\n\r\n")
        assert (head[:12], body) == (b"HTTP/1.1 408", b"")


def test_one_connection_too_many_is_refused_until_another_one_ends(small: Served) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(connection(small))
        with connection(small) as another:
            said = rest(another)
    assert_problem(said, 429, "too_many_requests")
    assert b"\r\nretry-after: " in said
    eventually(lambda: small.connections == 0)
    assert httpx.get(f"{small.url}/health", timeout=PATIENCE_SECONDS).status_code == 200
