"""How the service is doing."""

from __future__ import annotations

from dataclasses import field

from quiz_sessions.services.status import (
    DeliveryStatus,
    DiskStatus,
    FlushStatus,
    KeysStatus,
    ServiceStatus,
    SessionsStatus,
    StoreStatus,
    TroubleStatus,
)

from .common import reply


@reply
class DiskReply(DiskStatus):
    """The disk that a store has its files on."""


@reply
class StoreReply(StoreStatus):
    """How a store is."""

    disk: DiskReply | None = field(metadata={"description": "Null where its files are on another machine."})


@reply
class SessionsUnderWayReply(SessionsStatus):
    """What is under way. Null while the store that knows is away."""


@reply
class FlushReply(FlushStatus):
    """What the last flush did."""


@reply
class TroubleReply(TroubleStatus):
    """Something that went wrong, and how often."""


@reply
class KeysReply(KeysStatus):
    """Keys by their ids."""


@reply
class DeliveryReply(DeliveryStatus):
    """How the webhook is doing; `GET /webhooks` says more."""


@reply
class StatusReply(ServiceStatus):
    """How the service is doing, as the process that answers sees it."""

    version: str = field(metadata={"description": "Of the service."})
    database: StoreReply
    cache: StoreReply
    sessions: SessionsUnderWayReply
    last_flush: FlushReply | None = field(
        metadata={"description": "Of this process; null before its first, and where another process flushes."}
    )
    errors: list[TroubleReply] = field(
        metadata={"description": "What went wrong in this process lately, the most frequent first."}
    )
    receipt_keys: KeysReply = field(metadata={"description": "They sign receipts."})
    token_keys: KeysReply | None = field(
        metadata={"description": "They verify tokens; null where a gateway does, or nobody."}
    )
    webhook: DeliveryReply | None = field(metadata={"description": "Null while the database is away."})
