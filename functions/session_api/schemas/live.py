"""The live view of a quiz."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from quiz_sessions.domain.live import LiveRow, LiveTotals

from .common import reply


@reply
class LiveRowReply(LiveRow):
    """An attempt as it stands."""


@reply
class LiveTotalsReply(LiveTotals):
    """How the attempts at the quiz stand, or those of the group, all together."""


@reply
class LiveReply:
    """How the attempts at a quiz stand, oldest first."""

    rows: list[LiveRowReply] = field(
        metadata={"description": "With `after`, those that have changed; some are shown twice."}
    )
    totals: LiveTotalsReply = field(metadata={"description": "As they were on the first page of the view."})
    presence: bool = field(
        metadata={"description": "Whether it is known who was heard; false while the cache is away."}
    )
    server_time: datetime
    after: str = field(metadata={"description": "The `after` of the next view."})
    next: str | None = field(
        metadata={"description": "The `after` of the next page of this view; null on the last one."}
    )
