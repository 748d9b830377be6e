"""Parameters that several endpoints share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query, Request

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import InvalidInputError
from quiz_sessions.domain.validation import MAX_ID_CHARACTERS, MAX_INTEGER
from quiz_sessions.services.pages import MAX_PAGE

from ..entity_tags import parse_entity_tags
from ..identity import Caller, authenticate
from ..request_source import CONFIG_KEY_HASH

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=MAX_ID_CHARACTERS,
        description="Any text of the client's: sent again with it, a request finds what it did, and another "
        "request is refused with 422.",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(description="A reply's ETag: refused with 412 when the session is not as that reply showed it."),
]
IfMatchQuiz = Annotated[
    str | None,
    Header(
        description="The quiz's ETag: refused with 412 when its rules have changed since. `*`: when none is "
        "registered.",
    ),
]
DryRun = Annotated[
    bool,
    Query(description="Only say what it would do: judged alike, refused alike, and nothing is stored."),
]
IfNoneMatch = Annotated[
    str | None,
    Header(description="A reply's ETag: 304 without a body when the session is still as it was shown."),
]
ClientId = Annotated[
    str | None,
    Header(
        alias="x-client-id",
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9_-]+$",
        description="Names the copy of the answers that a request comes from: tabs with copies of their own "
        "have ids of their own. The live view counts them as devices.",
    ),
]
ConfigKeyHash = Annotated[
    str | None,
    Header(
        alias=CONFIG_KEY_HASH,
        description="What the page got from Safe Exam Browser (SafeExamBrowser.security.configKey), where "
        "the quiz asks for it.",
    ),
]
ANY = "*"
After = Annotated[int, Query(ge=-1, le=MAX_INTEGER, description="What follows this event.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most; large ones are fewer.")]


def query(description: str) -> Any:
    """A query parameter with an id."""
    return Query(min_length=1, max_length=MAX_ID_CHARACTERS, description=description)


def authenticated(request: Request, services: Services) -> Caller:
    """The caller of the request.

    Raises:
        UnauthenticatedError: callers have to be authenticated, and this one is not.
    """
    return authenticate(request.scope, jwt=services.jwt, rules=services.scope_rules)


def entity_tags(request: Request, if_match: str | None) -> list[str] | None:
    """The entity tags that If-Match names; None if any session will do.

    Raises:
        InvalidInputError: it is not a list of entity tags.
    """
    tags = tags_or_any(request, if_match)
    return None if tags == [ANY] else tags


def tags_or_any(request: Request, if_match: str | None) -> list[str] | None:
    """The same where `*` asks that there is one: it is [ANY].

    Raises:
        InvalidInputError: it is not a list of entity tags.
    """
    if if_match is None:
        return None
    # All values of the header, joined as the gateway does; the parameter has only the first.
    whole = ",".join(request.headers.getlist("if-match")).strip()
    if whole == ANY:
        return [ANY]
    tags = parse_entity_tags(whole)
    if tags is None:
        raise InvalidInputError("If-Match must be an ETag, with its quotes, or *.", member="If-Match")
    # A weak tag is never equal to another one here (RFC 9110, 13.1.1). No tag of the service is *.
    return [tag.value for tag in tags if not tag.weak and tag.value != ANY]
