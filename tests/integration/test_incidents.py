"""Incidents: what clients report is kept up to a number, slows nobody else down, and is for staff."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Staff
from quiz_sessions.domain.errors import (
    ContentTooLargeError,
    ForbiddenError,
    InvalidInputError,
    OtherDeviceError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    TooManyRequestsError,
    VersionConflictError,
)
from quiz_sessions.domain.incidents import (
    BURST_AFTER,
    BURST_ANSWERS,
    BURST_AT_THE_END,
    FULL_FOR_REPORTS,
    MAX_DETAIL_BYTES,
    MAX_INCIDENTS,
    ClientIncident,
    Observation,
    RecordedIncident,
    ServerIncident,
    second_device,
)
from quiz_sessions.domain.quizzes import OneDevice
from quiz_sessions.domain.tags import writer_of
from quiz_sessions.domain.timestamps import Micros, from_micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.pages import MAX_PAGE
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, api_of
from tests.harness.proxy import Loss, Proxy
from tests.harness.service import client_of, put_quiz, rebuilt, services_on, start
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


async def test_a_client_reports_so_many_incidents_and_no_more(
    services: Services, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = await start(services)
    database.execute("UPDATE quiz_attempts SET incidents = %s", [FULL_FOR_REPORTS - 1])
    await report(services, session_id, "blur")
    full = row(database, session_id)
    assert full["incidents"] == FULL_FOR_REPORTS == 500
    assert "IncidentsForgotten" not in capsys.readouterr().out
    for _ in range(3):
        await report(services, session_id, "focus")
    assert row(database, session_id) == full
    assert [incident.type for incident in await listed(services, session_id)] == ["blur"]
    assert capsys.readouterr().out.count('"IncidentsForgotten":[1.0]') == 3


async def test_reports_at_once_pass_no_limit(services: Services, database: Database) -> None:
    session_id = await start(services)
    database.execute("UPDATE quiz_attempts SET incidents = %s", [FULL_FOR_REPORTS - 3])
    await asyncio.gather(*(report(services, session_id) for _ in range(8)))
    assert row(database, session_id)["incidents"] == FULL_FOR_REPORTS
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


async def test_a_report_that_would_be_forgotten_keeps_to_the_pace_too(
    limited: Services, database: Database
) -> None:
    session_id = await start(limited)
    for number in range(BURST):
        await report(limited, session_id, at=LATER + number, owner="user1")
    database.execute("UPDATE quiz_attempts SET incidents = %s", [FULL_FOR_REPORTS])
    with pytest.raises(TooManyRequestsError):
        await report(limited, session_id, at=LATER + BURST, owner="user1")


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
    await services.incidents.observe(session_id, Observation(kind, {"why": "so"}, "once"), LATER)
    (incident,) = await listed(services, session_id)
    assert (incident.type, incident.detail, incident.source) == (kind, {"why": "so"}, "server")
    assert await number_of(services, session_id) == 1


async def test_an_occurrence_is_recorded_once(services: Services) -> None:
    session_id = await start(services)
    seen = second_device("a" * 12)
    await asyncio.gather(*(services.incidents.observe(session_id, seen, LATER + n) for n in range(4)))
    assert await number_of(services, session_id) == 1


async def test_what_the_service_itself_sees_refuses_no_request(services: Services, stores: Stores) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    seen = second_device("a" * 12)
    await services.incidents.observe(session_id, seen, LATER)
    await services.incidents.observe(uuid4(), seen, LATER)
    async with services_on(stores, database_url="postgresql://quiz@127.0.0.1:1/quiz") as without:
        await without.incidents.observe(session_id, seen, LATER)
    assert await listed(services, session_id) == []


async def test_reports_leave_room_for_what_the_service_itself_sees(
    services: Services, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = await start(services)
    database.execute("UPDATE quiz_attempts SET incidents = %s", [FULL_FOR_REPORTS])
    await report(services, session_id)
    await services.incidents.observe(session_id, second_device("a" * 12), LATER)
    assert [incident.source for incident in await listed(services, session_id)] == ["server"]
    database.execute("UPDATE quiz_attempts SET incidents = %s", [MAX_INCIDENTS - 1])
    capsys.readouterr()
    await services.incidents.observe(session_id, second_device("b" * 12), LATER)
    assert row(database, session_id)["incidents"] == MAX_INCIDENTS == 1000
    assert "IncidentsForgotten" not in capsys.readouterr().out
    await services.incidents.observe(session_id, second_device("c" * 12), LATER)
    assert row(database, session_id)["incidents"] == MAX_INCIDENTS
    assert '"IncidentsForgotten":[1.0]' in capsys.readouterr().out


# A second device


async def seen_from(services: Services, session_id: UUID, client: str, owner: str | None = None) -> None:
    await services.sessions.get_session(session_id, client_id=client, owner=owner, at=LATER)


async def a_read(services: Services, session_id: UUID, client: str) -> None:
    await seen_from(services, session_id, client)


async def a_cached_read(services: Services, session_id: UUID, client: str) -> None:
    async with client_of(services) as http:
        read, again = [
            await http.get(f"/sessions/{session_id}", headers={"X-Client-Id": client}) for _ in range(2)
        ]
    # The reply shows the session as it is with the incident.
    assert (read.status_code, read.headers["etag"]) == (200, again.headers["etag"])


async def a_commit(services: Services, session_id: UUID, client: str) -> None:
    shown = await services.sessions.update_answer(session_id, 0, client, client_id=client, at=LATER)
    assert shown.etag == (await services.sessions.get_session(session_id, at=LATER)).etag


async def an_autosave(services: Services, session_id: UUID, client: str) -> None:
    await services.sessions.update_answer(session_id, 0, client, client_id=client, autosave=True, at=LATER)


async def a_start(services: Services, session_id: UUID, client: str) -> None:
    found = await services.sessions.create_session("user1", "quiz1", client_id=client, at=LATER)
    assert found.id == session_id


async def a_hand_in(services: Services, session_id: UUID, client: str) -> None:
    await services.sessions.complete(session_id, {"0": client}, client_id=client, at=LATER)


WAYS = [a_read, a_cached_read, a_commit, an_autosave, a_start]
by_every_way = pytest.mark.parametrize("come", [*WAYS, a_hand_in])


@by_every_way
async def test_a_second_device_is_an_incident_once(services: Services, come: Any) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await seen_from(services, session_id, "laptop")
    for _ in range(2):
        await come(services, session_id, "tablet")
        await seen_from(services, session_id, "laptop")
    (incident,) = await listed(services, session_id)
    assert (incident.type, incident.source) == ("second_device", "server")
    assert incident.detail == {"writer": writer_of("tablet")}
    assert (await services.audit.verify(session_id)).intact


@by_every_way
async def test_the_first_device_is_no_incident(services: Services, come: Any) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await come(services, session_id, "laptop")
    assert await listed(services, session_id) == []


async def test_the_device_of_the_start_is_the_first(services: Services) -> None:
    session = await services.sessions.create_session("user1", "quiz1", client_id="laptop", at=START)
    await seen_from(services, session.id, "tablet")
    assert [incident.detail for incident in await listed(services, session.id)] == [
        {"writer": writer_of("tablet")}
    ]


async def test_each_further_device_is_an_incident(services: Services) -> None:
    session_id = await start(services)
    for client in ("laptop", "tablet", "phone", "laptop", "tablet"):
        await seen_from(services, session_id, client)
    assert await number_of(services, session_id) == 2


async def test_of_devices_that_valkey_has_forgotten_each_is_an_incident_once(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    for first, second in (("laptop", "tablet"), ("tablet", "laptop")) * 2:
        await seen_from(services, session_id, first)
        await seen_from(services, session_id, second)
        valkey.delete(f"{{session:{session_id}}}:seen")
    assert await number_of(services, session_id) == 2


async def test_requests_of_a_second_device_at_once_are_one_incident(services: Services) -> None:
    session_id = await start(services)
    await seen_from(services, session_id, "laptop")
    await asyncio.gather(*(seen_from(services, session_id, "tablet") for _ in range(6)))
    assert await number_of(services, session_id) == 1


async def test_staff_who_look_are_no_second_device(services: Services) -> None:
    session_id = await start(services)
    await seen_from(services, session_id, "laptop", "user1")
    await services.sessions.get_session(session_id, client_id="desk", owner=Staff("teacher"), at=LATER)
    assert await listed(services, session_id) == []


async def test_an_if_match_of_a_second_device_holds(services: Services) -> None:
    session_id = await start(services)
    await seen_from(services, session_id, "laptop")
    for autosave in (True, False):
        shown = await services.sessions.get_session(session_id, at=LATER)
        await services.sessions.update_answer(
            session_id, 0, "A", client_id="tablet", autosave=autosave, if_match=[str(shown.etag)], at=LATER
        )
    assert await number_of(services, session_id) == 1


@pytest.mark.parametrize("come", [a_read, a_cached_read, an_autosave])
async def test_a_second_device_is_served_without_postgresql_too(
    by_proxy: Services, proxy: Proxy, come: Any
) -> None:
    session_id = await start(by_proxy)
    await seen_from(by_proxy, session_id, "laptop")
    await proxy.close()
    await come(by_proxy, session_id, "tablet")


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_device_that_may_not_write_is_an_incident_all_the_same(
    services: Services, autosave: bool
) -> None:
    await put_quiz(services, one_device=OneDevice.PROCTOR)
    session = await services.sessions.create_session("user1", "quiz1", client_id="laptop", at=START)
    with pytest.raises(OtherDeviceError):
        await services.sessions.update_answer(
            session.id, 0, "A", client_id="tablet", autosave=autosave, at=LATER
        )
    assert [incident.type for incident in await listed(services, session.id)] == ["second_device"]


async def test_a_takeover_is_listed_and_the_device_no_incident_besides(services: Services) -> None:
    await put_quiz(services, one_device=OneDevice.TAKEOVER)
    session = await services.sessions.create_session("user1", "quiz1", client_id="laptop", at=START)
    await services.devices.take_over(session.id, client_id="tablet", at=LATER)
    await seen_from(services, session.id, "tablet")
    (incident,) = await listed(services, session.id)
    assert (incident.type, incident.detail) == ("takeover", {"writer": writer_of("tablet")})
    assert await number_of(services, session.id) == 1


async def test_takeovers_are_among_what_the_service_itself_sees(
    services: Services, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await put_quiz(services, one_device=OneDevice.TAKEOVER)
    session = await services.sessions.create_session("user1", "quiz1", client_id="laptop", at=START)
    database.execute("UPDATE quiz_attempts SET incidents = %s", [FULL_FOR_REPORTS])
    await services.devices.take_over(session.id, client_id="tablet", at=LATER)
    assert [incident.type for incident in await listed(services, session.id)] == ["takeover"]
    assert row(database, session.id)["incidents"] == FULL_FOR_REPORTS + 1
    database.execute("UPDATE quiz_attempts SET incidents = %s", [MAX_INCIDENTS])
    capsys.readouterr()
    await services.devices.take_over(session.id, client_id="laptop", at=LATER + SECOND)
    assert row(database, session.id)["incidents"] == MAX_INCIDENTS
    assert '"IncidentsForgotten":[1.0]' in capsys.readouterr().out


# Bursts

MANY = {f"{number}": "A" for number in range(BURST_ANSWERS)}
LONG_AFTER = START + BURST_AFTER + 1
AT_THE_END = END - BURST_AT_THE_END


async def save(services: Services, session_id: UUID, answers: dict[str, str], at: Micros, way: str) -> None:
    if way == "hand-in":
        await services.sessions.complete(session_id, answers, at=at)
    else:
        await services.sessions.update_answers(session_id, answers, autosave=way == "autosave", at=at)


in_every_way = pytest.mark.parametrize("way", ["commit", "autosave", "hand-in"])


async def bursts(services: Services, session_id: UUID) -> list[Any]:
    assert (await services.audit.verify(session_id)).intact
    return [each.detail for each in await listed(services, session_id) if each.type == "late_burst"]


@in_every_way
@pytest.mark.parametrize(
    ("answers", "at", "found"),
    [
        (MANY, LONG_AFTER, 1),
        (MANY, LONG_AFTER - 1, 0),
        (dict(list(MANY.items())[1:]), LONG_AFTER, 0),
        (MANY, AT_THE_END, 1),
        (MANY, AT_THE_END - 1, 0),
        (dict(list(MANY.items())[1:]), AT_THE_END, 0),
    ],
)
async def test_many_answers_long_after_the_last_one_or_at_the_end_are_a_late_burst(
    services: Services, way: str, answers: dict[str, str], at: Micros, found: int
) -> None:
    session_id = await start(services)
    if at not in (LONG_AFTER, LONG_AFTER - 1):
        await save(services, session_id, {"first": "A"}, at - SECOND, "commit")
    await save(services, session_id, answers, at, way)
    assert len(await bursts(services, session_id)) == found


async def test_a_burst_is_told_with_its_size_and_times(services: Services) -> None:
    session_id = await start(services)
    await save(services, session_id, {"first": "A"}, LATER, "commit")
    await save(services, session_id, MANY, LATER + 400 * SECOND, "commit")
    left = (END - LATER) // SECOND - 400
    assert await bursts(services, session_id) == [
        {"answers": BURST_ANSWERS, "seconds_before": 400, "seconds_left": left}
    ]


@in_every_way
async def test_answers_that_are_the_same_again_are_no_burst(services: Services, way: str) -> None:
    session_id = await start(services)
    await save(services, session_id, MANY, LATER, "commit")
    await save(services, session_id, MANY, LATER + 2 * BURST_AFTER, way)
    assert await bursts(services, session_id) == []


@in_every_way
async def test_what_was_autosaved_one_by_one_is_no_burst(services: Services, way: str) -> None:
    session_id = await start(services)
    for number, (question, answer) in enumerate(MANY.items()):
        await save(services, session_id, {question: answer}, AT_THE_END - 60 * SECOND + number, "autosave")
    await save(services, session_id, MANY, AT_THE_END, way)
    assert await bursts(services, session_id) == []


@in_every_way
async def test_what_could_not_be_written_while_the_clock_stood_is_no_burst(
    services: Services, way: str
) -> None:
    session_id = await start(services)
    await services.room.pause(session_id, WHY, at=LATER)
    await services.room.resume(session_id, WHY, at=LATER + BURST_AFTER)
    await save(services, session_id, MANY, LATER + BURST_AFTER + SECOND, way)
    assert await bursts(services, session_id) == []


async def test_several_at_the_end_are_one_burst(services: Services) -> None:
    session_id = await start(services)
    for number in range(3):
        answers = dict.fromkeys(MANY, f"{number}")
        await save(services, session_id, answers, AT_THE_END + number * SECOND, "commit")
    assert len(await bursts(services, session_id)) == 1


async def test_a_burst_that_is_refused_is_none(services: Services) -> None:
    session_id = await start(services)
    with pytest.raises(VersionConflictError):
        await services.sessions.update_answers(session_id, MANY, version=7, at=LONG_AFTER)
    assert await bursts(services, session_id) == []


# Silence


def pass_time(services: Services, valkey: redis.Redis, seconds: int) -> None:
    """As if all that was heard and all looks had been so much earlier."""
    for key in valkey.keys("*:seen"):
        for name, value in valkey.hgetall(key).items():
            valkey.hset(key, name, str(int(value) - seconds * SECOND))
    watch = services.silence.watch
    watch.since -= seconds * SECOND
    watch.looked -= seconds * SECOND


@pytest.fixture
def watched(services: Services) -> Services:
    """By its clock, sessions have run for ten minutes."""
    return rebuilt(services, clock=lambda: LATER + 600 * SECOND)


async def watch_for(services: Services, valkey: redis.Redis, talking: UUID, seconds: int = 150) -> None:
    """Time passes, looks follow each other, and one owner is heard all the while."""
    for _ in range(seconds // 30):
        pass_time(services, valkey, 30)
        await seen_from(services, talking, "laptop")
        await services.flusher.run()


@pytest.fixture
async def room(watched: Services) -> list[UUID]:
    """Sessions whose owners were heard while a flush looked."""
    ids = [await start(watched, f"user{number}") for number in range(3)]
    await seen_from(watched, ids[0], "laptop")
    await watched.flusher.run()
    for each in ids:
        await seen_from(watched, each, "laptop")
    return ids


async def silences(services: Services, session_id: UUID) -> int:
    assert (await services.audit.verify(session_id)).intact
    return [each.type for each in await listed(services, session_id)].count("silent")


async def test_who_is_not_heard_while_others_are_is_silent_once(
    watched: Services, valkey: redis.Redis, room: list[UUID]
) -> None:
    talking, silent, _ = room
    await watch_for(watched, valkey, talking, 300)
    assert [await silences(watched, each) for each in (talking, silent)] == [0, 1]
    (incident,) = await listed(watched, silent)
    assert isinstance(incident.detail, dict)
    assert incident.detail.keys() == {"since"}
    assert await number_of(watched, silent) == 1


async def test_each_silence_is_an_incident(watched: Services, valkey: redis.Redis, room: list[UUID]) -> None:
    for _ in range(2):
        await watch_for(watched, valkey, room[0])
        await seen_from(watched, room[1], "laptop")
    assert await silences(watched, room[1]) == 2


async def test_nobody_is_silent_who_was_never_heard(
    watched: Services, valkey: redis.Redis, room: list[UUID]
) -> None:
    never = await start(watched, "user9")
    await watch_for(watched, valkey, room[0])
    assert await silences(watched, never) == 0


async def test_nobody_is_silent_while_the_clock_stands_or_stood(
    watched: Services, valkey: redis.Redis, room: list[UUID]
) -> None:
    await watched.room.pause(room[1], WHY, at=LATER)
    await watched.room.pause(room[2], WHY, at=LATER)
    # By the clock of Valkey, which says when somebody was heard.
    await watched.room.resume(room[2], WHY, at=current_micros() + 60 * SECOND)
    await watch_for(watched, valkey, room[0])
    assert [await silences(watched, each) for each in room] == [0, 0, 0]


async def test_nobody_is_silent_after_the_end(
    watched: Services, valkey: redis.Redis, room: list[UUID]
) -> None:
    await watched.sessions.complete(room[1], at=LATER)
    await watch_for(watched, valkey, room[0])
    assert await silences(watched, room[1]) == 0


async def test_after_an_outage_of_valkey_nobody_is_silent(
    watched: Services, valkey: redis.Redis, room: list[UUID]
) -> None:
    pass_time(watched, valkey, 200)
    await watch_for(watched, valkey, room[0], 300)
    assert [await silences(watched, each) for each in room] == [0, 0, 0]


async def test_two_processes_that_look_record_a_silence_once(
    watched: Services, valkey: redis.Redis, room: list[UUID]
) -> None:
    other = rebuilt(watched, clock=watched.clock)
    other.silence.watch = replace(watched.silence.watch)
    for _ in range(5):
        pass_time(watched, valkey, 30)
        other.silence.watch.since, other.silence.watch.looked = (
            watched.silence.watch.since,
            watched.silence.watch.looked,
        )
        await seen_from(watched, room[0], "laptop")
        await asyncio.gather(watched.flusher.run(), other.flusher.run())
    assert await number_of(watched, room[1]) == 1


async def test_a_flush_without_time_leaves_silences_to_the_next(
    watched: Services, valkey: redis.Redis, room: list[UUID]
) -> None:
    await watch_for(watched, valkey, room[0], 60)
    pass_time(watched, valkey, 40)
    await seen_from(watched, room[0], "laptop")
    await watched.flusher.run(lambda: 0)
    assert await silences(watched, room[1]) == 0
    await watched.flusher.run()
    assert await silences(watched, room[1]) == 1


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
