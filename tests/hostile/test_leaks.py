"""What the service logs, counts and says in errors holds no answer, key, token, secret or reason.

The development server is driven as a process of its own through the whole API with marked values, then
through its failures; all that it printed and every error that it answered is searched for the marks.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from development_server import Postgres, Valkey
from quiz_sessions.domain import base64url
from tests.harness.launch import ROOT, eventually
from tests.harness.signing_keys import ed25519_key, held, hmac_key
from tests.harness.stores import running_servers
from tests.harness.valkey import functions_user
from tests.hostile.operations import OPERATIONS, Operation, find
from tests.integration.test_development_server import PATIENCE_SECONDS, ServerProcess, print_token

ANSWER = "mark-of-an-answer-51c7"
KEY = "mark-of-a-key-8d20"
REASON = "mark-of-a-reason-e4b9"
IDEMPOTENCY = "mark-of-an-idempotency-key-07fa"
PASSWORD = "mark-of-a-password-93ce"
USER, _ = functions_user()
SIGNING = b"mark-of-a-signing-key-62ab, more"
BEACON_SECRET = b"mark-of-a-beacon-key-91cd, and some more"
BAD_TOKEN = "eyJhbGciOiJub25lIn0.mark-of-a-token-1f58.x"
SCOPES = "sessions:proctor sessions:grade quizzes:write"


@dataclass
class Driven:
    """One run: the server, who speaks to it, and what must not be seen."""

    server: ServerProcess
    http: httpx.Client
    tokens: list[str]
    replies: list[httpx.Response] = field(default_factory=list)

    def send(self, method: str, path: str, token: int | None = 0, **request: Any) -> httpx.Response:
        headers = httpx.Headers(request.pop("headers", None))
        if token is not None:
            headers["Authorization"] = f"Bearer {self.tokens[token]}"
        reply = self.http.request(method, path, headers=headers, **request)
        self.replies.append(reply)
        return reply

    @property
    def secrets(self) -> dict[str, str]:
        """By what it is; each in the spellings in which it could come out."""
        (private,) = self.server.folder.glob(".local/jwt/*private*")
        receipts = [reply.json()["receipt"] for reply in self.replies if '"receipt":"' in reply.text]
        assert receipts
        return {
            "an answer": ANSWER,
            "an answer key": KEY,
            "a reason": REASON,
            "an Idempotency-Key": IDEMPOTENCY,
            "a password": PASSWORD,
            "a key that signs receipts": base64url.encode(SIGNING),
            "the same, decoded": SIGNING.decode(),
            "a key of beacons": base64url.encode(BEACON_SECRET),
            "that one decoded": BEACON_SECRET.decode(),
            "a token that is refused": BAD_TOKEN.split(".")[1],
            **{f"token {number}": token.split(".")[2] for number, token in enumerate(self.tokens)},
            **{f"receipt {number}": each.split(".")[2] for number, each in enumerate(receipts)},
            **{
                f"line {number} of the private key": line
                for number, line in enumerate(private.read_text().split())
                if len(line) > 30
            },
        }


def marked(operation: Operation, session_id: str) -> dict[str, Any]:
    """What `Driven.send` takes for an operation with marks in all that is secret."""
    text = json.dumps(operation.body)
    if operation.path == "/quizzes/{quiz_id}":
        text = text.replace('"v"', f'"{KEY}"')
    text = text.replace('"v"', f'"{ANSWER}"').replace('"why"', f'"{REASON}"').replace("user1", "student1")
    headers = {
        **operation.headers,
        **({"Idempotency-Key": IDEMPOTENCY} if "Idempotency-Key" in operation.headers else {}),
    }
    url = operation.at(session_id=session_id).url if "session_id" in operation.parameters else operation.url
    query = {name: value.replace("user1", "student1") for name, value in operation.query.items()}
    body = {} if operation.body is None else {"json": json.loads(text)}
    return {
        "method": operation.method,
        "path": url.replace("user1", "student1"),
        "headers": headers,
        "params": query,
        **body,
    }


def spoiled(session_id: str) -> Iterator[dict[str, Any]]:
    """Requests that are refused, each for another reason, and with marks."""
    progress = {"method": "PATCH", "path": f"/sessions/{session_id}/progress"}
    json_type = {"Content-Type": "application/json"}
    for answer in (f"{ANSWER}\x00", {f"{ANSWER}\x00": 1}, [ANSWER, ANSWER * 4000]):
        yield {**progress, "json": {"question_id": 0, "answer": answer}}
        yield {**progress, "json": {"answers": {"0": answer}, "autosave": True}}
    for body in (
        f'{{"question_id":0,"answer":"{ANSWER}"',
        f'{{"question_id":0,"answer":"{ANSWER}","answer":"{ANSWER}"}}',
        f'{{"question_id":0,"answer":["{ANSWER}",NaN]}}',
        f'{{"question_id":0,"answer":"{ANSWER}\\ud800"}}',
        f'{{"question_id":{{"k":"{ANSWER}"}},"answer":"{ANSWER}","version":"{ANSWER}"}}',
        f'"{ANSWER}"',
        '{"answers":' + "[" * 5000 + f'"{ANSWER}"',
    ):
        yield {**progress, "content": body, "headers": json_type}
        yield {**progress, "content": body, "headers": {"Content-Type": "text/plain"}}
    yield {**progress, "json": {"question_id": 0, "answer": ANSWER, "version": 77}}
    yield {
        **progress,
        "json": {"question_id": 0, "answer": ANSWER},
        "headers": {"If-Match": f'"{IDEMPOTENCY}"'},
    }
    yield {**progress, "json": {"question_id": 0, "answer": ANSWER}, "token": 2}
    start = {"method": "POST", "path": "/sessions/start"}
    yield {**start, "json": {"quiz_id": "other"}, "headers": {"Idempotency-Key": IDEMPOTENCY}}
    yield {**start, "json": {"quiz_id": "other"}, "headers": {"Idempotency-Key": IDEMPOTENCY * 9}}
    quiz = {"method": "PUT", "path": "/quizzes/bad", "token": 1}
    for question in (
        {"grading": "numeric", "key": KEY},
        {"grading": KEY, "key": KEY},
        {"grading": "exact", "key": f"{KEY}\x00"},
        {"grading": "set", "key": [KEY, KEY]},
        {"grading": "exact", "key": KEY, "tolerance": KEY},
        {"grading": "exact", "key": KEY * 6000},
        KEY,
    ):
        yield {**quiz, "json": {"questions": {"0": question}}}
    for change in (
        {"seconds": REASON, "reason": REASON},
        {"seconds": 0, "reason": REASON},
        {"seconds": 1, "reason": REASON * 99},
    ):
        yield {"method": "POST", "path": f"/sessions/{session_id}/extend", "token": 1, "json": change}
        yield {"method": "POST", "path": f"/sessions/{session_id}/extend", "token": 0, "json": change}
    yield {"method": "POST", "path": "/receipts/verify", "json": {"receipt": IDEMPOTENCY * 80}}
    yield {"method": "GET", "path": "/sessions", "params": {"cursor": IDEMPOTENCY, "user_id": "student1"}}
    for path in ("/health/ready", "/nope", f"/sessions/{session_id}"):
        yield {
            "method": "GET",
            "path": path,
            "token": None,
            "headers": {"Authorization": f"Bearer {BAD_TOKEN}"},
        }
        yield {"method": "GET", "path": path, "params": {"access_token": BAD_TOKEN}, "token": 0}


def drive(run: Driven, session_id: str) -> None:
    for request in spoiled(session_id):
        run.send(**request)
    for operation in OPERATIONS:
        for token in (0, 1, 2):
            if operation.method != "DELETE":
                run.send(token=token, **marked(operation, session_id))


@pytest.fixture(scope="module")
def driven() -> Iterator[Driven]:
    """The run, which has ended."""
    with (
        tempfile.TemporaryDirectory() as name,
        running_servers(persist=False) as servers,
    ):
        with servers.cache() as cache:
            cache.acl_setuser(USER, enabled=True, passwords=[f"+{PASSWORD}"])
        postgres, valkey = servers.postgres, servers.valkey
        place = postgres.url.rpartition("@")[2].removeprefix("postgresql://")
        user = postgres.url.removeprefix("postgresql://").rpartition("@")[0].partition(":")[0]
        server = ServerProcess(
            Path(name, "project"),
            {
                "AUTH_MODE": "jwt",
                "DATABASE_URL": f"postgresql://{user}:{PASSWORD}@{place}",
                "REDIS_URL": valkey.own_url.replace("redis://", f"redis://{USER}:{PASSWORD}@"),
                "RECEIPT_KEYS": held("k1", ed25519_key(seed=SIGNING)),
                "BEACON_KEYS": held("k1", hmac_key(secret=BEACON_SECRET)),
                # As on Lambda, where metrics are lines of the log.
                "POWERTOOLS_METRICS_DISABLED": "false",
                "POWERTOOLS_LOG_LEVEL": "DEBUG",
            },
            ["--flush-every", "0.5"],
        )
        try:
            server.until_ready()
            tokens = [
                print_token(server.folder, "--sub", "student1"),
                print_token(server.folder, "--sub", "teacher1", "--scope", SCOPES),
                print_token(server.folder, "--sub", "student2"),
            ]
            with httpx.Client(base_url=server.address("ready"), timeout=PATIENCE_SECONDS) as http:
                run = Driven(server, http, tokens)
                everything(run, postgres, valkey)
            server.stop()
            yield run
        finally:
            server.process.kill()
            server.process.wait(PATIENCE_SECONDS)


def started(run: Driven) -> list[str]:
    """Two sessions."""
    return [run.send("POST", "/sessions/start", json={"quiz_id": "quiz1"}).json()["id"] for _ in range(2)]


def everything(run: Driven, postgres: Postgres, valkey: Valkey) -> None:
    put = marked(find("/quizzes/{quiz_id}"), "")
    assert run.send(token=1, **put).status_code == 201
    ids = started(run)
    drive(run, ids[0])
    # A fault of the service itself, with what was sent among the statement's parameters.
    with psycopg.connect(postgres.url, autocommit=True) as database:
        database.execute("ALTER TABLE attempt_events RENAME TO hidden")
        drive(run, ids[1])
        database.execute("ALTER TABLE hidden RENAME TO attempt_events")
    # Staff have handed everybody in meanwhile.
    ids += started(run)
    for session_id in ids[2:]:
        run.send(
            "PATCH",
            f"/sessions/{session_id}/progress",
            json={"question_id": 0, "answer": ANSWER, "autosave": True},
        )
    postgres.stop()
    drive(run, ids[2])
    valkey.stop()
    drive(run, ids[3])
    eventually(lambda: "flush step put off" in printed(run))


def printed(run: Driven) -> str:
    return run.server.output.read_text() + run.server.errors


def test_the_run_met_every_kind_of_line(driven: Driven) -> None:
    text = printed(driven)
    for line in (
        "request failed",
        "answers buffered",
        "cache not read",
        '"code":"unauthenticated"',
        '"_aws":',
        '"status":422',
        "flush step put off",
    ):
        assert line in text, line
    assert {401, 403, 404, 409, 413, 422, 500, 503} <= {reply.status_code for reply in driven.replies}


def test_the_marks_were_sent_and_kept(driven: Driven) -> None:
    shown = "".join(reply.text for reply in driven.replies if reply.status_code < 300)
    for mark in (ANSWER, KEY, REASON):
        assert mark in shown


def test_nothing_that_is_secret_is_logged_or_counted(driven: Driven) -> None:
    text = printed(driven)
    assert [name for name, secret in driven.secrets.items() if secret in text] == []


def test_a_log_line_has_no_field_but_those_that_the_runbook_lists(driven: Driven) -> None:
    rows = re.findall(r"^\| (`.+?`) \|", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    listed = {field for row in rows for field in re.findall(r"`(\w+)`", row)}
    lines = [json.loads(line) for line in printed(driven).splitlines() if line.startswith('{"level":')]
    assert lines
    assert {name for line in lines for name in line} - listed == set()


def test_no_error_holds_anything_that_is_secret(driven: Driven) -> None:
    for reply in driven.replies:
        if reply.status_code >= 400:
            told = reply.json()
            # Of a conflict: the caller's own session, as it may read it.
            told.pop("session", None)
            text = json.dumps(told, ensure_ascii=False) + str(reply.headers)
            leaked = [name for name, secret in driven.secrets.items() if secret in text]
            assert leaked == [], (reply.request.method, reply.request.url, reply.text[:300])


def test_no_error_tells_how_the_service_is_built(driven: Driven) -> None:
    for reply in driven.replies:
        if reply.status_code >= 400:
            for word in (
                "Traceback",
                "psycopg",
                "SELECT",
                "site-packages",
                ".py",
                "redis",
                "Errno",
                "127.0.0.1",
            ):
                assert word not in reply.text, (word, reply.text[:300])


def test_a_students_replies_hold_no_answer_key(driven: Driven) -> None:
    students = {f"Bearer {driven.tokens[0]}", f"Bearer {driven.tokens[2]}"}
    for reply in driven.replies:
        if reply.request.headers.get("authorization") in students:
            assert KEY not in reply.text, reply.request.url
