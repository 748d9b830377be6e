"""A copy of what Valkey alone has: drafts, what named writes stood for, the dirty index, the quarantine.

The cache of sessions and what is known of who was heard are left out. They are made anew, and a session that
is cached older than its row would be shown.

A copy that is made while the service works is consistent if PostgreSQL is copied after it. What was a draft
when the copy began is in the copy, or had been flushed by then and is in PostgreSQL. What is in both counts
once, for a draft counts only if it is later than the committed answer (docs/architecture.md).
"""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import redis

from development_server.embedded_valkey import valkey_program
from quiz_sessions.stores.valkey import DIRTY, SET_ASIDE

from .machine import CommandError

_NAMED_WRITES: Final = re.compile(rb"\{session:[0-9a-f-]{36}\}:write:.*", re.DOTALL)
_OTHERS: Final = re.compile(rb"\{session:[0-9a-f-]{36}\}:drafts|dirty:.*")
_DRAFTS: Final = re.compile(rb"\{session:([0-9a-f-]{36})\}:drafts")
_AT_ONCE: Final = 500
_PATIENCE_SECONDS: Final = 10
_T = TypeVar("_T")


def valkey_version() -> str:
    """Of the embedded Valkey, such as 9.1.2. Raises CommandError."""
    done = subprocess.run([valkey_program(), "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"v=([\d.]+)", done.stdout)
    if done.returncode != 0 or found is None:
        raise CommandError(f"Valkey does not run here: {done.stderr.strip()}")
    return found[1]


def copy(url: str, file: Path) -> int:
    """Write the keys into `file`, one in a line; returns how many sessions have drafts.

    Raises redis.RedisError, OSError.
    """
    drafts = 0
    with _client(url) as client, file.open("w") as lines:
        for some in _some_at_a_time(_keys(client)):
            pipe = client.pipeline(transaction=False)
            for key in some:
                # Together, or its end would be that of another value.
                pipe.eval("return {redis.call('DUMP', KEYS[1]), redis.call('PTTL', KEYS[1])}", 1, key)
            for key, (value, milliseconds) in zip(some, pipe.execute(), strict=True):
                if value is None:
                    # A flush has dealt with it since.
                    continue
                drafts += bool(_DRAFTS.fullmatch(key))
                record = {"key": _text(key), "value": _text(value), "milliseconds": max(milliseconds, 0)}
                lines.write(f"{json.dumps(record)}\n")
    return drafts


def load(url: str, file: Path) -> None:
    """Put what `copy` has written into an empty Valkey, and mark every session with drafts as dirty.

    Raises redis.RedisError, OSError.
    """
    with _client(url) as client, file.open() as lines:
        sessions = []
        for some in _some_at_a_time(map(json.loads, lines)):
            pipe = client.pipeline(transaction=False)
            for record in some:
                key = b64decode(record["key"])
                pipe.restore(key, record["milliseconds"], b64decode(record["value"]))
                if found := _DRAFTS.fullmatch(key):
                    sessions.append(found[1])
            pipe.execute()
        set_aside: Any = client.smembers(SET_ASIDE)
        seconds, micros = client.time()
        # The index may have been copied before the drafts.
        for some_sessions in _some_at_a_time(each for each in sessions if each not in set_aside):
            marks = dict.fromkeys(some_sessions, seconds * 1_000_000 + micros)
            client.zadd(DIRTY.format(0), marks, nx=True)


def _keys(client: redis.Redis) -> Iterator[bytes]:
    # A named write and its drafts are put together. Whoever repeats a write whose name is in the copy is told
    # that it was made, so what it put must be there as well: the drafts are looked at after the names.
    for kept in (_NAMED_WRITES, _OTHERS):
        yield from (key for key in client.scan_iter(count=_AT_ONCE) if kept.fullmatch(key))


def _some_at_a_time(every: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(every)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=_PATIENCE_SECONDS)


def _text(data: bytes) -> str:
    return b64encode(data).decode()
