"""What the statements of all staff actions have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import errors

from ..domain.json_values import Json, dump_json
from ..domain.outcomes import ActionOutcome, ActionResult
from ..domain.quizzes import StaffAction, request_hash
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
    given: Mapping[str, Json] | None = None,
) -> ActionResult | None:
    """Act on one attempt, as `parameters` and `action` say; None if there is no such attempt.

    `given` is what the action gave, for its record.
    """
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
    if not rows:
        return None
    outcome = ActionOutcome(rows[0].pop("outcome"))
    return ActionResult(outcome, attempt_of(rows[0]))


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
