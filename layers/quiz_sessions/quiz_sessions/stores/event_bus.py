"""The event bus: domain events for other systems (docs/events.md), through EventBridge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from ..domain.audit_events import OutboxMessage
from ..domain.errors import EventBusUnavailableError
from ..domain.json_values import Json, dump_json
from ..domain.timestamps import iso
from .lazy_client import LazyClient

SOURCE = "quiz-sessions"
FLUSH_SHARD = "flush.shard"
"""An internal event, which asks the flush function to flush one shard of the dirty index."""
EXPORT_REQUESTED = "export.requested"
"""An internal event, which asks the export function to make one export."""
SCHEMA_VERSION = 1
ENTRIES_A_CALL = 10
"""The maximum of EventBridge (PutEvents API reference)."""
CALLS_AT_ONCE = 8

DETAIL_TYPES: Final = {
    "started": "session.started",
    "completed": "session.completed",
    "abandoned": "session.abandoned",
    "expired": "session.expired",
    "extended": "session.extended",
    "rescheduled": "session.extended",
    "paused": "session.paused",
    "resumed": "session.resumed",
    "reopened": "session.reopened",
    "graded": "session.graded",
}
"""The types of domain events, by those of the audit events that they come from."""
_DETAILS: Final[Mapping[str, Mapping[str, Any]]] = {
    "session.started": {"expires_at": None},
    # Events from before there was a grace lack late_ms: nothing could be late.
    "session.completed": {"late_ms": 0},
    "session.extended": {"expires_at": None},
    "session.paused": {"paused_at": None},
    "session.resumed": {"paused_at": None, "expires_at": None},
    "session.reopened": {"expires_at": None},
    "session.graded": {"score": None, "max_score": None, "grading": None},
}
"""The fields that each type adds, with their values for older events that lack them."""
_Asked = TypeVar("_Asked", int, UUID)
_MOMENTS: Final = frozenset({"expires_at", "paused_at"})


def event_id(attempt_id: UUID, revision: int) -> str:
    """What names a domain event."""
    return f"{attempt_id}:{revision}"


def type_of(message: OutboxMessage) -> str:
    """The type of a domain event."""
    return DETAIL_TYPES[message.type]


def detail_of(message: OutboxMessage) -> dict[str, Any]:
    """The detail of a domain event: which attempt, where in its history, and the fields of its type."""
    details = _DETAILS.get(type_of(message), {})
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": event_id(message.attempt_id, message.revision),
        "session_id": str(message.attempt_id),
        "user_id": message.user_id,
        "quiz_id": message.quiz_id,
        "attempt_no": message.attempt_no,
        "sequence": message.revision,
        "version": message.version,
        "at": iso(message.at),
        "hash": message.hash.hex(),
        **{name: _detail(name, message.changes.get(name, default)) for name, default in details.items()},
    }


def _detail(name: str, value: Json) -> Any:
    # The audit log has times in the time zone of PostgreSQL's server.
    return iso(datetime.fromisoformat(value)) if name in _MOMENTS and value is not None else value


def connect() -> Any:
    """An EventBridge client in its own boto3 session; the default session is not thread-safe."""
    # boto3 takes a third of a second to import, and requests never need it.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    patience = Config(
        connect_timeout=1,
        read_timeout=1.5,
        retries={"total_max_attempts": 2},
        max_pool_connections=CALLS_AT_ONCE,
    )
    return boto3.Session().client("events", config=patience)


class EventBus:
    """An EventBridge bus. It imports boto3 when it first sends an event."""

    def __init__(self, name: str, connect: Callable[[], Any] = connect) -> None:
        self._name = name
        self._client = LazyClient(connect)

    async def put(self, events: Sequence[OutboxMessage]) -> list[str | None]:
        """Send at most ten events; for each, None if the bus accepted it, otherwise EventBridge's error code.

        Raises:
            EventBusUnavailableError: the bus can't be reached or refuses the call.
        """
        entries = [self._entry(type_of(event), detail_of(event)) | {"Time": event.at} for event in events]
        return await asyncio.to_thread(self._put_events, entries)

    async def ask_for_flush(self, shards: Sequence[int]) -> list[int]:
        """Ask for an invocation of the flush for each shard; returns the shards whose event the bus accepted.

        Raises:
            EventBusUnavailableError: the bus can't be reached or refuses the call.
        """
        return await self._ask(FLUSH_SHARD, {shard: {"shard": shard} for shard in shards})

    async def ask_for_exports(self, ids: Sequence[UUID]) -> list[UUID]:
        """Ask for an invocation of the export function for each export; returns those that the bus accepted.

        Raises:
            EventBusUnavailableError: the bus can't be reached or refuses the call.
        """
        return await self._ask(EXPORT_REQUESTED, {each: {"export": str(each)} for each in ids})

    async def _ask(self, detail_type: str, details: Mapping[_Asked, dict[str, Any]]) -> list[_Asked]:
        taken: list[_Asked] = []
        asked = list(details)
        for start in range(0, len(asked), ENTRIES_A_CALL):
            call = asked[start : start + ENTRIES_A_CALL]
            entries = [self._entry(detail_type, details[each]) for each in call]
            refused = await asyncio.to_thread(self._put_events, entries)
            taken += [each for each, code in zip(call, refused, strict=True) if code is None]
        return taken

    def _entry(self, detail_type: str, detail: dict[str, Any]) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": dump_json(detail),
        }

    def _put_events(self, entries: list[dict[str, Any]]) -> list[str | None]:
        # Imported here because it comes with boto3.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            reply = self._client().put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise EventBusUnavailableError("The event bus takes no events.") from error
        return [entry.get("ErrorCode") for entry in reply["Entries"]]
