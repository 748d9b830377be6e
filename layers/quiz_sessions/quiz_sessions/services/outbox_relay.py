"""The relay: sends outbox messages to the event bus, or, as `webhook_relay` has it, to a webhook.

Delivery is at least once. The events of a session are sent in order: each after the one before was accepted.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar
from uuid import UUID, uuid4

from ..domain.audit_events import OutboxMessage
from ..domain.errors import EventBusUnavailableError
from ..runtime.telemetry import Telemetry
from ..stores.event_bus import CALLS_AT_ONCE, ENTRIES_A_CALL, EventBus
from ..stores.outbox import OutboxStore

PAGE = 1000
LEASE_SECONDS = 60


class Relay(ABC):
    """Sends outbox messages. A lease lets one process at a time do so.

    Attributes:
        at_once: how many messages are sent before it is asked whether to go on.
        reserve_seconds: how long that may take.
        goes_on: whether others are sent although none of those was accepted.
    """

    at_once: ClassVar[int]
    reserve_seconds: ClassVar[float]
    goes_on: ClassVar[bool]

    def __init__(self, outbox: OutboxStore) -> None:
        self._outbox = outbox
        self._holder = uuid4()

    async def run(self, go_on: Callable[[], bool]) -> int:
        """Send until the outbox is empty, no more is accepted, or `go_on` returns false.

        Returns:
            how many messages were accepted.

        Raises:
            DatabaseUnavailableError, BusyError: the outbox can't be read, or messages can't be marked as
                published.
        """
        published = 0
        # Take the lease before reading: by then the former holder has marked what it sent.
        while go_on() and await self._outbox.take_lease(self._holder, LEASE_SECONDS):
            waiting = await self._outbox.messages(PAGE)
            taken = await self._send(waiting, go_on)
            published += taken
            if taken < len(waiting) or len(waiting) < PAGE:
                break
        await self._outbox.give_up_lease(self._holder)
        return published

    async def _send(self, waiting: Sequence[OutboxMessage], go_on: Callable[[], bool]) -> int:
        queues: dict[UUID, list[OutboxMessage]] = {}
        for message in waiting:
            queues.setdefault(message.attempt_id, []).append(message)
        taken = 0
        while queues and go_on() and await self._outbox.take_lease(self._holder, LEASE_SECONDS):
            # Only the first message of each session; its next one follows once this one was accepted.
            heads = [queue[0] for queue in queues.values()][: self.at_once]
            accepted = await self._call(heads)
            if accepted:
                await self._outbox.mark_published(accepted)
                taken += len(accepted)
            elif not self.goes_on:
                break
            for message in accepted:
                queues[message.attempt_id].pop(0)
            for message in heads:
                if message not in accepted or not queues[message.attempt_id]:
                    del queues[message.attempt_id]
        return taken

    @abstractmethod
    async def _call(self, messages: Sequence[OutboxMessage]) -> list[OutboxMessage]:
        """Send messages, each of another session; returns those that were accepted."""


class BusRelay(Relay):
    """Sends outbox messages to the event bus."""

    at_once = ENTRIES_A_CALL * CALLS_AT_ONCE
    # As long as `event_bus.connect` lets a call take.
    reserve_seconds = 5.0
    goes_on = False

    def __init__(self, outbox: OutboxStore, bus: EventBus, telemetry: Telemetry) -> None:
        super().__init__(outbox)
        self._bus = bus
        self._telemetry = telemetry

    async def _call(self, messages: Sequence[OutboxMessage]) -> list[OutboxMessage]:
        calls = [
            messages[start : start + ENTRIES_A_CALL] for start in range(0, len(messages), ENTRIES_A_CALL)
        ]
        outcomes = await asyncio.gather(*(self._bus.put(call) for call in calls), return_exceptions=True)
        accepted: list[OutboxMessage] = []
        for call, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, EventBusUnavailableError):
                self._telemetry.degraded("events not published", outcome, "EventsDelayed")
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                accepted += [message for message, code in zip(call, outcome, strict=True) if code is None]
                if codes := sorted({code for code in outcome if code is not None}):
                    error = EventBusUnavailableError("The event bus refuses events.")
                    self._telemetry.degraded("events refused", error, "EventsDelayed", codes=codes)
        return accepted
