"""Who calls, by what the gateway's event says, and what the scopes of a caller allow."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_sessions.domain.attempts import Owner, Staff
from quiz_sessions.domain.errors import ForbiddenError, InvalidInputError, UnauthenticatedError
from session_api.identity import ANYONE, GRADE, PROCTOR, WRITE_QUIZZES, Caller, caller_by_claims

STUDENT = Caller("student1")


def request(authorizer: object) -> dict[str, Any]:
    """The scope of a request that the gateway passes on with this authorizer in its context."""
    return {"type": "http", "aws.event": {"requestContext": {"authorizer": authorizer}}}


def http_api(**claims: Any) -> dict[str, Any]:
    """As payload 2.0 has it."""
    return request({"jwt": {"claims": claims, "scopes": None}})


def rest_api(**claims: Any) -> dict[str, Any]:
    """As payload 1.0 has it."""
    return request({"claims": claims})


@pytest.mark.parametrize("payload", [http_api, rest_api])
def test_a_caller_is_named_by_sub(payload: Any) -> None:
    assert caller_by_claims(payload(sub="student1", username="someone")) == STUDENT


@pytest.mark.parametrize("payload", [http_api, rest_api])
@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({}, set()),
        ({"scope": ""}, set()),
        ({"scope": "sessions:grade"}, {GRADE}),
        ({"scope": "openid sessions:grade quizzes:write"}, {"openid", GRADE, WRITE_QUIZZES}),
        ({"scope": "[sessions:proctor]"}, {PROCTOR}),
        ({"scp": "[a sessions:proctor]"}, {"a", PROCTOR}),
        ({"scp": "[a, sessions:proctor]"}, {"a", PROCTOR}),
        ({"scope": "sessions:grade", "scp": "[sessions:proctor]"}, {GRADE, PROCTOR}),
    ],
)
def test_scopes_are_read_from_text_and_from_a_list_made_text(
    payload: Any, claims: dict[str, str], scopes: set[str]
) -> None:
    assert caller_by_claims(payload(sub="student1", **claims)).scopes == scopes


@pytest.mark.parametrize(
    "scope", ["sessions:proctors", "x-sessions:proctor", "sessions", "SESSIONS:PROCTOR", "sessions:*", "*"]
)
def test_only_a_scope_of_this_very_name_counts(scope: str) -> None:
    with pytest.raises(ForbiddenError):
        caller_by_claims(http_api(sub="student1", scope=scope)).require(PROCTOR)


@pytest.mark.parametrize("name", ["scopes", "permissions", "roles", "cognito:groups", "Scope"])
def test_no_other_claim_gives_scopes(name: str) -> None:
    assert caller_by_claims(http_api(sub="student1", **{name: PROCTOR})) == STUDENT


def test_what_a_route_of_the_gateway_asks_for_gives_no_scope() -> None:
    authorizer = {"jwt": {"claims": {"sub": "student1"}, "scopes": [PROCTOR]}}
    assert caller_by_claims(request(authorizer)) == STUDENT


@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        {"jwt": None},
        {"jwt": {}},
        {"jwt": {"claims": None}},
        {"jwt": {"claims": {}}},
        {"claims": {}},
        {"lambda": {"sub": "student1"}},
        {"principalId": "student1"},
    ],
)
def test_without_claims_nobody_calls(authorizer: object) -> None:
    with pytest.raises(UnauthenticatedError):
        caller_by_claims(request(authorizer))


def test_without_a_gateway_nobody_calls() -> None:
    with pytest.raises(UnauthenticatedError):
        caller_by_claims({"type": "http", "headers": [(b"authorization", b"Bearer token")]})


@pytest.mark.parametrize("subject", ["", "x" * 129, "a\x00", "\ud800", None, 7, ["student1"]])
def test_a_subject_that_can_be_no_user_is_nobody(subject: object) -> None:
    with pytest.raises(UnauthenticatedError):
        caller_by_claims(http_api(sub=subject))


@pytest.mark.parametrize("subject", ["x", "x" * 128, "auth0|5f7c8ec7", "名前", " "])
def test_a_subject_is_taken_as_it_is(subject: str) -> None:
    assert caller_by_claims(http_api(sub=subject)).subject == subject


def test_a_caller_with_one_of_the_scopes_may_go_on() -> None:
    Caller("staff", frozenset({GRADE})).require(PROCTOR, GRADE)


def test_a_caller_without_them_is_told_which_would_do() -> None:
    with pytest.raises(ForbiddenError, match="sessions:proctor or sessions:grade"):
        Caller("staff", frozenset({WRITE_QUIZZES})).require(PROCTOR, GRADE)


@pytest.mark.parametrize(
    ("caller", "owner"),
    [
        (STUDENT, "student1"),
        (Caller("staff", frozenset({WRITE_QUIZZES})), "staff"),
        (Caller("staff", frozenset({PROCTOR})), Staff("staff")),
        (ANYONE, None),
    ],
)
def test_whose_sessions_a_caller_may_use(caller: Caller, owner: Owner) -> None:
    assert caller.owner(PROCTOR, GRADE) == owner


def test_without_scopes_that_would_do_everybody_is_confined_to_their_own() -> None:
    assert Caller("staff", frozenset({PROCTOR, GRADE, WRITE_QUIZZES})).owner() == "staff"


def test_a_caller_acts_for_itself_also_where_it_says_so() -> None:
    assert STUDENT.user(None) == STUDENT.user("student1") == "student1"


def test_acting_for_another_takes_a_scope() -> None:
    with pytest.raises(ForbiddenError):
        STUDENT.user("student2", PROCTOR)
    assert Caller("staff", frozenset({PROCTOR})).user("student2", PROCTOR) == "student2"


def test_a_caller_who_is_not_known_names_the_user() -> None:
    assert ANYONE.user("student1") == "student1"
    with pytest.raises(InvalidInputError):
        ANYONE.user(None)
