"""Exports in PostgreSQL: who asked for which, how far each has come, and the records that they read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, AsyncRawCursor, IsolationLevel, OperationalError, errors
from psycopg.rows import DictRow, TupleRow, tuple_row

from ..domain.errors import DatabaseUnavailableError
from ..domain.exports import MAX_RUNNING, MAX_TRIES, Export, ExportFormat, ExportPart, ExportStatus
from ..domain.quizzes import request_hash
from .postgres import Postgres
from .statements import load, numbered

_REQUEST: Final = load("request_export")
_GET: Final = load("get_export")
_TAKE: Final = load("take_export")
_KEEP: Final = load("keep_export")
_FINISH: Final = load("finish_export")
_LET_GO: Final = load("let_go_of_export")
_GIVE_BACK: Final = load("give_back_export")
_WAITING: Final = load("waiting_exports")
_RECORDS: Final = {part: load(f"exported_{part}") for part in ExportPart}

HOLD_SECONDS: Final = 120
"""How long nobody takes an export over from whoever makes it, since that was last heard of."""
STATEMENT_SECONDS: Final = 3600
"""For a statement that reads records; what waits for it is the export alone."""
_ROWS_AT_ONCE: Final = 20
"""Rows that are in memory together; one may have some 2 MiB."""


@dataclass(frozen=True, slots=True)
class WaitingExports:
    """Exports that nobody makes at the moment, and those that failed just now."""

    waiting: list[UUID]
    failed: list[UUID]


class ExportStore:
    """The exports. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def request(
        self,
        export_id: UUID,
        quiz_id: str,
        form: ExportFormat,
        what: Sequence[ExportPart],
        *,
        by: str | None,
        at: datetime,
        key: str | None,
    ) -> tuple[str, Export | None]:
        """Ask for an export; returns what came of it (see the statement), and the export."""
        parameters = {
            "id": export_id,
            "quiz_id": quiz_id,
            "format": form,
            "what": list(what),
            "by": by,
            "at": at,
            "key": key,
            "payload_hash": request_hash([quiz_id, form, list(what)]),
            "max_running": MAX_RUNNING,
        }
        try:
            (row,) = await self._postgres.fetch(_REQUEST, parameters)
        except errors.UniqueViolation:
            # The same request came twice at once, and the other one has committed: run again to find it.
            (row,) = await self._postgres.fetch(_REQUEST, parameters)
        outcome = row.pop("outcome")
        return outcome, None if row["id"] is None else _export(row)

    async def get(self, export_id: UUID, by: str | None) -> Export | None:
        rows = await self._postgres.fetch(_GET, {"id": export_id, "by": by})
        return _export(rows[0]) if rows else None

    async def take(self, holder: UUID, export_id: UUID | None = None) -> Export | None:
        """Begin the export, or the one that waits for the longest; None if it does not wait."""
        rows = await self._postgres.fetch(
            _TAKE, {"id": export_id, "holder": holder, "seconds": HOLD_SECONDS, "max_tries": MAX_TRIES}
        )
        return _export(rows[0]) if rows else None

    async def keep(self, export_id: UUID, holder: UUID, rows: int, taken_at: datetime) -> bool:
        """Tell how many records are written; false if another one makes the export by now."""
        parameters = {
            "id": export_id,
            "holder": holder,
            "seconds": HOLD_SECONDS,
            "rows": rows,
            "taken_at": taken_at,
        }
        return bool(await self._postgres.fetch(_KEEP, parameters))

    async def finish(self, export_id: UUID, holder: UUID, *, rows: int, size: int, sha256: str) -> bool:
        """End an export, whose file is whole; false if another one makes it by now."""
        parameters = {"id": export_id, "holder": holder, "rows": rows, "bytes": size, "hash": sha256}
        return bool(await self._postgres.fetch(_FINISH, parameters))

    async def let_go(self, export_id: UUID, holder: UUID, seconds: int) -> ExportStatus | None:
        """Let it be begun anew in so many seconds, or fail; returns which; None if another one makes it."""
        parameters = {"id": export_id, "holder": holder, "max_tries": MAX_TRIES, "seconds": seconds}
        rows = await self._postgres.fetch(_LET_GO, parameters)
        return ExportStatus(rows[0]["status"]) if rows else None

    async def give_back(self, export_id: UUID, holder: UUID) -> None:
        """Let it be begun anew at once; this try does not count."""
        await self._postgres.fetch(_GIVE_BACK, {"id": export_id, "holder": holder})

    async def waiting(self) -> WaitingExports:
        """What waits; an export whose last try has stopped is failed by this."""
        rows = await self._postgres.fetch(_WAITING, {"max_tries": MAX_TRIES})
        failed = [row["id"] for row in rows if row["status"] == ExportStatus.FAILED]
        return WaitingExports([row["id"] for row in rows if row["id"] not in failed], failed)


def _export(row: DictRow) -> Export:
    return Export(
        **{
            **row,
            "format": ExportFormat(row["format"]),
            "what": tuple(ExportPart(part) for part in row["what"]),
            "status": ExportStatus(row["status"]),
        }
    )


class Snapshot:
    """All tables as they were at one moment.

    Attributes:
        taken_at: that moment, by PostgreSQL's clock.
    """

    def __init__(self, connection: AsyncConnection[TupleRow], taken_at: datetime) -> None:
        self._connection = connection
        self.taken_at = taken_at

    async def records(
        self, part: ExportPart, quiz_id: str, own: str | None
    ) -> AsyncGenerator[TupleRow, None]:
        """The records of a quiz, without those of the attempts of `own`, in the order of the statement.

        PostgreSQL sends no more than is taken, so memory holds a few rows, however many there are.

        Raises:
            DatabaseUnavailableError: the server ended the connection or the statement.
        """
        numbers = numbered(_RECORDS[part].text)
        parameters: dict[str, Any] = {"quiz_id": quiz_id, "own": own}
        cursor = self._connection.cursor()
        try:
            async for row in cursor.stream(
                numbers.text, [parameters[name] for name in numbers.names], size=_ROWS_AT_ONCE
            ):
                yield row
        except OperationalError as error:
            raise DatabaseUnavailableError from error


class Snapshots:
    """Opens connections that read for longer than a request may."""

    def __init__(self, conninfo: Callable[[], Awaitable[str]]) -> None:
        self._conninfo = conninfo

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Snapshot]:
        """One transaction that sees what is committed when it begins, and writes nothing.

        Raises:
            DatabaseUnavailableError: there is no connection.
        """
        try:
            connection = await AsyncConnection.connect(
                await self._conninfo(),
                autocommit=True,
                row_factory=tuple_row,
                cursor_factory=AsyncRawCursor,
                prepare_threshold=None,
                connect_timeout=5,
                application_name="quiz-sessions-export",
                target_session_attrs="primary",
                # A server that has vanished is noticed within a minute.
                keepalives_idle=20,
                keepalives_interval=10,
                keepalives_count=4,
            )
        except OperationalError as error:
            raise DatabaseUnavailableError from error
        try:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            async with connection.transaction():
                yield Snapshot(connection, await _begin(connection))
        finally:
            await connection.close()


async def _begin(connection: AsyncConnection[TupleRow]) -> datetime:
    """Take the snapshot, which a transaction does at its first statement; returns the moment."""
    try:
        cursor = await connection.execute(
            b"SELECT clock_timestamp(), set_config('statement_timeout', $1, true)",
            [f"{STATEMENT_SECONDS}s"],
        )
        row = await cursor.fetchone()
    except OperationalError as error:
        raise DatabaseUnavailableError from error
    assert row is not None
    return row[0]  # type: ignore[no-any-return]
