"""Labels: what a platform writes onto sessions for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from ..domain.errors import InvalidInputError
from ..domain.json_values import Json
from ..domain.labels import check_labels
from ..domain.sessions import Session
from ..domain.timestamps import Micros
from ..domain.validation import session_key
from ..stores.labels import LabelStore
from .staff_actions import StaffActions, found

_COLUMNS: Final = {"group": "group_name", "label": "label", "metadata": "metadata"}


class Labelling:
    """Changes group, label and metadata of sessions, open ones and others."""

    def __init__(self, *, labels: LabelStore, staff_actions: StaffActions) -> None:
        self._labels = labels
        self._staff_actions = staff_actions

    async def label(
        self,
        session_id: str | UUID,
        labels: Mapping[str, Json],
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Set those of `group`, `label` and `metadata` that `labels` has, None for none. The others stay.

        Raises:
            InvalidInputError: `labels` has none of them, or one that can't be stored.
            ContentTooLargeError: metadata is too large.
            SessionNotFoundError: there is no such session.
            IdempotencyKeyReusedError: the key came with other labels of the session.
        """
        if not labels:
            raise InvalidInputError("Send group, label or metadata.")
        check_labels(labels)
        action = self._staff_actions.action("label", reason, idempotency_key, by, at)
        columns = {_COLUMNS[name]: value for name, value in labels.items()}
        result = found(await self._labels.label(session_key(session_id), columns, action))
        return await self._staff_actions.session_after(result, action)
