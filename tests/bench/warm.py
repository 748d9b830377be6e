"""Requests to a function that is warm: the Lambda handler itself, called in this process."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from tests.harness.runtime import request_event
from tests.harness.signing_keys import BEACON_KEYS, RECEIPT_KEYS
from tests.harness.stores import Stores

from .measuring import Comparison, in_turn

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

    def reading(entry: Callable[[Any, Any], Any]) -> Callable[[], object]:
        event = request_event("read", session_id)
        return lambda: ok(entry(event, None))

    def writing(entry: Callable[[Any, Any], Any], autosave: bool) -> Callable[[], object]:
        body = {"answers": {"3": ANSWER}, **({"autosave": True} if autosave else {})}
        return lambda: ok(entry(request_event("progress", session_id, body=body), None))

    ours, theirs = in_turn(reading(handler), reading(bare.handler), rounds=rounds, calls=100)
    yield Comparison("warm cached GET", "bare GET", ours, theirs, {"median": 1.25, "p99": 1.5})
    ours, theirs = in_turn(writing(handler, False), writing(bare.handler, False), rounds=rounds, calls=100)
    yield Comparison("warm committed PATCH", "bare UPDATE and SET", ours, theirs, {"median": 1.35})
    ours, theirs = in_turn(writing(handler, True), writing(handler, False), rounds=rounds, calls=100)
    yield Comparison("warm autosave PATCH", "our committed PATCH", ours, theirs, {"median": 0.6})


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
