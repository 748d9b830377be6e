"""Which refused requests go into the timeline of their session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from quiz_sessions.domain.errors import InvalidInputError, UnauthenticatedError
from quiz_sessions.domain.refusals import MOST_QUESTIONS, Refusal
from quiz_sessions.domain.tags import ANYBODY, writer_of
from quiz_sessions.domain.validation import question_key, session_key

from .identity import GRADE, PROCTOR, READ_ACTIONS, WRITE_QUIZZES, authenticate

if TYPE_CHECKING:
    from starlette.types import Scope

    from quiz_sessions.bootstrap import Services

WRITTEN = "written"
"""Of a request's state: the answers that it brings, or one question and its answer."""
_NOT_OF_THE_SESSION = frozenset({401, 404, 405})
"""Told to those who may have nothing to do with the session."""


def refusal_of(scope: Scope, services: Services, status: int) -> Refusal | None:
    """What is to be noted of a request that was refused with `status`; None if it is nothing of a session's.

    Of whoever has no valid token, or lacks a scope, nothing is: anybody could write into any timeline.
    """
    state, route = scope["state"], scope.get("route")
    code = state.get("code", "internal_error")
    if route is None or status in _NOT_OF_THE_SESSION or code == "forbidden":
        return None
    try:
        session_id = session_key(scope["path_params"]["session_id"])
        caller = authenticate(scope, jwt=services.jwt, rules=services.scope_rules)
    except (KeyError, InvalidInputError, UnauthenticatedError):
        return None
    return Refusal(
        session_id=session_id,
        operation=route.operation_id or route.unique_id,
        status=status,
        code=code,
        by=caller.subject,
        staff=caller.subject is not None and caller.may(PROCTOR, GRADE, WRITE_QUIZZES, READ_ACTIONS),
        device=_device(scope),
        questions=_questions(state.get(WRITTEN)),
        request_id=state["request_id"],
        first_at=state["at"],
        last_at=state["at"],
    )


def _device(scope: Scope) -> str:
    sent = dict(scope["headers"]).get(b"x-client-id")
    try:
        return writer_of(None if sent is None else sent.decode("latin-1"))
    except InvalidInputError:
        return ANYBODY


def _questions(written: Any) -> list[str]:
    """The questions that a write names, as far as they can be kept."""
    named: Iterable[int | str] = written[:1] if isinstance(written, tuple) else written or ()
    found: list[str] = []
    for question in named:
        if len(found) == MOST_QUESTIONS:
            break
        try:
            found.append(question_key(question))
        except InvalidInputError:
            continue
    return found
