"""Looking things up: listings, the trail of a session, what it was at a version, whether it was changed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.audit_events import AuditEvent
from quiz_sessions.domain.drafts import NO_DRAFTS
from quiz_sessions.domain.errors import (
    InvalidInputError,
    QuizSessionsError,
    SessionExpiredError,
    SessionNotFoundError,
    VersionNotFoundError,
)
from quiz_sessions.domain.grading import Mark, parse_questions
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros, to_micros
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.audit import Verification
from quiz_sessions.services.pages import MAX_PAGE
from quiz_sessions.stores.audit import AuditStore, Filters
from quiz_sessions.stores.postgres import Postgres
from quiz_sessions.stores.statements import Statement
from tests.harness import auditor
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.service import client_of, flush_at, rebuilt, services_on, start, start_over_http
from tests.harness.stores import Stores
from tests.harness.tables import Database, events, row

# Listing


async def pages(services: Services, limit: int, **filters: Any) -> list[list[UUID]]:
    """The ids on each page, from the first to the last."""
    found: list[list[UUID]] = []
    cursor = None
    while not found or cursor is not None:
        page = await services.audit.find(cursor=cursor, limit=limit, at=LATER, **filters)
        found.append([session.id for session in page.sessions])
        cursor = page.next_cursor
    return found


async def test_the_pages_hold_every_session_once_and_the_newest_first(services: Services) -> None:
    # Several starts of each moment: the id decides between them.
    moments = [START + (number // 4) * SECOND for number in range(14)]
    started = [(at, await start(services, at=at)) for at in moments]
    found = await pages(services, 3, user_id="user1")
    assert [len(page) for page in found] == [3, 3, 3, 3, 2]
    assert [each for page in found for each in page] == [each for _, each in sorted(started, reverse=True)]


async def test_a_page_that_ends_with_the_last_session_has_no_next_one(services: Services) -> None:
    for number in range(4):
        await start(services, at=START + number)
    assert [len(page) for page in await pages(services, 4, quiz_id="quiz1")] == [4]
    assert [len(page) for page in await pages(services, 3, quiz_id="quiz1")] == [3, 1]


async def test_what_is_added_and_changed_between_two_pages_neither_hides_nor_repeats(
    services: Services,
) -> None:
    there = [await start(services, at=START + number) for number in range(9)]
    seen: list[UUID] = []
    cursor = None
    while True:
        page = await services.audit.find(user_id="user1", cursor=cursor, limit=2, at=LATER)
        seen += [session.id for session in page.sessions]
        if (cursor := page.next_cursor) is None:
            break
        await start(services, at=LATER + len(seen))
        await services.sessions.update_answer(seen[-1], 0, "A", at=LATER)
        ahead = [each for each in there if each not in seen]
        await services.administration.extend(ahead[0], 60, "a fire drill", at=LATER)
        await services.sessions.complete(ahead[-1], at=LATER)
    assert seen == there[::-1]


async def test_each_filter_leaves_out_the_others(services: Services) -> None:
    ids = {
        (user, quiz): await start(services, user, quiz)
        for user, quiz in product(("user1", "user2"), ("quiz1", "quiz2"))
    }
    of_user = await pages(services, 10, user_id="user1")
    of_quiz = await pages(services, 10, quiz_id="quiz1")
    of_both = await pages(services, 10, user_id="user1", quiz_id="quiz1")
    assert set(of_user[0]) == {ids["user1", "quiz1"], ids["user1", "quiz2"]}
    assert set(of_quiz[0]) == {ids["user1", "quiz1"], ids["user2", "quiz1"]}
    assert of_both == [[ids["user1", "quiz1"]]]


async def in_each_status(services: Services) -> dict[Status, UUID]:
    started, answered, completed, abandoned = [await start(services, at=LATER) for _ in range(4)]
    expired = await start(services, at=LATER - 1800 * SECOND - 1)
    await flush_at(services, LATER)
    await services.sessions.update_answer(answered, 0, "A", at=LATER)
    await services.sessions.complete(completed, at=LATER)
    await services.sessions.abandon(abandoned, at=LATER)
    return {
        Status.STARTED: started,
        Status.IN_PROGRESS: answered,
        Status.COMPLETED: completed,
        Status.ABANDONED: abandoned,
        Status.EXPIRED: expired,
    }


async def test_a_status_finds_the_sessions_that_have_it(services: Services) -> None:
    ids = await in_each_status(services)
    found = {status: await pages(services, 10, user_id="user1", statuses=[status]) for status in Status}
    assert found == {status: [[ids[status]]] for status in Status}


@pytest.mark.parametrize("answered", [False, True])
async def test_a_session_whose_time_is_over_is_found_as_expired_before_its_row_says_so(
    services: Services, database: Database, answered: bool
) -> None:
    session_id = await start(services)
    status = Status.IN_PROGRESS if answered else Status.STARTED
    if answered:
        await services.sessions.update_answer(session_id, 0, "A", at=LATER)

    async def found(wanted: Status, at: Micros) -> list[Status]:
        page = await services.audit.find(quiz_id="quiz1", statuses=[wanted], at=at)
        return [session.status for session in page.sessions]

    assert (await found(status, END), await found(Status.EXPIRED, END)) == ([status], [])
    assert (await found(status, END + 1), await found(Status.EXPIRED, END + 1)) == ([], [Status.EXPIRED])
    assert row(database, session_id)["status"] == status


async def test_within_the_grace_a_session_is_found_as_open(services: Services) -> None:
    await services.administration.put_quiz("quiz1", QuizRules(grace_seconds=60), at=START)
    await start(services)
    last = END + 60 * SECOND
    for at, status in ((last, Status.STARTED), (last + 1, Status.EXPIRED)):
        page = await services.audit.find(quiz_id="quiz1", at=at)
        assert [session.status for session in page.sessions] == [status]


async def test_the_pages_of_a_status_follow_each_other(services: Services) -> None:
    ids = [await start(services, at=START + number) for number in range(6)]
    for each in ids[::2]:
        await services.sessions.complete(each, at=LATER)
    assert await pages(services, 2, user_id="user1", statuses=[Status.COMPLETED]) == [
        ids[4::-2][:2],
        [ids[0]],
    ]


async def test_a_list_holds_no_answers(services: Services, client: httpx.AsyncClient) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "a secret thought", at=LATER)
    page = await services.audit.find(user_id="user1", at=LATER)
    assert page.sessions[0].answers == {}
    shown = await client.get("/sessions", params={"user_id": "user1"})
    assert "answers" not in shown.json()["sessions"][0]
    assert "a secret thought" not in shown.text


@pytest.mark.parametrize("limit", [1, MAX_PAGE])
async def test_a_limit_that_is_allowed(services: Services, limit: int) -> None:
    await start(services)
    assert len((await services.audit.find(user_id="user1", limit=limit, at=LATER)).sessions) == 1


@pytest.mark.parametrize("limit", [0, MAX_PAGE + 1])
async def test_a_limit_that_is_not(services: Services, client: httpx.AsyncClient, limit: int) -> None:
    with pytest.raises(InvalidInputError, match="limit"):
        await services.audit.find(user_id="user1", limit=limit)
    assert (await client.get("/sessions", params={"user_id": "u", "limit": limit})).status_code == 422


async def test_the_largest_page_is_filled(services: Services, database: Database) -> None:
    insert(database, users=1, quizzes=1, each=MAX_PAGE + 1)
    found = await pages(services, MAX_PAGE, user_id="user0")
    assert [len(page) for page in found] == [MAX_PAGE, 1]


async def test_a_list_names_a_user_or_a_quiz(services: Services, client: httpx.AsyncClient) -> None:
    with pytest.raises(InvalidInputError, match="user_id"):
        await services.audit.find(statuses=[Status.STARTED])
    assert (await client.get("/sessions")).status_code == 422


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "not base64!",
        "Zm9v",
        "ümlaut",
        # The right form but for the number, the separator, the id.
        "LTE6MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1",
        "MTg7MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1",
        "MTg6LS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0t",
    ],
)
async def test_a_cursor_of_someone_elses_making_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    reply = await client.get("/sessions", params={"user_id": "u", "cursor": cursor})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")


async def test_the_cursor_leads_on_over_http(services: Services, client: httpx.AsyncClient) -> None:
    ids = [str(await start(services, at=START + number)) for number in range(3)]
    query = {"quiz_id": "quiz1", "status": "started", "limit": "2"}
    # The clock of these requests is before START, so that all are still open.
    first = (await client.get("/sessions", params=query)).json()
    second = (await client.get("/sessions", params={**query, "cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in first["sessions"] + second["sessions"]] == ids[::-1]
    assert second["next_cursor"] is None


def insert(database: Database, *, users: int, quizzes: int, each: int) -> None:
    """So many attempts of each user at each quiz, past the service, most of them long completed."""
    # The role's two seconds are for requests.
    database.execute("SET statement_timeout = 0")
    database.execute(
        """
        INSERT INTO quiz_attempts (
            id, user_id, quiz_id, attempt_no, status, time_remaining, time_limit_seconds, started_at,
            expires_at, ended_at
        )
        SELECT gen_random_uuid(), 'user' || person, 'quiz' || quiz, number, status, 0, 1800, started_at,
            started_at + interval '30 minutes',
            CASE WHEN status NOT IN ('started', 'in_progress') THEN started_at + interval '1 minute' END
        FROM generate_series(0, %(users)s - 1) AS person, generate_series(0, %(quizzes)s - 1) AS quiz,
            generate_series(1, %(each)s) AS number, LATERAL (
                SELECT to_timestamp(1800000000) - make_interval(mins => person + 7 * quiz + number)
                    AS started_at,
                CASE (person * 31 + quiz * 17 + number) %% 40
                    WHEN 0 THEN 'started' WHEN 1 THEN 'in_progress' WHEN 2 THEN 'expired'
                    WHEN 3 THEN 'abandoned' ELSE 'completed' END AS status
            ) AS made""",
        {"users": users, "quizzes": quizzes, "each": each},
    )


class Explaining(Postgres):
    """Says how each statement would be carried out, and does so."""

    plans: list[str]

    async def fetch(
        self,
        statement: str | Statement,
        parameters: dict[str, Any],
        *,
        resend: dict[str, Any] | None = None,
        probe: bool = False,
    ) -> list[dict[str, Any]]:
        assert isinstance(statement, Statement)
        told = await super().fetch(f"EXPLAIN {statement.text}", parameters)
        self.plans = ["\n".join(line["QUERY PLAN"] for line in told)]
        return await super().fetch(statement, parameters, resend=resend, probe=probe)


@pytest.fixture(scope="module")
def crowded(running_stores: Stores) -> Stores:
    """50,000 attempts: 500 users, 50 quizzes."""
    running_stores.clear()
    with psycopg.connect(running_stores.database_url, autocommit=True) as connection:
        insert(connection, users=500, quizzes=50, each=2)  # type: ignore[arg-type]  # rows are not looked at
        connection.execute("ANALYZE quiz_attempts")
    return running_stores


FILTERS = [{"user_id": "user7"}, {"quiz_id": "quiz7"}, {"user_id": "user7", "quiz_id": "quiz7"}]


@pytest.mark.parametrize("status", [None, *Status])
@pytest.mark.parametrize("filters", FILTERS, ids="+".join)
@pytest.mark.parametrize("first_page", [True, False], ids=["first page", "a later page"])
async def test_no_list_reads_the_whole_table(
    crowded: Stores, filters: dict[str, str], status: Status | None, first_page: bool
) -> None:
    async def conninfo() -> str:
        return crowded.database_url

    postgres = Explaining(conninfo, 1, lambda: None, Telemetry())
    wanted = [status] if status else []
    names: dict[str, Any] = {**filters, "statuses": wanted, "at": START}
    before = None if first_page else (from_micros(START - 18_000 * SECOND), UUID(int=0))
    await AuditStore(postgres).attempts(Filters(**names), before=before, limit=51)
    await postgres.close()
    (plan,) = postgres.plans
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan


# The trail


async def eventful(services: Services) -> list[UUID]:
    """Sessions to which everything has happened that an event can tell."""
    key = parse_questions(
        {"0": {"grading": "exact", "key": "A"}, "1": {"grading": "exact", "key": "B"}, "2": {}, "3": {}}
    )
    manager, exams = services.sessions, services.administration
    rules = QuizRules(grace_seconds=30, questions=key)
    await exams.put_quiz("keyed", rules, at=START)

    graded = await start(services, quiz="keyed")
    await manager.update_answers(graded, {"0": "A", "1": True}, current_question=7, at=LATER)
    await manager.update_answer(graded, 2, "draft", autosave=True, at=LATER + SECOND)
    await flush_at(services, LATER + SECOND)
    await exams.extend(graded, 60, "a fire drill", by="proctor1", at=LATER + SECOND)
    await exams.extend(graded, -30, "too much", at=LATER + SECOND)
    await exams.put_accommodation("user1", "keyed", 300, "a broken arm", by="proctor1", at=LATER + SECOND)
    await exams.put_quiz("keyed", replace(rules, time_limit_seconds=2400, closes_at=from_micros(END * 2)))
    await manager.update_answer(graded, 3, "draft", autosave=True, at=LATER + 2 * SECOND)
    await manager.complete(graded, {"1": "B"}, at=LATER + 3 * SECOND)

    late = await start(services, user="user2", quiz="keyed")
    deadline = to_micros((await manager.get_deadline(late, at=START)).expires_at)
    await manager.update_answer(late, 1, "B", autosave=True, at=deadline + 1)
    await manager.update_answer(late, 0, "in the grace", at=deadline + SECOND)
    over = deadline + 31 * SECOND
    with pytest.raises(SessionExpiredError):
        await manager.update_answer(late, 0, "A", at=over)
    (too_late,) = (await exams.late_answers(late)).late_answers
    await exams.accept_late_answer(late, too_late.event, "the network was down", by="teacher1", at=over)
    await exams.put_quiz("keyed", replace(rules, questions={**key, "1": replace(key["1"], points=2.5)}))
    await services.scores.regrade("keyed", "the second is worth more", by="teacher1", at=over)
    await exams.reopen(late, 60, "the network was down", by="proctor1", at=over)
    await manager.abandon(late, at=over + SECOND)

    scored = await start(services)
    await manager.complete(scored, at=LATER)
    await services.scores.set_score(scored, 1, 2, "read", by="teacher1", at=LATER)
    await services.scores.set_score(scored, 1.5, 2, "read again", by="teacher1", at=LATER)

    held_up = await start(services)
    await manager.update_answer(held_up, 5, "newer", at=LATER)
    # Neither this answer nor its current question counts.
    await manager.update_answers(held_up, {"5": "older"}, current_question=1, at=LATER - SECOND)

    accepted = await start(services, user="user3", quiz="keyed")
    with pytest.raises(SessionExpiredError):
        await manager.update_answer(accepted, 0, "A", at=over)
    (too_late,) = (await exams.late_answers(accepted)).late_answers
    await exams.accept_late_answer(accepted, too_late.event, "the network was down", at=over)

    lagging = await start(services)
    # Stored before the end, and not found by whoever ended it.
    await manager.update_answer(lagging, 0, "in time", autosave=True, at=END)
    await services.stores.attempts.settle({lagging: NO_DRAFTS}, END + 1)
    await flush_at(services, END + 2)

    watched = await start(services, user="user4")
    notice = await services.notices.notify(watched, "5 N", by="proctor1", at=LATER)
    await services.notices.read(watched, notice.id, at=LATER)
    await services.incidents.report(watched, "blur", {"seconds": 12}, at=LATER)
    return [graded, late, scored, held_up, accepted, lagging, watched]


async def test_verify_finds_nothing_where_nobody_has_interfered(
    services: Services, database: Database
) -> None:
    ids = await eventful(services)
    happened = {event for session_id in ids for event in events(database, session_id)}
    assert happened == {
        "started", "answered", "merged", "completed", "abandoned", "expired", "graded", "extended",
        "rescheduled", "reopened", "late_answer", "late_merge", "late_accepted", "notified", "notice_read",
        "incident",
    }  # fmt: skip
    for session_id in ids:
        found = await services.audit.verify(session_id)
        assert (found.broken, found.differs) == ([], [])
        assert found.intact
        assert found.events == len(events(database, session_id))


async def test_the_hashes_are_as_documented(services: Services, database: Database) -> None:
    for session_id in await eventful(services):
        previous = b""
        for event in database.execute(
            "SELECT *, changes::text AS written FROM attempt_events WHERE attempt_id = %s ORDER BY revision",
            [session_id],
        ):
            digest = hashlib.sha256(event["nonce"] + event["written"].encode())
            assert event["digest"] == digest.digest()
            parts = [session_id, event["revision"], event["version"], event["type"], to_micros(event["at"])]
            text = "|".join(map(str, [*parts, digest.hexdigest()]))
            assert event["hash"] == hashlib.sha256(previous + text.encode()).digest()
            previous = event["hash"]
        head = database.execute("SELECT chain_head FROM quiz_attempts WHERE id = %s", [session_id]).fetchone()
        assert head == {"chain_head": previous}


async def audited(client: httpx.AsyncClient, session_id: UUID) -> list[str]:
    """What an auditor finds who has the replies alone."""
    shown: list[dict[str, Any]] = []
    after: int | None = -1
    while after is not None:
        reply = await client.get(f"/sessions/{session_id}/events", params={"limit": 3, "after": after})
        shown += auditor.parse(reply.text)
        after = reply.json()["next_after"]
    assert shown
    return list(auditor.findings(str(session_id), shown))


async def test_an_auditor_recomputes_the_hashes_from_the_replies_alone(
    services: Services, client: httpx.AsyncClient
) -> None:
    for session_id in await eventful(services):
        assert await audited(client, session_id) == []


@pytest.mark.parametrize(
    "answer",
    [
        *(1, 1.0, -0.0, 0.1, 1e-7, 1e22, 1e23, 5e-324, 1.7976931348623157e308, 2**70, -(10**400), 1.5e300),
        *("", 'a "b" \\ /', "".join(map(chr, range(1, 32))), "\x7f\x85\u2028", "ü\U0001f600"),
        *({}, [], [{}], {"": 0, "b": 1, "aa": 2, "ü": 3, "B": 4, "z": {"zz": [None, True], "y": False}}),
    ],
    ids=repr,
)
async def test_an_auditor_writes_every_value_as_the_database_does(
    client: httpx.AsyncClient, answer: Any
) -> None:
    session_id = (await start_over_http(client))["id"]
    kept = await client.patch(f"/sessions/{session_id}/progress", json={"answers": {"0": answer}})
    assert kept.status_code == 200
    assert await audited(client, session_id) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ('changes = changes || \'{"answers": {"0": "B"}}\'', ["revision 1 has another digest"]),
        ("nonce = sha256(nonce)", ["revision 1 has another digest"]),
        ("at = at + interval '1 microsecond'", ["revision 1 has another hash"]),
        ("hash = sha256(hash)", ["revision 1 has another hash", "revision 2 has another hash"]),
        ("changes = NULL, nonce = NULL, erased_by = 1", []),
    ],
)
async def test_an_auditor_finds_what_was_changed(
    services: Services, client: httpx.AsyncClient, database: Database, change: str, found: list[str]
) -> None:
    session_id = await start(services)
    for number in range(2):
        await services.sessions.update_answer(session_id, 0, number, at=LATER + number)
    database.execute(EVENT.format(change, 1), {"id": session_id})
    assert await audited(client, session_id) == found


async def test_an_event_tells_who_and_why(services: Services) -> None:
    session_id = await start(services)
    await services.administration.extend(session_id, 60, "a fire drill", by="proctor1", at=LATER)
    trail = (await services.audit.events(session_id)).events
    changes = trail[1].changes or {}
    assert (changes["by"], changes["reason"]) == ("proctor1", "a fire drill")


async def test_the_trail_is_read_in_pages(services: Services, client: httpx.AsyncClient) -> None:
    session_id = await start(services)
    for number in range(4):
        await services.sessions.update_answer(session_id, number, "A", at=LATER)
    shown: list[int] = []
    after: int | None = -1
    while after is not None:
        reply = await client.get(f"/sessions/{session_id}/events", params={"limit": 2, "after": after})
        page, after = reply.json()["events"], reply.json()["next_after"]
        assert 1 <= len(page) <= 2
        shown += [event["revision"] for event in page]
    assert shown == [0, 1, 2, 3, 4]


async def test_a_page_of_large_events_fits_into_a_functions_reply(
    services: Services, client: httpx.AsyncClient
) -> None:
    session_id = await start(services)
    for number in range(4):
        # Characters that are escaped twice: in the reply, and where the function's result holds it.
        answers = {str(question): '"' * 32_000 + str(number) for question in range(15)}
        await services.sessions.update_answers(session_id, answers, at=LATER)
    reply = await client.get(f"/sessions/{session_id}/events")
    assert [event["revision"] for event in reply.json()["events"]] == [0, 1]
    assert len(json.dumps(reply.text, ensure_ascii=False)) < 6_000_000
    after = reply.json()["next_after"]
    for revisions in ([2], [3], [4]):
        rest = await client.get(f"/sessions/{session_id}/events", params={"after": after})
        assert [event["revision"] for event in rest.json()["events"]] == revisions
        after = rest.json()["next_after"]
    assert after is None


@pytest.mark.parametrize(("limit", "status"), [(0, 422), (1, 200), (MAX_PAGE, 200), (MAX_PAGE + 1, 422)])
async def test_the_limits_of_a_page_of_the_trail(
    services: Services, client: httpx.AsyncClient, limit: int, status: int
) -> None:
    session_id = await start(services)
    reply = await client.get(f"/sessions/{session_id}/events", params={"limit": limit})
    assert reply.status_code == status


@pytest.mark.parametrize("path", ["events", "verify"])
async def test_a_session_that_is_not_there_has_no_record(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(f"/sessions/{uuid4()}/{path}")
    assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found")


# At a version


async def test_a_session_as_it_was_at_each_version(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await services.sessions.update_answer(session_id, 0, "B", at=LATER + SECOND)
    await services.sessions.complete(session_id, {"1": "C"}, at=LATER + 2 * SECOND)
    at = [await services.audit.at_version(session_id, version) for version in range(4)]
    assert [session.answers for session in at] == [{}, {"0": "A"}, {"0": "B"}, {"0": "B", "1": "C"}]
    assert [session.status for session in at] == ["started", "in_progress", "in_progress", "completed"]
    assert [session.version for session in at] == [0, 1, 2, 3]


async def test_a_version_includes_what_happened_until_the_next(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER)
    await flush_at(services, LATER)
    await services.administration.extend(session_id, 60, "a fire drill", at=LATER)
    await services.sessions.update_answer(session_id, 0, "B", at=LATER + SECOND)
    before = await services.audit.at_version(session_id, 0)
    assert (before.answers, before.expires_at) == ({"0": "draft"}, from_micros(END + 60 * SECOND))


async def test_a_draft_shows_from_the_version_that_committed_it(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER)
    await services.sessions.complete(session_id, at=LATER)
    assert (await services.audit.at_version(session_id, 0)).answers == {}
    assert (await services.audit.at_version(session_id, 1)).answers == {"0": "draft"}


async def test_a_later_cut_of_the_deadline_does_not_expire_an_earlier_version(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await services.sessions.update_answer(session_id, 0, "B", at=LATER)
    # Held up on its way: the answers came after it, and before it took effect.
    await services.administration.extend(session_id, -1800, "over", at=LATER - SECOND)
    assert (await services.audit.at_version(session_id, 1)).status is Status.IN_PROGRESS


async def test_a_version_that_was_not_reached_is_not_found(
    services: Services, client: httpx.AsyncClient
) -> None:
    session_id = await start(services)
    assert (await services.audit.at_version(session_id, 0)).version == 0
    with pytest.raises(VersionNotFoundError):
        await services.audit.at_version(session_id, 1)
    reply = await client.get(f"/sessions/{session_id}", params={"at_version": 1})
    assert (reply.status_code, reply.json()["code"]) == (404, "version_not_found")
    assert (await client.get(f"/sessions/{session_id}", params={"at_version": -1})).status_code == 422


class Noting(AuditStore):
    """Notes the revisions of the events that are read."""

    def __init__(self, postgres: Postgres) -> None:
        super().__init__(postgres)
        self.read: list[int] = []

    async def steps(self, session_id: UUID, **range_: int) -> AsyncIterator[AuditEvent]:
        async for event in super().steps(session_id, **range_):
            self.read.append(event.revision)
            yield event


@pytest.mark.parametrize(("version", "read"), [(0, [0, 1]), (1, [0, 1, 2]), (3, [0, 1, 2, 3, 4])])
async def test_a_version_reads_no_event_behind_it(services: Services, version: int, read: list[int]) -> None:
    session_id = await start(services)
    await services.administration.extend(session_id, 60, "a fire drill", at=LATER)
    for number in range(3):
        await services.sessions.update_answer(session_id, 0, number, at=LATER + number)
    store = Noting(services.stores.postgres)
    noting = rebuilt(services, stores=replace(services.stores, audit=store), clock=lambda: LATER)
    assert (await noting.audit.at_version(session_id, version)).version == version
    assert store.read == read


async def test_a_version_of_someone_elses_session_does_not_exist(services: Services) -> None:
    session_id = await start(services, user="user1")
    assert (await services.audit.at_version(session_id, 0, owner="user1")).id == session_id
    with pytest.raises(SessionNotFoundError):
        await services.audit.at_version(session_id, 0, owner="user2")


@dataclass(frozen=True)
class Step:
    """Something that may happen to a session, `after` microseconds, said to be `held_up` as long."""

    kind: str
    after: Micros
    held_up: Micros
    answers: dict[str, Any]
    seconds: int
    versioned: bool


KINDS = (
    "write", "write", "write", "write", "autosave", "autosave", "flush", "flush", "extend", "quiz",
    "accommodation", "complete", "abandon", "accept", "reopen", "score", "regrade", "mark", "notify", "read",
    "incident",
)  # fmt: skip
STEPS = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(KINDS),
        after=st.sampled_from([0, 0, 1, SECOND, 40 * SECOND, 700 * SECOND]),
        held_up=st.sampled_from([0, 1, 2 * SECOND]),
        answers=st.dictionaries(
            st.sampled_from("012"),
            st.sampled_from(["A", "B", 1, 1.0, True, None, [0], {"x": -0.5}]),
            min_size=1,
        ),
        seconds=st.sampled_from([-2000, -30, 60, 900]),
        versioned=st.booleans(),
    ),
    min_size=3,
    max_size=14,
)


async def live(
    services: Services, committed: Services, steps: Iterable[Step], shown: dict[int, tuple[Micros, Session]]
) -> UUID:
    """Let it all happen; notes in `shown` when `committed` showed what at each version, the last time."""
    questions = parse_questions({"0": {"grading": "exact", "key": "A"}, "1": {"points": 5}, "2": {}})
    rules = QuizRules(grace_seconds=30, questions=questions)
    await services.administration.put_quiz("quiz1", rules, at=START)
    session_id = await start(services)
    now = START
    for step in steps:
        now += step.after
        # Refused, it changes nothing, or expires the session.
        with suppress(QuizSessionsError):
            await happen(services, session_id, step, rules, now)
        session = await committed.sessions.get_session(session_id, at=now)
        shown[session.version] = now, session
        found = await committed.audit.verify(session_id)
        assert (found.broken, found.differs) == ([], []), step
    return session_id


async def happen(services: Services, session_id: UUID, step: Step, rules: QuizRules, now: Micros) -> None:
    manager, exams, at = services.sessions, services.administration, now - step.held_up
    version = (await manager.get_session(session_id, at=at)).version if step.versioned else None
    question = step.seconds % 7
    match step.kind:
        case "write":
            await manager.update_answers(
                session_id, step.answers, version=version, current_question=question, at=at
            )
        case "autosave":
            await manager.update_answers(
                session_id, step.answers, current_question=question, autosave=True, at=at
            )
        case "flush":
            await flush_at(services, now)
        case "extend":
            await exams.extend(session_id, step.seconds, "why not", at=at)
        case "quiz":
            limit = 1800 + step.seconds if step.seconds > -1800 else None
            await exams.put_quiz("quiz1", replace(rules, time_limit_seconds=limit), at=at)
        case "accommodation":
            await exams.put_accommodation("user1", "quiz1", abs(step.seconds), "why not", at=at)
        case "complete":
            await manager.complete(session_id, step.answers, version=version, at=at)
        case "abandon":
            await manager.abandon(session_id, at=at)
        case "accept":
            for late in (await exams.late_answers(session_id)).late_answers:
                await exams.accept_late_answer(session_id, late.event, "why not", at=at)
        case "reopen":
            await exams.reopen(session_id, 900, "why not", at=at)
        case "score":
            await exams.delete_quiz("quiz1")
            await services.scores.set_score(session_id, 1, 2, "why not", at=at)
        case "mark":
            marks = {name: Mark(0.5, "well") if step.versioned else None for name in step.answers}
            await services.scores.set_grades(session_id, marks, at=at)
        case "notify":
            await services.notices.notify(session_id, "5 N", at=at)
        case "read":
            for notice in (await services.notices.notices(session_id, at=at)).notices:
                await services.notices.read(session_id, notice.id, at=at)
        case "incident":
            await services.incidents.report(session_id, "blur", step.seconds, at=at)
        case "regrade":
            key = parse_questions({"0": {"grading": "exact", "key": "B", "points": 3}, "2": {}})
            await exams.put_quiz("quiz1", replace(rules, questions=key), at=at)
            await services.scores.regrade("quiz1", "why not", at=at)


def as_told(session: Session) -> dict[str, Any]:
    """What does not depend on when one looks."""
    told = session.to_dict()
    for name in ("last_updated", "server_time", "time_remaining", "receipt", "answer_tags"):
        del told[name]
    return {**told, "answers": json.dumps(told["answers"], sort_keys=True)}


@pytest.mark.filterwarnings("ignore:.*unclosed.*:ResourceWarning")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_verify_finds_nothing_and_at_version_shows_what_was_shown(
    stores: Stores, steps: list[Step]
) -> None:
    async def compare() -> None:
        shown: dict[int, tuple[Micros, Session]] = {}
        async with (
            services_on(stores) as services,
            # Without a cache there are no drafts: what GET shows here is what is committed.
            services_on(stores, redis_url="redis://127.0.0.1:1") as committed,
        ):
            session_id = await live(services, committed, steps, shown)
            for version, (now, session) in shown.items():
                then = await committed.audit.at_version(session_id, version, at=now)
                assert as_told(then) == as_told(session)
            async with client_of(committed) as client:
                assert await audited(client, session_id) == []

    stores.clear()
    asyncio.run(compare())


# Verifying


async def closed(services: Services) -> UUID:
    """A session whose six events end with its score."""
    key = parse_questions(
        {"0": {"grading": "exact", "key": "A"}, "1": {"grading": "exact", "key": 1, "points": 0}}
    )
    await services.administration.put_quiz("quiz1", QuizRules(questions=key), at=START)
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, 1, at=LATER)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER + SECOND)
    await services.administration.extend(session_id, 60, "a fire drill", at=LATER + SECOND)
    await services.sessions.complete(session_id, {"1": 1}, at=LATER + 2 * SECOND)
    return session_id


ROW = "UPDATE quiz_attempts SET {} WHERE id = %(id)s"
EVENT = "UPDATE attempt_events SET {} WHERE attempt_id = %(id)s AND revision = {}"
HASHED = """digest = attempt_event_digest(nonce, changes), hash = attempt_event_hash(
    (SELECT hash FROM attempt_events AS before WHERE before.attempt_id = %(id)s
        AND before.revision = attempt_events.revision - 1),
    attempt_id, revision, version, type, attempt_event_digest(nonce, changes), at
)"""


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ("answers = jsonb_set(answers, '{0}', '\"B\"')", ["answers"]),
        ("answers = jsonb_set(answers, '{1}', 'true')", ["answers"]),
        ("answers = jsonb_set(answers, '{1}', '1.0')", ["answers"]),
        ("answers = answers - '1'", ["answers"]),
        ("answers = answers || '{\"2\": null}'", ["answers"]),
        ("score = 0", ["score"]),
        ("score = NULL", ["score"]),
        ("max_score = 2", ["max_score"]),
        ("grading = 'pending'", ["grading"]),
        ("score_by_hand = true", ["score_by_hand"]),
        ('marks = \'{"0": {"points": 1}}\'', ["marks"]),
        ("expires_at = expires_at + interval '1 microsecond'", ["expires_at"]),
        ("time_limit_seconds = 1801", ["time_limit_seconds"]),
        ("extension_seconds = 0", ["extension_seconds"]),
        ("accommodation_seconds = 1", ["accommodation_seconds"]),
        ("grace_seconds = 1", ["grace_seconds"]),
        ("closes_at = expires_at", ["closes_at"]),
        ("started_at = started_at + interval '1 microsecond'", ["started_at"]),
        ("completed_at = completed_at - interval '1 second'", ["completed_at"]),
        ("ended_at = ended_at + interval '1 hour'", ["ended_at"]),
        ("status = 'abandoned'", ["status"]),
        ("late_ms = 1", ["late_ms"]),
        ("unread_notices = 0", ["unread_notices"]),
        ("incidents = 1", ["incidents"]),
        ("version = 2", ["version"]),
        ("current_question = 9", ["current_question"]),
        ("user_id = 'user2'", ["user_id"]),
        ("quiz_id = 'quiz2'", ["quiz_id"]),
        ("attempt_no = 2", ["attempt_no"]),
    ],
)
async def test_verify_finds_what_was_changed_in_the_row(
    services: Services, database: Database, change: str, differs: list[str]
) -> None:
    session_id = await closed(services)
    database.execute(ROW.format(change), {"id": session_id})
    assert await services.audit.verify(session_id) == Verification(6, [], differs)


@pytest.mark.parametrize(
    ("change", "broken", "differs"),
    [
        pytest.param(
            EVENT.format("changes = '{\"answers\": {\"0\": \"B\"}}'", 2), [2], ["answers"], id="changes",
        ),
        pytest.param(EVENT.format("at = at - interval '1 hour'", 2), [2], [], id="when"),
        pytest.param(EVENT.format("type = 'merged'", 2), [2], [], id="type"),
        pytest.param(EVENT.format("version = 1", 2), [2], [], id="version"),
        pytest.param(EVENT.format("hash = ''", 2), [2, 3], [], id="hash"),
        pytest.param(EVENT.format("digest = ''", 2), [2], [], id="digest"),
        pytest.param(EVENT.format("nonce = ''", 2), [2], [], id="nonce"),
        pytest.param(
            EVENT.format("changes = changes || '{\"reason\": \"none\"}'", 3)
            + "; " + EVENT.format(HASHED, 3), [4], [], id="with its hash",
        ),
        pytest.param(
            EVENT.format("changes = changes || '{\"reason\": \"none\"}'", 0), [0], [], id="the first",
        ),
        pytest.param(EVENT.format("changes = changes - 'quiz_revision'", 5), [5], [], id="the last"),
        pytest.param(
            EVENT.format("attempt_id = gen_random_uuid()", 2), [2, 3], ["answers"], id="moved elsewhere",
        ),
        pytest.param(
            "DELETE FROM attempt_events WHERE attempt_id = %(id)s AND revision = 3",
            [3, 4], ["extension_seconds", "expires_at", "unread_notices"], id="deleted in the middle",
        ),
        pytest.param(
            "DELETE FROM attempt_events WHERE attempt_id = %(id)s AND revision = 0",
            [0, 1], ["question_ids"], id="deleted at the beginning",
        ),
        pytest.param(
            "DELETE FROM attempt_events WHERE attempt_id = %(id)s AND revision = 5",
            [5], ["revision", "score", "max_score", "grading"], id="deleted at the end",
        ),
        pytest.param(
            "DELETE FROM attempt_events WHERE attempt_id = %(id)s AND revision >= 4",
            [4, 5],
            [
                "status", "answers", "version", "revision", "completed_at", "ended_at", "score", "max_score",
                "grading",
            ],
            id="several deleted at the end",
        ),
        pytest.param(
            """
            UPDATE attempt_events AS event
            SET changes = event.changes || jsonb_build_object('answers', other.changes -> 'answers')
            FROM attempt_events AS other
            WHERE event.attempt_id = %(id)s AND other.attempt_id = %(id)s
                AND event.revision IN (1, 2) AND other.revision = 3 - event.revision""",
            [1, 2], ["answers"], id="two swapped",
        ),
        pytest.param(
            "; ".join(
                EVENT.format(f"revision = {new}", old) for old, new in ((1, 100), (2, 1), (100, 2))
            ),
            [1, 2, 3], ["answers"], id="two renumbered",
        ),
        pytest.param(
            """
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            VALUES (%(id)s, 6, 3, 'answered', '{"answers": {"0": "B"}}', now())""",
            [6], [], id="inserted at the end",
        ),
        pytest.param(
            """
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            VALUES (%(id)s, 9, 3, 'answered', '{"answers": {"0": "B"}}', now())""",
            [9], [], id="inserted far behind the end",
        ),
        pytest.param(
            """
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            VALUES (%(id)s, -2, 0, 'late_answer', '{}', now())""",
            [-2], [], id="inserted before the beginning",
        ),
        pytest.param(
            "; ".join([
                EVENT.format("revision = 6", 5), EVENT.format("revision = 5", 4),
                """
                INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
                VALUES (%(id)s, 4, 2, 'answered', '{"answers": {"3": "B"}}', now())""",
                ROW.format("revision = 6"),
            ]),
            [4, 5, 6], ["answers"], id="inserted in the middle",
        ),
        pytest.param(
            "; ".join([
                EVENT.format("changes = changes || '{\"seconds\": 1}'", 3),
                *(EVENT.format(HASHED, revision) for revision in (3, 4, 5)),
                ROW.format("extension_seconds = 1, expires_at = expires_at - interval '59 s'"),
            ]),
            [], ["extension_seconds", "expires_at", "chain_head"], id="rehashed, and the row with it",
        ),
    ],
)  # fmt: skip
async def test_verify_finds_what_was_changed_in_the_trail(
    services: Services, database: Database, change: str, broken: list[int], differs: list[str]
) -> None:
    session_id = await closed(services)
    for statement in change.split("; "):
        assert database.execute(statement, {"id": session_id}).rowcount > 0
    found = await services.audit.verify(session_id)
    assert (found.broken, sorted(found.differs)) == (broken, sorted(differs))
    assert not found.intact


@pytest.mark.parametrize("column", ["extension_seconds", "accommodation_seconds", "grace_seconds", "late_ms"])
async def test_verify_finds_seconds_that_no_event_has_given(
    services: Services, database: Database, column: str
) -> None:
    session_id = await start(services)
    database.execute(ROW.format(f"{column} = 60"), {"id": session_id})
    assert await services.audit.verify(session_id) == Verification(1, [], [column])


@pytest.mark.parametrize("nonsense", ['"text"', "[]", '{"expires_at": "soon"}', '{"answers": 1}'])
async def test_verify_survives_an_event_that_makes_no_sense(
    services: Services, database: Database, nonsense: str
) -> None:
    session_id = await closed(services)
    database.execute(
        "UPDATE attempt_events SET changes = %s WHERE attempt_id = %s AND revision = 2",
        [nonsense, session_id],
    )
    found = await services.audit.verify(session_id)
    assert found.broken == [2]


async def test_verify_names_no_more_than_a_thousand_missing_events(
    services: Services, database: Database
) -> None:
    session_id = await closed(services)
    database.execute(ROW.format("revision = 1000000000000"), {"id": session_id})
    found = await services.audit.verify(session_id)
    assert (found.broken, found.differs) == (list(range(6, 1006)), ["revision"])


async def test_verify_is_not_confused_by_what_happens_meanwhile(services: Services) -> None:
    session_id = await start(services)

    async def write() -> None:
        for number in range(40):
            await services.sessions.update_answer(session_id, 0, number, at=LATER)

    writing = asyncio.create_task(write())
    found = []
    while not writing.done():
        found.append(await services.audit.verify(session_id))
    await writing
    assert len({each.events for each in found}) > 1
    assert all(each.intact for each in found)


async def test_verify_over_http(services: Services, client: httpx.AsyncClient, database: Database) -> None:
    session_id = await closed(services)
    path = f"/sessions/{session_id}/verify"
    assert (await client.get(path)).json() == {
        "intact": True,
        "events": 6,
        "broken": [],
        "differs": [],
        "erased": 0,
        "erased_by": [],
        "paper_as_drawn": None,
    }
    database.execute(ROW.format("score = 100"), {"id": session_id})
    assert (await client.get(path)).json() == {
        "intact": False, "events": 6, "broken": [], "differs": ["score"],
        "erased": 0,
        "erased_by": [],
        "paper_as_drawn": None,
    }  # fmt: skip
