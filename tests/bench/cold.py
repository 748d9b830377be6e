"""Cold starts: from the start of the runtime's process to the first reply, under Lambda's own runtime."""

from __future__ import annotations

import compileall
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.harness.launch import ROOT
from tests.harness.runtime import request_event, running_runtime
from tests.harness.stores import Stores

from .measuring import Comparison
from .warm import prepared

STARTS = 10


def measure(stores: Stores, rounds: int) -> Iterator[Comparison]:
    """To the first cached read, and to the first committed write."""
    compileall.compile_dir(ROOT / "layers", quiet=1)
    compileall.compile_dir(ROOT / "functions", quiet=1)
    session_id = prepared(stores)
    body = {"answers": {"3": "B"}}
    events: dict[str, Callable[[], Any]] = {
        "GET": lambda: request_event("read", session_id),
        "committed PATCH": lambda: request_event("progress", session_id, body=body),
    }
    for name, event in events.items():
        ours, theirs = [], []
        for _ in range(min(rounds, STARTS)):
            ours.append(_first_reply("session_api.handler.handler", stores, event))
            theirs.append(_first_reply("tests.bench.bare.handler", stores, event))
        yield Comparison(f"cold start to first {name}", "bare function", ours, theirs, {"median": 1.2})


def _first_reply(handler: str, stores: Stores, event: Callable[[], Any]) -> float:
    with (
        tempfile.TemporaryDirectory(prefix="quiz-bench-") as folder,
        running_runtime(handler, stores, Path(folder), pythonpath=str(ROOT)) as runtime,
        httpx.Client() as client,
    ):
        # The emulator starts the runtime with the first invocation.
        begun = time.perf_counter()
        reply = client.post(runtime.url, json=event(), timeout=30)
        took = (time.perf_counter() - begun) * 1000
        assert reply.json().get("statusCode") == 200, reply.text + runtime.log()
        return took
