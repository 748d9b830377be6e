"""What is wrong with a request, and what was probably meant."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from session_api.wording import names_at, nearest, unknown, wording

PATHS = [
    "/sessions/start",
    "/sessions",
    "/sessions/{session_id}",
    "/sessions/{session_id}/complete",
    "/quizzes/{quiz_id}",
]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    time_limit_seconds: int | None = Field(None, strict=True)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: Annotated[str, Field(min_length=1, max_length=3)] = "u"
    question_id: Annotated[int, Field(strict=True, ge=0)] | str = 0
    inner: Inner | None = None
    listed: list[Inner] = []


def said(body: Any, name: str) -> str:
    """What is said of one member of a body."""
    with pytest.raises(ValidationError) as found:
        Body.model_validate(body)
    errors = [error for error in found.value.errors() if error["loc"][0] == name]
    return wording(errors, names_at(Body, []))


@pytest.mark.parametrize(
    ("body", "name", "words"),
    [
        ({"user_id": 1}, "user_id", "It must be a text."),
        ({"user_id": ""}, "user_id", "It must be a text of at least 1 characters."),
        ({"user_id": "long"}, "user_id", "It must be a text of at most 3 characters."),
        ({"question_id": -1}, "question_id", "It must be at least 0, or a text."),
        ({"question_id": []}, "question_id", "It must be a whole number, or a text."),
        ({"inner": 1}, "inner", "It must be an object."),
        ({"listed": 1}, "listed", "It must be a list."),
        ({"userId": "u"}, "userId", "There is no such member. Did you mean user_id?"),
        ({"else": "u"}, "else", "There is no such member."),
    ],
)
def test_it_says_what_would_have_been_right(body: Any, name: str, words: str) -> None:
    assert said(body, name) == words


def test_what_it_has_no_words_for_is_said_as_it_came() -> None:
    assert wording([{"type": "value_error", "msg": "Value error, not so", "loc": ("a",)}], []) == "not so"


def test_something_that_is_missing_is_called_so() -> None:
    assert wording([{"type": "missing", "msg": "Field required", "loc": ("a",)}], []) == "It is missing."


def test_names_are_those_of_the_object_at_a_path() -> None:
    assert names_at(Body, []) == ["user_id", "question_id", "inner", "listed"]
    assert names_at(Body, ["inner"]) == ["time_limit_seconds"]
    assert names_at(Body | None, ["inner"]) == ["time_limit_seconds"]
    assert names_at(Body, ["user_id", "more"]) == []


@pytest.mark.parametrize("name", ["timeLimit", "time-limit-seconds", "TIME_LIMIT_SECONDS", "time_limit"])
def test_another_spelling_of_a_name_is_recognised(name: str) -> None:
    assert unknown("member", name, ["time_limit_seconds"]).endswith("Did you mean time_limit_seconds?")


def test_a_name_like_none_is_not_guessed_at() -> None:
    assert unknown("parameter", "x", ["user_id"]) == "There is no such parameter."


def test_a_name_of_any_length_takes_no_time() -> None:
    assert unknown("member", "user_id" * 100_000, ["user_id"]) == "There is no such member."


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/session", "/sessions"),
        ("/sessions/", "/sessions"),
        ("/session/start", "/sessions/start"),
        ("/api/v1/sessions/start", "/sessions/start"),
        ("/v1/sessions/01a2/complet", "/sessions/{session_id}/complete"),
        ("/quizes/physics", "/quizzes/{quiz_id}"),
        ("/quizzes/physics/", "/quizzes/{quiz_id}"),
        ("/", None),
        ("/wp-login.php", None),
        ("/favicon.ico", None),
        ("/sessions" + "/x" * 1000, None),
    ],
)
def test_the_nearest_path(path: str, meant: str | None) -> None:
    assert nearest(path, PATHS) == meant
