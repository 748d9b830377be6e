"""How the status is printed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from development_server.status_command import as_text, token_of
from development_server.token_command import KeyPair
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


def test_it_asks_with_a_token_of_the_folders_own_issuer(tmp_path: Path) -> None:
    assert token_of(tmp_path, {}) is None
    KeyPair(tmp_path)
    assert token_of(tmp_path, {}) is not None


def test_a_token_that_is_named_is_sent(tmp_path: Path) -> None:
    assert token_of(tmp_path, {"QUIZ_SESSIONS_TOKEN": "theirs"}) == "theirs"


@pytest.mark.parametrize("token", [None, "theirs"])
def test_without_a_folder_nothing_is_made(tmp_path: Path, token: str | None) -> None:
    folder = tmp_path / "none"
    token_of(folder, {"QUIZ_SESSIONS_TOKEN": token} if token else {})
    assert not folder.exists()
