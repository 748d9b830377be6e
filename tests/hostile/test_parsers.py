"""Every parser of ours on what nobody would write: a result, or the one error that it names."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quiz_sessions.domain.attempts import CACHED, Attempt
from quiz_sessions.domain.audit_events import AuditEvent
from quiz_sessions.domain.errors import (
    AuditLogDamagedError,
    ContentTooLargeError,
    EventsErasedError,
    InvalidInputError,
    UnauthenticatedError,
)
from quiz_sessions.domain.grading import grade, parse_questions, to_json
from quiz_sessions.domain.replay import COMPARED, differences, replay
from quiz_sessions.domain.timestamps import Micros, from_micros
from quiz_sessions.domain.validation import check_answers, check_id, check_json_value, check_session_size
from quiz_sessions.runtime.settings import SettingsError
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.receipts import Receipts
from quiz_sessions.services.signing_keys import EDDSA, HS256, KeySet
from quiz_sessions.stores.valkey import _parse
from session_api.identity import caller_by_claims
from session_api.strict_json import loads
from tests.harness.builders import START, attempt
from tests.harness.signing_keys import RECEIPT_KEYS, ed25519_key, hmac_key

ANY_TEXT = st.text(st.characters())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
FORGOTTEN = st.sampled_from([{}, [], "", 0, None, True, -1, 10**30, "null", [None], {"": None}])
GARBAGE = JSON | FORGOTTEN
DEEP = st.integers(1, 3000).map(lambda depth: b"[" * depth + b"]" * depth)


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


# Request bodies


@given(
    st.binary()
    | GARBAGE.map(dump)
    | DEEP
    | st.lists(st.sampled_from(list('{}[]",:0e1-.\\utnN \n'))).map("".join).map(str.encode)
)
def test_a_body_is_a_value_or_no_json(body: bytes) -> None:
    with suppress(json.JSONDecodeError):
        loads(body)


@given(GARBAGE)
def test_a_value_is_an_answer_that_survives_or_is_refused(value: Any) -> None:
    try:
        check_answers({"q": value})
        check_session_size({"q": value})
    except (InvalidInputError, ContentTooLargeError):
        return
    assert json.loads(json.dumps(value)) == value


# Quizzes

QUESTION = st.fixed_dictionaries(
    {},
    optional={
        "points": GARBAGE | st.integers(0, 10),
        "grading": GARBAGE | st.sampled_from(["exact", "set", "numeric", "text"]),
        "key": GARBAGE | st.lists(JSON, min_size=1, max_size=3),
        "tolerance": GARBAGE | st.floats(0),
        "decimal": GARBAGE | st.sampled_from(".,"),
        "partial": GARBAGE | st.booleans(),
    },
)


@given(st.dictionaries(ANY_TEXT, QUESTION | GARBAGE, max_size=3), GARBAGE)
def test_questions_are_read_as_they_are_written_or_refused(raw: dict[str, Any], answer: Any) -> None:
    try:
        questions = parse_questions(raw)
    except (InvalidInputError, ContentTooLargeError):
        return
    assert parse_questions({name: to_json(each) for name, each in questions.items()}) == questions
    with suppress(InvalidInputError, ContentTooLargeError):
        check_answers({"q": answer})
        grade(questions, dict.fromkeys(questions, answer))


# Callers

CLAIMS = st.dictionaries(
    st.sampled_from(["sub", "scope", "scp", "aud"]) | ANY_TEXT, GARBAGE | st.just("user1")
)


def request(claims: object) -> dict[str, Any]:
    return {"aws.event": {"requestContext": {"authorizer": {"jwt": {"claims": claims}}}}}


@given(CLAIMS)
def test_claims_name_a_caller_that_can_be_stored_or_nobody(claims: dict[str, Any]) -> None:
    try:
        caller = caller_by_claims(request(claims))
    except UnauthenticatedError:
        return
    assert caller.subject == claims["sub"]
    check_id("sub", caller.subject)


@given(CLAIMS, st.sampled_from(["sessions:proctor", "sessions:grade", "quizzes:write"]))
def test_no_scope_comes_out_of_other_claims(claims: dict[str, Any], scope: str) -> None:
    mentioned = {**claims, "sub": scope, "aud": scope, "name": f"x {scope} y", "scope": "openid", "scp": ""}
    assert caller_by_claims(request(mentioned)).scopes == {"openid"}


# Receipts


def verifier() -> Receipts:
    async def read() -> str:
        return RECEIPT_KEYS

    return Receipts(read, Telemetry())


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


PARTS = st.binary().map(part) | GARBAGE.map(dump).map(part) | DEEP.map(part) | ANY_TEXT
HEADERS = (
    st.fixed_dictionaries(
        {"alg": st.just("EdDSA") | GARBAGE, "kid": st.just("k1"), "typ": st.just("receipt+jws") | GARBAGE}
    )
    .map(dump)
    .map(part)
)


def spoiled_keys(jwk: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    """A key of which one member is something else."""
    needed = sorted(jwk.keys() & {"kty", "crv", "alg", "x", "d", "k"})
    return st.builds(lambda name, value: {**jwk, name: value}, st.sampled_from(needed), GARBAGE)


@given(ANY_TEXT | st.lists(HEADERS | PARTS, max_size=5).map(".".join))
def test_no_text_is_a_receipt_by_chance(text: str) -> None:
    assert asyncio.run(verifier().verify(text)) is None


@given(
    ANY_TEXT
    | GARBAGE.map(json.dumps)
    | st.fixed_dictionaries(
        {
            "current": st.just("k1") | GARBAGE,
            "keys": GARBAGE | st.lists(GARBAGE | spoiled_keys(ed25519_key()) | spoiled_keys(hmac_key())),
        }
    ).map(json.dumps)
)
def test_keys_are_keys_or_a_settings_error(text: str) -> None:
    for algorithm in (EDDSA, HS256):
        with pytest.raises(SettingsError) as caught:
            KeySet.from_json(text, algorithm)
        assert caught.value.__cause__ is None


# What Valkey holds


@given(st.binary() | GARBAGE.map(dump) | DEEP)
def test_a_cached_session_is_read_or_a_named_error(text: bytes) -> None:
    # ValkeyStore.read takes the row instead for each of these.
    with pytest.raises((ValueError, TypeError, AttributeError, RecursionError)):
        Attempt.from_json(text)


@given(st.sampled_from(CACHED), GARBAGE)
def test_a_cached_session_with_one_wrong_field_is_read_or_a_named_error(name: str, value: Any) -> None:
    stored = json.loads(attempt().to_json())
    with suppress(ValueError, TypeError, AttributeError, RecursionError):
        Attempt.from_json(dump({**stored, name: value}))
    del stored[name]
    with pytest.raises(ValueError, match="not the fields"):
        Attempt.from_json(dump(stored))


DRAFT = st.fixed_dictionaries(
    {"at": GARBAGE | st.integers(), "writer": GARBAGE | st.just("-"), "answer": GARBAGE}
).map(dump)


@given(
    st.dictionaries(
        st.binary(max_size=20)
        | st.just(b"current_question")
        | st.text(max_size=5).map(lambda text: f"q:{text}".encode("utf-8", "surrogatepass")),
        DRAFT | DEEP | GARBAGE.map(dump) | st.binary(),
        max_size=4,
    )
)
def test_drafts_are_read_or_marked_as_unreadable(raw: Mapping[bytes, bytes]) -> None:
    for draft in _parse(raw).drafts.answers.values():
        check_json_value(draft.value)
    for name, value in raw.items():
        alone = _parse({name: value})
        assert bool(alone.unreadable) != bool(alone.drafts)


# The trail

TYPES = [
    "started",
    "answered",
    "merged",
    "completed",
    "expired",
    "abandoned",
    "extended",
    "rescheduled",
    "reopened",
    "graded",
    "marked",
    "late_answer",
    "late_accepted",
]
CHANGES = GARBAGE | st.dictionaries(
    st.sampled_from(
        [
            "answers",
            "expires_at",
            "closes_at",
            "status",
            "late_ms",
            "score",
            "max_score",
            "grading",
            "marks",
            "score_by_hand",
            "current_question",
            "grace_seconds",
        ]
    )
    | ANY_TEXT,
    GARBAGE | st.sampled_from(["2026-11-23T02:15:49+00:00", "in_progress"]),
)


def event(revision: int, version: int, kind: str, changes: Any, at: Micros) -> AuditEvent:
    return AuditEvent(revision, version, kind, changes, from_micros(at), b"", b"", b"", None, holds=False)


EVENTS = st.builds(
    event, st.integers(), st.integers(), st.sampled_from(TYPES) | ANY_TEXT, CHANGES, st.integers(0, 2 * START)
)


@given(st.lists(EVENTS, max_size=5))
def test_any_trail_can_be_compared_with_the_row(trail: list[AuditEvent]) -> None:
    with suppress(AuditLogDamagedError, EventsErasedError):
        assert set(differences(attempt(), replay(attempt(), trail))) <= set(COMPARED)


def test_a_trail_that_cannot_be_read_is_damaged() -> None:
    broken = event(0, 0, "started", {"expires_at": "soon"}, START)
    with pytest.raises(AuditLogDamagedError):
        replay(attempt(), [broken])


# Through the server


bounded = settings(max_examples=60)


@bounded
@given(st.lists(st.sampled_from(list('"0123456789W/*, \t-+.;²٣')), max_size=30).map("".join))
def test_an_if_match_is_a_list_of_tags_or_refused(http: httpx.Client, tag: str) -> None:
    session = "00000000-0000-4000-8000-000000000000"
    reply = http.patch(
        f"/sessions/{session}/progress",
        json={"question_id": 0, "answer": 1},
        headers=[(b"If-Match", tag.strip().encode())],
    )
    assert reply.status_code in (404, 422)
    if reply.status_code == 404:
        assert tag.strip() == "*" or tag.count('"') >= 2
    assert reply.json()["code"] in ("session_not_found", "invalid_input")


@bounded
@given(
    ANY_TEXT.filter(lambda text: all(not "\ud800" <= each <= "\udfff" for each in text))
    | st.binary(max_size=90).map(part)
    | st.from_regex(r"[0-9]{0,17}:[0-9a-f-]{30,40}", fullmatch=True).map(str.encode).map(part)
)
def test_a_cursor_is_one_of_ours_or_refused(http: httpx.Client, cursor: str) -> None:
    reply = http.get("/sessions", params={"user_id": "user1", "cursor": cursor})
    assert reply.status_code in (200, 422)
    if reply.status_code == 200:
        assert reply.json()["sessions"] == []
