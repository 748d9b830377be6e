"""The webhook as its operator sees it: how it is doing, what was given up, and trying that again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from ..domain.errors import NoWebhookError
from ..domain.timestamps import Micros
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
            "description": "failing: what was refused waits for its next try. disabled: the receiver has "
            "answered 410, and nothing is sent till staff say so."
        }
    )
    waiting: int = field(metadata={"description": "Events that are still to be sent, at most 10,000."})
    dead: int = field(metadata={"description": "Events that were given up."})
    last_error: str | None = field(
        metadata={"description": "Of the events that wait or are dead: `status 500`, timeout, unreachable."}
    )
    next_try_at: datetime | None
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

    def __init__(self, *, outbox: WebhookOutbox | None, url: str | None, staff_actions: StaffActions) -> None:
        """`outbox` is None where no webhook is set; `url` is as it may be shown."""
        self._outbox = outbox
        self._url = url
        self._staff_actions = staff_actions

    async def status(self) -> WebhookStatus:
        """How the webhook is doing."""
        if self._outbox is None:
            return _OFF
        tries = await self._outbox.tries()
        backlog = await self._outbox.backlog()
        state = WebhookState.DISABLED if tries.disabled else WebhookState.OK
        if tries.failing and not tries.disabled:
            state = WebhookState.FAILING
        return WebhookStatus(
            url=self._url,
            state=state,
            waiting=backlog.messages,
            dead=tries.dead,
            last_error=tries.last_error,
            next_try_at=None if tries.disabled else tries.next_try_at,
            dead_letters=await self._outbox.dead_letters(MAX_DEAD_LETTERS),
        )

    async def retry(self, reason: str, *, by: str | None = None, at: Micros | None = None) -> WebhookStatus:
        """Make due at once what was refused or given up, and send to a receiver again that wanted no more.

        Raises:
            InvalidInputError: the reason can't be stored.
            NoWebhookError: there is none.
        """
        action = self._staff_actions.action("retry-webhook", reason, None, by, at)
        if self._outbox is None:
            raise NoWebhookError
        await self._outbox.retry(action)
        return await self.status()
