"""Requests to a function that is warm: the Lambda handler itself, called in this process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg

from tests.harness.runtime import request_event
from tests.harness.signing_keys import BEACON_KEYS, RECEIPT_KEYS
from tests.harness.stores import Stores

from .crowd import PEER
from .measuring import Comparison, in_turn, timed

QUESTIONS = 20
ANSWER = "The answer of somebody who writes a sentence of some length. " * 2


def prepared(stores: Stores) -> str:
    """A session with its answers, in both forms; returns its id. It is read from this process from now on."""
    os.environ.update(
        stores.environment(),
        RECEIPT_KEYS=RECEIPT_KEYS,
        BEACON_KEYS=BEACON_KEYS,
        POWERTOOLS_SERVICE_NAME="quiz-sessions",
        POWERTOOLS_METRICS_NAMESPACE="QuizSessions",
    )
    # As Lambda's runtime has it: no loop is running, and the handler's stays the same.
    asyncio.set_event_loop(asyncio.new_event_loop())
    from session_api.handler import handler

    started = call(handler, "start", body={"user_id": "bench", "quiz_id": "bench"}, expected=201)
    session_id: str = started["id"]
    answers = {str(number): ANSWER for number in range(QUESTIONS)}
    call(handler, "progress", session_id, body={"answers": answers}, expected=200)
    _prepare_bare(stores, session_id, answers)
    return session_id


def measure(stores: Stores, rounds: int) -> Iterator[Comparison]:
    """A cached read, a committed write and an autosave."""
    session_id = prepared(stores)
    from session_api.handler import handler

    from . import bare

    def reading(entry: Callable[[Any, Any], Any]) -> Callable[[int], list[float]]:
        event = request_event("read", session_id)
        return timed(lambda: ok(entry(event, None)))

    def writing(entry: Callable[[Any, Any], Any], autosave: bool) -> Callable[[int], list[float]]:
        body = {"answers": {"3": ANSWER}, **({"autosave": True} if autosave else {})}
        return timed(lambda: ok(entry(request_event("progress", session_id, body=body), None)))

    once = partial(in_turn, rounds=rounds, calls=100)
    with _peer(stores) as peer:
        ours, theirs, nodes = once(reading(handler), reading(bare.handler), partial(peer, "get"))
        yield Comparison("warm cached GET", "bare GET", ours, theirs, {"median": 1.2, "p99": 1.5})
        yield Comparison("warm cached GET", "Node's handler", ours, nodes, {"median": 1.2})
        ours, theirs, nodes = once(
            writing(handler, False), writing(bare.handler, False), partial(peer, "patch")
        )
        yield Comparison("warm committed PATCH", "bare UPDATE and SET", ours, theirs, {"median": 1.6})
        yield Comparison("warm committed PATCH", "Node's handler", ours, nodes, {"median": 1.3})
    ours, theirs = once(writing(handler, True), writing(handler, False))
    yield Comparison("warm autosave PATCH", "our committed PATCH", ours, theirs, {"median": 0.5})


@contextmanager
def _peer(stores: Stores) -> Iterator[Callable[[str, int], list[float]]]:
    """The peer's handler in a process of Node; it tells the milliseconds of its own calls."""
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node is not None
    assert npm is not None
    subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=PEER, check=True)
    process = subprocess.Popen(
        [node, "handler.js"],
        cwd=PEER,
        env={**os.environ, **stores.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def milliseconds(kind: str, calls: int) -> list[float]:
            print(kind, calls, file=process.stdin, flush=True)
            assert process.stdout is not None
            times: list[float] = json.loads(process.stdout.readline())
            return times

        yield milliseconds
        process.stdin.close()


def _prepare_bare(stores: Stores, session_id: str, answers: dict[str, str]) -> None:
    from .bare import TABLE

    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute(TABLE.encode())
        connection.execute(
            "INSERT INTO bare (id, answers, version) VALUES (%s, %s, 0)", (session_id, json.dumps(answers))
        )
    with stores.cache() as valkey:
        cached = valkey.get(f"session:{session_id}")
        assert isinstance(cached, bytes)
        valkey.set(f"session:bare:{session_id}", cached)


def call(
    handler: Callable[[Any, Any], Any], name: str, session_id: str = "", *, body: object, expected: int
) -> Any:
    reply = handler(request_event(name, session_id or "-", body=body), None)
    assert reply["statusCode"] == expected, reply
    return json.loads(reply["body"])


def ok(reply: Any) -> None:
    assert reply["statusCode"] == 200, reply
