"""What the use cases work with. `wiring` alone puts it together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .cache import Cache
from .database import Database
from .exam_database import ExamDatabase
from .grader import Grader
from .load import Load
from .models import Micros
from .postgres import Postgres
from .receipts import Receipts
from .record_database import RecordDatabase
from .telemetry import Telemetry


def current_micros() -> Micros:
    """This machine's clock."""
    return time.time_ns() // 1000


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

    async def close(self) -> None:
        """Close every connection."""
        await self.cache.close()
        await self.postgres.close()
