"""The relay to a webhook: what it refuses is tried again later, and given up in the end (docs/events.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from ..domain.audit_events import OutboxMessage
from ..domain.deliveries import MAX_RETRY_AFTER, Refusal, pause_after
from ..domain.errors import WebhookRefusedError
from ..runtime.telemetry import Telemetry
from ..stores.webhook import AT_ONCE, PATIENCE_SECONDS, Webhook
from ..stores.webhook_outbox import Refused, WebhookOutbox
from .outbox_relay import Relay

BEGIN_SECONDS: Final = 10.0
"""For so long a run begins requests. With the last ones it is over before the next flush is due."""


def _jitter() -> float:
    # As `backpressure` has it.
    return time.monotonic_ns() % 1_000 / 1_000


class WebhookRelay(Relay):
    """Sends outbox messages to a webhook."""

    at_once = AT_ONCE
    reserve_seconds = PATIENCE_SECONDS + 5.0

    def __init__(
        self,
        outbox: WebhookOutbox,
        webhook: Webhook,
        telemetry: Telemetry,
        jitter: Callable[[], float] = _jitter,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is in seconds, since any moment."""
        super().__init__(outbox)
        self._deliveries = outbox
        self._webhook = webhook
        self._telemetry = telemetry
        self._jitter = jitter
        self._now = now
        self._quiet = False

    async def run(self, go_on: Callable[[], bool]) -> int:
        until = self._now() + BEGIN_SECONDS
        self._quiet = False
        return await super().run(lambda: go_on() and self._now() < until and not self._quiet)

    async def _call(self, messages: Sequence[OutboxMessage]) -> list[OutboxMessage]:
        pairs = list(zip(messages, await self._webhook.put(messages), strict=True))
        if refused := [(message, refusal) for message, refusal in pairs if refusal is not None]:
            await self._note(refused)
        return [message for message, refusal in pairs if refusal is None]

    async def _note(self, refused: Sequence[tuple[OutboxMessage, Refusal]]) -> None:
        """Record what was refused, and when it is tried again, if it is."""
        codes = sorted({refusal.code for _, refusal in refused})
        self._telemetry.degraded("webhook refused", WebhookRefusedError(), "WebhookFailed", codes=codes)
        if any(refusal.is_gone for _, refusal in refused):
            # It is about the receiver and no event: none has had a try.
            self._quiet = True
            await self._deliveries.be_quiet(None)
            return
        tried = [
            Refused(message, refusal, pause_after(message.tries + 1, self._jitter(), refusal.retry_after))
            for message, refusal in refused
        ]
        await self._deliveries.mark_refused(tried)
        if dead := sum(next_in is None for _, _, next_in in tried):
            self._telemetry.count("WebhookDead", dead)
        if wait := max(refusal.retry_after or 0 for _, refusal in refused):
            self._quiet = True
            await self._deliveries.be_quiet(min(wait, MAX_RETRY_AFTER))
