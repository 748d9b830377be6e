"""Domain events for the rest of the world: from the outbox to an EventBridge bus.

At least once, and of one session in their order: an event is sent once the bus has taken the one before. See
docs/events.md for what each holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final
from uuid import UUID, uuid4

from .errors import EventBusUnavailableError
from .models import dump_json, iso
from .record_database import RecordDatabase, Unpublished
from .telemetry import Telemetry

SOURCE = "quiz-sessions"
FLUSH_SHARD = "flush.shard"
"""Not for the rest of the world: it asks the flush function for one shard of the dirty index."""
SCHEMA_VERSION = 1
ENTRIES_A_CALL = 10
"""EventBridge takes no more (PutEvents API reference)."""
CALLS_AT_ONCE = 8
PAGE = 1000
LEASE_SECONDS = 60

_DETAIL_TYPES: Final = {
    "started": "session.started",
    "completed": "session.completed",
    "abandoned": "session.abandoned",
    "expired": "session.expired",
    "extended": "session.extended",
    "rescheduled": "session.extended",
    "reopened": "session.reopened",
    "graded": "session.graded",
}
_DETAILS: Final[Mapping[str, Mapping[str, Any]]] = {
    "session.started": {"expires_at": None},
    # Before there was a grace nothing could be late.
    "session.completed": {"late_ms": 0},
    "session.extended": {"expires_at": None},
    "session.reopened": {"expires_at": None},
    "session.graded": {"score": None, "max_score": None},
}
"""What belongs to a type, and what stands for it where an older event does not tell."""


def detail_of(event: Unpublished) -> dict[str, Any]:
    """What the event says: which attempt, the event's place in its life, and what belongs to its type."""
    told = _DETAILS.get(_DETAIL_TYPES[event.type], {})
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": str(event.event_id),
        "session_id": str(event.attempt_id),
        "user_id": event.user_id,
        "quiz_id": event.quiz_id,
        "attempt_no": event.attempt_no,
        "sequence": event.revision,
        "version": event.version,
        "at": iso(event.at),
        "hash": event.hash.hex(),
        **{name: _told(name, event.changes.get(name, default)) for name, default in told.items()},
    }


def _told(name: str, value: Any) -> Any:
    # PostgreSQL writes times in the server's time zone.
    return iso(datetime.fromisoformat(value)) if name == "expires_at" and value is not None else value


def connect() -> Any:
    """boto3's client, in a session of its own: the one that boto3 shares is not for several threads."""
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
    """An EventBridge bus. boto3 is imported with the first event."""

    def __init__(self, name: str, connect: Callable[[], Any] = connect) -> None:
        self._name = name
        self._connect = connect
        self._connecting = Lock()
        self._known_client: Any = None

    async def put(self, events: Sequence[Unpublished]) -> list[str | None]:
        """Send at most ten events; for each None where the bus has taken it, else EventBridge's error code.

        Raises:
            EventBusUnavailableError: the bus can't be reached or refuses the call.
        """
        entries = [
            self._entry(_DETAIL_TYPES[event.type], detail_of(event)) | {"Time": event.at} for event in events
        ]
        return await asyncio.to_thread(self._put_events, entries)

    async def ask_for_flush(self, shards: Sequence[int]) -> list[int]:
        """Have each shard flushed by an invocation of its own; returns those that the bus has taken.

        Raises:
            EventBusUnavailableError: the bus can't be reached or refuses the call.
        """
        taken: list[int] = []
        for start in range(0, len(shards), ENTRIES_A_CALL):
            call = shards[start : start + ENTRIES_A_CALL]
            entries = [self._entry(FLUSH_SHARD, {"shard": shard}) for shard in call]
            refused = await asyncio.to_thread(self._put_events, entries)
            taken += [shard for shard, code in zip(call, refused, strict=True) if code is None]
        return taken

    def _entry(self, detail_type: str, detail: dict[str, Any]) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": dump_json(detail),
        }

    def _put_events(self, entries: list[dict[str, Any]]) -> list[str | None]:
        # boto3 brings it.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            reply = self._client.put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise EventBusUnavailableError("The event bus takes no events.") from error
        return [entry.get("ErrorCode") for entry in reply["Entries"]]

    @property
    def _client(self) -> Any:
        # The first calls are made at once, each in its thread.
        with self._connecting:
            if self._known_client is None:
                self._known_client = self._connect()
            return self._known_client


class Relay:
    """Sends what waits in the outbox. Of several processes one does it at a time."""

    def __init__(self, records: RecordDatabase, bus: EventBus, telemetry: Telemetry) -> None:
        self._records = records
        self._bus = bus
        self._telemetry = telemetry
        self._holder = uuid4()

    async def run(self, go_on: Callable[[], bool]) -> int:
        """Send until nothing waits, the bus takes no more, or `go_on` says no; returns how many it took.

        Raises:
            DatabaseUnavailableError, BusyError: the outbox can't be read or marked.
        """
        published = 0
        # With the right in hand before it reads: what another one has sent is marked by then.
        while go_on() and await self._records.take_lease(self._holder, LEASE_SECONDS):
            waiting = await self._records.unpublished(PAGE)
            taken = await self._send(waiting, go_on)
            published += taken
            if taken < len(waiting) or len(waiting) < PAGE:
                break
        await self._records.give_up_lease(self._holder)
        return published

    async def _send(self, waiting: Sequence[Unpublished], go_on: Callable[[], bool]) -> int:
        queues: dict[UUID, list[Unpublished]] = {}
        for event in waiting:
            queues.setdefault(event.attempt_id, []).append(event)
        taken = 0
        while queues and go_on() and await self._records.take_lease(self._holder, LEASE_SECONDS):
            # The first of each session: its next one follows when the bus has this one.
            heads = [queue[0] for queue in queues.values()][: ENTRIES_A_CALL * CALLS_AT_ONCE]
            accepted = await self._call(heads)
            if not accepted:
                break
            await self._records.mark_published([event.event_id for event in accepted])
            taken += len(accepted)
            for event in accepted:
                queues[event.attempt_id].pop(0)
            for event in heads:
                if event not in accepted or not queues[event.attempt_id]:
                    del queues[event.attempt_id]
        return taken

    async def _call(self, events: Sequence[Unpublished]) -> list[Unpublished]:
        calls = [events[start : start + ENTRIES_A_CALL] for start in range(0, len(events), ENTRIES_A_CALL)]
        outcomes = await asyncio.gather(*(self._bus.put(call) for call in calls), return_exceptions=True)
        accepted: list[Unpublished] = []
        for call, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, EventBusUnavailableError):
                self._telemetry.survived("events not published", outcome, "EventsDelayed")
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                accepted += [event for event, code in zip(call, outcome, strict=True) if code is None]
                if codes := sorted({code for code in outcome if code is not None}):
                    error = EventBusUnavailableError("The event bus refuses events.")
                    self._telemetry.survived("events refused", error, "EventsDelayed", codes=codes)
        return accepted
