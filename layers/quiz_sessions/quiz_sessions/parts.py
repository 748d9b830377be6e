"""What the use cases work with. `wiring` alone puts it together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from .cache import Cache
from .database import Database
from .errors import CacheUnavailableError
from .exam_database import ExamDatabase
from .grader import Grader
from .load import Load
from .models import Attempt, Drafts, Micros, current_micros
from .postgres import Postgres
from .receipts import Receipts
from .record_database import RecordDatabase
from .telemetry import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one process.

    Attributes:
        time_limit_seconds: of a quiz that sets none.
    """

    postgres: Postgres
    database: Database
    exam_database: ExamDatabase
    record_database: RecordDatabase
    cache: Cache
    grader: Grader
    receipts: Receipts
    load: Load
    telemetry: Telemetry
    time_limit_seconds: int
    clock: Callable[[], Micros] = current_micros

    # The cache, which never fails a request that PostgreSQL can serve

    async def read_cache(self, session_id: UUID) -> tuple[Drafts, Attempt | None]:
        """A session's drafts and its cached row, where Valkey can be read; what it holds counts later."""
        try:
            return await self.cache.read(session_id)
        except CacheUnavailableError as error:
            self.telemetry.survived("cache not read", error, session_id=str(session_id))
            return Drafts(), None

    async def cache_committed(self, attempt: Attempt, questions: Iterable[str]) -> Drafts:
        """Cache a committed row; returns the drafts that are left, none where Valkey is away."""
        try:
            return await self.cache.put_committed(attempt, questions)
        except CacheUnavailableError as error:
            self.telemetry.survived("cache not written", error, session_id=str(attempt.id))
            return Drafts()

    async def close(self) -> None:
        """Close every connection."""
        await self.cache.close()
        await self.postgres.close()
