"""The container's process as an orchestrator meets it: its environment, tokens, signals."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from development_server import ports
from tests.harness import tokens
from tests.harness.launch import QUIET, Launched, eventually
from tests.harness.stores import Stores

PATIENCE_SECONDS = 30
WAITING = "wait_event_type = 'Lock'"


@dataclass(frozen=True)
class Server:
    """A running one."""

    process: Launched
    port: int

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=PATIENCE_SECONDS)

    def connection(self) -> AbstractContextManager[socket.socket]:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def ask_to_end(self) -> None:
        """As an orchestrator does; back when it drains."""
        self.process.terminate()
        eventually(lambda: self.get("/health/ready").json()["status"] == "draining")


def launched(folder: Path, environment: Mapping[str, str]) -> Launched:
    return Launched([sys.executable, "-m", "session_api.server"], folder / "server.log", environment)


@contextmanager
def running(folder: Path, stores: Stores, **environment: str) -> Iterator[Server]:
    port = ports.choose()
    given = {**stores.environment(), **QUIET, "PORT": str(port), "DRAIN_SECONDS": "60", **environment}
    with launched(folder, given) as process:
        yield Server(process.listens(port), port)
        process.kill()


@pytest.fixture
def server(folder: Path, stores: Stores) -> Iterator[Server]:
    with running(folder, stores) as started:
        yield started


def started(server: Server, user: str = "user1") -> str:
    body = {"user_id": user, "quiz_id": "quiz1"}
    reply = httpx.post(f"http://127.0.0.1:{server.port}/sessions/start", json=body, timeout=PATIENCE_SECONDS)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


def autosave(session: str) -> bytes:
    return request("PATCH", f"/sessions/{session}/progress", b'{"question_id": 0, "answer": "A"}')


def request(method: str, path: str, body: bytes) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def test_it_serves_what_every_process_serves(server: Server) -> None:
    session = started(server)
    assert server.get(f"/sessions/{session}").json()["user_id"] == "user1"
    assert server.get("/health/ready").json()["status"] == "ready"


def test_once_asked_to_end_it_is_unready_and_serves_on(server: Server) -> None:
    session = started(server)
    server.ask_to_end()
    assert server.get("/health/ready").status_code == 503
    reply = server.get(f"/sessions/{session}")
    assert (reply.status_code, reply.headers["connection"]) == (200, "close")


def test_it_is_alive_until_its_end(server: Server) -> None:
    server.ask_to_end()
    assert server.get("/health").status_code == 200


def test_a_request_under_way_at_the_end_is_finished(folder: Path, stores: Stores) -> None:
    with running(folder, stores, DRAIN_SECONDS="0") as server, server.connection() as client:
        session = started(server)
        with psycopg.connect(stores.database_url) as holder:
            holder.execute("SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", [session])
            client.sendall(autosave(session))
            eventually(lambda: bool(stores.backends(WAITING)))
            server.process.terminate()
            # Nobody new is let in, and the one inside is waited for.
            eventually(lambda: not accepts(server.port))
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.process.ends() == 0


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
    except ConnectionRefusedError:
        return False
    return True


def test_it_ends_with_0_and_leaves_no_connection(folder: Path, stores: Stores) -> None:
    with running(folder, stores, DRAIN_SECONDS="0") as server:
        started(server)
        server.process.terminate()
        assert server.process.ends() == 0
    eventually(lambda: not stores.backends())


def test_it_has_no_more_connections_than_it_may(folder: Path, stores: Stores) -> None:
    with running(folder, stores, DATABASE_CONNECTIONS="2") as server:
        sessions = [started(server, f"user{number}") for number in range(6)]
        with psycopg.connect(stores.database_url) as holder:
            holder.execute("SELECT FROM quiz_attempts FOR UPDATE")
            clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in sessions]
            for client, session in zip(clients, sessions, strict=True):
                # Completions share no statement, so each one asks for a connection.
                client.sendall(request("POST", f"/sessions/{session}/complete", b"{}"))
            eventually(lambda: len(stores.backends(WAITING)) == 2)
            # Those who have no connection wait for one, and none is opened for them.
            assert len(stores.backends()) == 2
            for client in clients:
                assert client.recv(65536).startswith(b"HTTP/1.1 503 ")
                client.close()


def with_tokens(folder: Path) -> dict[str, str]:
    jwks = tokens.write_jwks(folder / "jwks.json", first=tokens.rsa_key())
    return {
        "AUTH_MODE": "jwt",
        "JWT_ISSUER": tokens.ISSUER,
        "JWT_AUDIENCE": tokens.AUDIENCE,
        "JWT_JWKS": jwks,
    }


def test_it_verifies_tokens_itself(folder: Path, stores: Stores) -> None:
    path = "/sessions?user_id=student1"
    with running(folder, stores, **with_tokens(folder)) as server:
        assert server.get(path).status_code == 401
        assert server.get(path, Authorization=f"Bearer {tokens.token()}").status_code == 200
        bad = tokens.token(key=tokens.rsa_key("another's"))
        assert server.get(path, Authorization=f"Bearer {bad}").status_code == 401


def test_an_orchestrator_needs_no_token(folder: Path, stores: Stores) -> None:
    with running(folder, stores, **with_tokens(folder)) as server:
        assert server.get("/health").status_code == 200
        assert server.get("/health/ready").status_code == 200


NOWHERE = {"DATABASE_URL": "postgresql://127.0.0.1:1/quiz", "REDIS_URL": "redis://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "DATABASE_URL"),
        ({**NOWHERE, "PORT": "http"}, "PORT is a number"),
        ({**NOWHERE, "AUTH_MODE": "jwt"}, "AUTH_MODE=jwt needs JWT_ISSUER and JWT_AUDIENCE"),
        (
            {
                **NOWHERE,
                "AUTH_MODE": "jwt",
                "JWT_ISSUER": "http://127.0.0.1:1",
                "JWT_AUDIENCE": "quiz",
            },
            "the keys in http://127.0.0.1:1/.well-known/openid-configuration: ",
        ),
    ],
)
def test_why_it_can_not_start_is_told_in_one_line(
    folder: Path, environment: dict[str, str], reason: str
) -> None:
    with launched(folder, environment) as process:
        assert process.ends() == 1
        (line,) = process.text().splitlines()
    told = json.loads(line)
    assert told["level"] == "ERROR"
    assert re.match(f"cannot start: .*{re.escape(reason)}", told["message"])


def test_past_its_distribution_a_container_says_that_it_lives_and_no_more(
    folder: Path, stores: Stores
) -> None:
    secret = "a-secret-of-the-distribution"
    with running(folder, stores, ORIGIN_SECRET=f"{secret},another-of-them-all", ORIGIN_ONLY="true") as server:
        assert server.get("/health").status_code == 200
        for path in ("/health/ready", "/quizzes", "/.well-known/jwks.json"):
            refused = server.get(
                path, **{"X-Origin-Secret": "a-guess-of-somebody", "X-Forwarded-For": "192.0.2.7"}
            )
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert server.get("/quizzes", **{"X-Origin-Secret": secret}).status_code == 200
