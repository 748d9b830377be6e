"""Attempts, their times and their JSON."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.domain.attempts import CACHED, Attempt, Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.json_values import dump_json
from quiz_sessions.domain.sessions import view
from quiz_sessions.domain.tags import Tag
from quiz_sessions.domain.timestamps import EPOCH, from_micros, iso, to_micros
from tests.harness.builders import JSON_VALUES, SECOND, START, TEXT, attempt, drafts

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)
)
ATTEMPTS = st.builds(
    attempt,
    id=st.uuids(),
    user_id=TEXT,
    quiz_id=TEXT,
    attempt_no=st.integers(1),
    status=st.sampled_from(Status),
    current_question=st.integers(0),
    current_question_at=st.integers(0),
    answers=st.dictionaries(TEXT, JSON_VALUES, max_size=5),
    answer_meta=st.dictionaries(
        TEXT,
        st.fixed_dictionaries({"version": st.integers(0), "at": st.integers(0), "writer": st.just("-")}),
        max_size=5,
    ),
    version=st.integers(0),
    revision=st.integers(0),
    time_remaining=st.integers(0),
    time_limit_seconds=st.integers(1),
    accommodation_seconds=st.integers(0),
    extension_seconds=st.integers(),
    closes_at=st.none() | MOMENTS,
    grace_seconds=st.integers(0),
    started_at=MOMENTS,
    expires_at=MOMENTS,
    accepts_until=MOMENTS,
    last_updated=MOMENTS,
    completed_at=st.none() | MOMENTS,
    ended_at=st.none() | MOMENTS,
    late_ms=st.integers(0),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    max_score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    grading=st.sampled_from([None, "pending", "done"]),
    marks=st.dictionaries(
        TEXT,
        st.fixed_dictionaries(
            {"points": st.floats(0, 10)}, optional={"comment": TEXT, "answer_sha256": st.just("0" * 64)}
        ),
        max_size=2,
    ),
    score_by_hand=st.booleans(),
    results_read_at=st.none() | MOMENTS,
    needs_grading=st.booleans(),
)


# Times


@given(st.integers(to_micros(datetime.min.replace(tzinfo=UTC)), to_micros(datetime.max.replace(tzinfo=UTC))))
def test_micros_survive_as_a_datetime(at: int) -> None:
    assert to_micros(from_micros(at)) == at


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_datetime_survives_as_micros(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


@given(st.integers(0, 2**52), st.integers(-12 * 60, 14 * 60))
def test_micros_do_not_depend_on_the_time_zone(at: int, minutes: int) -> None:
    assert to_micros(from_micros(at).astimezone(timezone(timedelta(minutes=minutes)))) == at


@given(st.integers(0, 2**52), st.integers(0, 2**52))
def test_micros_order_as_datetimes_do(one: int, other: int) -> None:
    assert (one < other) == (from_micros(one) < from_micros(other))


def test_micros_count_from_1970() -> None:
    assert to_micros(EPOCH) == 0
    assert from_micros(1_000_001) == datetime(1970, 1, 1, 0, 0, 1, 1, UTC)


def test_from_micros_is_in_utc() -> None:
    assert from_micros(START).tzinfo is UTC


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2027, 1, 15, 8, 0, tzinfo=UTC), "2027-01-15T08:00:00Z"),
        (datetime(2027, 1, 15, 8, 0, 0, 1, UTC), "2027-01-15T08:00:00.000001Z"),
    ],
)
def test_iso(moment: datetime, text: str) -> None:
    assert iso(moment) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_iso_is_read_back_as_the_same_moment(moment: datetime) -> None:
    text = iso(moment)
    assert text is not None
    assert datetime.fromisoformat(text) == moment


# Statuses


@pytest.mark.parametrize(
    ("status", "is_open"),
    [
        (Status.STARTED, True),
        (Status.IN_PROGRESS, True),
        (Status.COMPLETED, False),
        (Status.EXPIRED, False),
        (Status.ABANDONED, False),
    ],
)
def test_an_open_attempt_is_started_or_in_progress(status: Status, is_open: bool) -> None:
    assert status.is_open is is_open


def test_a_status_is_its_own_text() -> None:
    assert [*Status] == ["started", "in_progress", "completed", "expired", "abandoned"]


# JSON


def test_json_is_compact_and_keeps_other_scripts() -> None:
    assert dump_json({"a": ["ä", "🙂"], "b": 1.0}) == '{"a":["ä","🙂"],"b":1.0}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_has_no_number_that_is_not_finite(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_json({"answer": [number]})


@given(JSON_VALUES)
def test_json_keeps_every_value(value: Any) -> None:
    assert json.dumps(json.loads(dump_json(value))) == json.dumps(value)


@pytest.mark.parametrize("encoded", [str, str.encode])
@given(original=ATTEMPTS)
def test_an_attempt_survives_as_json(encoded: Callable[[str], str | bytes], original: Attempt) -> None:
    read = Attempt.from_json(encoded(original.to_json()))
    assert [getattr(read, name) for name in CACHED] == [getattr(original, name) for name in CACHED]


@given(ATTEMPTS)
def test_scores_and_marks_are_not_cached(original: Attempt) -> None:
    read = Attempt.from_json(original.to_json())
    assert (read.score, read.max_score, read.grading, read.marks, read.score_by_hand) == (
        None,
        None,
        None,
        {},
        False,
    )


@given(ATTEMPTS)
def test_answers_survive_with_their_types(original: Attempt) -> None:
    read = Attempt.from_json(original.to_json())
    # 1, 1.0 and true are equal in Python.
    assert json.dumps(read.answers) == json.dumps(original.answers)


@given(ATTEMPTS)
def test_the_status_read_back_is_a_status(original: Attempt) -> None:
    assert isinstance(Attempt.from_json(original.to_json()).status, Status)


@given(ATTEMPTS)
def test_revision_and_status_stand_first_for_the_scripts(original: Attempt) -> None:
    first = f'{{"revision":{original.revision},"status":"{original.status}",'
    assert original.to_json().startswith(first)


def test_the_cached_form_is_the_session_and_what_the_api_strips() -> None:
    cached = json.loads(attempt().to_json())
    shown = view(attempt(), Drafts(), START).to_dict()
    assert set(cached) - set(shown) == {
        "revision",
        "answer_meta",
        "current_question_at",
        "ended_at",
        "time_limit_seconds",
        "accommodation_seconds",
        "extension_seconds",
        "paused_at",
        "session_paused",
        "quiz_paused",
        "closes_at",
        "closes_later_seconds",
        "grace_seconds",
        "question_ids",
        "paper",
        "progress",
        "group_name",
        "device",
        "device_since",
        "incidents",
        "access",
        "results_read_at",
        "needs_grading",
    }
    assert set(shown) - set(cached) == {
        "server_time",
        "paused",
        "sections",
        "group",
        "durability",
        "buffered_questions",
        "answer_tags",
        "score",
        "max_score",
        "grading",
        "receipt",
    }
    assert {name: cached[name] for name in cached.keys() & shown.keys()} == {
        name: shown[name] for name in cached.keys() & shown.keys()
    }


def test_a_session_as_json() -> None:
    ended = from_micros(START + 90 * SECOND)
    shown = view(
        attempt(
            status=Status.COMPLETED,
            answers={"1": "A"},
            version=2,
            time_remaining=1710,
            completed_at=ended,
            ended_at=ended,
            late_ms=250,
            score=1.0,
            max_score=2.0,
            grading="done",
        ),
        Drafts(),
        START + 100 * SECOND,
        scored=True,
    )
    assert shown.to_dict() == {
        "id": "11111111-2222-4333-8444-555555555555",
        "user_id": "user1",
        "quiz_id": "quiz1",
        "attempt_no": 1,
        "status": "completed",
        "current_question": 0,
        "answers": {"1": "A"},
        "version": 2,
        "server_time": "2027-01-15T08:01:40Z",
        "time_remaining": 1710,
        "started_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-15T08:30:00Z",
        "accepts_until": "2027-01-15T08:30:00Z",
        "paused": False,
        "pause_seconds": 0,
        "sections": None,
        "last_updated": "2027-01-15T08:00:00Z",
        "completed_at": "2027-01-15T08:01:30Z",
        "group": None,
        "label": None,
        "metadata": None,
        "unread_notices": 0,
        "late_ms": 250,
        "score": 1.0,
        "max_score": 2.0,
        "grading": "done",
        "durability": "committed",
        "buffered_questions": [],
        "answer_tags": {},
        "receipt": None,
    }


@pytest.mark.parametrize(
    "fields", [{"receipt": "a.b.c"}, {"replayed": True}, {"resumed": True}, {"receipt": None}]
)
def test_two_replies_show_the_same_session_whatever_they_say_of_themselves(fields: dict[str, Any]) -> None:
    shown = view(attempt(), Drafts(), START)
    assert replace(shown, **fields) == shown


@pytest.mark.parametrize("receipt", [None, "a.b.c"])
def test_a_receipt_is_shown_as_it_is(receipt: str | None) -> None:
    assert replace(view(attempt(), Drafts(), START), receipt=receipt).to_dict()["receipt"] == receipt


# Attempts and drafts


def test_answered_at_is_that_of_the_committed_answer() -> None:
    answered = attempt(answers={"1": "A"}, answer_meta={"1": {"version": 1, "at": 7, "writer": "-"}})
    assert answered.answered_at("1") == 7


def test_answered_at_is_before_all_time_without_an_answer() -> None:
    assert attempt().answered_at("1") == -1


@pytest.mark.parametrize(
    ("meta", "tag"),
    [
        ({}, None),
        ({"1": {"version": 1, "at": 7, "writer": "w"}}, Tag(7, "w")),
        ({"2": {"version": 1, "at": 7, "writer": "w"}}, None),
    ],
)
def test_the_tag_of_an_answer_is_when_it_came_and_from_whom(meta: dict[str, Any], tag: Tag | None) -> None:
    assert attempt(answer_meta=meta).answer_tag("1") == tag


def test_an_open_attempt_ends_with_its_grace() -> None:
    until = from_micros(START + 1810 * SECOND)
    assert attempt(grace_seconds=10, accepts_until=until).end == START + 1810 * SECOND


def test_an_ended_attempt_ended_when_it_did() -> None:
    assert attempt(ended_at=from_micros(START + 5)).end == START + 5


@pytest.mark.parametrize(
    ("held", "truth"),
    [
        (Drafts(), False),
        (drafts(a=(None, 0)), True),
        (drafts(current_question=Draft(0, 0)), True),
    ],
)
def test_drafts_are_true_when_there_are_any(held: Drafts, truth: bool) -> None:
    assert bool(held) is truth
