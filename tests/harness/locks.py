"""Rows held by a test, so that statements meet in the order that it wants."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import psycopg

from tests.harness.stores import Stores

T = TypeVar("T")


class Held:
    """Locks that are kept until `release`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def release(self) -> None:
        self._connection.rollback()

    def commit(self) -> None:
        """What the statement has changed becomes true, and the locks are released."""
        self._connection.commit()

    async def behind(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """`work`, begun, and waiting for a lock: ours, or one that waits for ours."""
        known = self._waiting()
        task = asyncio.ensure_future(work)
        # The server gives up a lock after 1.5 s.
        until = time.monotonic() + 1.2
        while self._waiting() == known:
            assert not task.done(), f"did not wait: {task}"
            assert time.monotonic() < until, "nothing waits for a lock"
            await asyncio.sleep(0.005)
        return task

    def _waiting(self) -> int:
        # A statement sees activity as it was when its transaction first looked.
        self._connection.execute("SELECT pg_stat_clear_snapshot()")
        found = self._connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        ).fetchone()
        assert found is not None
        return int(found[0])


@contextlib.contextmanager
def holding(stores: Stores, statement: str, *parameters: object) -> Iterator[Held]:
    """The rows that `statement` locks, until they are released."""
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute(statement.encode(), parameters)
        yield Held(connection)
        connection.rollback()


def row_held(stores: Stores, session_id: object) -> contextlib.AbstractContextManager[Held]:
    """The session's row."""
    return holding(stores, "SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", session_id)
