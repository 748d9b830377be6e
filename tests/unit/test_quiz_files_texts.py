"""HTML as plain text, and plain text as HTML: what students read stays the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quiz_files import read_file, write_package
from quiz_files.assemble import clean
from quiz_files.markup import Reading

TEXTS = [
    ("plain", "plain"),
    ("<p>a</p><p>b</p>", "a\n\nb"),
    ("<p>a<br>b</p>", "a\nb"),
    ("<div>a</div><div>b</div>", "a\nb"),
    ("a  \n b &nbsp; c", "a b c"),
    ("<b>a</b>b <i>c</i>", "ab c"),
    ("&lt;p&gt; &amp; &eacute;", "<p> & é"),
    ("10<sup>3</sup> H<sub>2</sub>O", "10^3 H_2O"),
    ("<ul><li>a</li><li><p>b</p></li></ul>c", "- a\n- b\n\nc"),
    (
        "<table><tr><th>a<th>b</tr><tr><td><p>1</p></td><td><p>2</p></td></tr></table>",
        "a | b\n1 | 2",
    ),
    ("a<pre>  x\n    y</pre>b", "a\n\n  x\n    y\n\nb"),
    ("a<script>alert(1)</script><style>p {}</style>b", "ab"),
    ("a<!-- no -->b", "ab"),
    ("<p>a", "a"),
    ("</p>a</b>", "a"),
    ("<math><mi>x</mi><mo>=</mo><mn>1</mn></math>", "x=1"),
    (r"\(x^2\)", r"\(x^2\)"),
    ("<br><br>a<br><br><br>b<br>", "a\n\nb"),
]


@pytest.mark.parametrize(("html", "text"), TEXTS)
def test_html_as_text(html: str, text: str) -> None:
    assert Reading().html(html) == text


def test_many_open_elements_take_no_more_time_than_their_number() -> None:
    assert Reading().html("<b>" * 20_000 + "a" + "</i>" * 20_000) == "a"


def test_an_image_without_a_name_has_the_name_of_its_file() -> None:
    reading = Reading(lambda _: b"\x89PNG")
    assert reading.html('<img src="figures/tide.png">') == "[image: tide.png]"
    assert reading.images == [{"src": "data:image/png;base64,iVBORw==", "alt": "tide.png"}]


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=30)
LINES = st.lists(WORDS, max_size=4).map("\n".join)
OPTIONS = st.lists(LINES.map(lambda text: clean(text).strip()), min_size=2, max_size=4)


def again(question: dict[str, Any]) -> Any:
    """The question, exported as QTI and imported again."""
    rules = {"questions": {"q": question}, "paper": {"sections": [{"questions": ["q"]}]}}
    return read_file(write_package(rules, "A quiz").data, "quiz.zip").rules["questions"]["q"]


@settings(max_examples=200, deadline=None)
@given(text=LINES, options=OPTIONS, data=st.data())
def test_any_text_comes_back_as_it_was(text: str, options: list[str], data: st.DataObject) -> None:
    named = [{"id": f"o{place}", "text": option} for place, option in enumerate(options)]
    question = {
        "points": 1,
        "grading": "exact",
        "key": data.draw(st.sampled_from(named))["id"],
        # As an import leaves it.
        "content": {"text": clean(text).strip(), "kind": "choice", "options": named},
    }
    assert again(question) == question


@settings(max_examples=100, deadline=None)
@given(
    key=st.one_of(st.integers(-(10**14), 10**14), st.floats(-1e9, 1e9, width=32)),
    tolerance=st.one_of(st.integers(0, 1000), st.floats(0, 1e3, width=32)),
    points=st.one_of(st.integers(0, 100), st.floats(0, 100, width=32)),
)
def test_any_number_comes_back_as_it_was(key: float, tolerance: float, points: float) -> None:
    question = {
        "points": points,
        "grading": "numeric",
        "key": key,
        "content": {"text": "?", "kind": "number"},
    }
    if tolerance:
        question["tolerance"] = tolerance
    assert again(question) == question


ABC = [{"id": each, "text": each} for each in "abc"]
CONTENTS: list[dict[str, Any]] = [
    {"points": 2.5, "content": {"text": "a", "kind": "essay", "maxLength": 200}},
    {
        "points": 1,
        "grading": "text",
        "key": ["a", "b  c"],
        "content": {"text": "", "kind": "short", "maxLength": 9},
    },
    {
        "points": 1,
        "grading": "numeric",
        "key": 1.5,
        "tolerance": 0.25,
        "decimal": ",",
        "content": {"text": "a", "kind": "number", "unit": "m/s²"},
    },
    {
        "points": 3,
        "grading": "set",
        "key": ["b", "c"],
        "shuffle_options": True,
        "content": {
            "text": "a",
            "kind": "multiple",
            "options": ABC,
        },
    },
    {
        "points": 3,
        "grading": "exact",
        "key": ["c", "a", "b"],
        "partial": True,
        "content": {"text": "a", "kind": "order", "options": ABC},
    },
    {
        "points": 3,
        "grading": "exact",
        "key": {"a": "rb"},
        "content": {
            "text": "a",
            "kind": "match",
            "left": [{"id": each, "text": each} for each in "ab"],
            "right": [{"id": f"r{each}", "text": each} for each in "ba"],
        },
    },
    {"points": 1, "content": {"text": "a", "kind": "choice", "options": [{"id": "a", "text": "b"}]}},
    {
        "points": 1,
        "content": {
            "text": "See [image: x] and [image: y].",
            "kind": "choice",
            "options": [{"id": "a", "text": "[image: x]"}, {"id": "b", "text": "none"}],
            "images": [
                {"src": "data:image/png;base64,iVBORw==", "alt": "x"},
                {"src": "data:image/png;base64,iVBORwAA", "alt": "x"},
            ],
        },
    },
]


@pytest.mark.parametrize("question", CONTENTS)
def test_a_question_comes_back_as_it_was(question: dict[str, Any]) -> None:
    assert again(question) == question


LOSSES: list[tuple[dict[str, Any], str]] = [
    (
        {"grading": "exact", "key": "x", "content": "Why?"},
        "its key: QTI can't say 'exact' of a question of this kind",
    ),
    ({"grading": "text", "key": "x", "content": {"options": ["x", "y"]}}, "its key: QTI can't say 'text'"),
    ({"grading": "exact", "key": "z", "content": {"options": ["x", "y"]}}, "its key: QTI can't say 'exact'"),
    ({"content": {"options": ["x y", "y"]}}, "what answers call its options"),
    ({"content": {"options": [1, 2]}}, "what answers call its options"),
    (
        {"content": {"text": "", "images": [{"src": "data:", "alt": "x"}]}},
        "images that its texts do not mention",
    ),
]


@pytest.mark.parametrize(("question", "lost"), LOSSES)
def test_what_qti_cannot_say_is_said(question: dict[str, Any], lost: str) -> None:
    rules = {"questions": {"q": question}, "paper": {"sections": [{"questions": ["q"]}]}}
    (line,) = write_package(rules, "A quiz").report
    assert any(each.startswith(lost) for each in line.lost)


def test_rules_that_qti_has_no_words_for_come_back_but_for_who_may_take_the_quiz() -> None:
    rules = {
        "questions": {"q": {"points": 1, "content": {"text": "a", "kind": "essay"}}},
        "paper": {"sections": [{"questions": ["q"]}]},
        "max_attempts": 2,
        "grace_seconds": 0,
        "show_results": "never",
        "access": {"password": "secret"},
    }
    exported = write_package(rules, "A quiz")
    assert exported.lost == ("what the quiz asks of those who take it (access)",)
    assert b"secret" not in exported.data
    again = read_file(exported.data, "quiz.zip").rules
    assert again.keys() - {"questions", "paper"} == {"max_attempts", "show_results"}


def test_a_quiz_without_a_paper_is_exported_as_one_section() -> None:
    exported = write_package({"questions": {"b": {}, "a": {"points": 2}}}, "A quiz")
    again = read_file(exported.data, "quiz.zip").rules
    assert again["paper"] == {"sections": [{"questions": ["a", "b"]}]}
    assert exported.lost == ("the quiz has no paper: its questions are asked in the order of their ids",)


def test_a_question_that_no_section_asks_is_left_out() -> None:
    rules = {"questions": {"a": {}, "b": {}}, "paper": {"sections": [{"questions": ["a"]}]}}
    report = write_package(rules, "A quiz").report
    assert [(line.place, line.outcome) for line in report] == [("a", "by a person"), ("b", "left out")]
