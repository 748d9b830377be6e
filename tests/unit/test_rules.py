"""The rules of an attempt: what may be stored, which answer counts, what a caller sees."""

import json
import math
import string
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quiz_sessions.domain.attempts import Attempt, Status
from quiz_sessions.domain.deadlines import deadline_of, is_overdue, lateness_ms, time_remaining
from quiz_sessions.domain.drafts import NO_DRAFTS, Draft, Drafts, counting, counts, merge_drafts
from quiz_sessions.domain.errors import ContentTooLargeError, InvalidInputError
from quiz_sessions.domain.json_values import dump_record
from quiz_sessions.domain.sessions import view
from quiz_sessions.domain.timestamps import from_micros
from quiz_sessions.domain.validation import (
    check_answers,
    check_count,
    check_id,
    check_json_value,
    check_session_size,
    question_key,
    session_key,
)
from quiz_sessions.services.backpressure import AUTOSAVE_MS, MAX_AUTOSAVE_MS, next_autosave_after_ms
from tests.harness.builders import END, SECOND, START, attempt, drafts

GRACE_END = END + 10 * SECOND
OPEN = [Status.STARTED, Status.IN_PROGRESS]
CLOSED = [Status.COMPLETED, Status.EXPIRED, Status.ABANDONED]
MEGABYTE = 1024 * 1024

TIMES = st.integers(0, 20)
QUESTIONS = st.sampled_from("abcd")
DRAFTS = st.builds(
    Drafts,
    st.dictionaries(QUESTIONS, st.builds(Draft, st.integers(0, 5), TIMES)),
    st.none() | st.builds(Draft, st.integers(0, 5), TIMES),
)
MOMENTS = st.integers(START, END + 100 * SECOND)


def fields(held: Drafts) -> dict[str | None, Draft]:
    """All drafts by field; None is the current_question."""
    found: dict[str | None, Draft] = dict(held.answers.items())
    if held.current_question is not None:
        found[None] = held.current_question
    return found


def times(held: Drafts) -> dict[str | None, int]:
    return {name: draft.at for name, draft in fields(held).items()}


def answered(at: int) -> Attempt:
    """An attempt whose question "1" was answered at `at`."""
    return attempt(
        answers={"1": "committed"}, answer_meta={"1": {"version": 1, "at": at, "writer": "-"}}, version=1
    )


def draft_of_1(at: int) -> Drafts:
    return Drafts({"1": Draft("draft", at)})


# Ids


def test_a_session_id_is_a_uuid_in_text() -> None:
    assert session_key("11111111-2222-4333-8444-555555555555") == attempt().id


def test_a_session_id_may_be_a_uuid_already() -> None:
    assert session_key(UUID(int=7)) == UUID(int=7)


@pytest.mark.parametrize("text", ["", "nope", "11111111-2222-4333-8444-55555555555", "11111111-2222\x00"])
def test_another_session_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="UUID"):
        session_key(text)


@pytest.mark.parametrize(
    ("question", "key"),
    [
        (0, "0"),
        (7, "7"),
        (2**31 - 1, "2147483647"),
        ("7", "7"),
        ("x", "x"),
        ("ü 🙂", "ü 🙂"),
        ("q" * 128, "q" * 128),
    ],
)
def test_a_question_is_an_integer_or_a_short_text(question: int | str, key: str) -> None:
    assert question_key(question) == key


@pytest.mark.parametrize(
    "question", [-1, 2**31, 10**30, True, False, "", "q" * 129, "a\x00b", "\ud800", None, 1.0]
)
def test_another_question_is_refused(question: Any) -> None:
    with pytest.raises(InvalidInputError, match="question_id"):
        question_key(question)


@pytest.mark.parametrize("value", ["x", "x" * 128, "🙂" * 128, " ", "null"])
def test_an_id_is_given_back(value: str) -> None:
    assert check_id("user_id", value) == value


@pytest.mark.parametrize("value", ["", "x" * 129, "🙂" * 129, "\x00", "x\udfff", None, 7, b"x"])
def test_another_id_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidInputError, match="user_id"):
        check_id("user_id", value)


@pytest.mark.parametrize("value", [None, 0, 1, 2**31 - 1])
def test_a_count_is_absent_or_a_natural_number(value: int | None) -> None:
    check_count("version", value)


@pytest.mark.parametrize("value", [-1, 2**31, True, False])
def test_another_count_is_refused_by_name(value: int) -> None:
    with pytest.raises(InvalidInputError, match="version"):
        check_count("version", value)


# Answers


def nested(depth: int, leaf: Any, kind: str) -> Any:
    value = leaf
    for level in range(depth):
        value = [value] if kind == "list" or (kind == "both" and level % 2) else {"k": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        1.0,
        -0.0,
        1e308,
        5e-324,
        2**60,
        "",
        "🙂",
        "\x01\x1f\x7f",
        "\ufffe\uffff",
        [],
        {},
        [[]],
    ],
)
def test_every_kind_of_json_value_may_be_an_answer(value: Any) -> None:
    check_json_value(value)


@pytest.mark.parametrize("kind", ["list", "dict", "both"])
def test_a_depth_of_100_is_kept(kind: str) -> None:
    check_json_value(nested(100, "leaf", kind))


@pytest.mark.parametrize("leaf", [[], {}])
def test_an_empty_container_is_a_level_too(leaf: Any) -> None:
    check_json_value(nested(99, leaf, "list"))
    with pytest.raises(InvalidInputError, match="deeper than 100"):
        check_json_value(nested(100, leaf, "list"))


@pytest.mark.parametrize("kind", ["list", "dict", "both"])
def test_a_depth_of_101_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInputError, match="deeper than 100"):
        check_json_value(nested(101, "leaf", kind))


def test_a_depth_that_python_could_not_recurse_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="deeper than 100"):
        check_json_value(nested(50_000, 1, "both"))


PLACES = [
    lambda bad: bad,
    lambda bad: [1, bad],
    lambda bad: {"k": [{"k": bad}]},
    lambda bad: nested(100, bad, "both"),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("a\x00", "NUL"),
        ("\ud800", "surrogate"),
        ("a\udfffb", "surrogate"),
        ("\udc00\ud800", "surrogate"),
        (math.nan, "finite"),
        (math.inf, "finite"),
        (-math.inf, "finite"),
        (10**4300, "4300 digits"),
        (-(10**4300), "4300 digits"),
        (10**100_000, "4300 digits"),
        ((1, 2), "not a JSON value"),
        ({1}, "not a JSON value"),
        (b"x", "not a JSON value"),
    ],
    ids=lambda bad: str(type(bad).__name__),
)
def test_what_cannot_be_kept_by_value_is_refused_wherever_it_is(place: Any, bad: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        check_json_value(place(bad))


@pytest.mark.parametrize(
    ("key", "said"),
    [("\x00", "NUL"), ("a\x00", "NUL"), ("\ud83d", "surrogate"), (1, "string"), (None, "string")],
)
def test_a_key_that_cannot_be_kept_is_refused(key: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        check_json_value([{"fine": {key: 1}}])


@pytest.mark.parametrize("number", [10**4300 - 1, 1 - 10**4300, 10**4299])
def test_a_number_of_4300_digits_is_kept(number: int) -> None:
    check_json_value(number)


@pytest.mark.parametrize("bad", ["\x00secret", "secret\ud800", {"secret\x00": 1}, ["secret", math.nan]])
def test_a_refusal_does_not_repeat_the_answer(bad: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_answers({"1": bad})
    assert "secret" not in str(caught.value)


def test_at_least_one_answer() -> None:
    with pytest.raises(InvalidInputError, match="at least one"):
        check_answers({})


def test_512_answers_are_kept() -> None:
    check_answers({str(n): n for n in range(512)})


def test_513_answers_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="at most 512 answers"):
        check_answers({str(n): n for n in range(513)})


@pytest.mark.parametrize("question", ["", "q" * 129, "\x00", "\ud800"])
def test_answers_to_what_is_no_question_are_refused(question: str) -> None:
    with pytest.raises(InvalidInputError, match="question_id"):
        check_answers({"fine": 1, question: 1})


def sized(size: int) -> list[Any]:
    """Answers of `size` bytes as compact UTF-8 JSON."""
    return [
        "a" * (size - 2),
        # Two quotes, 4 bytes each, and what is left over.
        "🙂" * ((size - 2) // 4) + "a" * ((size - 2) % 4),
        # A quotation mark takes two.
        '"' * ((size - 2) // 2) + "a" * ((size - 2) % 2),
        [1] * ((size - 1) // 2) if size % 2 else [11, *[1] * ((size - 4) // 2)],
        {"k": "a" * (size - 8)},
    ]


@pytest.mark.parametrize("answer", sized(65536), ids=range(5))
def test_an_answer_of_65536_bytes_is_kept(answer: Any) -> None:
    check_answers({"1": answer})


@pytest.mark.parametrize("answer", sized(65537), ids=range(5))
def test_an_answer_of_65537_bytes_is_too_large(answer: Any) -> None:
    with pytest.raises(ContentTooLargeError, match="at most 65536 bytes; this one has 65537"):
        check_answers({"1": answer})


def session_of(size: int) -> dict[str, Any]:
    """Answers whose text has `size` bytes as PostgreSQL writes them."""
    answers = {f"q{n:02}": "ü" * 30_000 for n in range(17)}
    answers["rest"] = ""
    answers["rest"] = "a" * (size - len(json.dumps(answers, ensure_ascii=False).encode()))
    return answers


def test_a_session_of_1_mib_is_kept() -> None:
    check_session_size(session_of(MEGABYTE))


def test_a_session_over_1_mib_is_too_large() -> None:
    with pytest.raises(ContentTooLargeError, match="1048576 bytes"):
        check_session_size(session_of(MEGABYTE + 1))


def test_a_session_has_512_answers() -> None:
    check_session_size({str(n): n for n in range(512)})


def test_a_session_has_no_513th_answer() -> None:
    with pytest.raises(InvalidInputError, match="512"):
        check_session_size({str(n): n for n in range(513)})


# The clock


@given(MOMENTS, MOMENTS)
def test_time_remaining_is_rounded_up_and_never_negative(expires: int, at: int) -> None:
    expected = max(0, math.ceil(Fraction(expires - at, SECOND)))
    assert time_remaining(from_micros(expires), at) == expected


@pytest.mark.parametrize(
    ("before", "seconds"),
    [
        (1800 * SECOND, 1800),
        (SECOND + 1, 2),
        (SECOND, 1),
        (1, 1),
        (0, 0),
        (-1, 0),
        (-SECOND, 0),
        (-(10**12), 0),
    ],
)
def test_time_remaining_near_the_deadline(before: int, seconds: int) -> None:
    assert time_remaining(from_micros(END), END - before) == seconds


@given(MOMENTS, st.integers(0, 10 * SECOND))
def test_time_remaining_never_grows(at: int, later: int) -> None:
    deadline = from_micros(END)
    assert time_remaining(deadline, at + later) <= time_remaining(deadline, at)


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize(("at", "overdue"), [(START, False), (END - 1, False), (END, False), (END + 1, True)])
def test_an_open_attempt_is_overdue_after_its_deadline(status: Status, at: int, overdue: bool) -> None:
    assert is_overdue(attempt(status=status), at) is overdue


@pytest.mark.parametrize("status", CLOSED)
def test_an_ended_attempt_is_never_overdue(status: Status) -> None:
    assert not is_overdue(attempt(status=status), END + 1)


def with_grace(**fields: Any) -> Attempt:
    """An attempt that takes answers for ten seconds after its deadline."""
    return attempt(grace_seconds=10, accepts_until=from_micros(GRACE_END), **fields)


@pytest.mark.parametrize(("at", "overdue"), [(END + 1, False), (GRACE_END, False), (GRACE_END + 1, True)])
def test_a_grace_period_puts_off_when_it_is_overdue_and_not_the_deadline(at: int, overdue: bool) -> None:
    assert is_overdue(with_grace(), at) is overdue
    shown = view(with_grace(), Drafts(), at)
    assert (shown.status is Status.EXPIRED, shown.time_remaining) == (overdue, 0)


@pytest.mark.parametrize(
    ("after", "milliseconds"),
    [
        (-SECOND, 0),
        (0, 0),
        (1, 1),
        (1000, 1),
        (1001, 2),
        (SECOND, 1000),
        (SECOND + 1, 1001),
        (10**13, 2**31 - 1),
    ],
)
def test_lateness_is_in_milliseconds_rounded_up(after: int, milliseconds: int) -> None:
    assert lateness_ms(from_micros(END), END + after) == milliseconds


@given(MOMENTS, MOMENTS)
def test_who_has_time_left_is_not_late(expires: int, at: int) -> None:
    deadline = from_micros(expires)
    assert (lateness_ms(deadline, at) == 0) == (at <= expires)
    assert not (time_remaining(deadline, at) and lateness_ms(deadline, at))


def test_a_deadline_tells_its_parts() -> None:
    closes = from_micros(END + 3600 * SECOND)
    row = attempt(
        time_limit_seconds=1500,
        accommodation_seconds=200,
        extension_seconds=100,
        closes_at=closes,
        grace_seconds=10,
        accepts_until=from_micros(GRACE_END),
    )
    assert json.loads(dump_record(deadline_of(row, NO_DRAFTS, START + 500 * SECOND))) == {
        "session_id": str(row.id),
        "status": "started",
        "started_at": "2027-01-15T08:00:00Z",
        "time_limit_seconds": 1500,
        "accommodation_seconds": 200,
        "extension_seconds": 100,
        "pause_seconds": 0,
        "paused_at": None,
        "closes_at": "2027-01-15T09:30:00Z",
        "closes_later_seconds": 0,
        "cut_seconds": 0,
        "grace_seconds": 10,
        "expires_at": "2027-01-15T08:30:00Z",
        "accepts_until": "2027-01-15T08:30:10Z",
        "binding": "time_limit",
        "server_time": "2027-01-15T08:08:20Z",
        "time_remaining": 1300,
        "sections": [],
    }


@pytest.mark.parametrize(
    ("closes", "binding", "cut"),
    [
        (None, "time_limit", 0),
        (END + 1, "time_limit", 0),
        (END, "time_limit", 0),
        (END - 1, "closes_at", 1),
        (END - SECOND, "closes_at", 1),
        (END - 60 * SECOND - 1, "closes_at", 61),
    ],
)
def test_what_comes_first_makes_the_deadline(closes: int | None, binding: str, cut: int) -> None:
    row = attempt(closes_at=None if closes is None else from_micros(closes))
    told = deadline_of(row, NO_DRAFTS, START)
    assert (told.binding, told.cut_seconds) == (binding, cut)


@pytest.mark.parametrize(
    ("stored", "held", "at", "status"),
    [
        (Status.STARTED, NO_DRAFTS, GRACE_END, "started"),
        (Status.STARTED, drafts(essay=("A", START)), GRACE_END, "in_progress"),
        (Status.STARTED, drafts(essay=("A", START)), GRACE_END + 1, "expired"),
        (Status.STARTED, drafts(Draft(3, START)), GRACE_END, "started"),
        (Status.STARTED, drafts(essay=("A", GRACE_END + 1)), GRACE_END, "started"),
        (Status.IN_PROGRESS, NO_DRAFTS, GRACE_END, "in_progress"),
        (Status.IN_PROGRESS, NO_DRAFTS, GRACE_END + 1, "expired"),
    ],
)
def test_a_deadline_says_what_a_read_says(stored: Status, held: Drafts, at: int, status: str) -> None:
    row = with_grace(status=stored)
    assert deadline_of(row, held, at).status == view(row, held, at).status == status


@pytest.mark.parametrize("status", CLOSED)
def test_the_deadline_of_an_ended_attempt_stands_still(status: Status) -> None:
    row = attempt(status=status, ended_at=from_micros(START + 10), time_remaining=42)
    found = deadline_of(row, NO_DRAFTS, END + 500 * SECOND)
    assert (found.status, found.time_remaining) == (status, 42)


# Load

BACKLOGS = st.integers(0, 1_000_000)
SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("backlog", "errors", "jitter", "pause"),
    [
        (0, 0.0, 0.5, 10_000),
        (0, 0.0, 0.0, 8_000),
        (0, 0.0, 1.0, 12_000),
        (2_000, 0.0, 0.5, 20_000),
        (0, 1.0, 0.5, 60_000),
        (10_000, 0.0, 0.5, 60_000),
        (10_001, 1.0, 0.5, 60_000),
        (10_001, 1.0, 1.0, 72_000),
    ],
)
def test_the_pause_between_autosaves(backlog: int, errors: float, jitter: float, pause: int) -> None:
    assert next_autosave_after_ms(backlog, errors, jitter) == pause


@given(BACKLOGS, SHARES, SHARES, BACKLOGS, SHARES)
def test_more_load_never_shortens_the_pause(
    backlog: int, errors: float, jitter: float, more: int, worse: float
) -> None:
    calm = next_autosave_after_ms(backlog, errors, jitter)
    assert next_autosave_after_ms(backlog + more, max(errors, worse), jitter) >= calm


@given(BACKLOGS, SHARES, SHARES, SHARES)
def test_the_jitter_spreads_a_pause_by_a_fifth_to_both_sides(
    backlog: int, errors: float, jitter: float, more: float
) -> None:
    middle = next_autosave_after_ms(backlog, errors, 0.5)
    pause = next_autosave_after_ms(backlog, errors, jitter)
    # Half a millisecond of rounding in each of the two.
    assert 0.8 * middle - 1 <= pause <= 1.2 * middle + 1
    assert next_autosave_after_ms(backlog, errors, max(jitter, more)) >= pause


@given(BACKLOGS, SHARES, SHARES)
def test_no_pause_is_outside_its_bounds(backlog: int, errors: float, jitter: float) -> None:
    pause = next_autosave_after_ms(backlog, errors, jitter)
    assert 0.8 * AUTOSAVE_MS <= pause <= 1.2 * MAX_AUTOSAVE_MS


# Which answer counts


@given(TIMES, st.integers(-1, 20), TIMES)
def test_a_draft_counts_after_what_is_committed_up_to_the_end(at: int, committed: int, end: int) -> None:
    assert counts(Draft("x", at), committed, end) == (committed < at <= end)


@given(TIMES, st.integers(-1, 20), TIMES, TIMES)
def test_a_later_commit_never_makes_a_draft_count(at: int, committed: int, end: int, more: int) -> None:
    assume(not counts(Draft("x", at), committed, end))
    assume(at <= end)
    assert not counts(Draft("x", at), committed + more, end)


@given(TIMES, st.integers(-1, 20), TIMES, TIMES)
def test_a_later_end_never_makes_a_draft_void(at: int, committed: int, end: int, more: int) -> None:
    before = counts(Draft("x", at), committed, end)
    assert counts(Draft("x", at), committed, end + more) >= before


def test_a_draft_at_time_0_counts_where_nothing_is_committed() -> None:
    assert counting(attempt(), drafts(a=("x", 0))) == {"a": Draft("x", 0)}


@given(DRAFTS, st.dictionaries(QUESTIONS, TIMES), TIMES)
def test_counting_is_each_draft_that_counts(held: Drafts, committed: dict[str, int], end: int) -> None:
    row = attempt(
        answer_meta={question: {"version": 1, "at": at, "writer": "-"} for question, at in committed.items()},
        accepts_until=from_micros(end),
    )
    assert counting(row, held) == {
        question: draft
        for question, draft in held.answers.items()
        if committed.get(question, -1) < draft.at <= end
    }


@given(DRAFTS, DRAFTS, TIMES)
def test_more_drafts_never_make_a_question_uncounted(held: Drafts, more: Drafts, end: int) -> None:
    # Up to the end: a later one replaces the draft and is late itself.
    assume(all(draft.at <= end for draft in more.answers.values()))
    row = attempt(accepts_until=from_micros(end))
    assert counting(row, held).keys() <= counting(row, merge_drafts(held, more)).keys()


def test_an_ended_attempt_counts_drafts_up_to_its_end() -> None:
    row = attempt(status=Status.COMPLETED, ended_at=from_micros(START + 10))
    assert counting(row, drafts(a=(1, START + 10), b=(2, START + 11))) == {"a": Draft(1, START + 10)}


# Merging drafts


@given(DRAFTS, DRAFTS)
def test_merging_keeps_the_larger_at_of_each_field(older: Drafts, newer: Drafts) -> None:
    expected = dict(times(older))
    for name, at in times(newer).items():
        expected[name] = max(at, expected.get(name, at))
    assert times(merge_drafts(older, newer)) == expected


@given(DRAFTS, DRAFTS)
def test_merging_makes_no_draft_up(older: Drafts, newer: Drafts) -> None:
    for name, draft in fields(merge_drafts(older, newer)).items():
        assert draft in (fields(older).get(name), fields(newer).get(name))


@given(DRAFTS, DRAFTS)
def test_merging_commutes_up_to_ties(one: Drafts, other: Drafts) -> None:
    forth, back = fields(merge_drafts(one, other)), fields(merge_drafts(other, one))
    tied = {name for name, at in times(one).items() if times(other).get(name) == at}
    assert {n: d for n, d in forth.items() if n not in tied} == {
        n: d for n, d in back.items() if n not in tied
    }


@given(DRAFTS, DRAFTS)
def test_the_newer_wins_a_tie(older: Drafts, newer: Drafts) -> None:
    merged = fields(merge_drafts(older, newer))
    for name, at in times(older).items():
        if times(newer).get(name) == at:
            assert merged[name] == fields(newer)[name]


@given(DRAFTS, DRAFTS, DRAFTS)
def test_merging_is_associative(first: Drafts, second: Drafts, third: Drafts) -> None:
    merge = merge_drafts
    assert merge(merge(first, second), third) == merge(first, merge(second, third))


@given(DRAFTS, DRAFTS)
def test_merging_again_changes_nothing(held: Drafts, more: Drafts) -> None:
    assert merge_drafts(held, held) == held
    merged = merge_drafts(held, more)
    assert merge_drafts(merged, more) == merged


@given(DRAFTS)
def test_merging_with_no_drafts_changes_nothing(held: Drafts) -> None:
    assert merge_drafts(held, Drafts()) == held == merge_drafts(Drafts(), held)


@given(DRAFTS, DRAFTS)
def test_merging_changes_neither_of_the_two(older: Drafts, newer: Drafts) -> None:
    before = (fields(older), fields(newer))
    merge_drafts(older, newer)
    assert (fields(older), fields(newer)) == before


# What a caller sees


def test_a_new_attempt_is_shown_as_it_is() -> None:
    shown = view(attempt(), Drafts(), START)
    assert (shown.status, shown.answers, shown.durability, shown.buffered_questions) == (
        "started",
        {},
        "committed",
        [],
    )


def test_a_draft_is_shown_over_the_answer() -> None:
    shown = view(answered(START + 1), draft_of_1(START + 2), START + 3)
    assert shown.answers == {"1": "draft"}


@pytest.mark.parametrize("at", [START, START + 1])
def test_a_draft_that_a_commit_superseded_is_not_shown(at: int) -> None:
    shown = view(answered(START + 1), draft_of_1(at), START + 3)
    assert (shown.answers, shown.durability, shown.buffered_questions) == (
        {"1": "committed"},
        "committed",
        [],
    )


def test_answers_without_a_draft_stay() -> None:
    shown = view(answered(START + 1), drafts(a=("draft", START)), START + 3)
    assert shown.answers == {"1": "committed", "a": "draft"}


def test_buffered_questions_are_those_whose_draft_is_shown_in_order() -> None:
    held = Drafts({q: Draft(1, START + 2) for q in ("b", "10", "a")} | {"1": Draft(1, START)})
    shown = view(answered(START + 1), held, START + 3)
    assert (shown.buffered_questions, shown.durability) == (["10", "a", "b"], "buffered")


def test_a_started_attempt_with_drafts_reads_as_in_progress() -> None:
    assert view(attempt(), drafts(a=(None, START)), START).status is Status.IN_PROGRESS


def test_a_started_attempt_whose_draft_does_not_count_reads_as_started() -> None:
    assert view(attempt(), drafts(a=("late", END + 1)), END).status is Status.STARTED


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize("held", [Drafts(), drafts(a=("x", START))])
def test_an_overdue_attempt_reads_as_expired(status: Status, held: Drafts) -> None:
    shown = view(attempt(status=status), held, END + 1)
    assert (shown.status, shown.time_remaining) == (Status.EXPIRED, 0)


@pytest.mark.parametrize("status", OPEN)
def test_at_the_deadline_itself_it_is_still_open(status: Status) -> None:
    shown = view(attempt(status=status), Drafts(), END)
    assert (shown.status, shown.time_remaining) == (status, 0)


@pytest.mark.parametrize("status", CLOSED)
def test_a_final_status_stays(status: Status) -> None:
    row = attempt(status=status, ended_at=from_micros(END))
    assert view(row, drafts(a=("x", START)), END + 1).status is status


@pytest.mark.parametrize("status", CLOSED)
def test_time_remaining_of_an_ended_attempt_stands_still(status: Status) -> None:
    row = attempt(status=status, ended_at=from_micros(START + 10), time_remaining=42)
    assert view(row, Drafts(), START + 500 * SECOND).time_remaining == 42


@given(MOMENTS)
def test_time_remaining_of_an_open_attempt_is_computed(at: int) -> None:
    shown = view(attempt(time_remaining=7), Drafts(), at)
    assert shown.time_remaining == time_remaining(from_micros(END), at)


@pytest.mark.parametrize(
    ("draft", "current"),
    [
        (None, 3),
        (Draft(9, START + 5), 3),
        (Draft(9, START + 6), 9),
        (Draft(0, START + 6), 0),
        (Draft(9, END), 9),
        (Draft(9, END + 1), 3),
    ],
)
def test_the_later_current_question_is_shown(draft: Draft | None, current: int) -> None:
    row = attempt(current_question=3, current_question_at=START + 5)
    assert view(row, Drafts({}, draft), START + 7).current_question == current


@given(DRAFTS, MOMENTS)
def test_a_view_leaves_the_attempt_as_it_is(held: Drafts, at: int) -> None:
    row = answered(3)
    view(row, held, at)
    assert row == answered(3)


@given(DRAFTS, MOMENTS)
def test_a_view_is_buffered_while_it_shows_drafts(held: Drafts, at: int) -> None:
    shown = view(answered(3), held, at)
    assert (shown.durability == "buffered") == bool(shown.buffered_questions)
    assert shown.durability in ("buffered", "committed")


@given(DRAFTS, MOMENTS)
def test_a_view_shows_the_counting_drafts_over_the_answers(held: Drafts, at: int) -> None:
    row = attempt(answer_meta={"a": {"version": 1, "at": 3, "writer": "-"}}, answers={"a": "committed"})
    shown = view(row, held, at)
    assert shown.answers == row.answers | {q: draft.value for q, draft in counting(row, held).items()}
    assert shown.buffered_questions == sorted(counting(row, held))


def test_what_the_row_says_is_shown_unchanged() -> None:
    row = attempt(version=5, attempt_no=3, user_id="ü", quiz_id="q", score=1.5, max_score=2.0)
    shown = view(row, Drafts(), START, scored=True)
    for name in (
        "id",
        "user_id",
        "quiz_id",
        "attempt_no",
        "version",
        "started_at",
        "expires_at",
        "last_updated",
    ):
        assert getattr(shown, name) == getattr(row, name)
    assert (shown.score, shown.max_score, shown.completed_at) == (1.5, 2.0, None)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.EXPIRED])
@pytest.mark.parametrize("grading", [None, "pending", "done"])
def test_a_score_that_is_out_of_date_is_pending(status: Status, grading: str | None) -> None:
    ended = {"status": status, "ended_at": from_micros(START), "grading": grading}
    assert view(attempt(**ended), Drafts(), START, scored=True).grading == grading
    assert view(attempt(**ended, needs_grading=True), Drafts(), START, scored=True).grading == "pending"


def test_a_session_is_without_a_score_unless_it_is_to_be_shown() -> None:
    ended = attempt(status=Status.COMPLETED, ended_at=from_micros(START), score=1.0, max_score=2.0)
    hidden = view(ended, Drafts(), START)
    assert (hidden.score, hidden.max_score, hidden.grading) == (None, None, "pending")
    assert hidden.etag != view(ended, Drafts(), START, scored=True).etag


def test_a_draft_within_the_grace_counts_and_is_late() -> None:
    shown = view(with_grace(), drafts(a=("x", END + 2 * SECOND)), END + 3 * SECOND)
    assert (shown.answers, shown.status, shown.late_ms) == ({"a": "x"}, Status.IN_PROGRESS, 2000)


def test_the_latest_of_what_counts_is_what_is_late() -> None:
    held = drafts(a=("x", END + SECOND), b=("y", END), c=("too late", GRACE_END + 1))
    assert view(with_grace(late_ms=500), held, GRACE_END).late_ms == 1000
    assert view(with_grace(late_ms=1500), held, GRACE_END).late_ms == 1500


def test_who_is_in_time_is_not_late() -> None:
    assert view(with_grace(), drafts(a=("x", END)), GRACE_END).late_ms == 0


# What has changed


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1), st.integers(0, 9)), st.integers(0, 9))
def test_changed_questions_are_those_committed_after_the_version(
    versions: dict[str, int], known: int
) -> None:
    row = attempt(
        answer_meta={q: {"version": version, "at": 0, "writer": "-"} for q, version in versions.items()}
    )
    assert row.changed_since(known) == sorted(q for q, version in versions.items() if version > known)
