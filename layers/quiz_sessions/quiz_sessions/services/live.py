"""The live view: whoever watches over a quiz follows its attempts, and is sent what has changed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import UUID

from ..domain.attempts import Owner, Staff
from ..domain.errors import InvalidInputError
from ..domain.json_values import shown_fields
from ..domain.live import LiveAttempt, LiveRow, LiveTotals, live_row, live_totals
from ..domain.presence import Presence
from ..domain.timestamps import EPOCH, Micros, from_micros, to_micros
from ..domain.validation import check_id
from ..stores.best_effort_cache import BestEffortCache
from ..stores.live import LiveStore

MAX_ROWS: Final = 500
OVERLAP: Final[Micros] = 5_000_000
"""What changed as long before a view is shown again in the next one: longer than a statement takes from its
change to its commit."""
VALKEY_OVERLAP: Final[Micros] = 1_000_000
"""The same for Valkey, where nothing is under way. Longer than the clocks of its nodes differ, of which one
may take over from another."""


class Moment(NamedTuple):
    """A moment by the clocks of both stores."""

    postgres: Micros = 0
    valkey: Micros = 0


_LONG_AGO: Final = Moment()
_FIRST: Final = (EPOCH, UUID(int=0))


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a watcher is.

    Attributes:
        since: what has changed after it is shown.
        began: when the view began of which this is a later page: what has changed after it is for the next
            view. None for a new view.
        position: started_at and id of the last row of the page before.
        totals: those of the view that it is a later page of.
    """

    since: Moment = _LONG_AGO
    began: Moment | None = None
    position: tuple[datetime, UUID] = _FIRST
    totals: LiveTotals | None = None

    def __str__(self) -> str:
        words: list[object] = [*self.since]
        if self.began is not None and self.totals is not None:
            started_at, last = self.position
            counts = (getattr(self.totals, name) for name in shown_fields(LiveTotals))
            words += [
                *self.began,
                to_micros(started_at),
                last.int,
                *("-" if n is None else n for n in counts),
            ]
        return base64.urlsafe_b64encode(" ".join(map(str, words)).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what `str` wrote.

        Raises:
            InvalidInputError: it is none.
        """
        try:
            decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            if _CURSOR.fullmatch(decoded):
                words = decoded.split(" ")
                since = Moment(*map(int, words[:2]))
                if len(words) == 2:
                    return cls(since)
                position = from_micros(int(words[4])), UUID(int=int(words[5]))
                counts: dict[str, Any] = {
                    name: None if word == "-" else int(word)
                    for name, word in zip(shown_fields(LiveTotals), words[6:], strict=True)
                }
                return cls(since, Moment(*map(int, words[2:4])), position, LiveTotals(**counts))
        except ValueError:
            pass
        raise InvalidInputError("after must be the `after` or the `next` of a reply.", member="after")


_TIME: Final = "(0|[1-9][0-9]{0,15})"
_COUNT: Final = "(0|[1-9][0-9]{0,8})"
_PAGE: Final = f" {_TIME} {_TIME} {_TIME} (0|[1-9][0-9]{{0,38}})(?: {_COUNT}){{5}} (-|{_COUNT})"
_CURSOR: Final = re.compile(f"{_TIME} {_TIME}({_PAGE})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class LiveView:
    """A page of the live view.

    Attributes:
        presence: whether Valkey could be asked who was heard.
        after: the cursor of the next view.
        next: the cursor of the next page of this one; None on the last one.
    """

    rows: list[LiveRow]
    totals: LiveTotals
    presence: bool
    after: str
    next: str | None

    @property
    def etag(self) -> str:
        """The entity tag of what is shown, but for the time that is left, which passes by itself."""
        rows = [[getattr(row, name) for name in _TAGGED] for row in self.rows]
        shown = repr((rows, self.totals, self.presence, self.next is None))
        return hashlib.sha256(shown.encode()).hexdigest()[:32]


_TAGGED: Final = [name for name in shown_fields(LiveRow) if name != "time_remaining"]


class Live:
    """Shows how the attempts at a quiz stand."""

    def __init__(self, *, live: LiveStore, cache: BestEffortCache, clock: Callable[[], Micros]) -> None:
        self._live = live
        self._cache = cache
        self._clock = clock

    async def view(
        self,
        quiz_id: str,
        *,
        after: str | None = None,
        group: str | None = None,
        limit: int = MAX_ROWS,
        watcher: Owner = None,
        at: Micros | None = None,
    ) -> LiveView:
        """All attempts at a quiz, or of a group, or those that have changed `after` a view.

        Without Valkey it goes without what Valkey alone knows.

        Raises:
            InvalidInputError: there can't be such a quiz, group, cursor or limit.
            also what `Postgres` raises.
        """
        check_id("quiz_id", quiz_id)
        if group is not None:
            check_id("group", group)
        if not 1 <= limit <= MAX_ROWS:
            raise InvalidInputError(f"limit must be from 1 to {MAX_ROWS}.", member="limit")
        cursor = Cursor() if after is None else Cursor.parse(after)
        at = self._clock() if at is None else at
        is_whole, is_first = cursor.since == _LONG_AGO, cursor.totals is None
        room = await self._live.attempts(
            quiz_id,
            group,
            since=cursor.since.postgres,
            position=cursor.position,
            # Totals are of all attempts; and whether one has changed, Valkey may know alone.
            limit=limit + 1 if is_whole and not is_first else None,
            at=at,
        )
        opened = [attempt.id for attempt in room.attempts if attempt.status.is_open]
        ended = (attempt.id for attempt in room.attempts if not attempt.status.is_open)
        presences = await self._cache.presence([*opened, *islice(ended, limit)])
        began = cursor.began or _moment(room.now, presences, cursor.since)
        totals = cursor.totals or live_totals(room.attempts, room.ended, presences, at)
        shown = [
            attempt
            for attempt in room.attempts
            if attempt.is_changed or _has_changed(attempt, presences, cursor.since)
        ]
        page = shown[:limit]
        following = None
        if len(shown) > limit:
            position = page[-1].started_at, page[-1].id
            following = str(Cursor(cursor.since, began, position, totals))
        own = watcher.subject if isinstance(watcher, Staff) else None
        return LiveView(
            rows=[
                live_row(each, (presences or {}).get(each.id), at, is_own=each.user_id == own)
                for each in page
            ],
            totals=totals,
            presence=presences is not None,
            after=str(Cursor(began)),
            next=following,
        )


def _moment(now: Micros, presences: dict[UUID, Presence] | None, before: Moment) -> Moment:
    """The moment of a view, less what may still come of it."""
    # In a cluster each node has a clock of its own.
    read = [each.now for each in (presences or {}).values()]
    return Moment(max(0, now - OVERLAP), min(read) - VALKEY_OVERLAP if read else before.valkey)


def _has_changed(attempt: LiveAttempt, presences: dict[UUID, Presence] | None, since: Moment) -> bool:
    presence = (presences or {}).get(attempt.id)
    return attempt.status.is_open and presence is not None and presence.changed > since.valkey
