"""Exports and statistics: their pace, and the memory of whoever makes them."""

from __future__ import annotations

import asyncio
import multiprocessing
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from quiz_sessions.bootstrap import build_services
from quiz_sessions.domain.exports import ExportFormat, ExportPart, ExportStatus
from quiz_sessions.domain.timestamps import to_micros
from quiz_sessions.domain.uuid7 import uuid7
from quiz_sessions.services.quiz_statistics import Statistics
from tests.harness.stores import Stores

from .large import memory_peak
from .measuring import Figure, on_all_cores

FEW, MANY = 1_000, 100_000
ANSWERS = 10
EVENTS = 10
"""Of each attempt: a hundred thousand have a million."""
GROWTH_MIB = 5
TRAIL_SECONDS = 300
FORMATS = (ExportFormat.NDJSON, ExportFormat.CSV)


def measure(stores: Stores, rounds: int) -> Iterator[Figure]:
    """All of a quiz with a thousand attempts, and of one with a hundred thousand, in both forms."""
    del rounds
    on_all_cores()
    grown: dict[tuple[ExportFormat, int], float] = {}
    for size in (FEW, MANY):
        stores.clear()
        fill(stores, size)
        for form in FORMATS:
            took, rows, mib, grown[form, size] = _in_a_process(stores, form, list(ExportPart))
            yield Figure(
                f"everything of {size:,} attempts, {form}",
                f"{took:.1f} s",
                f"{rows:,} records, {rows / took:,.0f} a second, {mib:.0f} MiB",
            )
    for form in FORMATS:
        more = grown[form, MANY] - grown[form, FEW]
        yield Figure(
            f"memory, {MANY:,} attempts beside {FEW:,}, {form}",
            f"{more:+.1f} MiB",
            bar=f"<= {GROWTH_MIB} MiB",
            met=more <= GROWTH_MIB,
        )
    took, rows, mib, _ = _in_a_process(stores, ExportFormat.NDJSON, [ExportPart.TRAIL])
    yield Figure(
        f"a trail of {rows:,} events",
        f"{took:.1f} s",
        f"{mib:.0f} MiB",
        bar=f"<= {TRAIL_SECONDS} s",
        met=took <= TRAIL_SECONDS,
    )
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        took, added = pool.apply(_statistics, (stores,))
    yield Figure(
        f"statistics of {MANY:,} attempts",
        f"{took:.1f} s",
        f"{MANY / took:,.0f} attempts a second at {ANSWERS} questions, {added:+.1f} MiB",
    )


def _statistics(stores: Stores) -> tuple[float, float]:
    """Add up all attempts; returns seconds, and MiB that it added to the process."""

    async def run() -> tuple[float, float]:
        services = build_services(stores.settings, pool_size=1)
        unhurried = Statistics(
            statistics=services.stores.statistics,
            administration=services.stores.administration,
            clock=services.clock,
            seconds=TRAIL_SECONDS,
        )
        before, begun = memory_peak(), time.perf_counter()
        found = await unhurried.of_quiz("quiz1")
        took = time.perf_counter() - begun
        assert (found.attempts, found.complete) == (MANY, True)
        await services.close()
        return took, memory_peak() - before

    Path("/proc/self/clear_refs").write_text("5")
    return asyncio.run(run())


def _in_a_process(
    stores: Stores, form: ExportFormat, what: list[ExportPart]
) -> tuple[float, int, float, float]:
    """Make an export; returns seconds, records, MiB of the file, and MiB that it added to the process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_export, (stores, form, what))


def _export(stores: Stores, form: ExportFormat, what: list[ExportPart]) -> tuple[float, int, float, float]:
    async def run(folder: Path) -> tuple[float, int, float, float]:
        services = build_services(replace(stores.settings, export_folder=folder), pool_size=1)
        assert services.exporter is not None
        asked = await services.exports.request("quiz1", form, what)
        before, begun = memory_peak(), time.perf_counter()
        await services.exporter.run(asked.id)
        took = time.perf_counter() - begun
        (export,) = [each for each in [await services.stores.exports.get(asked.id, None)] if each is not None]
        assert export.status is ExportStatus.DONE, export
        assert export.bytes is not None
        added = memory_peak() - before
        await services.close()
        return took, export.rows, export.bytes / 2**20, added

    # Its parent's until now: proc_pid_clear_refs(5), which Linux has.
    Path("/proc/self/clear_refs").write_text("5")
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


def fill(stores: Stores, count: int) -> None:
    """So many ended and graded attempts at quiz1, with answers of 60 characters and their audit logs."""
    begun = to_micros(datetime.now(UTC) - timedelta(days=1))
    with psycopg.connect(stores.database_url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("CREATE TEMPORARY TABLE made (id uuid, number int)")
        with cursor.copy("COPY made FROM STDIN") as copy:
            for number in range(count):
                copy.write_row((uuid7(begun + number * 100, secrets.token_bytes(10)), number))
        cursor.execute(
            """
            WITH answered AS (
                SELECT jsonb_object_agg('question ' || n, repeat(n::text, 60)) AS answers,
                    jsonb_object_agg('question ' || n, '{"at": 1795000000000000}'::jsonb) AS meta,
                    jsonb_object_agg('question ' || n, '{"points": 0.5, "max_points": 1, "correct": false,
                        "marked_by": "key", "comment": null}'::jsonb) AS results
                FROM generate_series(0, %(answers)s - 1) AS n
            )
            INSERT INTO quiz_attempts (id, user_id, quiz_id, attempt_no, status, time_remaining,
                time_limit_seconds, started_at, expires_at, ended_at, answers, answer_meta, results, score,
                max_score, grading)
            SELECT id, 'user ' || number, 'quiz1', 1, 'completed', 0, 1800, now(), now(), now(), answers,
                meta, results, %(answers)s * 0.5, %(answers)s, 'done'
            FROM made, answered""",
            {"answers": ANSWERS},
        )
        cursor.execute(
            """
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, published_at)
            SELECT id, n, n, 'answered', jsonb_build_object(
                'answers', jsonb_build_object('question ' || n, repeat(n::text, 60)),
                'write_id', gen_random_uuid()
            ), now(), now() FROM made, generate_series(0, %s - 1) AS n""",
            [EVENTS],
        )
        cursor.execute("VACUUM ANALYZE quiz_attempts, attempt_events")
