"""One process's connections to PostgreSQL, and what becomes of a statement when they break."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from .circuit import CircuitBreaker
from .errors import BusyError, DatabaseUnavailableError, PoisonedError

CONNECT_SECONDS = 1.0
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
        self, conninfo: Callable[[], Awaitable[str]], pool_size: int, on_failure: Callable[[], None]
    ) -> None:
        """`conninfo` is asked for each connection; `on_failure` is told when connecting keeps failing."""
        self._breaker = CircuitBreaker()
        self._last_reply = float("-inf")
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            conninfo,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                # Named prepared statements would pin a connection of RDS Proxy.
                "prepare_threshold": None,
                "connect_timeout": 1,
                "application_name": "quiz-sessions",
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
        statement: str,
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
        return (await self.fetch_together([statement], parameters, resend=resend, probe=probe))[0]

    async def fetch_together(
        self,
        statements: Sequence[str],
        parameters: dict[str, Any],
        *,
        resend: dict[str, Any] | None = None,
        probe: bool = False,
    ) -> list[list[DictRow]]:
        """The same for several statements: one transaction, in which each sees what is committed by then."""
        until = time.monotonic() + CALL_SECONDS
        try:
            return await self._fetch_once(statements, parameters, until, probe=probe)
        except _LostReplyError:
            # Connections of the same age have most likely broken too.
            await self._pool.drain()
        try:
            return await self._fetch_once(statements, parameters | (resend or {}), until, probe=True)
        except _LostReplyError as error:
            self._breaker.trip()
            raise DatabaseUnavailableError from error

    async def _fetch_once(
        self, statements: Sequence[str], parameters: dict[str, Any], until: float, *, probe: bool
    ) -> list[list[DictRow]]:
        try:
            async with self._connection(until, probe=probe) as connection, AsyncExitStack() as stack:
                if len(statements) > 1:
                    await stack.enter_async_context(connection.transaction())
                rows = []
                for statement in statements:
                    cursor = await connection.execute(statement.encode(), parameters)
                    rows.append(await cursor.fetchall())
        except (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected) as error:
            raise BusyError from error
        except (errors.ReadOnlySqlTransaction, errors.DiskFull, errors.OutOfMemory) as error:
            self._breaker.trip()
            raise DatabaseUnavailableError from error
        except (errors.DataError, errors.ProgramLimitExceeded) as error:
            raise PoisonedError from error
        except errors.OperationalError as error:
            raise _LostReplyError from error
        self._breaker.reset()
        self._last_reply = time.monotonic()
        return rows

    @asynccontextmanager
    async def _connection(self, until: float, *, probe: bool) -> AsyncIterator[AsyncConnection[DictRow]]:
        if self._breaker.is_open and not probe:
            raise DatabaseUnavailableError
        if self._pool.closed:
            await self._pool.open()
        asked = time.monotonic()
        patience = max(0.05, min(CONNECT_SECONDS, until - asked))
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


class _LostReplyError(Exception):
    """The connection broke before the reply came: the statement may or may not have been carried out."""


def _sever(connection: AsyncConnection[DictRow]) -> None:
    # Cancelling a query asks the server and waits for it; a frozen one answers neither. An end of file on
    # the socket is seen at once.
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as copy, suppress(OSError):
        # An OSError says that it has broken by itself, which the query sees as well.
        copy.shutdown(socket.SHUT_RDWR)
