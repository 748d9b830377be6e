"""Compares what was acknowledged with what is in the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from .load import POINTS, Attempt

_ENDED = ("completed", "expired")


def check(database_url: str, attempts: Iterable[Attempt], short: str) -> Counter[str]:
    """What is wrong, by kind; `short` is the quiz whose attempts have run out of time by now."""
    wrong: Counter[str] = Counter()
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as database:
        database.execute("SET statement_timeout = 0")
        rows: dict[UUID, dict[str, Any]] = {
            row["id"]: row
            for row in database.execute(
                "SELECT id, quiz_id, status, answers, version, revision, score, needs_grading"
                " FROM quiz_attempts"
            )
        }
        # An event for each revision from the first, each hash made from the one before.
        broken = database.execute(
            """
            SELECT count(*) AS trails FROM quiz_attempts AS attempt JOIN LATERAL (
                SELECT count(*) AS events, max(event.revision) AS last,
                    count(*) FILTER (WHERE event.type IN ('answered', 'completed', 'abandoned')) AS versions,
                    bool_and(event.hash = attempt_event_hash(
                        previous.hash, event.attempt_id, event.revision, event.version, event.type,
                        event.changes, event.at
                    )) AS holds
                FROM attempt_events AS event LEFT JOIN attempt_events AS previous
                    ON previous.attempt_id = event.attempt_id AND previous.revision = event.revision - 1
                WHERE event.attempt_id = attempt.id
            ) AS trail ON true
            WHERE NOT (events = attempt.revision + 1 AND last = attempt.revision
                AND versions = attempt.version AND holds)"""
        ).fetchone()
        assert broken is not None
        wrong["trails broken"] += broken["trails"]
    for attempt in attempts:
        wrong.update(_wrong(attempt, rows.get(attempt.session_id), short))
    return +wrong


def _wrong(attempt: Attempt, row: dict[str, Any] | None, short: str) -> Iterable[str]:
    if row is None:
        yield "attempts lost"
        return
    for question in {*attempt.answers, *attempt.in_doubt, *row["answers"]}:
        possible = [attempt.answers.get(question), *attempt.in_doubt.get(question, ())]
        if row["answers"].get(question) not in possible:
            yield "answers lost" if question in attempt.answers else "answers that nobody gave"
    if attempt.ended is not None and row["status"] != attempt.ended:
        yield "ends lost"
    if attempt.ended is None and not attempt.end_in_doubt:
        is_over = row["status"] == "expired"
        if row["status"] in ("completed", "abandoned") or is_over != (attempt.quiz == short):
            yield f"{attempt.quiz} attempts left alone that are {row['status']}"
    if row["status"] in _ENDED:
        right = sum(row["answers"].get(str(question)) == "A" for question in range(POINTS))
        if row["score"] != right or row["needs_grading"]:
            yield "scores missing or wrong"
