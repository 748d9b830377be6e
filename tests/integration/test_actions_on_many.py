"""What requests about many sessions have in common: how sessions are named, and why one is left as it is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args
from uuid import uuid4

import pytest

from quiz_sessions import stores
from quiz_sessions.domain.attempts import Status
from quiz_sessions.services.room import Room
from session_api.schemas.room import UnchangedReason
from tests.harness.gateway import Api

STATEMENTS = Path(stores.__file__).parent / "sql"
LITERAL = re.compile(r"""(?:THEN|ELSE|SELECT|return) ['"]([a-z_ ]+)['"]""")


def test_the_reasons_are_those_of_the_document() -> None:
    """Held against the statements, and against what `Room` says by itself."""
    names = ("pause_quiz", "resume_quiz", "extend_quiz", "notify_quiz", "attempts_of_quiz")
    sources = [inspect.getsource(Room), *((STATEMENTS / f"{name}.sql").read_text() for name in names)]
    said = {literal for source in sources for literal in LITERAL.findall(source)}
    ended = {status.value for status in Status if not status.is_open}
    assert said - {"changed", "reused", "repeated", "open"} | ended == set(get_args(UnchangedReason))


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("pause", {"reason": "why"}),
        ("resume", {"reason": "why"}),
        ("complete", {"reason": "why"}),
        ("extend", {"reason": "why", "seconds": 60}),
        ("notices", {"text": "words"}),
    ],
)
async def test_a_session_id_that_is_none_is_pointed_at(
    api: Api, action: str, body: dict[str, object]
) -> None:
    named = [str(uuid4()), str(uuid4()), "no-id", str(uuid4())]
    reply = await api("POST", f"/quizzes/quiz1/{action}", {**body, "session_ids": named})
    assert [error["location"] for error in reply.json()["errors"]] == ["body.session_ids.2"]
