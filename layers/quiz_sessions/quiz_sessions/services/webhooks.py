"""The webhook as its operator sees it: how it is doing, what was given up, and trying that again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from ..domain.errors import NoWebhookError
from ..domain.timestamps import Micros, from_micros
from ..stores.outbox import OutboxStore
from ..stores.webhook_outbox import DeadLetter, WebhookOutbox
from .staff_actions import StaffActions

MAX_DEAD_LETTERS: Final = 100


class WebhookState(StrEnum):
    """How a webhook is doing."""

    OFF = "off"
    OK = "ok"
    FAILING = "failing"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStatus:
    """How the webhook is doing."""

    url: str | None = field(metadata={"description": "Without its query; null where none is set."})
    state: WebhookState = field(
        metadata={
            "description": "failing: something was refused, and waits for its next try or is dead. disabled: "
            "the receiver has answered 410, and nothing is sent till staff say so."
        }
    )
    waiting: int = field(metadata={"description": "Events that are still to be sent, at most 10,000."})
    dead: int = field(metadata={"description": "Events that were given up."})
    last_error: str | None = field(
        metadata={
            "description": "Of the receiver, or of an event that waits or is dead: `status 500`, timeout, "
            "unreachable, certificate, broken off."
        }
    )
    next_try_at: datetime | None = field(
        metadata={"description": "When something is due; the next flush from then on sends it."}
    )
    dead_letters: Sequence[DeadLetter] = field(
        metadata={"description": "The 100 that were given up last; the last one first."}
    )


_OFF: Final = WebhookStatus(
    url=None,
    state=WebhookState.OFF,
    waiting=0,
    dead=0,
    last_error=None,
    next_try_at=None,
    dead_letters=[],
)


class Webhooks:
    """Callers of this class must check that the user is staff. Every method raises DatabaseUnavailableError
    and BusyError."""

    def __init__(
        self,
        *,
        outbox: OutboxStore,
        webhook: WebhookOutbox | None,
        url: str | None,
        staff_actions: StaffActions,
        clock: Callable[[], Micros],
    ) -> None:
        """`webhook` is None where none is set; `url` is as it may be shown."""
        self._outbox = outbox
        self._webhook = webhook
        self._url = url
        self._staff_actions = staff_actions
        self._clock = clock

    async def status(self) -> WebhookStatus:
        """How the webhook is doing."""
        if self._webhook is None:
            return replace(_OFF, waiting=(await self._outbox.backlog()).messages)
        tries = await self._webhook.tries()
        next_try_at = None if tries.disabled else tries.next_try_at
        if await self._webhook.messages(1):
            # Something is due that was never refused, or whose next try has come.
            next_try_at = from_micros(self._clock())
        state = WebhookState.OK
        if tries.disabled:
            state = WebhookState.DISABLED
        elif tries.failing or tries.dead or tries.quiet:
            state = WebhookState.FAILING
        return WebhookStatus(
            url=self._url,
            state=state,
            waiting=(await self._webhook.backlog()).messages,
            dead=tries.dead,
            last_error=tries.last_error,
            next_try_at=next_try_at,
            dead_letters=await self._webhook.dead_letters(MAX_DEAD_LETTERS),
        )

    async def retry(self, reason: str, *, by: str | None = None, at: Micros | None = None) -> WebhookStatus:
        """Make due at once what was refused or given up, and send to a receiver again that wanted no more.

        Raises:
            InvalidInputError: the reason can't be stored.
            NoWebhookError: there is none.
        """
        action = self._staff_actions.action("retry-webhook", reason, None, by, at)
        if self._webhook is None:
            raise NoWebhookError
        await self._webhook.retry(action)
        return await self.status()
