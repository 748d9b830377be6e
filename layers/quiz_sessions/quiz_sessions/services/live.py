"""The live view: whoever watches over a quiz follows its attempts, and is sent what has changed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from ..domain.attempts import Owner, Staff
from ..domain.errors import InvalidInputError
from ..domain.live import LiveAttempt, LiveRow, LiveTotals, live_row, live_totals
from ..domain.presence import Presence
from ..domain.timestamps import EPOCH, Micros, from_micros, to_micros
from ..domain.validation import check_id
from ..stores.best_effort_cache import BestEffortCache
from ..stores.live import LiveStore

MAX_ROWS: Final = 500
OVERLAP: Final[Micros] = 5_000_000
"""What changed as long before a view is shown again in the next one. Longer than a statement takes from its
change to its commit, and than the clocks of Valkey's nodes differ."""


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
    """

    since: Moment = _LONG_AGO
    began: Moment | None = None
    position: tuple[datetime, UUID] = _FIRST

    def __str__(self) -> str:
        numbers = [*self.since]
        if self.began is not None:
            started_at, last = self.position
            numbers += [*self.began, to_micros(started_at), last.int]
        return base64.urlsafe_b64encode(" ".join(map(str, numbers)).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what `str` wrote.

        Raises:
            InvalidInputError: it is none.
        """
        try:
            decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            if _CURSOR.fullmatch(decoded):
                numbers = [int(number) for number in decoded.split(" ")]
                since = Moment(*numbers[:2])
                if len(numbers) == 2:
                    return cls(since)
                return cls(since, Moment(*numbers[2:4]), (from_micros(numbers[4]), UUID(int=numbers[5])))
        except ValueError:
            pass
        raise InvalidInputError("after is the `after` or the `next` of a reply.", member="after")


_TIME: Final = "(0|[1-9][0-9]{0,15})"
_CURSOR: Final = re.compile(f"{_TIME} {_TIME}( {_TIME} {_TIME} {_TIME} (0|[1-9][0-9]{{0,38}}))?", re.ASCII)


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


_TAGGED: Final = [each.name for each in fields(LiveRow) if each.name != "time_remaining"]


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
            raise InvalidInputError(f"limit is from 1 to {MAX_ROWS}.", member="limit")
        cursor = Cursor() if after is None else Cursor.parse(after)
        at = self._clock() if at is None else at
        room = await self._live.attempts(
            quiz_id, group, since=cursor.since.postgres, position=cursor.position, at=at
        )
        opened = [attempt.id for attempt in room.attempts if attempt.status.is_open]
        ended = (attempt.id for attempt in room.attempts if not attempt.status.is_open)
        presences = await self._cache.presence([*opened, *islice(ended, limit)])
        began = cursor.began or _moment(room.now, presences, cursor.since)
        shown = [
            attempt
            for attempt in room.attempts
            if (attempt.started_at, attempt.id) > cursor.position
            and (attempt.is_changed or _has_changed(attempt, presences, cursor.since))
        ]
        page = shown[:limit]
        last = replace(cursor, began=began, position=(page[-1].started_at, page[-1].id)) if page else None
        own = watcher.subject if isinstance(watcher, Staff) else None
        return LiveView(
            rows=[
                live_row(each, (presences or {}).get(each.id), at, is_own=each.user_id == own)
                for each in page
            ],
            totals=live_totals(room.attempts, room.ended, presences, at),
            presence=presences is not None,
            after=str(Cursor(began)),
            next=str(last) if len(shown) > limit else None,
        )


def _moment(now: Micros, presences: dict[UUID, Presence] | None, before: Moment) -> Moment:
    """The moment of a view, less what may still come of it."""
    # In a cluster each node has a clock of its own.
    valkey = min((each.now for each in presences.values()), default=0) if presences else 0
    return Moment(max(0, now - OVERLAP), valkey - OVERLAP if valkey else before.valkey)


def _has_changed(attempt: LiveAttempt, presences: dict[UUID, Presence] | None, since: Moment) -> bool:
    presence = (presences or {}).get(attempt.id)
    return attempt.status.is_open and presence is not None and presence.changed > since.valkey
