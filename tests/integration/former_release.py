"""What the release before the exams writes, in its own statements: it runs beside this one while a deployment
shifts traffic, and again after a rollback.

They are those of its `Database`, but for what it adds where a request is repeated or over a limit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import psycopg

from quiz_sessions.models import Micros, from_micros

Drafts = Mapping[str, tuple[Any, Micros]]


class FormerRelease:
    """Its use of one connection."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def start(self, user_id: str, at: Micros, time_limit: int = 1800) -> UUID:
        session_id = uuid4()
        self._execute(
            """
            WITH number AS (
                INSERT INTO attempt_counters AS counter (user_id, quiz_id, last_attempt_no)
                VALUES (%(user_id)s, 'quiz1', 1)
                ON CONFLICT (user_id, quiz_id) DO UPDATE SET last_attempt_no = counter.last_attempt_no + 1
                RETURNING last_attempt_no
            ), created AS (
                INSERT INTO quiz_attempts (
                    id, user_id, quiz_id, attempt_no, status, time_remaining, started_at, expires_at,
                    idempotency_key
                )
                SELECT %(id)s, %(user_id)s, 'quiz1', last_attempt_no, 'started', %(time_limit)s, %(at)s,
                    %(at)s + make_interval(secs => %(time_limit)s), NULL
                FROM number
                RETURNING *
            )
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, revision, version, 'started',
                jsonb_build_object('attempt_no', attempt_no, 'expires_at', expires_at), %(at)s
            FROM created""",
            {"id": session_id, "user_id": user_id, "at": from_micros(at), "time_limit": time_limit},
        )
        return session_id

    def write(self, session_id: UUID, answers: Mapping[str, Any], current_question: int, at: Micros) -> None:
        self._execute(
            """
            WITH current AS (
                SELECT * FROM quiz_attempts WHERE id = %(id)s AND expires_at >= %(at_time)s FOR UPDATE
            ), sent AS (
                SELECT coalesce(jsonb_object_agg(key, value) FILTER (WHERE counts), '{}') AS answers,
                    coalesce(jsonb_object_agg(key, jsonb_build_object(
                        'version', current.version + 1, 'at', greatest(%(at)s, known_at)
                    )) FILTER (WHERE counts), '{}') AS meta
                FROM current, jsonb_each(%(answers)s::jsonb), LATERAL (
                    SELECT (answer_meta -> key ->> 'at')::bigint AS known_at
                ), LATERAL (
                    SELECT known_at IS NULL OR known_at <= %(at)s AS counts
                )
            ), written AS (
                UPDATE quiz_attempts AS attempt
                SET status = 'in_progress',
                    answers = attempt.answers || sent.answers,
                    answer_meta = attempt.answer_meta || meta,
                    current_question = CASE WHEN %(at)s >= attempt.current_question_at
                        THEN %(current_question)s ELSE attempt.current_question END,
                    current_question_at = greatest(%(at)s, attempt.current_question_at),
                    version = attempt.version + 1,
                    revision = attempt.revision + 1,
                    time_remaining = greatest(0, ceil(extract(epoch FROM attempt.expires_at - %(at_time)s))),
                    last_updated = clock_timestamp()
                FROM sent, current
                WHERE attempt.id = current.id
                RETURNING attempt.*
            )
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, revision, version, 'answered', jsonb_strip_nulls(jsonb_build_object(
                'write_id', %(write_id)s::text, 'current_question', %(current_question)s::bigint
            )) || jsonb_build_object('answers', sent.answers), %(at_time)s
            FROM written, sent""",
            {
                "id": session_id,
                "answers": json.dumps(answers),
                "current_question": current_question,
                "at": at,
                "at_time": from_micros(at),
                "write_id": uuid4().hex,
            },
        )

    def finish(
        self, session_id: UUID, status: str, at: Micros, drafts: Drafts | None = None, current: int = 0
    ) -> None:
        """With drafts, and the current question that came with the last of them."""
        drafts = drafts or {}
        self._execute(
            """
            WITH current AS (
                SELECT * FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
            ), counting AS (
                SELECT key, value -> 'answer' AS answer, (value ->> 'at')::bigint AS draft_at
                FROM current, jsonb_each(%(drafts)s::jsonb)
                WHERE (value ->> 'at')::bigint > coalesce((answer_meta -> key ->> 'at')::bigint, -1)
            ), merged AS (
                SELECT coalesce(jsonb_object_agg(key, answer), '{}') AS counted,
                    coalesce(jsonb_object_agg(
                        key, jsonb_build_object('version', current.version + 1, 'at', draft_at)
                    ), '{}') AS meta
                FROM current, counting
            ), written AS (
                UPDATE quiz_attempts AS attempt
                SET status = %(status)s,
                    answers = attempt.answers || counted,
                    answer_meta = attempt.answer_meta || meta,
                    current_question = CASE
                        WHEN %(current_question_at)s > attempt.current_question_at
                            AND %(current_question_at)s <= %(at)s
                        THEN %(current_question)s ELSE attempt.current_question END,
                    current_question_at = greatest(%(current_question_at)s, attempt.current_question_at),
                    version = attempt.version + 1,
                    revision = attempt.revision + 1,
                    time_remaining = greatest(0, ceil(extract(epoch FROM expires_at - %(at_time)s))),
                    last_updated = clock_timestamp(),
                    completed_at = CASE WHEN %(status)s = 'completed' THEN %(at_time)s END,
                    ended_at = %(at_time)s
                FROM merged
                WHERE attempt.id = %(id)s
                RETURNING attempt.*
            )
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, revision, version, status, jsonb_build_object('answers', counted), %(at_time)s
            FROM written, merged""",
            {
                "id": session_id,
                "status": status,
                "drafts": _dump(drafts),
                "current_question": current,
                "current_question_at": max((at for _, at in drafts.values()), default=-1),
                "at": at,
                "at_time": from_micros(at),
            },
        )

    def expire(self, session_id: UUID, now: Micros, drafts: Drafts | None = None) -> None:
        """What a flush does to an overdue row, with drafts that count."""
        self._execute(
            """
            WITH batch AS (
                SELECT coalesce(jsonb_object_agg(key, value -> 'answer'), '{}') AS counted,
                    coalesce(jsonb_object_agg(
                        key, jsonb_build_object('version', version, 'at', value -> 'at')
                    ), '{}') AS meta
                FROM quiz_attempts, jsonb_each(%(drafts)s::jsonb) WHERE id = %(id)s
            ), changed AS (
                UPDATE quiz_attempts AS attempt
                SET status = 'expired',
                    answers = attempt.answers || counted,
                    answer_meta = attempt.answer_meta || meta,
                    revision = attempt.revision + 1,
                    time_remaining = greatest(0, ceil(extract(epoch FROM attempt.expires_at - %(now)s))),
                    last_updated = clock_timestamp(),
                    ended_at = attempt.expires_at
                FROM batch
                WHERE attempt.id = %(id)s AND expires_at < %(now)s
                RETURNING attempt.*
            )
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, revision, version, 'expired', jsonb_build_object('answers', counted), %(now)s
            FROM changed, batch""",
            {"id": session_id, "drafts": _dump(drafts or {}), "now": from_micros(now)},
        )

    def keep_late(self, session_id: UUID, drafts: Drafts, now: Micros) -> None:
        """What a flush does to a row that ended before its drafts came."""
        self._execute(
            """
            WITH changed AS (
                UPDATE quiz_attempts SET revision = revision + 1, last_updated = clock_timestamp()
                WHERE id = %(id)s
                RETURNING *
            )
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, revision, version, 'late_answer',
                jsonb_build_object('late_answers', %(drafts)s::jsonb), %(now)s
            FROM changed""",
            {"id": session_id, "drafts": _dump(drafts), "now": from_micros(now)},
        )

    def _execute(self, statement: str, parameters: dict[str, Any]) -> None:
        # Each of them changes one row.
        assert self._connection.execute(statement.encode(), parameters).rowcount == 1


def _dump(drafts: Drafts) -> str:
    return json.dumps({name: {"answer": answer, "at": at} for name, (answer, at) in drafts.items()})
