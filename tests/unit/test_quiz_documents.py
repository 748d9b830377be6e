"""Documents of quizzes: patched as RFC 7396 says, and compared field by field."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_sessions.domain.access import Access
from quiz_sessions.domain.errors import InvalidInputError
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.papers import Content, Paper, Section
from quiz_sessions.domain.quiz_documents import (
    MAX_LISTED_CHANGES,
    changes,
    parse_document,
    patched,
    to_document,
)
from quiz_sessions.domain.quizzes import QuizRules, ShowResults
from quiz_sessions.domain.timestamps import from_micros
from tests.harness.builders import END

RULES = QuizRules(
    time_limit_seconds=60,
    closes_at=from_micros(END),
    show_results=ShowResults.NEVER,
    questions=parse_questions(
        {
            "0": {"grading": "exact", "key": None},
            "1": {"grading": "numeric", "key": 1, "tolerance": 0.5, "decimal": ","},
            "2": {"grading": "numeric", "key": 1},
            "3": {"grading": "set", "key": [1, 2], "partial": True},
            "4": {},
        }
    ),
    access=Access(password="p", networks=("192.0.2.0/24",)),
    paper=Paper((Section(questions=("0", "1"), pick=1),)),
)
CONTENTS = {"0": Content({"options": [1, 2]}, shuffle_options=True), "1": Content("text")}


def test_a_document_is_read_back_as_the_rules_that_it_was_made_from() -> None:
    assert parse_document(to_document(RULES, CONTENTS)) == (RULES, CONTENTS)


def test_an_empty_patch_changes_nothing() -> None:
    document = to_document(RULES, CONTENTS)
    assert parse_document(patched(document, {})) == (RULES, CONTENTS)


# The examples of RFC 7396, appendix A, that are objects.
EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("document", "patch", "result"), EXAMPLES)
def test_an_example_of_the_standard(document: Any, patch: Any, result: Any) -> None:
    assert patched(document, patch) == result


def test_a_patch_is_not_followed_into_any_depth() -> None:
    deep: Any = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(InvalidInputError):
        patched({}, deep)


def test_a_patch_changes_no_document_that_it_is_applied_to() -> None:
    document = to_document(RULES, CONTENTS)
    patched(document, {"questions": {"0": {"points": 2}, "1": None}, "access": {"password": None}})
    assert document == to_document(RULES, CONTENTS)


DIFFERENCES: list[tuple[Any, Any, list[tuple[str, Any, Any]]]] = [
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": 1.0}, []),
    ({"a": 1}, {"a": True}, [("/a", 1, True)]),
    ({"a": None}, {}, []),
    ({"a": {"b": 1}}, {"a": None}, [("/a", {"b": 1}, None)]),
    ({"a": {"b": 1}}, {"a": {"c": 1}}, [("/a/b", 1, None), ("/a/c", None, 1)]),
    ({"a": {"b": {"c": {"d": 1}}}}, {"a": {"b": {"c": {}}}}, [("/a/b/c", {"d": 1}, {})]),
    ({"a": [1]}, {"a": [2]}, [("/a", [1], [2])]),
    ({"q": {"a/b~c": 1}}, {"q": {}}, [("/q/a~1b~0c", 1, None)]),
]


@pytest.mark.parametrize(("before", "after", "found"), DIFFERENCES)
def test_what_differs_is_told_field_by_field(before: Any, after: Any, found: list[Any]) -> None:
    told = changes(before, after)
    assert [(each.path, each.before, each.after) for each in told.fields] == found
    assert told.count == len(found)


def test_of_many_differences_the_first_are_listed() -> None:
    told = changes({}, {str(number): 1 for number in range(300)})
    assert (told.count, len(told.fields)) == (300, MAX_LISTED_CHANGES)
