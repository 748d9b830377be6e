"""Group, label and metadata of attempts in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from ..domain.json_values import Json
from ..domain.outcomes import ActionResult
from ..domain.quizzes import StaffAction
from .postgres import Postgres
from .staff_actions import act
from .statements import load

_LABEL: Final = load("label_attempt")


class LabelStore:
    """Labels attempts."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def label(
        self, session_id: UUID, columns: Mapping[str, Json], action: StaffAction
    ) -> ActionResult | None:
        """Set these columns of an attempt; None if there is no such attempt.

        Raises:
            whatever `Postgres` raises.
        """
        # With sorted keys: the order of members is no difference between two requests.
        labels = json.dumps(columns, ensure_ascii=False, allow_nan=False, sort_keys=True)
        return await act(self._postgres, _LABEL, {"id": session_id, "labels": labels}, action)
