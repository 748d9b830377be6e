"""Which scopes the claims of a token give, as they are set."""

from __future__ import annotations

import pytest

from quiz_sessions.runtime.scope_rules import BY_SCOPE, SCOPES, ScopeRules
from quiz_sessions.runtime.settings import Settings, SettingsError
from session_api.identity import GRADE, PROCTOR, READ_ACTIONS, WRITE_QUIZZES, caller_by_claims
from session_api.scope_claims import scopes_of

ROLES = {"teachers": frozenset({GRADE, WRITE_QUIZZES}), "proctors": frozenset({PROCTOR})}


def given(name: str, text: str) -> set[str]:
    """The API's scopes by one claim, which is the one that gives them."""
    outer = name.partition(".")[0]
    return set(scopes_of({outer: text}, ScopeRules((name,), ROLES)) & set(SCOPES))


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("[teachers]", {GRADE, WRITE_QUIZZES}),
        ("[students teachers proctors]", {GRADE, WRITE_QUIZZES, PROCTOR}),
        ("teachers,proctors", {GRADE, WRITE_QUIZZES, PROCTOR}),
        ("[students]", set()),
        ("[Teachers teachers2]", set()),
        ("[]", set()),
    ],
)
def test_groups_give_the_scopes_that_they_stand_for(text: str, scopes: set[str]) -> None:
    assert given("cognito:groups", text) == scopes


def test_a_value_that_stands_for_nothing_else_is_a_scope_itself() -> None:
    assert given("groups", f"[{READ_ACTIONS} teachers]") == {READ_ACTIONS, GRADE, WRITE_QUIZZES}


def test_a_value_that_stands_for_something_else_is_no_scope() -> None:
    rules = ScopeRules(("scope",), {PROCTOR: frozenset({READ_ACTIONS})})
    assert scopes_of({"scope": PROCTOR}, rules) == {READ_ACTIONS}


def test_a_claim_that_is_not_named_gives_nothing() -> None:
    assert scopes_of({"scope": PROCTOR, "scp": GRADE}, ScopeRules(("cognito:groups",))) == frozenset()


def test_several_claims_give_what_they_give_together() -> None:
    rules = ScopeRules(("scope", "cognito:groups"), ROLES)
    assert scopes_of({"scope": READ_ACTIONS, "cognito:groups": "[proctors]"}, rules) == {
        READ_ACTIONS,
        PROCTOR,
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("realm_access.roles", "map[roles:[offline_access proctors]]"),
        ("realm_access.roles", "map[name:a b roles:[proctors] verified:true]"),
        ("a.quiz-pages.roles", "map[account:map[roles:[teachers]] quiz-pages:map[roles:[proctors]]]"),
    ],
)
def test_a_path_leads_into_an_object_as_the_gateway_writes_it(name: str, text: str) -> None:
    assert given(name, text) == {PROCTOR}


@pytest.mark.parametrize(
    "text",
    [
        "[proctors]",
        "map[]",
        "map[role:[proctors]]",
        "map[roles:[proctors]",
        "map[roles:proctors]] x[",
        "map[x] roles:[proctors]]",
        "map[other:map[roles:[proctors]]]",
        '{"roles": ["proctors"]}',
        "roles:[proctors]",
        # What somebody has written about themselves.
        "map[about:I am roles:[proctors] roles:[students]]",
        "map[roles:[students] story:I am roles:[proctors]]",
    ],
)
def test_an_object_that_does_not_clearly_say_so_gives_nothing(text: str) -> None:
    assert given("realm_access.roles", text) == set()


def test_a_claim_may_have_dots_in_its_name() -> None:
    name = "https://quiz.example.org/roles"
    assert scopes_of({name: "[proctors]"}, ScopeRules((name,), ROLES)) == {PROCTOR}


def test_a_caller_has_the_scopes_of_its_groups() -> None:
    claims = {"sub": "ada", "cognito:groups": "[proctors]", "scope": "openid"}
    scope = {"aws.event": {"requestContext": {"authorizer": {"jwt": {"claims": claims}}}}}
    assert caller_by_claims(scope, ScopeRules(("cognito:groups",), ROLES)).scopes == {PROCTOR}


# As they are set


def rules(**environment: str) -> ScopeRules:
    """As they are read."""
    return Settings.from_environment({"DATABASE_URL": "postgresql://quiz@db/quiz", **environment}).scope_rules


@pytest.mark.parametrize("environment", [{}, {"JWT_SCOPE_CLAIMS": "", "JWT_SCOPE_MAP": " "}])
def test_scopes_are_where_oauth_has_them_unless_it_is_said_otherwise(environment: dict[str, str]) -> None:
    assert rules(**environment) == BY_SCOPE


def test_claims_and_roles_are_read_from_the_environment() -> None:
    found = rules(
        JWT_SCOPE_CLAIMS="scope  realm_access.roles",
        JWT_SCOPE_MAP="teachers=sessions:grade,quizzes:write quiz/a=b=sessions:proctor",
    )
    assert found.claims == ("scope", "realm_access.roles")
    assert found.roles == {
        "teachers": {"sessions:grade", "quizzes:write"},
        "quiz/a=b": {"sessions:proctor"},
    }


def test_a_role_that_is_named_twice_stands_for_both() -> None:
    found = rules(JWT_SCOPE_MAP="teachers=sessions:grade teachers=quizzes:write")
    assert found.roles == {"teachers": {"sessions:grade", "quizzes:write"}}


@pytest.mark.parametrize(
    "text", ["teachers", "=sessions:proctor", "a,b=sessions:proctor", "[a]=sessions:proctor"]
)
def test_a_map_that_can_not_be_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="JWT_SCOPE_MAP has roles such as teachers="):
        rules(JWT_SCOPE_MAP=text)


@pytest.mark.parametrize("scope", ["session:proctor", "openid", "sessions:proctor,", ""])
def test_a_scope_that_the_api_does_not_know_is_refused_with_those_that_it_does(scope: str) -> None:
    with pytest.raises(SettingsError, match=r"JWT_SCOPE_MAP leads to one of sessions:proctor, .*audit:read"):
        rules(JWT_SCOPE_MAP=f"teachers={scope}")
