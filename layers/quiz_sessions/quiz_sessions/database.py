"""PostgreSQL: the only arbiter of what an attempt holds. One statement for each change.

Each statement judges the row, changes it and writes its event at once, so that nothing is ever half done
and no transaction spans two round trips.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from .circuit import CircuitBreaker
from .errors import BusyError, DatabaseUnavailableError, IdempotencyKeyReusedError, PoisonedError
from .models import EPOCH, Attempt, Drafts, Micros, Status, dump_json, from_micros
from .rules import MAX_ANSWERS, MAX_SESSION_BYTES

CONNECT_SECONDS = 1.0
STATEMENT_SECONDS = 2.3
"""The server ends a statement after 2 s by itself (set by the migration); this is for one that hangs."""
CALL_SECONDS = 3.6
"""For a statement that is sent a second time, both together."""

_ATTEMPT: Final = """id, user_id, quiz_id, attempt_no, status, current_question, current_question_at, answers,
    answer_meta, version, revision, time_remaining, started_at, expires_at, last_updated, completed_at,
    ended_at, score, max_score"""


class Outcome(StrEnum):
    """What a statement found, and so did."""

    WRITTEN = "written"
    REPEATED = "repeated"
    """It had been done before; nothing was changed."""
    CONFLICT = "conflict"
    CLOSED = "closed"
    OVERDUE = "overdue"
    """The deadline has passed, whether or not the row says so yet."""
    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"


class Settlement(StrEnum):
    """What settling a session's drafts did to its row; also the type of the event."""

    MERGED = "merged"
    EXPIRED = "expired"
    LATE_MERGE = "late_merge"
    LATE_ANSWER = "late_answer"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Settled:
    """One session after `Database.settle`.

    Attributes:
        late: the questions whose draft came after the end and is kept as a late_answer event by now.
    """

    attempt: Attempt
    settlement: Settlement
    late: frozenset[str]


class Database:
    """One process's use of PostgreSQL.

    Every method raises DatabaseUnavailableError when the server can't be reached, does not answer in time
    or takes no writes, and BusyError when others hold the row for too long.
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
        await self._fetch("SELECT 1 AS one", {}, resend={}, probe=True)

    # Requests

    async def create(
        self, user_id: str, quiz_id: str, at: Micros, time_limit: int, idempotency_key: str | None
    ) -> tuple[Attempt, bool]:
        """Start an attempt, or return the one that this Idempotency-Key started, with whether it was new.

        Raises:
            IdempotencyKeyReusedError: the key has started another quiz.
        """
        parameters = {
            "id": uuid4(),
            "user_id": user_id,
            "quiz_id": quiz_id,
            "key": idempotency_key,
            "at": from_micros(at),
            "time_limit": time_limit,
        }
        # Taking the number locks the user's counter for the quiz, so that simultaneous starts queue here.
        statement = f"""
            WITH known AS (
                SELECT {_ATTEMPT} FROM quiz_attempts
                WHERE user_id = %(user_id)s AND idempotency_key = %(key)s OR id = %(id)s
            ), number AS (
                INSERT INTO attempt_counters AS counter (user_id, quiz_id, last_attempt_no)
                SELECT %(user_id)s, %(quiz_id)s, 1 WHERE NOT EXISTS (SELECT FROM known)
                ON CONFLICT (user_id, quiz_id) DO UPDATE SET last_attempt_no = counter.last_attempt_no + 1
                RETURNING last_attempt_no
            ), created AS (
                INSERT INTO quiz_attempts (
                    id, user_id, quiz_id, attempt_no, status, time_remaining, started_at, expires_at,
                    idempotency_key
                )
                SELECT %(id)s, %(user_id)s, %(quiz_id)s, last_attempt_no, 'started', %(time_limit)s, %(at)s,
                    %(at)s + make_interval(secs => %(time_limit)s), %(key)s
                FROM number
                RETURNING {_ATTEMPT}
            ), event AS (
                INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
                SELECT id, revision, version, 'started',
                    jsonb_build_object('attempt_no', attempt_no, 'expires_at', expires_at), %(at)s
                FROM created
            )
            SELECT true AS created, {_ATTEMPT} FROM created
            UNION ALL SELECT id = %(id)s, {_ATTEMPT} FROM known"""
        try:
            rows = await self._fetch(statement, parameters, resend={})
        except errors.UniqueViolation:
            # A start with the same key committed in between: now it is known.
            rows = await self._fetch(statement, parameters, resend={})
        row = rows[0]
        created = row.pop("created")
        attempt = _attempt(row)
        if attempt.quiz_id != quiz_id:
            raise IdempotencyKeyReusedError
        return attempt, created

    async def get(self, session_ids: Sequence[UUID]) -> list[Attempt]:
        """The attempts that exist, in no order."""
        rows = await self._fetch(
            f"SELECT {_ATTEMPT} FROM quiz_attempts WHERE id = ANY(%(ids)s)",
            {"ids": list(session_ids)},
            resend={},
        )
        return [_attempt(row) for row in rows]

    async def write_answers(
        self,
        session_id: UUID,
        answers: Mapping[str, Any],
        at: Micros,
        *,
        version: int | None = None,
        current_question: int | None = None,
    ) -> tuple[Outcome, Attempt] | None:
        """Commit answers; None when there is no such attempt.

        Without a version a question keeps an answer that has a later `at`. With one, a row that is one
        version ahead by these very answers is a repeat. Sent again after a lost reply, the statement
        knows by `write_id` that it has been carried out.
        """
        statement = f"""
        WITH current AS (
            SELECT {_ATTEMPT} FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
        ), sent AS (
            SELECT coalesce(jsonb_object_agg(key, value) FILTER (WHERE counts), '{{}}') AS answers,
                jsonb_object_agg(key, value) FILTER (WHERE NOT counts) AS outdated,
                coalesce(jsonb_object_agg(key, jsonb_build_object(
                    'version', current.version + 1, 'at', greatest(%(at)s, known_at)
                )) FILTER (WHERE counts), '{{}}') AS meta,
                bool_and(current.answers -> key = value
                    AND known_version = %(version)s::bigint + 1) AS repeated
            FROM current, jsonb_each(%(answers)s::jsonb), LATERAL (
                SELECT (answer_meta -> key ->> 'at')::bigint AS known_at,
                    (answer_meta -> key ->> 'version')::int AS known_version
            ), LATERAL (
                SELECT %(version)s::bigint IS NOT NULL OR known_at IS NULL OR known_at <= %(at)s AS counts
            )
        ), merged AS (
            SELECT current.answers || sent.answers AS answers, answer_meta || meta AS meta
            FROM current, sent
        ), judged AS (
            SELECT CASE
                WHEN %(resent)s AND EXISTS (
                    SELECT FROM attempt_events
                    WHERE attempt_id = %(id)s AND changes ->> 'write_id' = %(write_id)s
                ) THEN 'repeated'
                WHEN status IN ('completed', 'abandoned') THEN 'closed'
                WHEN version = %(version)s::bigint + 1 AND repeated THEN 'repeated'
                WHEN status = 'expired' OR %(at_time)s > expires_at THEN 'overdue'
                WHEN version <> %(version)s THEN 'conflict'
                WHEN (SELECT count(*) FROM jsonb_object_keys(merged.answers)) > greatest({MAX_ANSWERS},
                    (SELECT count(*) FROM jsonb_object_keys(current.answers))) THEN 'too_many'
                WHEN octet_length(merged.answers::text) > {MAX_SESSION_BYTES}
                    AND octet_length(merged.answers::text) > octet_length(current.answers::text)
                    THEN 'too_large'
                ELSE 'written' END AS outcome
            FROM current, sent, merged
        ), written AS (
            UPDATE quiz_attempts AS attempt
            SET status = 'in_progress',
                answers = merged.answers,
                answer_meta = merged.meta,
                current_question = CASE
                    WHEN %(current_question)s::bigint IS NOT NULL
                        AND (%(version)s::bigint IS NOT NULL OR %(at)s >= attempt.current_question_at)
                    THEN %(current_question)s ELSE attempt.current_question END,
                current_question_at = CASE WHEN %(current_question)s::bigint IS NOT NULL
                    THEN greatest(%(at)s, attempt.current_question_at)
                    ELSE attempt.current_question_at END,
                version = attempt.version + 1,
                revision = attempt.revision + 1,
                time_remaining = greatest(0, ceil(extract(epoch FROM expires_at - %(at_time)s))),
                last_updated = clock_timestamp()
            FROM judged, merged
            WHERE attempt.id = %(id)s AND outcome = 'written'
            RETURNING attempt.*
        ), event AS (
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, revision, version, 'answered', jsonb_strip_nulls(jsonb_build_object(
                'write_id', %(write_id)s::text, 'current_question', %(current_question)s::bigint
            )) || jsonb_build_object('answers', sent.answers)
                || CASE WHEN outdated IS NULL THEN '{{}}'
                    ELSE jsonb_build_object('outdated', outdated) END,
                %(at_time)s
            FROM written, sent
        )
        SELECT outcome, row.* FROM judged, LATERAL (
            SELECT {_ATTEMPT} FROM written
            UNION ALL SELECT {_ATTEMPT} FROM current WHERE outcome <> 'written'
        ) AS row"""
        parameters = {
            "id": session_id,
            "answers": dump_json(answers),
            "at": at,
            "at_time": from_micros(at),
            "version": version,
            "current_question": current_question,
            "write_id": uuid4().hex,
            "resent": False,
        }
        try:
            rows = await self._fetch(statement, parameters, resend={"resent": True})
        except errors.UniqueViolation:
            # Both the statement and its repeat got through; this one waited for the other's commit.
            rows = await self._fetch(statement, parameters | {"resent": True}, resend={})
        return _judged(rows)

    async def finish(
        self,
        session_id: UUID,
        status: Status,
        drafts: Drafts,
        answers: Mapping[str, Any],
        at: Micros,
        *,
        version: int | None = None,
    ) -> tuple[Outcome, Attempt] | None:
        """Complete or abandon an attempt, its drafts and then `answers` merged; None when there is none.

        An attempt that already has this status is returned as it is.
        """
        rows = await self._fetch(
            f"""
            WITH current AS (
                SELECT {_ATTEMPT} FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
            ), sent AS (
                SELECT key, value -> 'answer' AS answer, (value ->> 'at')::bigint AS at, 1 AS rank
                FROM jsonb_each(%(drafts)s::jsonb)
                UNION ALL SELECT key, value, %(at)s, 2 FROM jsonb_each(%(answers)s::jsonb)
            ), counting AS (
                SELECT DISTINCT ON (key) key, answer, sent.at
                FROM current, sent, LATERAL (
                    SELECT coalesce((answer_meta -> key ->> 'at')::bigint, -1) AS known_at
                )
                WHERE sent.at <= %(at)s
                    AND (sent.at > known_at
                        OR rank = 2 AND (sent.at = known_at OR %(version)s::bigint IS NOT NULL))
                ORDER BY key, rank DESC
            ), merged AS (
                SELECT current.answers || coalesce(jsonb_object_agg(key, answer)
                        FILTER (WHERE key IS NOT NULL), '{{}}') AS answers,
                    current.answer_meta || coalesce(jsonb_object_agg(key, jsonb_build_object(
                        'version', current.version + 1,
                        'at', greatest(counting.at, (current.answer_meta -> key ->> 'at')::bigint)
                    )) FILTER (WHERE key IS NOT NULL), '{{}}') AS meta,
                    coalesce(jsonb_object_agg(key, answer) FILTER (WHERE key IS NOT NULL), '{{}}') AS counted,
                    -- What was accepted before this request, which must not fail for it.
                    current.answers || (
                        SELECT coalesce(jsonb_object_agg(key, value -> 'answer'), '{{}}')
                        FROM jsonb_each(%(drafts)s::jsonb)
                    ) AS kept
                FROM current LEFT JOIN counting ON true
                GROUP BY current.answers, current.answer_meta
            ), judged AS (
                SELECT CASE
                    WHEN status = %(status)s THEN 'repeated'
                    WHEN status IN ('completed', 'abandoned') THEN 'closed'
                    WHEN status = 'expired' OR %(at_time)s > expires_at THEN 'overdue'
                    WHEN version <> %(version)s THEN 'conflict'
                    WHEN (SELECT count(*) FROM jsonb_object_keys(merged.answers)) > greatest({MAX_ANSWERS},
                        (SELECT count(*) FROM jsonb_object_keys(kept))) THEN 'too_many'
                    WHEN octet_length(merged.answers::text) > {MAX_SESSION_BYTES}
                        AND octet_length(merged.answers::text) > octet_length(kept::text) THEN 'too_large'
                    ELSE 'written' END AS outcome
                FROM current, merged
            ), written AS (
                UPDATE quiz_attempts AS attempt
                SET status = %(status)s,
                    answers = merged.answers,
                    answer_meta = merged.meta,
                    current_question = CASE
                        WHEN %(current_question_at)s > attempt.current_question_at
                            AND %(current_question_at)s <= %(at)s
                        THEN %(current_question)s ELSE attempt.current_question END,
                    current_question_at = CASE WHEN %(current_question_at)s <= %(at)s
                        THEN greatest(%(current_question_at)s, attempt.current_question_at)
                        ELSE attempt.current_question_at END,
                    version = attempt.version + 1,
                    revision = attempt.revision + 1,
                    time_remaining = greatest(0, ceil(extract(epoch FROM expires_at - %(at_time)s))),
                    last_updated = clock_timestamp(),
                    completed_at = CASE WHEN %(status)s = 'completed' THEN %(at_time)s END,
                    ended_at = %(at_time)s
                FROM judged, merged
                WHERE attempt.id = %(id)s AND outcome = 'written'
                RETURNING attempt.*
            ), event AS (
                INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
                SELECT id, revision, version, status, jsonb_build_object('answers', counted), %(at_time)s
                FROM written, merged
            )
            SELECT outcome, row.* FROM judged, LATERAL (
                SELECT {_ATTEMPT} FROM written
                UNION ALL SELECT {_ATTEMPT} FROM current WHERE outcome <> 'written'
            ) AS row""",
            {
                "id": session_id,
                "status": status.value,
                "drafts": _dump_drafts(drafts),
                "answers": dump_json(answers),
                "current_question": drafts.current_question.value if drafts.current_question else None,
                "current_question_at": drafts.current_question.at if drafts.current_question else -1,
                "at": at,
                "at_time": from_micros(at),
                "version": version,
            },
            resend={},
        )
        return _judged(rows)

    # The flush

    async def settle(self, drafts: Mapping[UUID, Drafts], now: Micros) -> list[Settled]:
        """Merge drafts into their rows, and expire the rows whose deadline has passed at `now`.

        A draft counts where it is later than what is committed and not after the row's end. On a row that
        has ended, drafts up to its end are a late_merge; those after it are kept as a late_answer. One
        call does the first of these that applies to a row, for it writes one event a row. Rows that others
        hold are left out, as are ids that no row has.

        Raises:
            PoisonedError: the server refuses the data of one of the sessions.
        """
        batch = [
            {
                "id": str(session_id),
                "drafts": {q: {"answer": d.value, "at": d.at} for q, d in held.answers.items()},
                "current_question": held.current_question.value if held.current_question else None,
                "current_question_at": held.current_question.at if held.current_question else -1,
            }
            for session_id, held in drafts.items()
        ]
        rows = await self._fetch(
            f"""
            WITH batch AS (
                SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb)
                    AS batch (id uuid, drafts jsonb, current_question bigint, current_question_at bigint)
            ), locked AS (
                SELECT {_ATTEMPT} FROM quiz_attempts WHERE id IN (SELECT id FROM batch)
                ORDER BY id FOR UPDATE SKIP LOCKED
            ), judged AS (
                SELECT locked.*, batch.current_question AS new_current_question,
                    batch.current_question_at AS new_current_question_at,
                    counted, meta, late, unrecorded,
                    batch.current_question_at > locked.current_question_at
                        AND batch.current_question_at <= end_at AS moves,
                    CASE
                        WHEN is_open AND expires_at < %(now)s THEN 'expired'
                        WHEN counted <> '{{}}' OR batch.current_question_at > locked.current_question_at
                            AND batch.current_question_at <= end_at
                            THEN CASE WHEN is_open THEN 'merged' ELSE 'late_merge' END
                        WHEN unrecorded IS NOT NULL AND NOT is_open THEN 'late_answer'
                        ELSE 'unchanged' END AS settlement
                FROM locked JOIN batch USING (id), LATERAL (
                    SELECT status IN ('started', 'in_progress') AS is_open,
                        (extract(epoch FROM coalesce(ended_at, expires_at)) * 1000000)::bigint AS end_at
                ), LATERAL (
                    SELECT coalesce(jsonb_object_agg(key, value -> 'answer') FILTER (WHERE counts), '{{}}')
                            AS counted,
                        coalesce(jsonb_object_agg(key, jsonb_build_object(
                            'version', version, 'at', value -> 'at'
                        )) FILTER (WHERE counts), '{{}}') AS meta,
                        array_agg(key) FILTER (WHERE is_late) AS late,
                        jsonb_object_agg(key, value) FILTER (WHERE is_late AND NOT EXISTS (
                            SELECT FROM attempt_events AS event
                            WHERE event.attempt_id = locked.id AND event.type = 'late_answer'
                                AND event.changes -> 'late_answers' -> key = value
                        )) AS unrecorded
                    FROM jsonb_each(drafts)
                    LEFT JOIN jsonb_each(answer_meta) AS known (known_key, known) ON known_key = key,
                    LATERAL (
                        SELECT (value ->> 'at')::bigint AS draft_at,
                            coalesce((known ->> 'at')::bigint, -1) AS known_at
                    ), LATERAL (
                        SELECT draft_at > known_at AND draft_at <= end_at AS counts,
                            draft_at > known_at AND draft_at > end_at AS is_late
                    )
                )
            ), changed AS (
                UPDATE quiz_attempts AS attempt
                SET status = CASE settlement
                        WHEN 'expired' THEN 'expired'
                        WHEN 'merged' THEN 'in_progress'
                        ELSE attempt.status END,
                    answers = attempt.answers || counted,
                    answer_meta = attempt.answer_meta || meta,
                    current_question = CASE WHEN moves THEN new_current_question
                        ELSE attempt.current_question END,
                    current_question_at = CASE WHEN moves THEN new_current_question_at
                        ELSE attempt.current_question_at END,
                    revision = attempt.revision + 1,
                    time_remaining = CASE
                        WHEN settlement IN ('expired', 'merged')
                        THEN greatest(0, ceil(extract(epoch FROM attempt.expires_at - %(now)s)))
                        ELSE attempt.time_remaining END,
                    last_updated = clock_timestamp(),
                    ended_at = CASE settlement
                        WHEN 'expired' THEN attempt.expires_at ELSE attempt.ended_at END
                FROM judged
                WHERE attempt.id = judged.id AND settlement <> 'unchanged'
                RETURNING attempt.*
            ), event AS (
                INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
                SELECT id, changed.revision, changed.version, settlement, CASE settlement
                        WHEN 'late_answer' THEN jsonb_build_object('late_answers', unrecorded)
                        ELSE jsonb_build_object('answers', counted) END
                    || CASE WHEN moves THEN jsonb_build_object('current_question', new_current_question)
                        ELSE '{{}}' END,
                    %(now)s
                FROM changed JOIN judged USING (id)
            )
            SELECT settlement, late, row.* FROM judged, LATERAL (
                SELECT {_ATTEMPT} FROM changed WHERE changed.id = judged.id
                UNION ALL SELECT {_ATTEMPT} FROM locked
                WHERE locked.id = judged.id AND settlement = 'unchanged'
            ) AS row""",
            {"batch": dump_json(batch), "now": from_micros(now)},
            resend={},
        )
        return [_settled(row) for row in rows]

    async def overdue(
        self, now: Micros, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[tuple[datetime, UUID]]:
        """Deadline and id of open attempts overdue at `now`, in that order, those behind `after`."""
        deadline, session_id = after or (EPOCH, UUID(int=0))
        rows = await self._fetch(
            """
            SELECT id, expires_at FROM quiz_attempts
            WHERE status IN ('started', 'in_progress') AND expires_at < %(now)s
                AND (expires_at, id) > (%(deadline)s, %(id)s)
            ORDER BY expires_at, id LIMIT %(limit)s""",
            {"now": from_micros(now), "deadline": deadline, "id": session_id, "limit": limit},
            resend={},
        )
        return [(row["expires_at"], row["id"]) for row in rows]

    async def recent_revisions(self, seconds: int) -> list[tuple[UUID, int]]:
        """Id and revision of every attempt that was changed in the last `seconds` by the server's clock."""
        rows = await self._fetch(
            """
            SELECT id, revision FROM quiz_attempts
            WHERE last_updated > clock_timestamp() - make_interval(secs => %(seconds)s)""",
            {"seconds": seconds},
            resend={},
        )
        return [(row["id"], row["revision"]) for row in rows]

    # Inside

    async def _fetch(
        self,
        statement: str,
        parameters: dict[str, Any],
        *,
        resend: dict[str, Any],
        probe: bool = False,
    ) -> list[DictRow]:
        """Run one statement; after a lost connection once more, with `resend` over its parameters.

        The connection may have broken while this process lay frozen between two invocations, or after the
        server had committed: sending again is right for both, as each statement knows its own repeat.
        """
        until = time.monotonic() + CALL_SECONDS
        try:
            return await self._fetch_once(statement, parameters, until, probe=probe)
        except _LostReplyError:
            # Connections of the same age have most likely broken too.
            await self._pool.drain()
        try:
            return await self._fetch_once(statement, parameters | resend, until, probe=True)
        except _LostReplyError as error:
            self._breaker.trip()
            raise DatabaseUnavailableError from error

    async def _fetch_once(
        self, statement: str, parameters: dict[str, Any], until: float, *, probe: bool
    ) -> list[DictRow]:
        try:
            async with self._connection(until, probe=probe) as connection:
                cursor = await connection.execute(statement.encode(), parameters)
                rows = await cursor.fetchall()
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


def _attempt(row: DictRow) -> Attempt:
    row["status"] = Status(row["status"])
    return Attempt(**row)


def _judged(rows: list[DictRow]) -> tuple[Outcome, Attempt] | None:
    if not rows:
        return None
    outcome = Outcome(rows[0].pop("outcome"))
    return outcome, _attempt(rows[0])


def _settled(row: DictRow) -> Settled:
    settlement = Settlement(row.pop("settlement"))
    late = frozenset(row.pop("late") or ())
    attempt = _attempt(row)
    # Late drafts of a row that took another event first are for the next call.
    recorded = settlement in (Settlement.LATE_ANSWER, Settlement.UNCHANGED) and not attempt.status.is_open
    return Settled(attempt, settlement, late if recorded else frozenset())


def _dump_drafts(drafts: Drafts) -> str:
    return dump_json({q: {"answer": draft.value, "at": draft.at} for q, draft in drafts.answers.items()})
