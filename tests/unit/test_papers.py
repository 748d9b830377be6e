"""Papers: what one may be, and what a seed draws from it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.domain.attempts import Attempt
from quiz_sessions.domain.errors import ContentTooLargeError, InvalidInputError
from quiz_sessions.domain.papers import (
    MAX_CONTENT_BYTES,
    MAX_CONTENTS_BYTES,
    MAX_SECTION_SECONDS,
    MAX_SECTIONS,
    MAX_TITLE_CHARACTERS,
    NO_CONTENT,
    Content,
    Navigation,
    Paper,
    Section,
    check_shown,
    draw,
    parse_paper,
    shown_content,
    split_contents,
)
from quiz_sessions.domain.section_times import progress_of, section_deadlines, section_seconds
from tests.harness.builders import LATER, SECOND, START, attempt

KNOWN = {"a", "b", "c"}
FULL = {
    "title": "One",
    "questions": ["a", "b"],
    "pick": 1,
    "shuffle": True,
    "time_limit_seconds": 60,
    "navigation": "forward",
}
SEED = "5f0c1c9e6a3f4b7f8c2e90d1a47b3e66"


def paper_of(**section: Any) -> Paper:
    return parse_paper({"sections": [{"questions": ["a"], **section}]}, KNOWN)


def refused(raw: dict[str, Any]) -> str:
    with pytest.raises(InvalidInputError) as error:
        parse_paper(raw, KNOWN)
    assert error.value.member == "paper"
    return str(error.value)


# Parsing


def test_a_section_has_what_it_says() -> None:
    assert parse_paper({"sections": [FULL]}, KNOWN).sections == (
        Section(
            title="One",
            questions=("a", "b"),
            pick=1,
            shuffle=True,
            time_limit_seconds=60,
            navigation=Navigation.FORWARD,
        ),
    )


def test_a_section_may_have_questions_alone() -> None:
    assert paper_of().sections == (Section(questions=("a",)),)


def test_a_paper_is_read_back_as_it_was_written() -> None:
    paper = parse_paper({"sections": [FULL, {"questions": ["c"]}]}, KNOWN)
    assert parse_paper(paper.to_json(), KNOWN) == paper


@pytest.mark.parametrize(
    "raw",
    [{}, {"sections": {}}, {"sections": []}, {"sections": [FULL], "seed": 1}],
)
def test_a_paper_is_a_list_of_sections_and_nothing_else(raw: dict[str, Any]) -> None:
    assert refused(raw).startswith("paper ")


def test_a_paper_has_so_many_sections_at_most() -> None:
    names = [f"q{number}" for number in range(MAX_SECTIONS + 1)]
    sections = [{"questions": [name]} for name in names]
    assert len(parse_paper({"sections": sections[:-1]}, names).sections) == MAX_SECTIONS
    with pytest.raises(InvalidInputError):
        parse_paper({"sections": sections}, names)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"name": "One"}, "it must be an object of"),
        ({"title": 1}, "title must be"),
        ({"title": "x" * (MAX_TITLE_CHARACTERS + 1)}, "title must be"),
        ({"title": "\x00"}, "NUL"),
        ({"questions": []}, "questions must be a list"),
        ({"questions": "a"}, "questions must be a list"),
        ({"questions": [1]}, "a string of 1 to 128"),
        ({"questions": ["z"]}, "the quiz has no question 'z'"),
        ({"questions": ["a", "a"]}, "question 'a' is asked already"),
        ({"pick": 0}, "pick must be an integer from 1 to 1"),
        ({"pick": 2}, "pick must be an integer from 1 to 1"),
        ({"pick": True}, "pick must be"),
        ({"shuffle": 1}, "shuffle must be true or false"),
        ({"time_limit_seconds": 0}, "time_limit_seconds must be"),
        ({"time_limit_seconds": MAX_SECTION_SECONDS + 1}, "time_limit_seconds must be"),
        ({"time_limit_seconds": 1.5}, "time_limit_seconds must be"),
        ({"navigation": "back"}, "navigation must be one of free, forward"),
        ({"navigation": []}, "navigation must be one of free, forward"),
    ],
)
def test_what_is_wrong_with_a_section_is_said(section: dict[str, Any], says: str) -> None:
    message = refused({"sections": [{"questions": ["b"]}, {"questions": ["a"], **section}]})
    assert message.startswith("Section 1: ")
    assert says in message


def test_a_question_is_asked_once() -> None:
    assert "asked already" in refused({"sections": [{"questions": ["a"]}, {"questions": ["a"]}]})


@pytest.mark.parametrize("section", ["x" * MAX_TITLE_CHARACTERS, ""])
def test_a_title_may_be_as_long(section: str) -> None:
    assert paper_of(title=section, time_limit_seconds=MAX_SECTION_SECONDS).sections[0].title == section


# Contents


def test_contents_are_split_from_how_questions_are_graded() -> None:
    raw = {
        "a": {"points": 1, "content": {"options": [1, 2]}, "shuffle_options": True},
        "b": {"points": 2},
        "c": 5,
    }
    graded, contents = split_contents(raw)
    assert graded == {"a": {"points": 1}, "b": {"points": 2}, "c": 5}
    assert contents == {"a": Content({"options": [1, 2]}, shuffle_options=True)}


@pytest.mark.parametrize("content", [None, 0, "x", [1], {"options": 1}, {"options": [1]}, {"options": {}}])
def test_options_are_shuffled_where_there_are_some(content: Any) -> None:
    with pytest.raises(InvalidInputError) as error:
        split_contents({"a": {"content": content, "shuffle_options": True}})
    assert (error.value.question, error.value.member) == ("a", "questions")


@pytest.mark.parametrize("flag", [None, 1, "true"])
def test_whether_options_are_shuffled_is_true_or_false(flag: Any) -> None:
    with pytest.raises(InvalidInputError, match="true or false"):
        split_contents({"a": {"content": {"options": [1, 2]}, "shuffle_options": flag}})


def test_a_content_that_can_not_be_stored_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="Question 'a': The content has a NUL"):
        split_contents({"a": {"content": "\x00"}})


def test_a_content_has_so_many_bytes_at_most() -> None:
    split_contents({"a": {"content": "x" * (MAX_CONTENT_BYTES - 2)}})
    with pytest.raises(ContentTooLargeError) as error:
        split_contents({"a": {"content": "x" * (MAX_CONTENT_BYTES - 1)}})
    assert error.value.question == "a"


def test_all_contents_together_have_so_many_bytes_at_most() -> None:
    full = {str(number): {"content": "x" * (MAX_CONTENT_BYTES - 2)} for number in range(64)}
    assert len(split_contents(full)[1]) * MAX_CONTENT_BYTES == MAX_CONTENTS_BYTES
    with pytest.raises(ContentTooLargeError, match="All contents"):
        split_contents({**full, "one more": {"content": 1}})


def test_a_content_needs_a_paper_to_show_it() -> None:
    check_shown(None, {"a": NO_CONTENT})
    check_shown(paper_of(), {"a": Content("x")})
    with pytest.raises(InvalidInputError, match="give the quiz a paper"):
        check_shown(None, {"a": Content("x")})


# Drawing

SECTIONS = st.builds(
    Section,
    questions=st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=8, unique=True).map(tuple),
    pick=st.none() | st.integers(1, 8),
    shuffle=st.booleans(),
)
SEEDS = st.binary(min_size=16, max_size=16).map(bytes.hex)


@given(SECTIONS, SEEDS)
def test_what_is_drawn_is_of_the_section_and_as_much_as_it_says(section: Section, seed: str) -> None:
    ((drawn),) = draw(Paper((section,)), seed)
    questions = drawn["questions"]
    assert len(set(questions)) == len(questions) == min(len(section.questions), section.pick or 8)
    assert set(questions) <= set(section.questions)
    if not section.shuffle:
        assert questions == [each for each in section.questions if each in set(questions)]


@given(SECTIONS, SEEDS)
def test_a_seed_draws_the_same_again(section: Section, seed: str) -> None:
    assert draw(Paper((section,)), seed) == draw(Paper((section,)), seed)


def test_every_order_is_drawn_about_as_often() -> None:
    paper = Paper((Section(questions=("a", "b", "c"), shuffle=True),))
    orders = Counter(tuple(draw(paper, str(seed))[0]["questions"]) for seed in range(6000))
    assert len(orders) == 6
    assert all(850 < number < 1150 for number in orders.values())


def test_every_question_is_picked_about_as_often() -> None:
    paper = Paper((Section(questions=tuple("abcde"), pick=2),))
    picked = Counter(question for seed in range(5000) for question in draw(paper, str(seed))[0]["questions"])
    assert all(1850 < picked[question] < 2150 for question in "abcde")


def test_equal_sections_are_drawn_differently() -> None:
    section = Section(questions=tuple("abcdefgh"), shuffle=True)
    one, other = draw(Paper((section, section)), SEED)
    assert one["questions"] != other["questions"]


@given(st.lists(st.integers(), min_size=2, max_size=8), SEEDS)
def test_shuffled_options_are_the_same_in_another_order(options: list[int], seed: str) -> None:
    content = Content({"text": "?", "options": options}, shuffle_options=True)
    shown = shown_content(content, "q", seed)
    assert sorted(shown["options"]) == sorted(options)
    assert shown["text"] == "?"
    assert content.content["options"] == options


def test_the_order_of_options_does_not_follow_from_the_questions_that_were_drawn() -> None:
    paper = parse_paper({"sections": [{"questions": ["0", "1"], "pick": 1}]}, {"0", "1"})
    content = Content({"options": [0, 1]}, shuffle_options=True)
    found = {
        (str(section["questions"]), str(shown_content(content, "0", seed)))
        for seed in map(str, range(100))
        for section in draw(paper, seed)
    }
    assert len(found) == 4


def test_options_stay_as_they_are_where_nothing_is_said() -> None:
    content = {"options": [3, 1, 2]}
    assert shown_content(Content(content), "q", SEED) == content


# The time of sections

SHOWN = {"title": "Timed", "questions": ["g"], "time_limit_seconds": 600, "navigation": "free"}


def timed(until: int | None = None, **fields: Any) -> Attempt:
    progress = {} if until is None else {"entered": {"0": {"at": START, "until": START + until * SECOND}}}
    paper = {"seed": SEED, "revision": 1, "sections": [SHOWN]}
    return attempt(paper=paper, progress=progress, question_ids=["g"], **fields)


@pytest.mark.parametrize(("extra", "seconds"), [(0, 600), (1, 601), (900, 900), (1800, 1200)])
def test_a_section_is_longer_as_the_attempt_is_rounded_up(extra: int, seconds: int) -> None:
    assert section_seconds(600, timed(accommodation_seconds=extra)) == seconds


def test_a_section_that_was_not_entered_has_no_end() -> None:
    (section,) = section_deadlines(timed(), LATER)
    assert (section.time_limit_seconds, section.expires_at, section.time_remaining) == (600, None, None)
    assert progress_of(timed(), LATER) == []


def test_without_a_paper_there_is_no_progress() -> None:
    assert progress_of(attempt(), LATER) is None
    assert section_deadlines(attempt(), LATER) == []


@pytest.mark.parametrize(("until", "left"), [(600, 590), (11, 1), (10, 0), (5, 0), (9000, 1790)])
def test_what_is_left_of_a_section_ends_with_the_attempt(until: int, left: int) -> None:
    (section,) = progress_of(timed(until), LATER) or []
    assert section.time_remaining == left


def test_what_is_over_is_judged_with_the_grace_to_the_last_moment() -> None:
    late = timed(10, grace_seconds=5)
    assert not late.is_past("g", START + 15 * SECOND)
    assert late.is_past("g", START + 15 * SECOND + 1)
    assert not late.is_past("another", START + 100 * SECOND)


def test_what_locks_and_what_enters_goes_on() -> None:
    forward = {"title": "", "questions": ["d", "e", "f"], "time_limit_seconds": None, "navigation": "forward"}
    paper = {"seed": SEED, "revision": 1, "sections": [forward, SHOWN]}
    fresh = attempt(paper=paper)
    assert [fresh.goes_on([q]) for q in "defg"] == [False, True, True, True]
    entered = {"1": {"at": START, "until": START + SECOND}}
    later = attempt(paper=paper, progress={"locked": {"d": START}, "entered": entered})
    assert [later.goes_on([q]) for q in "defg"] == [False, False, True, False]
    assert later.is_locked("d", START + 1)
    assert not later.is_locked("d", START)
    assert not attempt().goes_on(["d"])
