"""The relay to a webhook: what it refuses is tried again later, and given up in the end (docs/events.md)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ..domain.audit_events import OutboxMessage
from ..domain.deliveries import MAX_RETRY_AFTER, Refusal, pause_after
from ..domain.errors import WebhookRefusedError
from ..runtime.clock import jitter
from ..runtime.telemetry import Telemetry
from ..stores.event_bus import event_id
from ..stores.webhook import AT_ONCE, PATIENCE_SECONDS, Webhook
from ..stores.webhook_outbox import Refused, WebhookOutbox
from .outbox_relay import Relay

BEGIN_SECONDS: Final = 10.0
"""For so long a run begins requests. With the last ones it is over before the next flush is due."""


class WebhookRelay(Relay):
    """Sends outbox messages to a webhook."""

    at_once = AT_ONCE
    reserve_seconds = PATIENCE_SECONDS + 5.0
    goes_on = True

    def __init__(
        self,
        outbox: WebhookOutbox,
        webhook: Webhook,
        telemetry: Telemetry,
        *,
        jitter: Callable[[], float] = jitter,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`now` is in seconds, since any moment."""
        super().__init__(outbox)
        self._deliveries = outbox
        self._webhook = webhook
        self._telemetry = telemetry
        self._jitter = jitter
        self._now = now
        self._sleep = sleep
        self._until = 0.0
        self._quiet = False

    async def run(self, go_on: Callable[[], bool]) -> int:
        self._until = self._now() + BEGIN_SECONDS
        self._quiet = False
        await self._deliveries.begin()
        return await super().run(lambda: go_on() and self._now() < self._until and not self._quiet)

    async def _call(self, messages: Sequence[OutboxMessage]) -> list[OutboxMessage]:
        pairs = list(zip(messages, await self._webhook.put(messages), strict=True))
        if refused := [(message, refusal) for message, refusal in pairs if refusal is not None]:
            await self._note(refused)
        return [message for message, refusal in pairs if refusal is None]

    async def _note(self, refused: Sequence[tuple[OutboxMessage, Refusal]]) -> None:
        """Record what was refused, and when it is tried again, if it is."""
        codes = sorted({refusal.code for _, refusal in refused})
        self._telemetry.degraded("webhook refused", WebhookRefusedError(), "WebhookFailed", codes=codes)
        # What is about the receiver is no event's fault, and costs none a try.
        about_it = [refusal for _, refusal in refused if refusal.is_gone or refusal.retry_after is not None]
        tried = [
            Refused(message, refusal, pause_after(message.tries + 1, self._jitter()))
            for message, refusal in refused
            if refusal not in about_it
        ]
        if tried:
            await self._deliveries.mark_refused(tried)
        if dead := [
            event_id(each.attempt_id, each.revision) for each, _, next_in in tried if next_in is None
        ]:
            self._telemetry.degraded(
                "webhook event given up", WebhookRefusedError(), "WebhookDead", events=dead
            )
        if about_it:
            await self._leave_alone(about_it)

    async def _leave_alone(self, refusals: Sequence[Refusal]) -> None:
        """Send nothing for as long as the receiver asks; what is short is waited for."""
        if gone := [refusal for refusal in refusals if refusal.is_gone]:
            self._quiet = True
            await self._deliveries.be_quiet(None, gone[0].code)
            return
        longest = max(refusals, key=lambda refusal: refusal.retry_after or 0)
        wait = min(longest.retry_after or 0, MAX_RETRY_AFTER)
        if self._now() + wait < self._until:
            await self._sleep(wait)
            return
        self._quiet = True
        await self._deliveries.be_quiet(wait, longest.code)
