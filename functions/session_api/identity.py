"""Who calls, by the claims that the gateway's authorizer has verified, and what that allows."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from quiz_sessions.domain.errors import ForbiddenError, InvalidInputError, UnauthenticatedError
from quiz_sessions.domain.validation import check_id

from .gateway import request_context

PROCTOR = "sessions:proctor"
GRADE = "sessions:grade"
WRITE_QUIZZES = "quizzes:write"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who made a request.

    Attributes:
        subject: the token's `sub`; None where callers are not known, and each may do everything.
    """

    subject: str | None
    scopes: frozenset[str] = frozenset()

    def require(self, *scopes: str) -> None:
        """Go on only with one of `scopes`.

        Raises:
            ForbiddenError: the caller has none of them.
        """
        if self.subject is not None and not self.scopes.intersection(scopes):
            raise ForbiddenError(f"This needs the scope {' or '.join(scopes)}.")

    def owner(self, *scopes: str) -> str | None:
        """Whose sessions the caller may use: its own alone, or with one of `scopes` anyone's (None)."""
        return None if self.scopes.intersection(scopes) else self.subject

    def user(self, user_id: str | None, *scopes: str) -> str:
        """For whom the caller acts: `user_id` if it names one, else itself.

        Raises:
            ForbiddenError: it names someone else, and the caller has none of `scopes`.
            InvalidInputError: nobody is named, and the caller is not known.
        """
        owner = self.owner(*scopes)
        if user_id is None:
            if self.subject is None:
                raise InvalidInputError("user_id is missing.")
            return self.subject
        if owner is not None and user_id != owner:
            raise ForbiddenError("user_id is that of someone else; leave it out.")
        return user_id


ANYONE = Caller(None)


def authenticate(scope: MutableMapping[str, Any], *, jwt: bool) -> Caller:
    """The caller by its token where there are tokens (`jwt`), else anyone.

    Raises:
        UnauthenticatedError: there is no token, or it names nobody.
    """
    return caller_of(scope) if jwt else ANYONE


def caller_of(scope: MutableMapping[str, Any]) -> Caller:
    """The caller by the claims in API Gateway's event (payload 2.0, and 1.0 behind a REST API's authorizer).

    The gateway makes strings of all claims, and "[a b]" of a list.

    Raises:
        UnauthenticatedError: there are none, or they name nobody.
    """
    authorizer = request_context(scope).get("authorizer") or {}
    claims = (authorizer.get("jwt") or authorizer).get("claims") or {}
    subject = claims.get("sub")
    try:
        check_id("sub", subject)
    except InvalidInputError:
        raise UnauthenticatedError from None
    scopes = f"{claims.get('scope', '')} {claims.get('scp', '')}"
    return Caller(subject, frozenset(re.findall(r"[^\s\[\],]+", scopes)))
