"""The outbox as the webhook is sent it: what it has refused waits for its next try, or is dead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ..domain.audit_events import OutboxMessage
from ..domain.deliveries import Refusal
from ..domain.quizzes import StaffAction
from ..domain.timestamps import Micros, from_micros
from .event_bus import DETAIL_TYPES, event_id
from .outbox import MARK_PUBLISHED, OutboxStore, marked
from .postgres import Postgres
from .statements import load

_MESSAGES: Final = load("webhook_messages")
_ACCEPTED: Final = load("webhook_accepted")
_REFUSED: Final = load("webhook_refused")
_QUIET: Final = load("webhook_quiet")
_BEGIN: Final = load("webhook_begin")
_STATUS: Final = load("webhook_status")
_DEAD_LETTERS: Final = load("webhook_dead_letters")
_RETRY: Final = load("retry_webhook")


class Refused(NamedTuple):
    """An event that the webhook did not accept.

    Attributes:
        next_in: the seconds to its next try; None if there is none.
    """

    message: OutboxMessage
    refusal: Refusal
    next_in: float | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A domain event that is not sent any more."""

    event_id: str
    type: str
    tries: int
    last_error: str
    died_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookTries:
    """What came of the tries of events that wait.

    Attributes:
        disabled: whether the receiver wants no more events; `quiet`: none for a while.
        failing: how many events were refused and will be tried again.
        dead: how many will not.
        next_try_at: when the next one is due; None if none waits for that.
    """

    disabled: bool
    quiet: bool
    failing: int
    dead: int
    last_error: str | None
    next_try_at: datetime | None


class WebhookOutbox(OutboxStore):
    """The outbox of one webhook, which `endpoint` stands for."""

    def __init__(self, postgres: Postgres, endpoint: str, clock: Callable[[], Micros]) -> None:
        super().__init__(postgres, waits="{not_dead}")
        self._endpoint = endpoint
        self._clock = clock

    async def messages(self, limit: int) -> list[OutboxMessage]:
        """The messages that are due now; none if the receiver wants none now."""
        rows = await self._postgres.fetch(_MESSAGES, {**self._now(), "limit": limit})
        return [OutboxMessage(**row) for row in rows]

    async def mark_published(self, messages: Sequence[OutboxMessage]) -> None:
        """Record that the receiver has accepted these messages."""
        await self._postgres.fetch_together([MARK_PUBLISHED, _ACCEPTED], marked(messages))

    async def mark_refused(self, refused: Sequence[Refused]) -> None:
        """Record that it has not accepted these, and when they are tried again."""
        now = from_micros(self._clock())
        await self._postgres.fetch(
            _REFUSED,
            {
                "ids": [message.attempt_id for message, _, _ in refused],
                "revisions": [message.revision for message, _, _ in refused],
                "tries": [message.tries + 1 for message, _, _ in refused],
                "errors": [refusal.code for _, refusal, _ in refused],
                "next": [
                    None if next_in is None else now + timedelta(seconds=next_in) for _, _, next_in in refused
                ],
                "at": now,
            },
        )

    async def begin(self) -> None:
        """What is known of another webhook holds no more."""
        await self._postgres.fetch(_BEGIN, {"endpoint": self._endpoint})

    async def be_quiet(self, seconds: int | None, error: str) -> None:
        """Send nothing for so many seconds; None for ever, or until staff say otherwise."""
        now = from_micros(self._clock())
        until = None if seconds is None else now + timedelta(seconds=seconds)
        await self._postgres.fetch(_QUIET, {**self._now(), "quiet_until": until, "error": error})

    async def tries(self) -> WebhookTries:
        (row,) = await self._postgres.fetch(_STATUS, self._now())
        return WebhookTries(**row)

    async def dead_letters(self, limit: int) -> list[DeadLetter]:
        """The events that were given up, the last one first."""
        rows = await self._postgres.fetch(_DEAD_LETTERS, {"limit": limit})
        return [
            DeadLetter(
                event_id=event_id(row["attempt_id"], row["revision"]),
                type=DETAIL_TYPES[row["type"]],
                tries=row["tries"],
                last_error=row["last_error"],
                died_at=row["died_at"],
            )
            for row in rows
        ]

    async def retry(self, action: StaffAction) -> None:
        """Make due what was refused, and send to a receiver again that wanted no more."""
        parameters = {"at": from_micros(action.at), "by": action.by, "reason": action.reason}
        await self._postgres.fetch(_RETRY, {**parameters, "resent": False}, resend={"resent": True})

    def _now(self) -> dict[str, object]:
        return {"endpoint": self._endpoint, "at": from_micros(self._clock())}
