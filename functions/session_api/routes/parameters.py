"""Parameters that several endpoints share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query, Request

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.validation import MAX_ID_CHARACTERS

from ..identity import Caller, authenticate

IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=MAX_ID_CHARACTERS)]
IfMatch = Annotated[str | None, Header()]
Filter = Annotated[str | None, Query(min_length=1, max_length=MAX_ID_CHARACTERS)]


def authenticated(request: Request, services: Services) -> Caller:
    """The caller of the request.

    Raises:
        UnauthenticatedError: callers have to be authenticated, and this one is not.
    """
    return authenticate(request.scope, jwt=services.jwt)
