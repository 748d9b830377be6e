"""Incidents: what clients report is kept up to a number, slows nobody else down, and is for staff."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Staff
from quiz_sessions.domain.errors import (
    ContentTooLargeError,
    ForbiddenError,
    InvalidInputError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    TooManyRequestsError,
)
from quiz_sessions.domain.incidents import (
    MAX_DETAIL_BYTES,
    MAX_INCIDENTS,
    ClientIncident,
    RecordedIncident,
    ServerIncident,
)
from quiz_sessions.domain.timestamps import Micros, from_micros
from quiz_sessions.services.pages import MAX_PAGE
from tests.harness.builders import END, LATER, SECOND
from tests.harness.gateway import STAFF, api_of
from tests.harness.proxy import Loss, Proxy
from tests.harness.service import put_quiz, services_on, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, contents, events, row
from tests.integration.staff import WHY

BURST = 5


@pytest.fixture
async def limited(stores: Stores) -> AsyncIterator[Services]:
    async with services_on(stores, jwt=True, writes_per_second=2, write_burst=BURST) as built:
        yield built


async def report(
    services: Services,
    session_id: UUID,
    kind: ClientIncident = "blur",
    detail: Any = None,
    at: Micros = LATER,
    owner: str | None = None,
) -> None:
    await services.incidents.report(session_id, kind, detail, owner=owner, at=at)


async def listed(services: Services, session_id: UUID) -> list[RecordedIncident]:
    return (await services.incidents.incidents(session_id)).incidents


async def number_of(services: Services, session_id: UUID) -> int:
    """As the row has it, which has to be as the cache has it and as the audit log says."""
    (attempt,) = await services.stores.attempts.get([session_id])
    cached = (await services.stores.valkey.read(session_id)).attempt
    assert cached is not None
    assert cached.incidents == attempt.incidents
    assert (await services.audit.verify(session_id)).intact
    return attempt.incidents


async def test_what_a_client_reports_is_counted_and_listed(services: Services) -> None:
    session_id = await start(services)
    await report(services, session_id, "blur", {"seconds": 12})
    await report(services, session_id, "offline", at=LATER + SECOND)
    assert await listed(services, session_id) == [
        RecordedIncident(id=1, type="blur", detail={"seconds": 12}, source="client", at=from_micros(LATER)),
        RecordedIncident(id=2, type="offline", detail=None, source="client", at=from_micros(LATER + SECOND)),
    ]
    assert await number_of(services, session_id) == 2


@pytest.mark.parametrize("kind", get_args(ClientIncident))
async def test_a_client_reports_each_of_these(services: Services, kind: ClientIncident) -> None:
    session_id = await start(services)
    async with api_of(services) as api:
        reply = await api("POST", f"/sessions/{session_id}/incidents", {"type": kind}, at=LATER)
    assert (reply.status_code, reply.content) == (204, b"")
    assert [incident.type for incident in await listed(services, session_id)] == [kind]


@pytest.mark.parametrize(
    "body", [{}, {"type": "yawn"}, {"type": "silent"}, {"type": 1}, {"type": "blur", "source": "server"}]
)
async def test_a_client_reports_nothing_else(
    services: Services, database: Database, body: dict[str, Any]
) -> None:
    session_id = await start(services)
    before = contents(database)
    async with api_of(services) as api:
        reply = await api("POST", f"/sessions/{session_id}/incidents", body, at=LATER)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")
    assert contents(database) == before


@pytest.mark.parametrize(
    "detail",
    [
        None,
        "x" * (MAX_DETAIL_BYTES - 2),
        "ü" * (MAX_DETAIL_BYTES // 2 - 1),
        {"text": "x" * (MAX_DETAIL_BYTES - len('{"text": ""}'))},
        [0.5, 1e3],
        0,
        False,
    ],
    ids=lambda detail: str(detail)[:12],
)
async def test_a_detail_of_a_kibibyte_is_kept_as_it_is(services: Services, detail: Any) -> None:
    session_id = await start(services)
    await report(services, session_id, "other", detail)
    assert [incident.detail for incident in await listed(services, session_id)] == [detail]


@pytest.mark.parametrize(
    "detail",
    [
        "x" * (MAX_DETAIL_BYTES - 1),
        "ü" * (MAX_DETAIL_BYTES // 2),
        {"text": "x" * (MAX_DETAIL_BYTES - len('{"text": ""}') + 1)},
        [1e308] * 4,
    ],
    ids=lambda detail: str(detail)[:12],
)
async def test_a_detail_of_more_is_refused(services: Services, database: Database, detail: Any) -> None:
    session_id = await start(services)
    before = contents(database)
    with pytest.raises(ContentTooLargeError):
        await report(services, session_id, "other", detail)
    assert contents(database) == before


@pytest.mark.parametrize("detail", ["a\x00", {"\ud800": 1}, [float("nan")]])
async def test_a_detail_that_can_not_be_stored_is_refused(services: Services, detail: Any) -> None:
    session_id = await start(services)
    with pytest.raises(InvalidInputError, match="detail"):
        await report(services, session_id, "other", detail)


async def test_incidents_are_recorded_while_the_clock_stands(services: Services) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await services.room.pause(session_id, WHY, at=LATER)
    await report(services, session_id, at=END + SECOND)
    assert await number_of(services, session_id) == 1


async def test_after_the_end_no_incident_is_recorded(services: Services, database: Database) -> None:
    session_id, overdue = await start(services), await start(services, "user2")
    await services.sessions.complete(session_id, at=LATER)
    before = contents(database)
    with pytest.raises(SessionClosedError):
        await report(services, session_id, at=LATER)
    with pytest.raises(SessionExpiredError):
        await report(services, overdue, at=END + SECOND)
    assert contents(database) == before


async def test_a_session_has_so_many_incidents_and_no_more(services: Services, database: Database) -> None:
    session_id = await start(services)
    database.execute("UPDATE quiz_attempts SET incidents = %s", [MAX_INCIDENTS - 1])
    await report(services, session_id, "blur")
    full = row(database, session_id)
    assert full["incidents"] == MAX_INCIDENTS == 500
    for _ in range(3):
        await report(services, session_id, "focus")
    assert row(database, session_id) == full
    assert [incident.type for incident in await listed(services, session_id)] == ["blur"]


async def test_reports_at_once_pass_no_limit(services: Services, database: Database) -> None:
    session_id = await start(services)
    database.execute("UPDATE quiz_attempts SET incidents = %s", [MAX_INCIDENTS - 3])
    await asyncio.gather(*(report(services, session_id) for _ in range(8)))
    assert row(database, session_id)["incidents"] == MAX_INCIDENTS
    assert len(await listed(services, session_id)) == 3


@pytest.mark.parametrize("loss", Loss)
async def test_a_report_whose_reply_was_lost_counts_once(
    by_proxy: Services, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(by_proxy)
    proxy.lose(b"record_incident", loss)
    await report(by_proxy, session_id)
    assert proxy.rules == []
    assert await number_of(by_proxy, session_id) == 1


async def test_reports_and_answers_at_once_lose_nothing(services: Services, database: Database) -> None:
    session_id = await start(services)
    await asyncio.gather(
        *(report(services, session_id) for _ in range(8)),
        *(services.sessions.update_answers(session_id, {f"{n}": n}, at=LATER) for n in range(8)),
    )
    assert await number_of(services, session_id) == 8
    assert row(database, session_id)["version"] == 8


# How fast


async def test_reports_and_answers_together_keep_to_one_pace(limited: Services, database: Database) -> None:
    session_id = await start(limited)
    for number in range(BURST - 1):
        await report(limited, session_id, at=LATER + number, owner="user1")
    await limited.sessions.update_answers(session_id, {"0": "A"}, owner="user1", at=LATER + BURST)
    before = row(database, session_id)
    with pytest.raises(TooManyRequestsError):
        await report(limited, session_id, at=LATER + BURST, owner="user1")
    with pytest.raises(TooManyRequestsError):
        await limited.sessions.update_answers(session_id, {"0": "B"}, owner="user1", at=LATER + BURST)
    assert row(database, session_id) == before
    await report(limited, session_id, at=LATER + SECOND // 2, owner="user1")


async def test_who_reports_too_fast_slows_nobody_else_down(limited: Services) -> None:
    one, other = await start(limited), await start(limited, "user2")
    for number in range(BURST):
        await report(limited, one, at=LATER + number, owner="user1")
    await report(limited, other, at=LATER + BURST, owner="user2")


async def test_too_many_reports_are_told_when_to_come_again(limited: Services) -> None:
    session_id = await start(limited)
    async with api_of(limited, jwt=True) as api:
        api.be("user1")
        path = f"/sessions/{session_id}/incidents"
        replies = [await api("POST", path, {"type": "blur"}, at=LATER) for _ in range(BURST + 1)]
    assert [reply.status_code for reply in replies] == [204] * BURST + [429]
    assert int(replies[-1].headers["retry-after"]) > 0


# Who


async def test_only_its_owner_reports_to_a_session(services: Services, database: Database) -> None:
    session_id = await start(services)
    before = contents(database)
    for session, owner in ((session_id, "user2"), (uuid4(), "user1")):
        with pytest.raises(SessionNotFoundError):
            await report(services, session, owner=owner)
    assert contents(database) == before


async def test_incidents_are_for_staff_and_not_of_their_own_session(services: Services) -> None:
    session_id = await start(services)
    await report(services, session_id, owner="user1")
    path = f"/sessions/{session_id}/incidents"
    async with api_of(services, jwt=True) as api:
        found = {}
        for subject, scope in (("user1", ""), ("user2", ""), ("teacher", STAFF), ("user1", STAFF)):
            api.be(subject, scope)
            found[subject, scope] = (await api("GET", path, at=LATER)).status_code
    assert list(found.values()) == [403, 403, 200, 403]
    with pytest.raises(ForbiddenError):
        await services.incidents.incidents(session_id, owner=Staff("user1"))
    with pytest.raises(SessionNotFoundError):
        await services.incidents.incidents(uuid4())


async def test_incidents_are_told_over_http(services: Services) -> None:
    session_id = await start(services)
    await report(services, session_id, "paste", {"characters": 512})
    async with api_of(services) as api:
        reply = await api("GET", f"/sessions/{session_id}/incidents")
    assert reply.json() == {
        "incidents": [
            {
                "id": 1,
                "type": "paste",
                "detail": {"characters": 512},
                "source": "client",
                "at": "2027-01-15T08:00:10Z",
            }
        ],
        "next_after": None,
    }


async def test_incidents_come_in_pages(services: Services) -> None:
    session_id = await start(services)
    for number in range(5):
        await report(services, session_id, "other", number)
        await services.sessions.update_answer(session_id, 0, number, at=LATER)
    found: list[Any] = []
    after: int | None = -1
    while after is not None:
        page = await services.incidents.incidents(session_id, after=after, limit=2)
        found.append([incident.detail for incident in page.incidents])
        after = page.next_after
    assert found == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("limit", [0, MAX_PAGE + 1])
async def test_a_page_that_is_too_small_or_too_large_is_refused(services: Services, limit: int) -> None:
    session_id = await start(services)
    with pytest.raises(InvalidInputError, match="limit"):
        await services.incidents.incidents(session_id, limit=limit)


# By the service itself


@pytest.mark.parametrize("kind", get_args(ServerIncident))
async def test_what_the_service_itself_sees_is_told_from_what_clients_say(
    services: Services, kind: ServerIncident
) -> None:
    session_id = await start(services)
    await services.incidents.observe(session_id, kind, {"why": "so"}, at=LATER)
    (incident,) = await listed(services, session_id)
    assert (incident.type, incident.detail, incident.source) == (kind, {"why": "so"}, "server")
    assert await number_of(services, session_id) == 1


async def test_what_the_service_itself_sees_refuses_no_request(services: Services, stores: Stores) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await services.incidents.observe(session_id, "silent", at=LATER)
    await services.incidents.observe(uuid4(), "silent", at=LATER)
    async with services_on(stores, database_url="postgresql://quiz@127.0.0.1:1/quiz") as without:
        await without.incidents.observe(session_id, "silent", at=LATER)
    assert await listed(services, session_id) == []


# The record


async def test_incidents_are_in_the_audit_log_and_move_no_version(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await report(services, session_id)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    assert events(database, session_id) == ["started", "incident", "answered"]
    assert (await services.audit.at_version(session_id, 0, at=LATER)).version == 0
    database.execute("UPDATE quiz_attempts SET incidents = 0")
    assert (await services.audit.verify(session_id)).differs == ["incidents"]


async def test_an_erasure_takes_incidents_with_it(services: Services, database: Database) -> None:
    session_id = await start(services)
    await report(services, session_id, "other", "what I was doing")
    await services.sessions.complete(session_id, at=LATER)
    database.execute("SELECT erase_events(%s, 'dpo', 'as the student asked')", [session_id])
    assert await listed(services, session_id) == []
    assert "what I was doing" not in str(contents(database))


async def test_an_incident_is_no_domain_event(services: Services) -> None:
    session_id = await start(services)
    await report(services, session_id)
    waiting = await services.stores.outbox.messages(10)
    assert [message.type for message in waiting] == ["started"]
