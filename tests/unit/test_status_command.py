"""How the status is printed."""

from __future__ import annotations

import copy
from typing import Any

from one_machine.status import as_text
from session_api.schemas.examples import REPLIES

EXAMPLE: dict[str, Any] = REPLIES["StatusReply"]


def test_it_is_a_line_for_each_thing_that_somebody_looks_for() -> None:
    assert as_text(EXAMPLE).splitlines() == [
        "quiz-sessions 1.0.0, degraded, up for 2 h",
        "database      up, answers in 0.61 ms, 4 of 10 connections, 1 in use, disk 41.2 GB of 103 GB free",
        "cache         down for 12 s, 3 of 64 connections, disk 41.2 GB of 103 GB free",
        "sessions      212 open, 31 dirty (the oldest for 17 s), 0 in quarantine",
        "last flush    19 s ago: sessions flushed 118, sessions expired 2",
        "webhook       ok, 0 waiting, 0 given up",
        "receipt keys  2026-11-22-9c41de 2026-11-22-07b2fa, 2026-11-22-9c41de signs, read 22 min ago",
        "token keys    none here",
        "errors        in the last 15 minutes",
        "         812  cache not read (WARNING, the last 1 s ago)",
    ]


def test_what_is_not_known_is_not_made_up() -> None:
    status = copy.deepcopy(EXAMPLE)
    status["sessions"] = dict.fromkeys(status["sessions"])
    status["webhook"] = status["last_flush"] = None
    status["errors"] = []
    status["receipt_keys"] = {"state": "unreadable", "current": None, "ids": [], "read_at": None}
    lines = dict(line.split(maxsplit=1) for line in as_text(status).splitlines())
    assert lines["sessions"] == "? open, ? dirty, ? in quarantine"
    assert lines["webhook"] == "?"
    assert lines["last"] == "flush    none by this process"
    assert lines["receipt"] == "keys  unreadable"
    assert lines["errors"] == "none in the last 15 minutes"
