"""One process's connections to PostgreSQL, and what becomes of a statement when they break."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import Enum, auto
from typing import Any, Final, NoReturn

from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor, errors
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ..domain.errors import BusyError, DatabaseUnavailableError, PoisonedError, StatementFailedError
from ..runtime.telemetry import Telemetry
from .circuit_breaker import CircuitBreaker
from .statements import Statement, numbered

CONNECT_SECONDS = 1.0
BUSY_SECONDS = 2.5
"""To get a connection while the server answers others."""
STATEMENT_SECONDS = 2.3
"""The server ends a statement after 2 s by itself (set by the migration); this is for one that hangs."""
CALL_SECONDS = 3.6
"""For a statement that is sent a second time, both together."""


class Postgres:
    """A pool of connections.

    Every method raises DatabaseUnavailableError when the server can't be reached, does not answer in time
    or takes no writes, and BusyError when others hold a row for too long.
    """

    def __init__(
        self,
        conninfo: Callable[[], Awaitable[str]],
        pool_size: int,
        on_failure: Callable[[], None],
        telemetry: Telemetry,
    ) -> None:
        """`conninfo` is asked for each connection; `on_failure` is told when connecting keeps failing."""
        self._telemetry = telemetry
        self._not_stored: set[Statement] = set()
        self._breaker = CircuitBreaker()
        self._last_reply = float("-inf")
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            conninfo,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "cursor_factory": AsyncRawCursor,
                # Named prepared statements would pin a connection of RDS Proxy.
                "prepare_threshold": None,
                "connect_timeout": 1,
                "application_name": "quiz-sessions",
                # During a failover the address may still lead to a replica: its reads are stale, and
                # connections to it would outlive the failover.
                "target_session_attrs": "primary",
            },
            min_size=0,
            max_size=pool_size,
            open=False,
            timeout=CONNECT_SECONDS,
            # The pool's own patience grows to seconds between tries; ours starts anew with each request.
            reconnect_timeout=2,
            reconnect_failed=lambda _: on_failure(),
            num_workers=min(3, pool_size),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close(timeout=1)

    async def ping(self) -> None:
        """Ask PostgreSQL for a sign of life, also right after a failure."""
        await self.fetch("SELECT 1 AS one", {}, probe=True)

    async def fetch(
        self,
        statement: str | Statement,
        parameters: dict[str, Any],
        *,
        resend: dict[str, Any] | None = None,
        probe: bool = False,
    ) -> list[DictRow]:
        """Run one statement; after a lost connection once more, with `resend` over its parameters.

        The connection may have broken while this process lay frozen between two invocations, or after the
        server had committed: sending again is right for both, as each statement knows its own repeat.

        Raises:
            PoisonedError: the server refuses the data itself.
            psycopg.IntegrityError: it breaks a constraint; what that means is the caller's to say.
        """
        if isinstance(statement, Statement) and statement.stored and statement not in self._not_stored:
            call = [statement.call]
            try:
                return (await self.fetch_together(call, parameters, resend=resend, probe=probe))[0]
            except errors.UndefinedFunction as error:
                # This release has not migrated this database. It goes on, only slower.
                self._telemetry.degraded("statement not stored", error, statement=statement.name)
                self._not_stored.add(statement)
        return (await self.fetch_together([statement], parameters, resend=resend, probe=probe))[0]

    async def fetch_together(
        self,
        statements: Sequence[str | Statement],
        parameters: dict[str, Any],
        *,
        lock: Statement | None = None,
        resend: dict[str, Any] | None = None,
        probe: bool = False,
    ) -> list[list[DictRow]]:
        """The same for several statements: one transaction, in which each sees what is committed by then.

        It begins with `lock`, a statement that waits its turn. `resend` is used where the reply to COMMIT was
        lost, and the transaction had rows to return: where the connection broke before, nothing was done.
        """
        texts = [each if isinstance(each, str) else each.text for each in statements]
        until = time.monotonic() + CALL_SECONDS
        try:
            return await self._fetch_once(texts, parameters, until, lock, probe=probe)
        except _LostReplyError as error:
            if error.may_be_committed:
                parameters = parameters | (resend or {})
            # Connections of the same age have most likely broken too.
            await self._pool.drain()
        try:
            return await self._fetch_once(texts, parameters, until, lock, probe=True)
        except _LostReplyError as error:
            self._breaker.trip()
            raise DatabaseUnavailableError from error

    async def _fetch_once(
        self,
        texts: Sequence[str],
        parameters: dict[str, Any],
        until: float,
        lock: Statement | None,
        *,
        probe: bool,
    ) -> list[list[DictRow]]:
        rows: list[list[DictRow]] = []
        is_transaction = len(texts) > 1 or lock is not None
        try:
            async with self._connection(until, probe=probe) as connection, AsyncExitStack() as stack:
                if is_transaction:
                    await stack.enter_async_context(connection.transaction())
                if lock is not None:
                    await _execute(connection, lock.text, parameters)
                for text in texts:
                    cursor = await _execute(connection, text, parameters)
                    rows.append(await cursor.fetchall())
        except errors.Error as error:
            # A transaction is committed once all of its statements have replied.
            committing = len(rows) == len(texts) and any(rows)
            await self._raise(error, may_be_committed=committing or not is_transaction)
        self._breaker.reset()
        self._last_reply = time.monotonic()
        return rows

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
                if isinstance(error, errors.ReadOnlySqlTransaction):
                    # Its address may lead to another server by now.
                    await self._pool.drain()
        raise DatabaseUnavailableError from error

    @asynccontextmanager
    async def _connection(self, until: float, *, probe: bool) -> AsyncIterator[AsyncConnection[DictRow]]:
        if self._breaker.is_open and not probe:
            raise DatabaseUnavailableError
        if self._pool.closed:
            await self._pool.open()
        asked = time.monotonic()
        # A server that answers others is busy and not gone.
        busy = asked - self._last_reply < CONNECT_SECONDS
        patience = max(0.05, min(BUSY_SECONDS if busy else CONNECT_SECONDS, until - asked))
        try:
            connection = await self._pool.getconn(timeout=patience)
        except PoolTimeout as error:
            if self._last_reply > asked:
                # Every connection was busy, and the server answers others: it is slow, not gone.
                raise BusyError from error
            self._breaker.trip()
            raise DatabaseUnavailableError from error
        patience = max(0.05, min(STATEMENT_SECONDS, until - time.monotonic()))
        alarm = asyncio.get_running_loop().call_later(patience, _sever, connection)
        try:
            yield connection
        finally:
            alarm.cancel()
            await self._pool.putconn(connection)


class FailureKind(Enum):
    """What an error says of the server."""

    AWAY = auto()
    """It serves nobody now."""
    LOST = auto()
    """The connection broke before the reply."""
    BUSY = auto()
    """Others were in the way of this statement, or it took too long; it has been rolled back."""
    POISONED = auto()
    FAILED = auto()
    OURS = auto()
    """The caller knows what it means, or it is a fault of ours."""


class _LostReplyError(Exception):
    """The connection broke before the reply came.

    Attributes:
        may_be_committed: whether what was sent may have been carried out.
    """

    def __init__(self, may_be_committed: bool) -> None:
        super().__init__()
        self.may_be_committed = may_be_committed


# By SQLSTATE or its class, the first that fits. What is not here is the server's trouble with one statement.
_KINDS: Final[tuple[tuple[FailureKind, tuple[str, ...]], ...]] = (
    # 57P03 starts up or recovers, 53 has no room for a connection, on its disk or in its memory.
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
        # The driver's own: the connection has broken, or their talk has.
        return FailureKind.LOST
    return next((kind for kind, states in _KINDS if error.sqlstate.startswith(states)), FailureKind.FAILED)


async def _execute(
    connection: AsyncConnection[DictRow], text: str, parameters: dict[str, Any]
) -> AsyncCursor[DictRow]:
    numbers = numbered(text)
    return await connection.execute(numbers.text, [parameters[name] for name in numbers.names])


def _sever(connection: AsyncConnection[DictRow]) -> None:
    # Cancelling a query asks the server and waits for it; a frozen one answers neither. An end of file on
    # the socket is seen at once.
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as copy, suppress(OSError):
        # An OSError says that it has broken by itself, which the query sees as well.
        copy.shutdown(socket.SHUT_RDWR)
