"""What each operation costs a table with many attempts: no request and no flush reads all of one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import pytest

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.errors import NoPaperError, OtherDeviceError, SessionExpiredError
from quiz_sessions.domain.quizzes import OneDevice, QuizRules
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.live import Cursor, Moment
from tests.harness.service import start
from tests.harness.stores import Stores

MANY = 20_000
SECOND: Micros = 1_000_000

Operation = Callable[[Services, UUID, UUID], Awaitable[object]]


async def refused(operation: Awaitable[object]) -> None:
    with pytest.raises((SessionExpiredError, OtherDeviceError, NoPaperError)):
        await operation


async def start_on_a_device(services: Services) -> UUID:
    await services.administration.put_quiz("single", QuizRules(one_device=OneDevice.TAKEOVER))
    return (await services.sessions.create_session("user1", "single", client_id="laptop")).id


async def on_another_device(services: Services) -> None:
    session_id = await start_on_a_device(services)
    await refused(services.sessions.update_answers(session_id, {"1": "A"}, client_id="tablet"))


async def take_over(services: Services) -> None:
    await services.devices.take_over(await start_on_a_device(services), client_id="tablet")


OPERATIONS: dict[str, Operation] = {
    "start": lambda s, one, ended: s.sessions.create_session("somebody", "quiz1", idempotency_key="key"),
    "start under rules": lambda s, one, ended: s.sessions.create_session("user1", "ruled"),
    "read": lambda s, one, ended: s.sessions.get_session(one),
    "deadline": lambda s, one, ended: s.sessions.get_deadline(one),
    "answer": lambda s, one, ended: s.sessions.update_answers(one, {"1": "A"}),
    "autosave": lambda s, one, ended: s.sessions.update_answers(one, {"1": "A"}, autosave=True),
    "complete": lambda s, one, ended: s.sessions.complete(one, {"1": "A"}),
    "abandon": lambda s, one, ended: s.sessions.abandon(one),
    "extend": lambda s, one, ended: s.administration.extend(one, 60, "late"),
    "reopen": lambda s, one, ended: s.administration.reopen(ended, 60, "again"),
    "write to one": lambda s, one, ended: s.notices.notify(one, "5 N"),
    "write to a quiz": lambda s, one, ended: s.notices.notify_quiz("quiz1", "5 N"),
    "messages to a quiz": lambda s, one, ended: s.notices.quiz_notices("quiz1"),
    "timeline": lambda s, one, ended: s.timeline.page(one),
    "look for a name": lambda s, one, ended: s.audit.find(matching="ser1 nobody"),
    "look for a name at a quiz": lambda s, one, ended: s.audit.find(matching="ser1", quiz_id="quiz1"),
    "notices": lambda s, one, ended: s.notices.notices(one),
    "incident": lambda s, one, ended: s.incidents.report(one, "blur"),
    "incidents": lambda s, one, ended: s.incidents.incidents(one),
    "late answers": lambda s, one, ended: s.administration.late_answers(ended),
    "extra time": lambda s, one, ended: s.administration.put_accommodation("user1", "quiz1", 60, "more time"),
    "standing extra time": lambda s, one, ended: s.standing_accommodations.put(
        "user1", "more time", time_factor=1.5
    ),
    "label": lambda s, one, ended: s.labelling.label(one, {"group": "Room 12"}),
    "list a group's": lambda s, one, ended: s.audit.find(quiz_id="quiz7", group="Room 12"),
    "list quizzes": lambda s, one, ended: s.administration.list_quizzes(prefix="ruled"),
    "list a user's": lambda s, one, ended: s.audit.find(user_id="user7"),
    "list a quiz's": lambda s, one, ended: s.audit.find(quiz_id="quiz7"),
    "live view": lambda s, one, ended: s.live.view("quiz7"),
    "changes in the live view": lambda s, one, ended: s.live.view("quiz7", after=str(Cursor(Moment(1, 1)))),
    "list what waits for a person": lambda s, one, ended: s.audit.find(quiz_id="quiz7", is_pending=True),
    "grading queue": lambda s, one, ended: s.grading_queue.page("quiz7"),
    "next to mark": lambda s, one, ended: s.grading_queue.claim("quiz7", "marker"),
    "statistics": lambda s, one, ended: s.statistics.of_quiz("quiz7"),
    "enter a section": lambda s, one, ended: refused(s.papers.enter(one, 0)),
    "trail": lambda s, one, ended: s.audit.events(one),
    "at a version": lambda s, one, ended: s.audit.at_version(one, 0),
    "verify": lambda s, one, ended: s.audit.verify(one),
    "late answer": lambda s, one, ended: refused(s.sessions.update_answers(ended, {"1": "A"})),
    "answer of another device": lambda s, one, ended: on_another_device(s),
    "takeover": lambda s, one, ended: take_over(s),
    "flush": lambda s, one, ended: s.flusher.run(),
}


@pytest.fixture(scope="module")
def crowded(running_stores: Stores) -> Stores:
    """Many ended attempts at many quizzes, each with an event."""
    running_stores.clear()
    with psycopg.connect(running_stores.database_url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute(
            """
            INSERT INTO quiz_attempts (id, user_id, quiz_id, attempt_no, status, time_remaining,
                time_limit_seconds, started_at, expires_at, ended_at, last_updated)
            SELECT gen_random_uuid(), 'user' || mod(number, 5000), 'quiz' || mod(number, 200), number,
                'expired', 0, 3600, begun, ended, ended, ended
            FROM generate_series(1, %s) AS number,
                (
                    SELECT now() - interval '2 days' AS begun, now() - interval '47 hours' AS ended
                ) AS times""",
            (MANY,),
        )
        connection.execute(
            """
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, published_at)
            SELECT id, 0, 0, 'started', '{}', started_at, started_at FROM quiz_attempts"""
        )
        connection.execute(
            """
            INSERT INTO attempt_counters (user_id, quiz_id, last_attempt_no)
            SELECT user_id, quiz_id, max(attempt_no) FROM quiz_attempts GROUP BY user_id, quiz_id"""
        )
        connection.execute("VACUUM ANALYZE quiz_attempts, attempt_events, attempt_counters")
    return running_stores


def scans(stores: Stores) -> dict[str, int]:
    """How often each table has been read as a whole, and each index at all."""
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        return dict(
            connection.execute(
                """
                SELECT relname, seq_scan FROM pg_stat_user_tables
                WHERE relname IN ('quiz_attempts', 'attempt_events', 'attempt_counters')
                UNION ALL SELECT indexrelname, idx_scan FROM pg_stat_user_indexes"""
            ).fetchall()
        )


async def eventually_used(stores: Stores, before: dict[str, int]) -> dict[str, int]:
    """What has been read since; it was something."""
    async with asyncio.timeout(10):
        while True:
            if used := {
                name: count - before[name] for name, count in scans(stores).items() if count != before[name]
            }:
                return used
            await asyncio.sleep(0.05)


async def perform(stores: Stores, operation: Operation) -> None:
    """Prepare two attempts of a moment ago, then the operation alone is counted."""
    services = build_services(stores.settings)
    one = await start(services, at=None)
    an_hour_ago = current_micros() - 3600 * SECOND
    ended = (await services.sessions.create_session("user1", "quiz2", at=an_hour_ago)).id
    await services.administration.put_quiz("ruled", QuizRules(time_limit_seconds=60, max_attempts=None))
    await services.sessions.get_session(ended)
    await services.sessions.update_answers(one, {"2": "B"}, autosave=True)
    await services.close()
    with stores.cache() as valkey:
        valkey.delete(f"session:{one}", f"session:{ended}")
    before = scans(stores)
    services = build_services(stores.settings)
    await operation(services, one, ended)
    await services.close()
    # Its connections hand their counts over when they end, which nobody waits for.
    used = await eventually_used(stores, before)
    assert not used.keys() & {"quiz_attempts", "attempt_events", "attempt_counters"}, used


@pytest.mark.parametrize("name", OPERATIONS)
async def test_no_table_is_read_as_a_whole(crowded: Stores, name: str) -> None:
    await perform(crowded, OPERATIONS[name])


async def test_expiring_uses_the_index_of_open_attempts(crowded: Stores) -> None:
    before = scans(crowded)["quiz_attempts_overdue"]
    await perform(crowded, OPERATIONS["flush"])
    assert scans(crowded)["quiz_attempts_overdue"] > before
