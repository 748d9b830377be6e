"""One session has one status, wherever it is shown, also while its answers are drafts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.services.audit import MAX_ROUNDS
from quiz_sessions.stores.audit import AuditStore, Filters, Listed
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.service import autosave, flush_at, put_quiz, rebuilt, services_on, start
from tests.harness.stores import Stores

Look = Callable[[Api, str], Awaitable[dict[str, Any]]]


async def by_id(api: Api, session_id: str) -> dict[str, Any]:
    return dict((await api("GET", f"/sessions/{session_id}")).json())


async def deadline(api: Api, session_id: str) -> dict[str, Any]:
    return dict((await api("GET", f"/sessions/{session_id}/deadline")).json())


async def at_its_version(api: Api, session_id: str) -> dict[str, Any]:
    return dict((await api("GET", f"/sessions/{session_id}?at_version=0")).json())


async def started_again(api: Api, session_id: str) -> dict[str, Any]:
    again = await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"}, key="k")
    assert (again.status_code, again.json()["id"]) == (200, session_id)
    return dict(again.json())


async def current(api: Api, session_id: str) -> dict[str, Any]:
    return dict((await api("GET", "/sessions/current?user_id=user1&quiz_id=quiz1")).json())


def listed(query: str) -> Look:
    async def look(api: Api, session_id: str) -> dict[str, Any]:
        (found,) = (await api("GET", f"/sessions?{query}")).json()["sessions"]
        return dict(found)

    return look


EVERYWHERE: dict[str, Look] = {
    "by its id": by_id,
    "its deadline": deadline,
    "at its version": at_its_version,
    "a start sent again": started_again,
    "a list of its user": listed("user_id=user1"),
    "a list of its quiz": listed("quiz_id=quiz1"),
}
WHILE_OPEN: dict[str, Look] = {
    "the current one": current,
    "a list of what is open": listed("user_id=user1&status=open"),
}


async def begin(api: Api) -> str:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    return str((await api("POST", "/sessions/start", body, at=START, key="k")).json()["id"])


async def save(api: Api, session_id: str, at: Micros = LATER) -> None:
    body = {"question_id": "essay", "answer": "A draft", "autosave": True}
    reply = await api("PATCH", f"/sessions/{session_id}/progress", body, at=at)
    assert reply.json()["durability"] == "buffered"


@pytest.mark.parametrize("where", EVERYWHERE | WHILE_OPEN)
async def test_an_autosave_puts_a_session_in_progress_everywhere(api: Api, where: str) -> None:
    session_id = await begin(api)
    look = (EVERYWHERE | WHILE_OPEN)[where]
    assert (await look(api, session_id))["status"] == "started"
    await save(api, session_id)
    assert (await look(api, session_id))["status"] == "in_progress"


@pytest.mark.parametrize("where", EVERYWHERE)
async def test_an_autosaved_session_whose_time_is_over_is_expired_everywhere(api: Api, where: str) -> None:
    session_id = await begin(api)
    await save(api, session_id)
    api.gateway.at = END + 1000
    assert (await EVERYWHERE[where](api, session_id))["status"] == "expired"


@pytest.mark.parametrize("where", ["by its id", "a list of its user", "at its version"])
@pytest.mark.parametrize("late", [5 * SECOND, 31 * SECOND], ids=["in the grace", "after it"])
async def test_an_autosave_in_the_grace_is_late_everywhere(
    services: Services, api: Api, where: str, late: Micros
) -> None:
    await put_quiz(services, grace_seconds=30)
    session_id = await begin(api)
    await save(api, session_id, at=END + 2 * SECOND)
    api.gateway.at = END + late
    assert (await EVERYWHERE[where](api, session_id))["late_ms"] == 2000


async def test_where_the_student_is_alone_puts_no_session_in_progress(services: Services) -> None:
    session_id = await start(services)
    await services.stores.valkey.put_drafts(session_id, Drafts(current_question=Draft(3, LATER)))
    (shown,) = (await services.audit.find(user_id="user1", at=LATER)).sessions
    told = await services.sessions.get_deadline(session_id, at=LATER)
    read = await services.sessions.get_session(session_id, at=LATER)
    assert {shown.status, told.status, read.status} == {Status.STARTED}


async def test_a_list_holds_no_drafts(services: Services) -> None:
    await autosave(services, await start(services), "a secret thought")
    (shown,) = (await services.audit.find(user_id="user1", at=LATER)).sessions
    assert shown.answers == {}


# Lists of a status


async def found(services: Services, status: Status, limit: int = 50) -> list[list[UUID]]:
    """The ids on each page."""
    pages: list[list[UUID]] = []
    cursor = None
    while not pages or cursor is not None:
        page = await services.audit.find(
            quiz_id="quiz1", statuses=[status], limit=limit, cursor=cursor, at=LATER
        )
        pages.append([session.id for session in page.sessions])
        cursor = page.next_cursor
    return pages


async def test_a_list_of_a_status_holds_those_that_are_shown_with_it(services: Services) -> None:
    started, saved, answered = [await start(services, at=START + i) for i in range(3)]
    await autosave(services, saved, "A")
    await services.sessions.update_answer(answered, 0, "A", at=LATER)
    assert await found(services, Status.STARTED) == [[started]]
    assert await found(services, Status.IN_PROGRESS) == [[answered, saved]]


@pytest.mark.parametrize("status", [Status.STARTED, Status.IN_PROGRESS])
async def test_pages_of_a_status_are_full_whatever_lies_between(services: Services, status: Status) -> None:
    ids = [await start(services, at=START + i) for i in range(8)]
    for each in ids[1::2]:
        await autosave(services, each, "A")
    wanted = ids[0::2] if status is Status.STARTED else ids[1::2]
    pages = await found(services, status, limit=2)
    assert pages == [wanted[:1:-1], wanted[1::-1]]


async def test_a_page_reads_so_many_rows_and_the_next_one_goes_on(services: Services) -> None:
    saved = await start(services, at=START)
    await autosave(services, saved, "A")
    for number in range(2 * MAX_ROUNDS + 1):
        await start(services, at=START + 1 + number)
    assert await found(services, Status.IN_PROGRESS, limit=1) == [[], [saved]]


class FlushedMeanwhile(AuditStore):
    """A flush takes the drafts over once the rows are read."""

    services: Services

    async def attempts(self, filters: Filters, **page: Any) -> list[Listed]:
        rows = await super().attempts(filters, **page)
        await flush_at(self.services)
        return rows


@pytest.mark.parametrize("status", [None, Status.STARTED, Status.IN_PROGRESS])
async def test_a_flush_between_row_and_drafts_hides_neither(
    services: Services, status: Status | None
) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    store = FlushedMeanwhile(services.stores.postgres)
    store.services = services
    slow = rebuilt(services, stores=replace(services.stores, audit=store), clock=lambda: LATER)
    page = await slow.audit.find(user_id="user1", statuses=[status] if status else [])
    assert [session.status for session in page.sessions] == (
        [] if status is Status.STARTED else [Status.IN_PROGRESS]
    )


async def test_without_valkey_a_list_goes_by_the_rows_and_that_is_counted(
    services: Services, stores: Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    async with services_on(stores, redis_url="redis://127.0.0.1:1") as alone:
        assert await found(alone, Status.STARTED) == [[session_id]]
        assert (await alone.audit.at_version(session_id, 0, at=LATER)).status is Status.STARTED
    assert '"ErrorsSurvived":[1.0]' in capsys.readouterr().out.replace(" ", "")


async def test_a_draft_that_cannot_be_read_changes_no_list(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    valkey.hset(f"{{session:{session_id}}}:drafts", "q:0", "nonsense")
    assert await found(services, Status.STARTED) == [[session_id]]
