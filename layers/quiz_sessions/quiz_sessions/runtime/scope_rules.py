"""Which claims of a token give scopes, and which scopes a role of the issuer stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCOPES = ("sessions:proctor", "sessions:grade", "quizzes:write", "audit:read")
"""What the API asks for."""


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """How the scopes of a caller are read.

    Attributes:
        claims: the claims that give scopes; one with dots may be a path into an object.
        roles: what a value of these claims stands for; one that is not here stands for itself.
    """

    claims: tuple[str, ...] = ("scope", "scp")
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)


BY_SCOPE = ScopeRules()
"""Where nothing else is set: scopes are in the claims that OAuth has for them, under the API's own names."""
