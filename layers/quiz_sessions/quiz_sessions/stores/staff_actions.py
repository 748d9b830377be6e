"""What the statements of all staff actions have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.rows import DictRow

from ..domain.json_values import Json, dump_json
from ..domain.outcomes import ActionOutcome, ActionResult
from ..domain.quizzes import StaffAction, cohort_hash, request_hash
from ..domain.timestamps import from_micros
from .attempts import attempt_of
from .postgres import Postgres
from .statements import Statement


async def act(
    postgres: Postgres,
    statement: Statement,
    parameters: dict[str, Any],
    action: StaffAction,
    *,
    lock: Statement | None = None,
    asked: Json = None,
    given: Mapping[str, Json] | None = None,
) -> ActionResult | None:
    """Act on one attempt, as `parameters` and `action` say; None if there is no such attempt.

    `asked` is what tells requests apart, where it is not the parameters; `given` is what the action gave,
    for its record.
    """
    row = await act_on(postgres, statement, parameters, action, lock=lock, asked=asked, given=given)
    if row is None:
        return None
    outcome = ActionOutcome(row.pop("outcome"))
    return ActionResult(outcome, attempt_of(row))


async def act_on(
    postgres: Postgres,
    statement: Statement,
    parameters: dict[str, Any],
    action: StaffAction,
    *,
    lock: Statement | None = None,
    asked: Json = None,
    given: Mapping[str, Json] | None = None,
) -> DictRow | None:
    """Like `act`; the row as the statement returns it."""
    if asked is None:
        asked = {name: value for name, value in parameters.items() if name not in ("id", "time_limit")}
    parameters |= action_parameters(action) | {
        "payload_hash": request_hash([asked, action.reason]),
        "given": dump_json(given or {}),
    }
    try:
        (rows,) = await postgres.fetch_together([statement], parameters, lock=lock)
    except errors.UniqueViolation:
        # The same action was sent twice, or another attempt was opened meanwhile, and that has committed: run
        # again to find it.
        (rows,) = await postgres.fetch_together([statement], parameters, lock=lock)
    return rows[0] if rows else None


def action_parameters(action: StaffAction) -> dict[str, Any]:
    """The parameters by which statements record an action."""
    return {
        "at": from_micros(action.at),
        "by": action.by,
        "reason": action.reason,
        "write_id": action.key,
        "action": action.kind,
        "key": action.named,
    }


def cohort_parameters(
    action: StaffAction, session_ids: Sequence[UUID] | None, *asked: Json
) -> dict[str, Any]:
    """The parameters by which statements record an action on a quiz, or on some of its sessions."""
    return {
        **action_parameters(action),
        "session_ids": None if session_ids is None else list(session_ids),
        "payload_hash": cohort_hash(session_ids, *asked, action.reason),
    }
