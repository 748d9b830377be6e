"""The live view: how everybody stands, what has changed since, and who was heard when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Owner, Staff, Status
from quiz_sessions.domain.errors import DatabaseUnavailableError, InvalidInputError
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.live import LiveRow, LiveTotals
from quiz_sessions.domain.presence import Heard
from quiz_sessions.domain.timestamps import Micros, from_micros, to_micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.live import MAX_ROWS, Cursor, LiveView, Moment
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, api_of
from tests.harness.service import autosave, client_of, flush_at, put_quiz, services_on, start
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.integration.staff import WHY, extend, give, reopen

TAB = {"X-Client-Id": "tab1"}
ALWAYS = 60 * SECOND
"""Longer than what is shown twice, and than a sign of life is no change."""


async def view(services: Services, after: str | None = None, at: Micros = LATER, **more: Any) -> LiveView:
    return await services.live.view("quiz1", after=after, at=at, **more)


async def only(services: Services, **more: Any) -> LiveRow:
    (row,) = (await view(services, **more)).rows
    return row


async def commit(services: Services, session_id: UUID, client: str | None = None, at: Micros = LATER) -> None:
    await services.sessions.update_answer(session_id, 0, "A", client_id=client, at=at)


async def read(
    services: Services, session_id: UUID, owner: Owner = None, client: str | None = "tab1", at: Micros = LATER
) -> None:
    await services.sessions.get_session(session_id, client_id=client, owner=owner, at=at)


def seen_key(session_id: UUID) -> str:
    return f"{{session:{session_id}}}:seen"


def seen(valkey: redis.Redis, session_id: UUID) -> dict[str, int]:
    """What is noted of an owner."""
    noted: dict[bytes, bytes] = valkey.hgetall(seen_key(session_id))  # type: ignore[assignment]  # bytes
    return {name.decode(): int(value) for name, value in noted.items()}


def pass_time(database: Database, valkey: redis.Redis, micros: Micros = ALWAYS) -> None:
    """As if all that has happened had been so much earlier."""
    database.execute(
        "UPDATE quiz_attempts SET last_updated = last_updated - make_interval(secs => %s)", [micros / SECOND]
    )
    for key in valkey.keys("*:seen"):
        for name, value in valkey.hgetall(key).items():
            valkey.hset(key, name, str(int(value) - micros))


# What is shown


async def test_a_row_tells_how_an_attempt_stands(services: Services) -> None:
    await put_quiz(
        services, questions=parse_questions({"0": {"points": 1}, "1": {"points": 1}, "2": {"points": 1}})
    )
    session_id = await start(services)
    await commit(services, session_id, "tab1")
    await services.sessions.update_answer(session_id, 1, "B", autosave=True, client_id="tab1", at=LATER)
    await extend(services, session_id, 60)
    row = await only(services)
    assert replace(row, last_seen_at=None) == LiveRow(
        session_id=session_id,
        user_id="user1",
        group=None,
        status=Status.IN_PROGRESS,
        answered=1,
        questions=3,
        section=None,
        buffered=1,
        time_remaining=1850,
        expires_at=from_micros(END + 60 * SECOND),
        paused=False,
        last_seen_at=None,
        devices=1,
        incidents=0,
        extra_seconds=60,
        unread_notices=row.unread_notices,
    )
    assert row.last_seen_at is not None
    assert abs(to_micros(row.last_seen_at) - current_micros()) < 60 * SECOND


async def test_a_quiz_that_takes_any_question_has_no_number_of_them(services: Services) -> None:
    await start(services)
    assert (await only(services)).questions is None


async def test_extra_time_is_accommodation_and_extension_together(services: Services) -> None:
    await give(services, seconds=120)
    session_id = await start(services)
    await extend(services, session_id, 60)
    assert (await only(services)).extra_seconds == 180


async def test_only_drafts_of_answers_are_counted(services: Services) -> None:
    session_id = await start(services)
    for client, answer, at in (("a", "A", LATER), ("b", "B", LATER + 1)):
        await services.sessions.update_answer(
            session_id, 0, answer, autosave=True, client_id=client, current_question=3, at=at
        )
    assert (await only(services)).buffered == 1


async def test_an_attempt_with_a_draft_is_in_progress_as_everywhere(services: Services) -> None:
    session_id = await start(services)
    assert (await only(services)).status is Status.STARTED
    await autosave(services, session_id, "A")
    assert (await only(services)).status is Status.IN_PROGRESS


async def test_an_attempt_that_is_overdue_has_expired(services: Services) -> None:
    await start(services)
    assert (await only(services, at=END)).status is Status.STARTED
    shown = await view(services, at=END + 1)
    assert (shown.rows[0].status, shown.rows[0].time_remaining) == (Status.EXPIRED, 0)
    assert (shown.totals.open, shown.totals.expired) == (0, 1)


async def test_the_clock_of_a_paused_attempt_stands(services: Services) -> None:
    session_id = await start(services)
    await services.room.pause(session_id, WHY, at=LATER)
    row = await only(services, at=LATER + 3600 * SECOND)
    assert (row.paused, row.time_remaining, row.status) == (True, 1790, Status.STARTED)


async def test_attempts_at_other_quizzes_are_not_shown(services: Services) -> None:
    await start(services, quiz="quiz2")
    shown = await view(services)
    assert (shown.rows, shown.totals.open, shown.next) == ([], 0, None)


async def test_attempts_come_as_they_were_started(services: Services) -> None:
    ids = [await start(services, f"user{n}", at=START + n * SECOND) for n in range(3)]
    assert [row.session_id for row in (await view(services)).rows] == ids


async def test_a_group_is_shown_by_itself(services: Services, database: Database) -> None:
    mine, other = await start(services), await start(services, "user2")
    await services.sessions.complete(other, at=LATER)
    database.execute("UPDATE quiz_attempts SET group_name = 'Room 1' WHERE id = %s", [mine])
    shown = await view(services, group="Room 1")
    assert [(row.session_id, row.group) for row in shown.rows] == [(mine, "Room 1")]
    assert (shown.totals.open, shown.totals.completed) == (1, 0)
    assert (await view(services, group="Room 2")).rows == []


async def test_totals_tell_who_follows_a_group_that_somebody_has_left_it(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    leaving, staying = await start(services), await start(services, "user2", at=START + 1)
    for each in (leaving, staying):
        await services.labelling.label(each, {"group": "Room 12"}, at=LATER)
    pass_time(database, valkey)
    before = await view(services, group="Room 12")
    await services.labelling.label(leaving, {"group": "Room 13"}, at=LATER)
    after = await view(services, before.after, group="Room 12")
    assert [row.session_id for row in before.rows] == [leaving, staying]
    assert (before.totals.open, after.totals.open, after.rows) == (2, 1, [])
    assert [row.session_id for row in (await view(services, group="Room 12")).rows] == [staying]


async def test_an_erasure_that_takes_notices_away_is_a_change(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await services.notices.notify(session_id, "5 N", at=LATER)
    await services.sessions.complete(session_id, at=LATER)
    pass_time(database, valkey)
    after = (await view(services)).after
    database.execute("SELECT erase_events(%s, 'dpo', 'as asked')", [session_id])
    assert [row.unread_notices for row in (await view(services, after)).rows] == [0]


async def test_the_totals_are_of_all_attempts(services: Services) -> None:
    ids = [await start(services, f"user{n}") for n in range(6)]
    await services.sessions.complete(ids[0], at=LATER)
    await services.sessions.abandon(ids[1], at=LATER)
    await services.room.pause(ids[2], WHY, at=LATER)
    await flush_at(services, LATER)
    totals = (await view(services, limit=1)).totals
    assert (totals.open, totals.paused, totals.completed, totals.expired, totals.abandoned) == (4, 1, 1, 0, 1)


async def test_earlier_attempts_of_a_user_are_shown_too(services: Services) -> None:
    first = await start(services)
    await services.sessions.complete(first, at=LATER)
    second = await start(services, at=LATER)
    assert [row.session_id for row in (await view(services)).rows] == [first, second]


# Who was heard


@pytest.mark.parametrize("owner", ["user1", Staff("user1")])
async def test_an_owner_who_reads_is_heard(services: Services, valkey: redis.Redis, owner: Owner) -> None:
    session_id = await start(services)
    await read(services, session_id, owner)
    row = await only(services)
    assert (row.last_seen_at is not None, row.devices) == (True, 1)
    assert 0 < valkey.ttl(seen_key(session_id)) <= services.settings.session_cache_ttl_seconds


async def test_staff_who_read_are_not_the_owner(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    await read(services, session_id, Staff("teacher"))
    assert seen(valkey, session_id) == {}


@pytest.mark.parametrize("other", ["user2", "user", "user11", 'user1"'])
async def test_somebody_else_who_tries_to_read_is_not_the_owner(
    services: Services, valkey: redis.Redis, other: str
) -> None:
    session_id = await start(services)
    async with api_of(services, jwt=True) as api:
        api.be(other)
        assert (await api("GET", f"/sessions/{session_id}", at=LATER)).status_code == 404
    assert seen(valkey, session_id) == {}


@pytest.mark.parametrize("user", ["user1", "Zoë", 'a "b" \\ c', "😀", "a/b", "\u2028\x7f"])
async def test_an_owner_of_any_name_is_heard(services: Services, valkey: redis.Redis, user: str) -> None:
    session_id = await start(services, user)
    await read(services, session_id, user)
    valkey.delete(seen_key(session_id))
    await autosave(services, session_id, "A")
    await flush_at(services)
    valkey.delete(seen_key(session_id))
    # What is cached now PostgreSQL has written.
    await read(services, session_id, user)
    assert seen(valkey, session_id).keys() >= {"at"}


async def test_without_tokens_a_read_is_the_owners_where_it_names_a_client(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await read(services, session_id, client=None)
    assert seen(valkey, session_id) == {}
    await read(services, session_id)
    assert seen(valkey, session_id)


@pytest.mark.parametrize("is_autosave", [False, True])
async def test_an_owner_who_writes_is_heard(services: Services, is_autosave: bool) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(
        session_id, 0, "A", autosave=is_autosave, client_id="tab1", owner="user1", at=LATER
    )
    row = await only(services)
    assert (row.last_seen_at is not None, row.devices) == (True, 1)


async def test_an_owner_who_starts_is_heard(services: Services) -> None:
    await put_quiz(services)
    for number in (1, 2):
        await services.sessions.create_session(
            "user1", "quiz1", client_id=f"tab{number}", owner="user1", at=START
        )
        row = await only(services)
        assert (row.last_seen_at is not None, row.devices) == (True, number)


async def test_staff_who_start_for_a_user_are_not_the_user(services: Services) -> None:
    await services.sessions.create_session(
        "user1", "quiz1", client_id="tab1", by="teacher", owner=Staff("teacher"), at=START
    )
    assert (await only(services)).last_seen_at is None


async def test_an_owner_is_heard_on_the_direct_paths(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services, at=None)
    async with client_of(services) as http:
        assert (await http.get(f"/sessions/{session_id}", headers=TAB)).status_code == 200
        by_reading = seen(valkey, session_id)
        valkey.delete(seen_key(session_id))
        body = {"question_id": 0, "answer": "A"}
        reply = await http.patch(f"/sessions/{session_id}/progress", json=body, headers=TAB)
        assert reply.status_code == 200
    assert by_reading.keys() == seen(valkey, session_id).keys()
    assert len(by_reading) == 3


async def test_a_client_id_that_is_none_is_refused_by_reads_too(services: Services) -> None:
    session_id = await start(services, at=None)
    async with client_of(services) as http:
        reply = await http.get(f"/sessions/{session_id}", headers={"X-Client-Id": "not one"})
    assert (reply.status_code, reply.json()["errors"][0]["location"]) == (422, "header.x-client-id")


async def test_the_flush_and_staff_are_not_heard(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    valkey.delete(seen_key(session_id))
    await flush_at(services)
    await extend(services, session_id, 60)
    await services.room.pause(session_id, WHY, at=LATER)
    await services.room.resume(session_id, WHY, at=LATER)
    assert seen(valkey, session_id) == {}


async def test_nobody_is_heard_in_an_ended_session(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await read(services, session_id)
    assert seen(valkey, session_id) == {}


async def test_requests_that_follow_each_other_are_noted_once(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await read(services, session_id)
    first = seen(valkey, session_id)
    await read(services, session_id)
    await commit(services, session_id, "tab1")
    assert seen(valkey, session_id) == first


async def test_who_is_heard_again_after_a_while_is_noted_again(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await read(services, session_id)
    pass_time(database, valkey, 6 * SECOND)
    first = seen(valkey, session_id)
    await read(services, session_id)
    then = seen(valkey, session_id)
    assert then["at"] > first["at"]
    # For followers that is no change yet.
    assert then["changed"] == first["changed"]
    pass_time(database, valkey, 16 * SECOND)
    await read(services, session_id)
    assert seen(valkey, session_id)["changed"] > first["changed"]


async def test_devices_are_counted(services: Services) -> None:
    session_id = await start(services)
    for client in ("tab1", "tab2", "tab1"):
        await read(services, session_id, client=client)
    await commit(services, session_id)
    assert (await only(services)).devices == 2


async def test_devices_beyond_twenty_are_not_kept(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    for number in range(25):
        await read(services, session_id, client=f"tab{number}")
    assert (await only(services)).devices == 20
    assert len(seen(valkey, session_id)) == 22


async def test_who_comes_without_a_client_id_is_heard_and_has_no_device(services: Services) -> None:
    session_id = await start(services)
    await commit(services, session_id)
    row = await only(services)
    assert (row.last_seen_at is not None, row.devices) == (True, 0)


async def test_who_was_not_heard_for_ninety_seconds_is_silent(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    heard, silent, paused, never, ended = [await start(services, f"user{n}") for n in range(5)]
    for each in (silent, paused):
        await read(services, each)
    pass_time(database, valkey, 91 * SECOND)
    await read(services, heard)
    await services.room.pause(paused, WHY, at=LATER)
    await services.sessions.complete(ended, at=LATER)
    assert (await view(services)).totals.silent == 1
    # `never` has had as long to be heard.
    assert (await view(services, at=START + 91 * SECOND)).totals.silent == 2
    assert never is not None


async def test_nobody_is_silent_before_the_common_start(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    common = START + 200 * SECOND
    await put_quiz(services, opens_at=from_micros(START), admission_seconds=200, common_start=True)
    await read(services, await start(services))
    pass_time(database, valkey, 91 * SECOND)
    assert (await view(services, at=common - 1)).totals.silent == 0
    assert (await view(services, at=common)).totals.silent == 1


async def test_keys_that_make_no_sense_hide_one_session_alone(
    services: Services, valkey: redis.Redis
) -> None:
    mine, other = await start(services), await start(services, "user2", at=START + 1)
    valkey.set(seen_key(mine), "x")
    await commit(services, mine)
    await read(services, mine)
    await commit(services, other)
    shown = await view(services)
    assert shown.presence
    assert [row.last_seen_at is not None for row in shown.rows] == [False, True]


# What has changed


async def changes(services: Services, after: str, **more: Any) -> list[UUID]:
    return [row.session_id for row in (await view(services, after, **more)).rows]


async def test_without_a_change_nothing_is_shown_again(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await read(services, session_id)
    pass_time(database, valkey)
    after = (await view(services)).after
    shown = await view(services, after)
    assert (shown.rows, shown.totals.open, shown.next) == ([], 1, None)


async def test_what_may_have_been_under_way_is_shown_again(services: Services) -> None:
    session_id = await start(services)
    assert await changes(services, (await view(services)).after) == [session_id]


@pytest.fixture
def unchanged(services: Services, database: Database, valkey: redis.Redis) -> Any:
    """Starts two attempts, and gives the first one and a cursor for which nothing has changed."""

    async def prepare() -> tuple[UUID, str]:
        session_id = await start(services)
        await start(services, "user2", at=START + 1)
        await read(services, session_id)
        pass_time(database, valkey)
        return session_id, (await view(services)).after

    return prepare


async def a_commit(services: Services, session_id: UUID) -> None:
    await commit(services, session_id, "tab1")


async def an_autosave(services: Services, session_id: UUID) -> None:
    await services.sessions.update_answer(session_id, 0, "A", autosave=True, client_id="tab1", at=LATER)


async def a_pause(services: Services, session_id: UUID) -> None:
    await services.room.pause(session_id, WHY, at=LATER)


async def an_extension(services: Services, session_id: UUID) -> None:
    await extend(services, session_id, 60)


async def a_hand_in(services: Services, session_id: UUID) -> None:
    await services.sessions.complete(session_id, at=LATER)


async def a_device(services: Services, session_id: UUID) -> None:
    await read(services, session_id, client="tab2")


async def a_sign_of_life(services: Services, session_id: UUID) -> None:
    await read(services, session_id)


@pytest.mark.parametrize(
    "change", [a_commit, an_autosave, a_pause, an_extension, a_hand_in, a_device, a_sign_of_life]
)
async def test_a_change_is_shown_and_no_other_attempt(
    services: Services, unchanged: Any, change: Any
) -> None:
    session_id, after = await unchanged()
    await change(services, session_id)
    assert await changes(services, after) == [session_id]


async def test_a_sign_of_life_alone_is_no_change_for_a_while(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await read(services, session_id)
    pass_time(database, valkey, 8 * SECOND)
    after = (await view(services)).after
    await read(services, session_id)
    assert await changes(services, after) == []


async def test_a_new_device_is_a_change_at_once(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await read(services, session_id)
    pass_time(database, valkey, 8 * SECOND)
    after = (await view(services)).after
    await read(services, session_id, client="tab2")
    assert await changes(services, after) == [session_id]


async def test_a_draft_more_is_a_change_at_once(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await an_autosave(services, session_id)
    pass_time(database, valkey, 8 * SECOND)
    after = (await view(services)).after
    await an_autosave(services, session_id)
    assert await changes(services, after) == []
    await services.sessions.update_answer(session_id, 1, "B", autosave=True, client_id="tab1", at=LATER)
    assert await changes(services, after) == [session_id]


async def test_an_attempt_that_was_reopened_is_shown(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    pass_time(database, valkey)
    after = (await view(services)).after
    assert await changes(services, after) == []
    await reopen(services, session_id, 600)
    assert await changes(services, after) == [session_id]


async def test_time_that_runs_out_is_a_change(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    now = current_micros()
    session_id = await start(services, at=now - 1800 * SECOND + 2 * SECOND)
    pass_time(database, valkey)
    after = (await view(services, at=now)).after
    assert await changes(services, after, at=now) == []
    assert await changes(services, after, at=now + 3 * SECOND) == [session_id]


# Pages


async def all_pages(services: Services, limit: int, **more: Any) -> list[LiveView]:
    pages = [await view(services, limit=limit, **more)]
    while (following := pages[-1].next) is not None:
        pages.append(await view(services, following, limit=limit))
    return pages


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5])])
async def test_pages_hold_each_attempt_once(services: Services, limit: int, sizes: list[int]) -> None:
    ids = [await start(services, f"user{n}") for n in range(5)]
    await services.sessions.complete(ids[1], at=LATER)
    pages = await all_pages(services, limit)
    assert [len(page.rows) for page in pages] == sizes
    assert sorted(row.session_id for page in pages for row in page.rows) == sorted(ids)
    assert {page.totals.open for page in pages} == {4}
    assert len({page.after for page in pages}) == 1


async def test_changes_come_in_pages_too(services: Services, database: Database, valkey: redis.Redis) -> None:
    ids = [await start(services, f"user{n}", at=START + n) for n in range(5)]
    pass_time(database, valkey)
    after = (await view(services)).after
    for each in ids[1:4]:
        await commit(services, each)
    pages = await all_pages(services, 2, after=after)
    assert [row.session_id for page in pages for row in page.rows] == ids[1:4]


async def test_what_changes_while_pages_are_turned_is_in_the_next_view(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    ids = [await start(services, f"user{n}", at=START + n) for n in range(3)]
    pass_time(database, valkey)
    first = await view(services, limit=2)
    await commit(services, ids[0])
    assert first.next is not None
    last = await view(services, first.next, limit=2)
    assert [row.session_id for row in last.rows] == [ids[2]]
    assert await changes(services, last.after) == [ids[0]]


@pytest.mark.parametrize("limit", [0, MAX_ROWS + 1])
async def test_a_limit_out_of_range_is_refused(services: Services, limit: int) -> None:
    with pytest.raises(InvalidInputError):
        await view(services, limit=limit)


async def test_the_largest_limit_is_taken(services: Services) -> None:
    assert (await view(services, limit=MAX_ROWS)).rows == []


@pytest.mark.parametrize(
    "after", ["x", "MCA", "", "MC0x", "ü", "LTEgMA", "MCAwIDAgMCAwIDAgMCAwIDAgMCAw", "MCAw" * 60]
)
async def test_another_cursor_is_refused(client: httpx.AsyncClient, after: str) -> None:
    reply = await client.get("/quizzes/quiz1/live", params={"after": after})
    assert (reply.status_code, reply.json()["errors"][0]["location"]) == (422, "query.after")


TOTALS = LiveTotals(
    open=123_456, paused=123_456, completed=123_456, expired=123_456, abandoned=123_456, silent=123_456
)


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(),
        Cursor(Moment(1, 2)),
        Cursor(Moment(1, 2), Moment(3, 4), (from_micros(START), uuid4()), replace(TOTALS, silent=None)),
        Cursor(
            Moment(10**16 - 1, 10**16 - 1),
            Moment(10**16 - 1, 10**16 - 1),
            (from_micros(10**16 - 1), UUID(int=2**128 - 1)),
            TOTALS,
        ),
    ],
)
def test_a_cursor_is_read_as_it_was_written(cursor: Cursor) -> None:
    assert Cursor.parse(str(cursor)) == cursor
    assert len(str(cursor)) <= 300


# Over HTTP


async def test_the_same_is_not_sent_twice(
    services: Services, client: httpx.AsyncClient, database: Database, valkey: redis.Redis
) -> None:
    now = current_micros()
    session_id = await start(services, at=now - 10 * SECOND)
    pass_time(database, valkey)
    first = await client.get("/quizzes/quiz1/live")
    same = {"If-None-Match": first.headers["ETag"]}
    again = await client.get("/quizzes/quiz1/live", headers=same)
    assert (again.status_code, again.content) == (304, b"")
    await commit(services, session_id, at=now)
    assert (await client.get("/quizzes/quiz1/live", headers=same)).status_code == 200


async def test_time_that_passes_changes_no_tag(services: Services) -> None:
    await start(services)
    one, other = await view(services), await view(services, at=LATER + 60 * SECOND)
    assert one.rows[0].time_remaining != other.rows[0].time_remaining
    assert one.etag == other.etag


async def test_silence_changes_the_tag(services: Services) -> None:
    await start(services)
    assert (await view(services)).etag != (await view(services, at=START + 91 * SECOND)).etag


async def test_head_is_answered_as_get(client: httpx.AsyncClient) -> None:
    reply = await client.head("/quizzes/quiz1/live")
    assert (reply.status_code, reply.content) == (200, b"")


async def test_a_reply_has_rows_totals_and_cursors(services: Services, client: httpx.AsyncClient) -> None:
    session_id = await start(services, at=None)
    reply = (await client.get("/quizzes/quiz1/live")).json()
    assert reply.keys() == {"rows", "totals", "presence", "server_time", "after", "next"}
    assert reply["rows"][0]["session_id"] == str(session_id)
    assert reply["totals"] == {
        "open": 1,
        "paused": 0,
        "completed": 0,
        "expired": 0,
        "abandoned": 0,
        "silent": 0,
    }


@pytest.mark.parametrize(
    ("scope", "status"),
    [("", 403), ("quizzes:write", 403), ("sessions:proctor", 200), ("sessions:grade", 200)],
)
async def test_only_staff_watches(services: Services, scope: str, status: int) -> None:
    async with api_of(services, jwt=True) as api:
        api.be("somebody", scope)
        assert (await api("GET", "/quizzes/quiz1/live")).status_code == status


async def test_staff_are_not_told_the_incidents_of_their_own_attempt(services: Services) -> None:
    await start(services, "teacher")
    await start(services, "user1", at=START + 1)
    async with api_of(services, jwt=True) as api:
        api.be("teacher", STAFF)
        rows = (await api("GET", "/quizzes/quiz1/live", at=LATER)).json()["rows"]
    assert [row["incidents"] for row in rows] == [None, 0]


# Without a store


async def test_without_valkey_the_view_shows_what_postgresql_knows(
    stores: Stores, services: Services
) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    async with services_on(Stores(stores.database_url, "redis://127.0.0.1:1")) as away:
        shown = await view(away)
    row = shown.rows[0]
    assert (row.status, row.last_seen_at, row.devices, row.buffered) == (Status.STARTED, None, None, None)
    assert (shown.presence, shown.totals.silent, shown.totals.open) == (False, None, 1)


async def test_who_followed_while_valkey_was_away_is_shown_what_was_missed(
    stores: Stores, services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    pass_time(database, valkey)
    before = (await view(services)).after
    await read(services, session_id)
    async with services_on(Stores(stores.database_url, "redis://127.0.0.1:1")) as away:
        missed = await view(away, before)
    assert missed.rows == []
    assert await changes(services, missed.after) == [session_id]


async def test_without_postgresql_there_is_no_view(stores: Stores) -> None:
    async with services_on(Stores("postgresql://127.0.0.1:1/none", stores.redis_url)) as away:
        with pytest.raises(DatabaseUnavailableError):
            await view(away)


async def test_a_valkey_without_room_changes_nothing_for_a_request(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await commit(services, session_id)
    valkey.delete(seen_key(session_id))
    valkey.config_set("maxmemory-policy", "noeviction")
    valkey.config_set("maxmemory", 1)
    try:
        cached = await services.stores.valkey.read(session_id, heard=Heard("0123456789ab"))
        await read(services, session_id)
        shown = await view(services)
    finally:
        valkey.config_set("maxmemory", 0)
        valkey.config_set("maxmemory-policy", "volatile-ttl")
    assert cached.attempt is not None
    assert seen(valkey, session_id) == {}
    assert (shown.presence, shown.rows[0].last_seen_at) == (True, None)
