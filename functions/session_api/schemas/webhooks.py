"""The webhook: how it is doing."""

from __future__ import annotations

from dataclasses import field

from quiz_sessions.services.webhooks import WebhookStatus
from quiz_sessions.stores.webhook_outbox import DeadLetter

from .common import reply


@reply
class DeadLetterReply(DeadLetter):
    """A domain event that was given up."""


@reply
class WebhookReply(WebhookStatus):
    """How the webhook is doing."""

    dead_letters: list[DeadLetterReply] = field(
        metadata={"description": "The 100 that were given up last; the last one first."}
    )
