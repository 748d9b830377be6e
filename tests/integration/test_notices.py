"""Notices: what students are told while they write, who has read it, and that it is kept."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Staff
from quiz_sessions.domain.errors import (
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    NoticeNotFoundError,
    SessionClosedError,
    SessionNotFoundError,
    SessionStateError,
)
from quiz_sessions.domain.notices import Notice
from quiz_sessions.domain.outcomes import CohortAction, Counted
from quiz_sessions.domain.timestamps import Micros, from_micros
from quiz_sessions.services.notices import MAX_MESSAGES, MAX_TEXT_CHARACTERS
from quiz_sessions.services.pages import MAX_PAGE
from quiz_sessions.services.staff_actions import MAX_NAMED
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, api_of
from tests.harness.locks import row_held
from tests.harness.proxy import Loss, Proxy
from tests.harness.service import put_quiz, services_on, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row
from tests.integration.staff import WHY, extend, extend_all, give, reopen

TEXT = "In question 3 it must read 5 N."


async def notify(
    services: Services, session_id: UUID, text: str = TEXT, at: Micros = LATER, key: str | None = None
) -> Notice:
    return await services.notices.notify(session_id, text, idempotency_key=key, by="teacher", at=at)


async def notify_all(
    services: Services,
    text: str = TEXT,
    at: Micros = LATER,
    key: str | None = None,
    only: list[UUID] | None = None,
) -> CohortAction:
    return await services.notices.notify_quiz(
        "quiz1", text, session_ids=only, idempotency_key=key, by="teacher", at=at
    )


async def listed(services: Services, session_id: UUID, at: Micros = LATER) -> list[Notice]:
    return (await services.notices.notices(session_id, at=at)).notices


async def kinds(services: Services, session_id: UUID) -> list[str]:
    return [notice.kind for notice in await listed(services, session_id)]


async def unread(services: Services, session_id: UUID, at: Micros = LATER) -> int:
    """As a student is told, which has to be as the row has it and as the audit log says."""
    told = (await services.sessions.get_session(session_id, at=at)).unread_notices
    (attempt,) = await services.stores.attempts.get([session_id])
    assert told == attempt.unread_notices
    assert (await services.audit.verify(session_id)).intact
    return told


# Messages


async def test_a_message_is_there_and_unread_until_it_is_acknowledged(services: Services) -> None:
    session_id = await start(services)
    written = await notify(services, session_id)
    assert await listed(services, session_id) == [written]
    assert (written.kind, written.text, written.read_at) == ("message", TEXT, None)
    assert await unread(services, session_id) == 1
    await services.notices.read(session_id, written.id, at=LATER + SECOND)
    (shown,) = await listed(services, session_id)
    assert shown.read_at == from_micros(LATER + SECOND)
    assert await unread(services, session_id) == 0


async def test_a_message_moves_the_entity_tag_and_no_version(services: Services) -> None:
    session_id = await start(services)
    before = await services.sessions.get_session(session_id, at=LATER)
    notice = await notify(services, session_id)
    after = await services.sessions.get_session(session_id, at=LATER)
    await services.notices.read(session_id, notice.id, at=LATER)
    read = await services.sessions.get_session(session_id, at=LATER)
    assert (before.version, after.version, read.version) == (0, 0, 0)
    assert len({str(each.etag) for each in (before, after, read)}) == 3


async def test_a_message_sent_again_with_its_key_is_one_and_the_same(services: Services) -> None:
    session_id = await start(services)
    first = await notify(services, session_id, key="k")
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    assert await notify(services, session_id, at=LATER + SECOND, key="k") == first
    assert await listed(services, session_id) == [first]
    with pytest.raises(IdempotencyKeyReusedError):
        await notify(services, session_id, "another", key="k")


async def test_messages_that_are_sent_at_once_with_a_key_are_one(services: Services) -> None:
    session_id = await start(services)
    sent = await asyncio.gather(*(notify(services, session_id, key="k") for _ in range(5)))
    assert await listed(services, session_id) == [sent[0]]
    assert sent == [sent[0]] * 5
    assert await unread(services, session_id) == 1


@pytest.mark.parametrize("loss", Loss)
async def test_a_message_whose_reply_was_lost_is_written_once(
    by_proxy: Services, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(by_proxy)
    proxy.lose(b"notify_attempt", loss)
    written = await notify(by_proxy, session_id)
    assert proxy.rules == []
    assert await listed(by_proxy, session_id) == [written]


async def test_who_has_ended_is_not_written_to(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    with pytest.raises(SessionClosedError):
        await notify(services, session_id)
    overdue = await start(services, "user2")
    with pytest.raises(SessionStateError):
        await notify(services, overdue, at=END + SECOND)
    with pytest.raises(SessionNotFoundError):
        await notify(services, uuid4())


async def test_a_message_can_be_read_after_the_end(services: Services) -> None:
    session_id = await start(services)
    notice = await notify(services, session_id)
    await services.sessions.complete(session_id, at=LATER)
    assert await unread(services, session_id) == 1
    await services.notices.read(session_id, notice.id, at=END + SECOND)
    assert await unread(services, session_id, at=END + SECOND) == 0


@pytest.mark.parametrize("text", ["x", "x" * MAX_TEXT_CHARACTERS, "🔥" * MAX_TEXT_CHARACTERS, "火\n\n!"])
async def test_a_text_that_is_allowed_is_kept_as_it_is(services: Services, text: str) -> None:
    session_id = await start(services)
    await notify(services, session_id, text)
    assert [notice.text for notice in await listed(services, session_id)] == [text]


@pytest.mark.parametrize("text", ["", "x" * (MAX_TEXT_CHARACTERS + 1), "a\x00", "\ud800", " \n", "\u200b"])
async def test_a_text_that_is_not_allowed_is_written_to_nobody(
    services: Services, database: Database, text: str
) -> None:
    session_id = await start(services)
    before = contents(database)
    with pytest.raises(InvalidInputError, match="text"):
        await notify(services, session_id, text)
    with pytest.raises(InvalidInputError, match="text"):
        await notify_all(services, text)
    assert contents(database) == before


# To a room


async def test_a_message_to_a_quiz_reaches_all_who_are_taking_it(services: Services) -> None:
    session_ids = [await start(services, f"user{number}") for number in range(3)]
    elsewhere = await start(services, quiz="quiz2")
    await services.sessions.complete(session_ids[0], at=LATER)
    notified = await notify_all(services)
    assert sorted(notified.changed) == sorted(session_ids[1:])
    assert notified.unchanged == {"completed": Counted(1, session_ids[:1])}
    for session_id, number in zip([*session_ids, elsewhere], (0, 1, 1, 0), strict=True):
        assert await unread(services, session_id) == number


async def test_a_message_to_some_reaches_these_alone(services: Services) -> None:
    one, other = await start(services), await start(services, "user2")
    unknown = uuid4()
    notified = await notify_all(services, only=[one, unknown])
    assert notified == CohortAction([one], {"not found": Counted(1, [unknown])})
    assert (await unread(services, one), await unread(services, other)) == (1, 0)


async def test_who_is_overdue_is_not_written_to(services: Services) -> None:
    session_id = await start(services)
    assert (await notify_all(services, at=END + SECOND)).unchanged == {"expired": Counted(1, [session_id])}


async def test_a_message_to_a_quiz_sent_again_reaches_only_who_has_started_since(services: Services) -> None:
    first = await start(services)
    await notify_all(services, key="k")
    second = await start(services, "user2", at=LATER)
    again = await notify_all(services, at=LATER + SECOND, key="k")
    assert again == CohortAction([second], {"notified already": Counted(1, [first])})
    assert (await unread(services, first), await unread(services, second)) == (1, 1)
    with pytest.raises(IdempotencyKeyReusedError):
        await notify_all(services, "another", key="k")
    with pytest.raises(IdempotencyKeyReusedError):
        await notify_all(services, key="k", only=[first])


@pytest.mark.parametrize("loss", Loss)
async def test_a_message_to_a_quiz_whose_reply_was_lost_is_told_as_written(
    by_proxy: Services, proxy: Proxy, loss: Loss
) -> None:
    session_ids = [await start(by_proxy, f"user{number}") for number in range(3)]
    proxy.lose(b"notify_quiz", loss)
    notified = await notify_all(by_proxy)
    assert proxy.rules == []
    assert (sorted(notified.changed), notified.unchanged) == (sorted(session_ids), {})
    for session_id in session_ids:
        assert await unread(by_proxy, session_id) == 1


@pytest.mark.parametrize("number", [0, MAX_NAMED + 1])
async def test_a_message_names_no_session_or_too_many(services: Services, number: int) -> None:
    with pytest.raises(InvalidInputError, match="session_ids"):
        await notify_all(services, only=[uuid4() for _ in range(number)])
    known = await notify_all(services, only=[uuid4() for _ in range(MAX_NAMED)])
    assert known.unchanged["not found"].number == MAX_NAMED


async def test_what_is_written_is_an_action_of_staff_without_its_text(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    notice = await notify(services, session_id, key="k")
    await notify_all(services)
    one, all_ = (await services.administration.actions()).actions
    assert (one.action, one.session_id, one.revision, one.by, one.key) == (
        "notify",
        session_id,
        notice.id,
        "teacher",
        "k",
    )
    assert (all_.action, all_.quiz_id, (all_.after or {})["notified"]) == ("notify-quiz", "quiz1", 1)
    assert TEXT not in str(database.execute("SELECT * FROM staff_actions").fetchall())


async def test_of_a_message_to_a_quiz_it_is_told_how_many_have_read_it(services: Services) -> None:
    session_ids = [await start(services, f"user{number}") for number in range(3)]
    await notify_all(services, key="k")
    session_ids.append(await start(services, "user3", at=LATER))
    await notify_all(services, at=LATER + SECOND, key="k")
    await notify_all(services, "To two", only=session_ids[:2])
    await notify(services, session_ids[0], "To one")
    for session_id in session_ids[:2]:
        first = (await listed(services, session_id))[0]
        await services.notices.read(session_id, first.id, at=LATER)
    page = await services.notices.quiz_notices("quiz1")
    assert [(each.text, each.by, each.notified, each.read) for each in page.notices] == [
        (TEXT, "teacher", 4, 2),
        ("To two", "teacher", 2, 0),
    ]
    assert page.notices[0].at == from_micros(LATER)
    assert (await services.notices.quiz_notices("quiz2")).notices == []


async def test_messages_to_a_quiz_come_in_pages(services: Services) -> None:
    await start(services)
    for number in range(3):
        await notify_all(services, f"{number}")
    first = await services.notices.quiz_notices("quiz1", limit=2)
    assert first.next_after is not None
    rest = await services.notices.quiz_notices("quiz1", after=first.next_after, limit=2)
    assert [[each.text for each in page.notices] for page in (first, rest)] == [["0", "1"], ["2"]]
    assert rest.next_after is None
    for limit in (0, MAX_MESSAGES + 1):
        with pytest.raises(InvalidInputError, match="limit"):
            await services.notices.quiz_notices("quiz1", limit=limit)


# Notices by themselves


async def test_a_deadline_that_moves_is_a_notice(services: Services) -> None:
    session_id = await start(services)
    moved = await extend(services, session_id, 600)
    (notice,) = await listed(services, session_id)
    assert (notice.kind, notice.text, notice.expires_at) == ("deadline", None, moved.expires_at)
    assert moved.unread_notices == await unread(services, session_id) == 1


async def test_each_deadline_that_an_extension_of_the_quiz_moves_is_a_notice(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(START + 1800 * SECOND))
    session_id = await start(services)
    await extend_all(services, 600)
    # The quiz closes first: the extension is recorded, and nothing moves.
    assert (events_of := await kinds(services, session_id)) == []
    await extend_all(services, -1200)
    assert await kinds(services, session_id) == [*events_of, "deadline"]
    assert await unread(services, session_id) == 1


async def test_new_rules_and_extra_time_are_notices_where_they_move_the_deadline(services: Services) -> None:
    await put_quiz(services, time_limit_seconds=1800)
    session_id = await start(services)
    await put_quiz(services, at=LATER, time_limit_seconds=1800, grace_seconds=60)
    assert await unread(services, session_id) == 0
    await put_quiz(services, at=LATER, time_limit_seconds=2400, grace_seconds=60)
    await give(services, 60)
    assert await kinds(services, session_id) == ["deadline", "deadline"]
    assert await unread(services, session_id) == 2


async def test_a_session_that_is_opened_again_has_a_notice(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    opened = await reopen(services, session_id, 600)
    assert opened.unread_notices == 1
    assert await kinds(services, session_id) == ["deadline"]
    assert await unread(services, session_id, at=END + SECOND) == 1


async def test_a_clock_that_is_stopped_and_runs_again_is_two_notices(services: Services) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await services.room.pause(session_id, WHY, by="teacher", at=LATER)
    resumed = await services.room.resume(session_id, WHY, by="teacher", at=LATER + 60 * SECOND)
    stopped, goes_on = await listed(services, session_id)
    assert (stopped.kind, stopped.expires_at, stopped.pause_seconds) == ("pause", None, None)
    assert (goes_on.kind, goes_on.expires_at, goes_on.pause_seconds) == ("resume", resumed.expires_at, 60)
    assert await unread(services, session_id) == 2


async def test_a_second_reason_for_a_clock_to_stand_is_no_notice(services: Services) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await services.room.pause(session_id, WHY, at=LATER)
    await services.room.pause_quiz("quiz1", WHY, at=LATER + SECOND)
    assert await kinds(services, session_id) == ["pause"]
    await services.room.resume(session_id, WHY, at=LATER + 2 * SECOND)
    assert await kinds(services, session_id) == ["pause"]
    await services.room.resume_quiz("quiz1", WHY, at=LATER + 3 * SECOND)
    assert await kinds(services, session_id) == ["pause", "resume"]
    assert await unread(services, session_id) == 2


async def test_what_is_no_notice_is_not_listed(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await services.sessions.complete(session_id, at=LATER)
    assert await listed(services, session_id) == []


# Reading


async def test_a_notice_is_read_once(services: Services, database: Database) -> None:
    session_id = await start(services)
    first, second = await notify(services, session_id), await notify(services, session_id)
    for at in (LATER + SECOND, LATER + 2 * SECOND):
        await services.notices.read(session_id, first.id, at=at)
    assert await unread(services, session_id) == 1
    assert [notice.read_at for notice in await listed(services, session_id)] == [
        from_micros(LATER + SECOND),
        None,
    ]
    assert changes(database, session_id, "notice_read") == [
        {"write_id": f"read:{first.id}", "notice": first.id, "unread_notices": 1}
    ]
    assert second.id > first.id


async def test_a_notice_that_is_read_twice_at_once_is_read_once(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    notice = await notify(services, session_id)
    await notify(services, session_id)
    with row_held(stores, session_id) as held:
        reading = [await held.behind(services.notices.read(session_id, notice.id, at=LATER)) for _ in "ab"]
        held.release()
        await asyncio.gather(*reading)
    assert await unread(services, session_id) == 1
    assert events(database, session_id).count("notice_read") == 1


@pytest.mark.parametrize("loss", Loss)
async def test_a_reading_whose_reply_was_lost_counts_once(
    by_proxy: Services, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(by_proxy)
    notice = await notify(by_proxy, session_id)
    await notify(by_proxy, session_id)
    proxy.lose(b"read_notice", loss)
    await by_proxy.notices.read(session_id, notice.id, at=LATER)
    assert proxy.rules == []
    assert await unread(by_proxy, session_id) == 1


@pytest.mark.parametrize("which", ["the start", "an answer", "a reading", "none"])
async def test_what_is_no_notice_is_not_read(services: Services, database: Database, which: str) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    notice = await notify(services, session_id)
    await services.notices.read(session_id, notice.id, at=LATER)
    before = row(database, session_id)
    number = {"the start": 0, "an answer": 1, "a reading": notice.id + 1, "none": 99}[which]
    with pytest.raises(NoticeNotFoundError):
        await services.notices.read(session_id, number, at=LATER)
    assert row(database, session_id) == before


@pytest.mark.parametrize("number", [-1, 2**31])
async def test_a_number_that_no_notice_can_have_is_refused(services: Services, number: int) -> None:
    session_id = await start(services)
    with pytest.raises(InvalidInputError, match="notice"):
        await services.notices.read(session_id, number, at=LATER)


async def test_the_key_of_a_write_does_not_stand_in_the_way_of_a_reading(services: Services) -> None:
    session_id = await start(services)
    key = "read:2"
    await services.sessions.update_answer(session_id, 0, "A", idempotency_key=key, at=LATER)
    notice = await notify(services, session_id, key=key)
    assert notice.id == 2
    await services.notices.read(session_id, notice.id, at=LATER)
    assert await unread(services, session_id) == 0


async def test_messages_answers_and_readings_at_once_lose_nothing(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    notices = [await notify(services, session_id) for _ in range(5)]
    await asyncio.gather(
        *(notify(services, session_id, f"{number}") for number in range(5)),
        *(services.notices.read(session_id, notice.id, at=LATER) for notice in notices),
        *(services.sessions.update_answers(session_id, {f"{n}": n}, at=LATER) for n in range(5)),
        *(services.sessions.update_answers(session_id, {f"d{n}": n}, autosave=True, at=LATER) for n in "ab"),
        extend(services, session_id, 60),
    )
    assert await unread(services, session_id) == 6
    session = await services.sessions.get_session(session_id, at=LATER)
    assert len(session.answers) == 7
    assert row(database, session_id)["version"] == 5


# Who


async def test_only_the_one_whom_it_is_for_reads_a_notice(services: Services) -> None:
    session_id = await start(services)
    notice = await notify(services, session_id)
    with pytest.raises(SessionNotFoundError):
        await services.notices.read(session_id, notice.id, owner="user2", at=LATER)
    with pytest.raises(ForbiddenError):
        await services.notices.read(session_id, notice.id, owner=Staff("teacher"), at=LATER)
    with pytest.raises(SessionNotFoundError):
        await services.notices.read(uuid4(), notice.id, owner=Staff("teacher"), at=LATER)
    assert await unread(services, session_id) == 1
    await services.notices.read(session_id, notice.id, owner="user1", at=LATER)
    assert await unread(services, session_id) == 0


async def test_staff_acknowledge_the_notices_of_a_session_of_their_own(services: Services) -> None:
    session_id = await start(services, "teacher")
    notice = await notify(services, session_id)
    await services.notices.read(session_id, notice.id, owner=Staff("teacher"), at=LATER)
    assert await unread(services, session_id) == 0


async def test_a_student_sees_nothing_of_who_acted_and_why(services: Services) -> None:
    session_id = await start(services)
    async with api_of(services, jwt=True) as api:
        api.be("a-certain-teacher", STAFF)
        path = f"/sessions/{session_id}"
        secret = {"reason": "a-medical-reason"}
        for action, body in {
            "extend": {"seconds": 60, **secret},
            "pause": secret,
            "resume": secret,
            "notices": {"text": TEXT},
        }.items():
            assert (await api("POST", f"{path}/{action}", body, at=LATER)).is_success
        api.be("user1")
        reply = await api("GET", f"{path}/notices", at=LATER)
    assert [notice["kind"] for notice in reply.json()["notices"]] == [
        "deadline",
        "pause",
        "resume",
        "message",
    ]
    assert "a-certain-teacher" not in reply.text
    assert "a-medical-reason" not in reply.text


async def test_a_notice_from_its_writing_to_its_reading_over_http(services: Services) -> None:
    session_id = await start(services)
    path = f"/sessions/{session_id}"
    async with api_of(services, jwt=True) as api:
        api.be("teacher", "sessions:proctor")
        written = await api("POST", f"{path}/notices", {"text": TEXT}, at=LATER, key="k")
        assert written.status_code == 201, written.text
        notice = written.json()
        assert notice == {
            "id": 1,
            "kind": "message",
            "text": TEXT,
            "expires_at": None,
            "pause_seconds": None,
            "at": "2027-01-15T08:00:10Z",
            "read_at": None,
        }
        room = await api("POST", "/quizzes/quiz1/notices", {"text": TEXT}, at=LATER)
        assert (room.status_code, room.json()) == (200, {"notified": 1, "unchanged": []})
        api.be("user1")
        shown = await api("GET", path, at=LATER)
        assert shown.json()["unread_notices"] == 2
        for _ in range(2):
            reply = await api("POST", f"{path}/notices/{notice['id']}/read", at=LATER + SECOND)
            assert (reply.status_code, reply.content) == (204, b"")
        after = await api("GET", path, at=LATER)
        assert after.json()["unread_notices"] == 1
        assert after.headers["etag"] != shown.headers["etag"]
        absent = await api("POST", f"{path}/notices/9/read")
        assert (absent.status_code, absent.json()["code"]) == (404, "notice_not_found")
        api.be("teacher", "sessions:proctor")
        of_staff = (await api("GET", f"{path}/notices")).json()["notices"]
        assert [each["read_at"] for each in of_staff] == ["2027-01-15T08:00:11Z", None]
        for_another = await api("POST", f"{path}/notices/2/read")
        assert (for_another.status_code, for_another.json()["code"]) == (403, "forbidden")


# Pages, the past and erasure


async def test_notices_come_in_pages(services: Services) -> None:
    session_id = await start(services)
    for number in range(5):
        await notify(services, session_id, f"{number}")
        await services.sessions.update_answer(session_id, 0, number, at=LATER)
    found: list[str | None] = []
    sizes = []
    after: int | None = -1
    while after is not None:
        page = await services.notices.notices(session_id, after=after, limit=2, at=LATER)
        found += [notice.text for notice in page.notices]
        sizes.append(len(page.notices))
        after = page.next_after
    assert (found, sizes) == (["0", "1", "2", "3", "4"], [2, 2, 1])
    assert (await services.notices.notices(session_id, limit=5, at=LATER)).next_after is None


@pytest.mark.parametrize("limit", [0, MAX_PAGE + 1])
async def test_a_page_that_is_too_small_or_too_large_is_refused(services: Services, limit: int) -> None:
    session_id = await start(services)
    with pytest.raises(InvalidInputError, match="limit"):
        await services.notices.notices(session_id, limit=limit, at=LATER)
    assert (await services.notices.notices(session_id, limit=MAX_PAGE, at=LATER)).notices == []


async def test_an_earlier_version_has_the_number_that_was_unread_then(services: Services) -> None:
    session_id = await start(services)
    notice = await notify(services, session_id)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await notify(services, session_id)
    await services.sessions.update_answer(session_id, 0, "B", at=LATER)
    for each in await listed(services, session_id):
        await services.notices.read(session_id, each.id, at=LATER)
    assert notice.id == 1
    versions = [await services.audit.at_version(session_id, version, at=LATER) for version in (0, 1, 2)]
    assert [session.unread_notices for session in versions] == [1, 2, 0]


async def test_verification_sees_a_count_that_was_tampered_with(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await notify(services, session_id)
    database.execute("UPDATE quiz_attempts SET unread_notices = 0")
    assert (await services.audit.verify(session_id)).differs == ["unread_notices"]


async def test_an_erasure_takes_notices_with_it_and_none_waits_to_be_read(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    notice = await notify(services, session_id)
    await services.sessions.complete(session_id, at=LATER)
    database.execute("SELECT erase_events(%s, 'dpo', 'as the student asked')", [session_id])
    assert await listed(services, session_id) == []
    assert row(database, session_id)["unread_notices"] == 0
    with pytest.raises(NoticeNotFoundError):
        await services.notices.read(session_id, notice.id, at=LATER)
    assert (await services.audit.verify(session_id)).intact
    assert TEXT not in str(contents(database))
    await reopen(services, session_id)
    assert await kinds(services, session_id) == ["deadline"]
    assert row(database, session_id)["unread_notices"] == 1


async def test_without_postgresql_nothing_is_written_and_nothing_read(stores: Stores) -> None:
    async with services_on(stores) as services:
        session_id = await start(services)
        notice = await notify(services, session_id)
    async with (
        services_on(stores, database_url="postgresql://quiz@127.0.0.1:1/quiz") as without,
        api_of(without) as api,
    ):
        path = f"/sessions/{session_id}/notices"
        replies = [
            await api("POST", path, {"text": TEXT}),
            await api("POST", "/quizzes/quiz1/notices", {"text": TEXT}),
            await api("POST", f"{path}/{notice.id}/read"),
            await api("GET", path),
        ]
    assert [reply.status_code for reply in replies] == [503] * 4
