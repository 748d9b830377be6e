"""The settings of the process itself, beside those of the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quiz_sessions.bootstrap import POOL_SIZE
from quiz_sessions.runtime.settings import SettingsError

LEEWAY_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The settings of one process.

    Attributes:
        host, port: where it listens.
        database_connections: how many connections to PostgreSQL it may have.
        drain_seconds: how long it serves on after it was asked to end, until the balancer has noticed.
        issuer, audience: whose tokens it takes, and for whom they must be; None where it asks for none.
        jwks: where the issuer's keys are, an address or a path; None where the issuer names the address.
        leeway_seconds: by how much the issuer's clock and this one may differ.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    database_connections: int = POOL_SIZE
    drain_seconds: int = 5
    issuer: str | None = None
    audience: str | None = None
    jwks: str | None = None
    leeway_seconds: int = LEEWAY_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, jwt: bool) -> ServerSettings:
        """Read them from environment variables; `jwt`: whether requests need tokens.

        Raises:
            SettingsError: one is missing or invalid.
        """
        issuer, audience = environment.get("JWT_ISSUER") or None, environment.get("JWT_AUDIENCE") or None
        if jwt and not (issuer and audience):
            raise SettingsError("AUTH_MODE=jwt needs JWT_ISSUER and JWT_AUDIENCE.")
        return cls(
            host=environment.get("HOST") or "127.0.0.1",
            port=_number(environment, "PORT", 8080, 0, 65535),
            database_connections=_number(environment, "DATABASE_CONNECTIONS", POOL_SIZE, 1, 1000),
            drain_seconds=_number(environment, "DRAIN_SECONDS", 5, 0, 60),
            issuer=issuer,
            audience=audience,
            jwks=environment.get("JWT_JWKS") or None,
            leeway_seconds=leeway_seconds(environment),
        )


def leeway_seconds(environment: Mapping[str, str]) -> int:
    """By how much the clock of an issuer may differ. Raises SettingsError."""
    # More would be no clock that is wrong, but tokens that do not end.
    return _number(environment, "JWT_LEEWAY_SECONDS", LEEWAY_SECONDS, 0, 300)


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        raise SettingsError(f"{name} is a number from {least} to {most}, not {text!r}.")
    return int(text)
