"""What the container's process reads from the environment beside the settings of the service."""

from __future__ import annotations

import pytest

from quiz_sessions.runtime.settings import SettingsError
from session_api.server.settings import ServerSettings

NAMES = (
    "HOST",
    "PORT",
    "DATABASE_CONNECTIONS",
    "DRAIN_SECONDS",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "JWT_JWKS",
    "JWT_LEEWAY_SECONDS",
)


def read(environment: dict[str, str], *, jwt: bool = False) -> ServerSettings:
    return ServerSettings.from_environment(environment, jwt=jwt)


def test_nothing_needs_to_be_set_without_tokens() -> None:
    assert read({}) == ServerSettings()


def test_empty_variables_are_not_set() -> None:
    assert read(dict.fromkeys(NAMES, "")) == ServerSettings()


def test_one_variable_says_how_many_connections_there_may_be() -> None:
    assert read({"DATABASE_CONNECTIONS": "25"}).database_connections == 25


@pytest.mark.parametrize("name", ["PORT", "DATABASE_CONNECTIONS", "DRAIN_SECONDS", "JWT_LEEWAY_SECONDS"])
@pytest.mark.parametrize("text", ["-1", "many", "1.5", " 5", "٣", "70000"])
def test_what_is_no_such_number_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is a number from"):
        read({name: text})


def test_no_connection_at_all_is_refused() -> None:
    with pytest.raises(SettingsError, match="DATABASE_CONNECTIONS is a number from 1"):
        read({"DATABASE_CONNECTIONS": "0"})


@pytest.mark.parametrize("given", [{}, {"JWT_ISSUER": "https://a.example"}, {"JWT_AUDIENCE": "quiz"}])
def test_tokens_need_an_issuer_and_an_audience(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="JWT_ISSUER and JWT_AUDIENCE"):
        read(given, jwt=True)


def test_a_leeway_is_read_and_bounded() -> None:
    assert read({"JWT_LEEWAY_SECONDS": "0"}).leeway_seconds == 0
    with pytest.raises(SettingsError, match="JWT_LEEWAY_SECONDS is a number from 0 to 300"):
        read({"JWT_LEEWAY_SECONDS": "301"})
