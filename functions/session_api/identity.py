"""Authentication by the claims that the gateway's authorizer has verified, and authorization by scopes."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from quiz_sessions.domain.attempts import Owner, Staff
from quiz_sessions.domain.errors import (
    ForbiddenError,
    InvalidInputError,
    InvalidSubjectError,
    UnauthenticatedError,
)
from quiz_sessions.domain.validation import check_id
from quiz_sessions.runtime.scope_rules import BY_SCOPE, SCOPES, ScopeRules

from .gateway import request_context
from .scope_claims import scopes_of

PROCTOR, GRADE, WRITE_QUIZZES, READ_ACTIONS = SCOPES


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request.

    Attributes:
        subject: the token's `sub`; None if callers are not authenticated, so that each may do everything.
    """

    subject: str | None
    scopes: frozenset[str] = frozenset()

    def require(self, *scopes: str) -> None:
        """Require one of `scopes`.

        Raises:
            ForbiddenError: the caller has none of them.
        """
        if not self.may(*scopes):
            raise ForbiddenError(f"This needs the scope {' or '.join(scopes)}.")

    def may(self, *scopes: str) -> bool:
        """Whether the caller has one of `scopes`, or needs none."""
        return self.subject is None or bool(self.scopes.intersection(scopes))

    def owner(self, *scopes: str) -> Owner:
        """The user to whose sessions the caller is restricted; with one of `scopes` it is staff."""
        if self.subject is None or not self.scopes.intersection(scopes):
            return self.subject
        return Staff(self.subject)

    def user(self, user_id: str | None, *scopes: str) -> str:
        """The user for whom the caller acts: `user_id` if it is given, otherwise the caller.

        Raises:
            ForbiddenError: `user_id` is another user, and the caller has none of `scopes`.
            InvalidInputError: there is no `user_id`, and callers are not authenticated.
        """
        owner = self.owner(*scopes)
        if user_id is None:
            if self.subject is None:
                raise InvalidInputError("user_id is missing.", member="user_id")
            return self.subject
        if isinstance(owner, str) and user_id != owner:
            raise ForbiddenError("user_id is that of someone else; leave it out.")
        return user_id


ANYONE = Caller(None)


def authenticate(scope: MutableMapping[str, Any], *, jwt: bool, rules: ScopeRules) -> Caller:
    """The caller named by the token; without authentication (`jwt`), anyone.

    Raises:
        UnauthenticatedError: there is no token, or it has no valid subject.
    """
    return caller_by_claims(scope, rules) if jwt else ANYONE


def caller_by_claims(scope: MutableMapping[str, Any], rules: ScopeRules = BY_SCOPE) -> Caller:
    """The caller by the claims in API Gateway's event (payload 2.0, or 1.0 behind a REST API's authorizer).

    Raises:
        UnauthenticatedError: there are no claims.
        InvalidSubjectError: they have no valid subject.
    """
    authorizer = request_context(scope).get("authorizer") or {}
    claims = (authorizer.get("jwt") or authorizer).get("claims") or {}
    if not claims:
        raise UnauthenticatedError
    subject = claims.get("sub")
    try:
        check_id("sub", subject)
    except InvalidInputError:
        raise InvalidSubjectError from None
    return Caller(subject, scopes_of(claims, rules))
