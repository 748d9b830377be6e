"""A process's connections to PostgreSQL, and how statements fail when connections break."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import Enum, auto
from typing import Any, Final, NoReturn, Self

from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor, ProgrammingError, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ..domain.errors import BusyError, DatabaseUnavailableError, PoisonedError, StatementFailedError
from ..runtime.telemetry import Telemetry
from .circuit_breaker import CircuitBreaker
from .statements import Statement, load, numbered

CONNECT_SECONDS = 1.0
BUSY_SECONDS = 2.5
"""The limit for getting a connection while the server answers other requests."""
FIRST_SECONDS = 3.0
"""The limit for the first connections of a process."""
STATEMENT_SECONDS = 2.3
"""The server cancels a statement after 2 s (set by the migration); this is for a server that hangs."""
CALL_SECONDS = 3.6
"""The limit for a statement and its second sending together."""
LOOK_AGAIN_SECONDS = 1.0
"""How often, at most, a server that refused writes is asked whether it takes them again."""

_CHECK_WRITES: Final = load("stored/check_writes")


class Postgres:
    """A connection pool.

    Every method raises DatabaseUnavailableError if the server can't be reached, does not answer in time or
    accepts no writes, and BusyError if the statement waited too long for a row or a connection that others
    held, or ran for too long.
    """

    def __init__(
        self,
        conninfo: Callable[[], Awaitable[str]],
        pool_size: int,
        on_failure: Callable[[], None],
        telemetry: Telemetry,
    ) -> None:
        """`conninfo` is called for each connection; `on_failure` when connecting keeps failing."""
        self.pool_size = pool_size
        self._telemetry = telemetry
        self._not_stored: set[Statement] = set()
        self._breaker = CircuitBreaker()
        self._opened = self._last_reply = self._looked_at = float("-inf")
        self._not_connected: errors.Error | None = None
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            conninfo,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "cursor_factory": AsyncRawCursor,
                # Named prepared statements would pin a connection of RDS Proxy.
                "prepare_threshold": None,
                "connect_timeout": 3,
                "application_name": "quiz-sessions",
                # During a failover the address may still lead to a replica, whose reads are stale.
                # Connections to it would also outlive the failover.
                "target_session_attrs": "primary",
            },
            min_size=0,
            max_size=pool_size,
            open=False,
            connection_class=_noting(self._note_not_connected),
            timeout=CONNECT_SECONDS,
            # The pool backs off to seconds between its tries, but every request should try afresh.
            reconnect_timeout=2,
            reconnect_failed=lambda _: on_failure(),
            num_workers=min(3, pool_size),
        )

    async def close(self) -> None:
        await self._pool.close(timeout=1)

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections this process has, and how many of them are in use."""
        stats = self._pool.get_stats()
        size = stats.get("pool_size", 0)
        return size, size - stats.get("pool_available", 0)

    @property
    def away_seconds(self) -> float:
        """For how long requests have not been served; 0 if they are."""
        return self._telemetry.database.seconds

    async def ping(self) -> None:
        """Check that PostgreSQL answers, even if the circuit breaker is open."""
        await self.fetch("SELECT 1 AS one", {}, probe=True)

    async def check_writes(self) -> None:
        """Check that PostgreSQL takes writes: it is not read-only, and its disk is not full.

        That leaves the circuit breaker alone: what only reads may still be served.
        """
        self._looked_at = time.monotonic()
        try:
            await self._write_nothing(self._looked_at + CALL_SECONDS)
        except errors.Error as error:
            kind = _kind_of(error)
            if kind is FailureKind.BUSY:
                raise BusyError from error
            if kind is not FailureKind.LOST:
                self._telemetry.database.failed(error, _words(error), refuses=True)
            raise DatabaseUnavailableError from error
        self._telemetry.database.took_write()

    async def _write_nothing(self, until: float) -> None:
        if _CHECK_WRITES not in self._not_stored:
            try:
                async with self._connection(until, probe=True) as connection:
                    await _execute(connection, _CHECK_WRITES.call, {})
                return
            except errors.UndefinedFunction as error:
                self._note_not_stored(_CHECK_WRITES, error)
        async with self._connection(until, probe=True) as connection:
            await _execute(connection, _CHECK_WRITES.text, {})

    def _note_not_stored(self, statement: Statement, error: errors.UndefinedFunction) -> None:
        # The migration of this release has not run on this database. The statement's text works, but slower.
        self._telemetry.degraded("statement not stored", error, statement=statement.name)
        self._not_stored.add(statement)

    async def fetch(
        self,
        statement: str | Statement,
        parameters: dict[str, Any],
        *,
        resend: dict[str, Any] | None = None,
        probe: bool = False,
    ) -> list[DictRow]:
        """Run one statement; if the connection is lost, once more, with `resend` laid over its parameters.

        The connection may have broken while this process was frozen between two invocations, or after the
        server committed. Sending the statement again is right in both cases, because it recognises its own
        repetition. It is also sent again where a constraint was broken by what changed while it waited.

        Raises:
            PoisonedError: PostgreSQL refuses the data.
            psycopg.IntegrityError: the data breaks a constraint; the caller knows what that means.
        """
        if isinstance(statement, Statement) and statement.stored and statement not in self._not_stored:
            call = [statement.call]
            try:
                return (await self.fetch_together(call, parameters, resend=resend, probe=probe))[0]
            except errors.UndefinedFunction as error:
                self._note_not_stored(statement, error)
        return (await self.fetch_together([statement], parameters, resend=resend, probe=probe))[0]

    async def fetch_together(
        self,
        statements: Sequence[str | Statement],
        parameters: dict[str, Any],
        *,
        lock: Statement | None = None,
        resend: dict[str, Any] | None = None,
        probe: bool = False,
        rollback: bool = False,
    ) -> list[list[DictRow]]:
        """Run several statements in one transaction; each sees what is committed when it begins.

        The transaction begins with `lock`, a statement that waits for its turn. It is sent again like a
        single statement; but `resend` applies only if the reply to COMMIT was lost and the transaction
        returned rows. If the connection broke earlier, nothing was changed.

        With `rollback` the transaction is rolled back once all have replied: what they say would have been.
        """
        texts = [each if isinstance(each, str) else each.text for each in statements]
        until = time.monotonic() + CALL_SECONDS
        try:
            return await self._fetch_once(texts, parameters, until, lock, probe=probe, rollback=rollback)
        except errors.CheckViolation:
            # Either the month of an event on its way to the DEFAULT partition was attached meanwhile; sent
            # again, the event goes to its month. Or a row had changed while the statement waited for it:
            # PostgreSQL checks what an UPDATE makes of the row as it was, and only then takes it as it is.
            pass
        except _LostReplyError as error:
            if error.may_be_committed:
                parameters = parameters | (resend or {})
            # Connections of the same age are probably broken too.
            await self._pool.drain()
        try:
            return await self._fetch_once(texts, parameters, until, lock, probe=True, rollback=rollback)
        except _LostReplyError as error:
            self._breaker.trip()
            lost = error.__cause__
            assert isinstance(lost, errors.Error)
            self._telemetry.database.failed(lost, _words(lost))
            raise DatabaseUnavailableError from error

    async def _fetch_once(
        self,
        texts: Sequence[str],
        parameters: dict[str, Any],
        until: float,
        lock: Statement | None,
        *,
        probe: bool,
        rollback: bool,
    ) -> list[list[DictRow]]:
        rows: list[list[DictRow]] = []
        is_transaction = len(texts) > 1 or lock is not None or rollback
        try:
            async with self._connection(until, probe=probe) as connection, AsyncExitStack() as stack:
                if is_transaction:
                    await stack.enter_async_context(connection.transaction(force_rollback=rollback))
                if lock is not None:
                    await _execute(connection, lock.text, parameters)
                for text in texts:
                    cursor = await _execute(connection, text, parameters)
                    rows.append(await cursor.fetchall())
        except errors.Error as error:
            # COMMIT is sent once all statements of a transaction have replied.
            committing = len(rows) == len(texts) and any(rows)
            await self._raise(error, may_be_committed=committing or not is_transaction)
        self._breaker.reset()
        self._last_reply = time.monotonic()
        self._telemetry.database.answered()
        if self._telemetry.database.refuses_writes:
            await self._look_again()
        return rows

    async def _look_again(self) -> None:
        """Whether a server that answers, but refused a write, takes them by now."""
        if time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS:
            # Until it does, that is known.
            with suppress(DatabaseUnavailableError, BusyError):
                await self.check_writes()

    async def _raise(self, error: errors.Error, *, may_be_committed: bool) -> NoReturn:
        match _kind_of(error):
            case FailureKind.OURS:
                raise error
            case FailureKind.LOST:
                raise _LostReplyError(may_be_committed) from error
            case FailureKind.BUSY:
                raise BusyError from error
            case FailureKind.POISONED:
                raise PoisonedError from error
            case FailureKind.FAILED:
                raise StatementFailedError from error
            case FailureKind.AWAY:
                self._breaker.trip()
                refuses = error.sqlstate not in ("53300", "57P03")
                self._telemetry.database.failed(error, _words(error), refuses=refuses)
                if isinstance(error, errors.ReadOnlySqlTransaction):
                    # After a failover the address may lead to another server.
                    await self._pool.drain()
        raise DatabaseUnavailableError from error

    @asynccontextmanager
    async def _connection(self, until: float, *, probe: bool) -> AsyncIterator[AsyncConnection[DictRow]]:
        if self._breaker.is_open and not probe:
            raise DatabaseUnavailableError
        if self._pool.closed:
            await self._pool.open()
            self._opened = time.monotonic()
        asked = time.monotonic()
        patience = max(0.05, min(self._patience(asked), until - asked))
        try:
            connection = await self._pool.getconn(timeout=patience)
        except PoolTimeout as error:
            if self._last_reply > asked:
                # All connections were in use, and the server answered meanwhile: it is slow, not down.
                raise BusyError from error
            self._breaker.trip()
            self._telemetry.database.failed(error, _words(self._not_connected or error))
            raise DatabaseUnavailableError from error
        self._not_connected = None
        patience = max(0.05, min(STATEMENT_SECONDS, until - time.monotonic()))
        alarm = asyncio.get_running_loop().call_later(patience, _sever, connection)
        try:
            yield connection
        finally:
            alarm.cancel()
            await self._pool.putconn(connection)

    def _note_not_connected(self, error: errors.Error) -> None:
        self._not_connected = error

    def _patience(self, now: float) -> float:
        """How many seconds to wait for a connection."""
        if now - self._opened < CONNECT_SECONDS:
            return FIRST_SECONDS
        # A server that answered a moment ago is busy, not down.
        return BUSY_SECONDS if now - self._last_reply < CONNECT_SECONDS else CONNECT_SECONDS


class FailureKind(Enum):
    """What an error means."""

    AWAY = auto()
    """The server serves nobody."""
    LOST = auto()
    """The connection broke before the reply."""
    BUSY = auto()
    """The statement waited for others or ran for too long, and was rolled back."""
    POISONED = auto()
    """The server refuses the data."""
    FAILED = auto()
    """The server failed on this statement."""
    OURS = auto()
    """The caller interprets it, or it is a bug in this package."""


class _LostReplyError(Exception):
    """The connection broke before the reply came.

    Attributes:
        may_be_committed: whether what was sent may have been carried out.
    """

    def __init__(self, may_be_committed: bool) -> None:
        super().__init__()
        self.may_be_committed = may_be_committed


# By SQLSTATE or a prefix of it; the first match applies. Any other state is FAILED.
_KINDS: Final[tuple[tuple[FailureKind, tuple[str, ...]], ...]] = (
    # 25006: read-only. 53: no more connections, disk space or memory. 57P03: starting up or recovering.
    (FailureKind.AWAY, ("25006", "53", "57P03")),
    (FailureKind.LOST, ("08", "57P", "25P03", "40003")),
    (FailureKind.BUSY, ("55P03", "57014", "40", "25P04")),
    (FailureKind.POISONED, ("22", "54")),
)


def _kind_of(error: errors.Error) -> FailureKind:
    match error:
        case errors.DataError():
            return FailureKind.POISONED
        case errors.IntegrityError() | errors.ProgrammingError() | errors.NotSupportedError():
            return FailureKind.OURS
    if error.sqlstate is None:
        # An error of the driver: the connection or the protocol is broken.
        return FailureKind.LOST
    return next((kind for kind, states in _KINDS if error.sqlstate.startswith(states)), FailureKind.FAILED)


# The states whose messages are about the server alone, and may be logged: they quote nothing that was sent to
# it. 08, 53 and 58: connection, resources, its system. 25006: read-only. 28 and 3D: who may connect where.
# 57P: shutdown and start-up. Others (and every DETAIL) may quote a row.
_OF_THE_SERVER: Final = ("08", "25006", "28", "3D", "53", "57P", "58")
_WORDS_CHARACTERS: Final = 300


def _words(error: errors.Error) -> dict[str, str]:
    """What the server, or the driver, says of an outage, as far as it can't be anything of a request."""
    if error.sqlstate is not None:
        said = error.diag.message_primary if error.sqlstate.startswith(_OF_THE_SERVER) else None
        return {"sqlstate": error.sqlstate} | ({"reason": said[:_WORDS_CHARACTERS]} if said else {})
    # Of the driver: about the connection, before or after any statement.
    said = " ".join(str(error).split()) if isinstance(error, errors.OperationalError) else ""
    return {"reason": said[:_WORDS_CHARACTERS]} if said else {}


def _noting(
    note: Callable[[errors.Error], None],
) -> type[AsyncConnection[DictRow]]:
    """A class of connections that notes why one could not be made; the pool tells only that there is none."""

    class Connection(AsyncConnection[DictRow]):
        @classmethod
        async def connect(cls, *arguments: Any, **options: Any) -> Self:
            try:
                return await super().connect(*arguments, **options)
            except errors.Error as error:
                # What is no address would be quoted, and there may be a password in it.
                if _is_plain(str(arguments[0] if arguments else options.get("conninfo", ""))):
                    note(error)
                raise

    return Connection


def _is_plain(conninfo: str) -> bool:
    """Whether an address was read as it was meant: where it was not, a part of the password is a host."""
    try:
        parts = conninfo_to_dict(conninfo)
    except ProgrammingError:
        return False
    hosts, ports = str(parts.get("host") or ""), str(parts.get("port") or "")
    return bool(re.fullmatch(r"[\w.:,/-]*", hosts) and re.fullmatch("[0-9,]*", ports))


async def _execute(
    connection: AsyncConnection[DictRow], text: str, parameters: dict[str, Any]
) -> AsyncCursor[DictRow]:
    numbers = numbered(text)
    return await connection.execute(numbers.text, [parameters[name] for name in numbers.names])


def _sever(connection: AsyncConnection[DictRow]) -> None:
    # Cancelling a query means asking the server and waiting, and a server that hangs does not answer.
    # Shutting the socket down ends the query at once.
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as copy, suppress(OSError):
        # An OSError means that the socket is broken already; the query will notice that too.
        copy.shutdown(socket.SHUT_RDWR)
