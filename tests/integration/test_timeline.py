"""The timeline of a session: what is told to whom, and of which time nobody knows; and finding a session."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from one_machine.story import story
from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import CacheUnavailableError
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.refusals import MOST_OF_SESSION, Refusal
from quiz_sessions.domain.tags import writer_of
from quiz_sessions.domain.timestamps import Micros, from_micros, iso
from quiz_sessions.services.refusals import Refusals
from quiz_sessions.stores.valkey import MOST_REFUSED, REFUSED, ValkeyStore
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api, api_of
from tests.harness.service import autosave, flush_at, services_on, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes

MINUTE = 60 * SECOND
CLIENT = {"X-Client-Id": "laptop"}
Told = dict[str, Any]


def when(at: Micros) -> str:
    return iso(from_micros(at))


async def timeline(api: Api, session_id: UUID | str, query: str = "") -> Told:
    reply = await api("GET", f"/sessions/{session_id}/timeline{query}")
    assert reply.status_code == 200, reply.text
    told: Told = reply.json()
    return told


async def of_kind(api: Api, session_id: UUID | str, kind: str) -> list[Told]:
    return [each for each in (await timeline(api, session_id))["moments"] if each["kind"] == kind]


async def save(api: Api, session_id: UUID, at: Micros, status: int = 200, **body: Any) -> Told:
    reply = await api("PATCH", f"/sessions/{session_id}/progress", body, at=at, headers=CLIENT)
    assert reply.status_code == status, reply.text
    told: Told = reply.json()
    return told


# What is told


async def test_each_autosave_is_told_when_it_was_received(api: Api, services: Services) -> None:
    session_id = await start(services)
    await save(api, session_id, LATER, answers={"a": "one", "b": "two"}, autosave=True)
    await save(api, session_id, LATER + SECOND, answers={"c": "three"}, autosave=True)
    await flush_at(services, LATER + 30 * SECOND)
    first, second = await of_kind(api, session_id, "autosaved")
    assert (first["at"], first["questions"], first["device"]) == (
        when(LATER),
        ["a", "b"],
        writer_of("laptop"),
    )
    assert (second["at"], second["questions"]) == (when(LATER + SECOND), ["c"])
    assert second["detail"] == {"durability": "committed", "committed_at": when(LATER + 30 * SECOND)}
    assert await of_kind(api, session_id, "merged") == []


async def test_a_draft_that_waits_is_told_as_buffered(api: Api, services: Services) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    (told,) = await of_kind(api, session_id, "autosaved")
    assert told["detail"] == {"durability": "buffered", "committed_at": None}
    assert (told["at"], told["questions"], told["device"]) == (when(LATER), ["0"], None)


async def test_a_hand_in_tells_its_own_answers_and_the_drafts_before_it(api: Api, services: Services) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    await services.sessions.complete(session_id, {"last": "B"}, at=LATER + MINUTE)
    (draft,) = await of_kind(api, session_id, "autosaved")
    (end,) = await of_kind(api, session_id, "completed")
    assert (draft["at"], draft["questions"]) == (when(LATER), ["0"])
    assert (end["at"], end["questions"]) == (when(LATER + MINUTE), ["last"])


async def test_an_expiry_tells_when_its_drafts_came(api: Api, services: Services) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    await flush_at(services, END + MINUTE)
    told = [(each["kind"], each["at"]) for each in (await timeline(api, session_id))["moments"]]
    assert told[:3] == [
        ("started", when(START)),
        ("autosaved", when(LATER)),
        ("expired", when(END + MINUTE)),
    ]


async def test_what_another_device_overwrote_is_told(api: Api, services: Services) -> None:
    session_id = await start(services)
    for client, at in (("laptop", LATER), ("tablet", LATER + SECOND)):
        await services.sessions.update_answer(session_id, 0, client, autosave=True, client_id=client, at=at)
    await flush_at(services, LATER + MINUTE)
    (told,) = await of_kind(api, session_id, "displaced")
    assert (told["at"], told["device"], told["questions"]) == (when(LATER), writer_of("laptop"), ["0"])


async def test_a_late_answer_is_told_when_it_came_and_that_it_was_refused(
    api: Api, services: Services
) -> None:
    session_id = await start(services)
    await save(api, session_id, END + MINUTE, 410, answers={"a": "late"})
    await flush_at(services, END + 2 * MINUTE)
    (late,) = await of_kind(api, session_id, "late_answer")
    (refused,) = await of_kind(api, session_id, "refused")
    assert (late["at"], late["questions"]) == (when(END + MINUTE), ["a"])
    assert (refused["at"], refused["questions"]) == (when(END + MINUTE), ["a"])
    assert refused["detail"]["status"] == 410


async def test_pauses_notices_incidents_and_time_are_told_with_who_and_why(
    api: Api, services: Services
) -> None:
    session_id = await start(services)
    await services.room.pause(session_id, "fire", by="proctor", at=LATER)
    await services.room.resume(session_id, "no fire", by="proctor", at=LATER + SECOND)
    await services.notices.notify(session_id, "5 N", by="proctor", at=LATER + 2 * SECOND)
    await services.incidents.report(session_id, "blur", at=LATER + 3 * SECOND)
    await services.administration.extend(session_id, 60, "late", by="proctor", at=LATER + 4 * SECOND)
    moments = (await timeline(api, session_id))["moments"]
    assert [each["kind"] for each in moments] == [
        "started", "paused", "resumed", "notified", "incident", "extended",
    ]  # fmt: skip
    assert (moments[1]["by"], moments[1]["reason"]) == ("proctor", "fire")
    assert moments[3]["detail"]["text"] == "5 N"
    assert moments[4]["detail"]["incident"]["type"] == "blur"
    assert moments[5]["detail"]["seconds"] == 60


async def test_no_answer_is_told(api: Api, services: Services) -> None:
    session_id = await start(services)
    secret = uuid4().hex
    for client, at in (("laptop", LATER), ("tablet", LATER + SECOND)):
        await services.sessions.update_answers(
            session_id, {"0": f"{secret}{client}"}, autosave=True, client_id=client, at=at
        )
    await flush_at(services, LATER + MINUTE)
    await save(api, session_id, LATER + MINUTE, answers={"1": secret})
    await save(api, session_id, LATER, answers={"1": f"{secret} older"})
    await save(api, session_id, LATER, 409, answers={"1": secret}, version=77)
    await save(api, session_id, END + MINUTE, 410, answers={"2": secret})
    await flush_at(services, END + 2 * MINUTE)
    assert secret not in str(await timeline(api, session_id))


async def test_a_merge_from_before_the_times_were_recorded_is_told_as_such(
    api: Api, services: Services, database: Database
) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    await flush_at(services, LATER + MINUTE)
    database.execute(
        "UPDATE attempt_events SET changes = changes - 'answer_tags' WHERE attempt_id = %s", [session_id]
    )
    (told,) = await of_kind(api, session_id, "merged")
    assert (told["at"], told["questions"]) == (when(LATER + MINUTE), ["0"])


async def test_the_tags_of_a_merge_are_those_that_replies_show(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    await flush_at(services, LATER + MINUTE)
    (merged,) = changes(database, session_id, "merged")
    shown = await services.sessions.get_session(session_id, at=LATER + MINUTE)
    assert merged["answer_tags"] == shown.answer_tags
    assert (await services.audit.verify(session_id)).intact
    earlier = await services.audit.at_version(session_id, 0, at=LATER + MINUTE)
    assert earlier.answers == {"0": "A"}


async def test_erased_events_are_told_as_erased_and_refusals_are_gone(
    api: Api, services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await save(api, session_id, LATER + SECOND, 409, answers={"a": 1})
    await flush_at(services, LATER + MINUTE)
    assert await of_kind(api, session_id, "refused")
    database.execute("SELECT erase_events(%s, 'dpo', 'asked')", [session_id])
    moments = (await timeline(api, session_id))["moments"]
    assert {each["kind"] for each in moments} <= {"erased", "staff_action", "unknown"}
    assert [each["detail"]["type"] for each in moments if each["kind"] == "erased"] == [
        "started",
        "completed",
    ]


# Staff actions


async def test_what_was_done_to_the_whole_quiz_is_told(api: Api, services: Services) -> None:
    session_id = await start(services)
    await services.administration.put_quiz("quiz1", QuizRules(grace_seconds=5), by="author", at=LATER)
    (told,) = await of_kind(api, session_id, "staff_action")
    assert (told["by"], told["detail"]["quiz_id"]) == ("author", "quiz1")


async def test_staff_actions_need_their_own_scope(services: Services) -> None:
    session_id = await start(services)
    await services.administration.put_quiz("quiz1", QuizRules(grace_seconds=5), by="author", at=LATER)
    async with api_of(services, jwt=True) as api:
        api.be("proctor", "sessions:proctor")
        told = await timeline(api, session_id)
        assert told["left_out"] == ["staff_actions"]
        assert "staff_action" not in [each["kind"] for each in told["moments"]]
        api.be("auditor", "sessions:proctor audit:read")
        assert (await timeline(api, session_id))["left_out"] == []


async def test_nobody_reads_the_timeline_of_a_session_of_their_own(services: Services) -> None:
    session_id = await start(services, "user1")
    async with api_of(services, jwt=True) as api:
        for scope in ("", "sessions:proctor"):
            api.be("user1", scope)
            assert (await api("GET", f"/sessions/{session_id}/timeline")).status_code == 403


# Pages


async def test_pages_have_every_moment_once(api: Api, services: Services) -> None:
    session_id = await start(services)
    for number in range(7):
        await save(api, session_id, LATER + number * SECOND, answers={f"q{number}": number})
    whole = (await timeline(api, session_id))["moments"]
    found: list[Told] = []
    after: int | None = -1
    while after is not None:
        page = await timeline(api, session_id, f"?limit=3&after={after}")
        found += page["moments"]
        after = page["next_after"]
    assert found == whole
    assert len(whole) == 8


async def test_a_trail_that_makes_no_sense_is_told_as_damaged(
    api: Api, services: Services, database: Database
) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    await flush_at(services, LATER + MINUTE)
    database.execute(
        'UPDATE attempt_events SET changes = changes || \'{"answer_tags": {"0": "soon"}}\' '
        "WHERE attempt_id = %s AND type = 'merged'",
        [session_id],
    )
    reply = await api("GET", f"/sessions/{session_id}/timeline")
    assert (reply.status_code, reply.json()["code"]) == (409, "trail_damaged")


# Refusals


async def test_refusals_alike_are_one_with_a_number(api: Api, services: Services) -> None:
    session_id = await start(services)
    for number in range(3):
        await save(api, session_id, LATER + number * SECOND, 409, answers={f"q{number}": 1}, version=7)
    await flush_at(services, LATER + MINUTE)
    (told,) = await of_kind(api, session_id, "refused")
    assert (told["at"], told["until"]) == (when(LATER), when(LATER + 2 * SECOND))
    assert (told["questions"], told["device"], told["by"]) == (["q2"], writer_of("laptop"), None)
    detail = told["detail"]
    assert (detail["operation"], detail["code"], detail["count"]) == ("saveProgress", "version_conflict", 3)


async def test_the_next_ones_after_a_flush_are_others(api: Api, services: Services) -> None:
    session_id = await start(services)
    await save(api, session_id, LATER, 409, answers={"a": 1}, version=7)
    await flush_at(services, LATER + SECOND)
    await save(api, session_id, LATER + MINUTE, 409, answers={"a": 1}, version=7)
    await flush_at(services, LATER + 2 * MINUTE)
    told = await of_kind(api, session_id, "refused")
    assert [each["detail"]["count"] for each in told] == [1, 1]
    assert [each["until"] for each in told] == [None, None]


REFUSED_REQUESTS = [
    ("PATCH", "progress", {"answers": {"a": "x" * 70_000}}, "content_too_large"),
    ("PATCH", "progress", {"question_id": -1, "answer": "A"}, "invalid_input"),
    ("POST", "complete", {"version": 9}, "version_conflict"),
    ("POST", "reopen", {"seconds": 60, "reason": "why"}, "session_state"),
]


@pytest.mark.parametrize(("method", "path", "body", "code"), REFUSED_REQUESTS)
async def test_every_request_about_the_session_counts(
    api: Api, services: Services, method: str, path: str, body: Told, code: str
) -> None:
    session_id = await start(services)
    reply = await api(method, f"/sessions/{session_id}/{path}", body, at=LATER)
    assert reply.json()["code"] == code
    await flush_at(services, LATER + SECOND)
    (told,) = await of_kind(api, session_id, "refused")
    assert told["detail"]["code"] == code
    assert told["detail"]["request_id"] == reply.headers["X-Request-Id"]


async def test_others_do_not_appear_in_the_timeline(services: Services, database: Database) -> None:
    session_id = await start(services, "user1")
    path = f"/sessions/{session_id}"
    async with api_of(services, jwt=True) as api:
        for subject in ("user2", "user1"):
            api.be(subject)
            await api("POST", f"{path}/extend", {"seconds": 60, "reason": "why"}, at=LATER)
            await api("GET", f"{path}/verify")
        api.be("user2")
        # Refused before anybody has looked whose session it is.
        await api("PATCH", f"{path}/progress", {"answers": {"a": "x" * 70_000}})
        await api("PATCH", f"{path}/progress", {"answers": {"a": "A"}})
        api.gateway.subject = None
        await api("PATCH", f"{path}/progress", {"answers": {"a": "A"}})
    await flush_at(services, LATER + SECOND)
    assert database.execute("SELECT * FROM refused_requests").fetchall() == []


async def test_what_staff_were_refused_names_them(services: Services) -> None:
    session_id = await start(services, "user1")
    async with api_of(services, jwt=True) as api:
        api.be("proctor", "sessions:proctor")
        await api("POST", f"/sessions/{session_id}/reopen", {"seconds": 60, "reason": "why"}, at=LATER)
        await flush_at(services, LATER + SECOND)
        (told,) = await of_kind(api, session_id, "refused")
    assert (told["by"], told["detail"]["operation"]) == ("proctor", "reopenSession")


def refusal(session_id: UUID, at: Micros = LATER, **fields: Any) -> Refusal:
    told: Told = {
        "operation": "saveProgress", "status": 409, "code": "version_conflict", "by": None, "staff": False,
        "device": "-", "questions": [], "request_id": "r", "first_at": at, "last_at": at,
    }  # fmt: skip
    return Refusal(session_id=session_id, **(told | fields))


async def test_a_session_keeps_so_many_and_counts_the_rest(services: Services, database: Database) -> None:
    session_id = await start(services)
    store = services.stores.refusals
    for number in range(MOST_OF_SESSION + 5):
        await store.keep([refusal(session_id, LATER + number)])
    rows = database.execute("SELECT count FROM refused_requests ORDER BY first_at").fetchall()
    assert len(rows) == MOST_OF_SESSION
    assert rows[-1]["count"] == 6


async def test_recording_the_same_again_changes_nothing(services: Services, database: Database) -> None:
    session_id = await start(services)
    for _ in range(2):
        await services.stores.refusals.keep([refusal(session_id, count=3)])
    assert database.execute("SELECT count FROM refused_requests").fetchall() == [{"count": 3}]


async def test_what_happens_while_it_is_recorded_is_recorded_next(services: Services) -> None:
    session_id = await start(services)
    valkey = services.stores.valkey
    await valkey.note_refusal(refusal(session_id), missed=False)
    ((_, field),) = [noted async for page in valkey.refusals(0) for noted in page]
    await valkey.note_refusal(refusal(session_id, LATER + 1), missed=False)
    await valkey.clear_refused(0, [field])
    ((left, _),) = [noted async for page in valkey.refusals(0) for noted in page]
    assert (left.count, left.first_at, left.last_at) == (2, LATER, LATER + 1)


async def test_a_full_shard_takes_no_more_and_says_so(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    store = services.stores.valkey
    assert not await store.watch_refused(0)
    assert await store.watch_refused(0)
    valkey.hset(REFUSED.format(0), mapping={str(number): "" for number in range(MOST_REFUSED)})
    assert not await store.note_refusal(refusal(session_id), missed=False)
    assert not await store.watch_refused(0)


async def test_what_somebody_wrote_into_valkey_stops_no_flush(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    field = f"{session_id}|op\0|code|"
    value = (
        '{"first":1,"last":1,"count":1,"status":1,"staff":false,"device":"-","questions":[],"request_id":""}'
    )
    valkey.hset(REFUSED.format(0), mapping={"x": "y", field: value})
    assert (await flush_at(services)).flush_failures == 0
    assert valkey.hkeys(REFUSED.format(0)) == [b"x", b"-"]


# What nobody knows


async def gaps(services: Services, session_id: UUID, at: Micros) -> list[tuple[str, str, str]]:
    async with api_of(services) as api:
        api.gateway.at = at
        told = await of_kind(api, session_id, "unknown")
    return [(each["at"], each["until"], each["detail"]["cause"]) for each in told]


async def test_while_the_flush_runs_nothing_is_unknown(services: Services) -> None:
    await flush_at(services, START - SECOND)
    session_id = await start(services)
    for half_minute in range(1, 10):
        await flush_at(services, START + half_minute * 30 * SECOND)
    assert await gaps(services, session_id, START + 5 * MINUTE) == []


async def test_a_flush_that_did_not_run_leaves_a_gap(services: Services) -> None:
    await flush_at(services, START)
    session_id = await start(services)
    for at in (START + MINUTE, START + 5 * MINUTE):
        await flush_at(services, at)
    unknown = [(when(START + MINUTE), when(START + 5 * MINUTE), "not_recorded")]
    assert await gaps(services, session_id, START + 6 * MINUTE + 30 * SECOND) == unknown


async def test_that_valkey_was_away_is_told(services: Services, stores: Stores) -> None:
    await flush_at(services, START)
    session_id = await start(services)
    async with services_on(Stores(stores.database_url, "redis://127.0.0.1:1")) as without:
        for at in (START + 30 * SECOND, START + MINUTE):
            await flush_at(without, at)
    await flush_at(services, START + MINUTE + 30 * SECOND)
    assert await gaps(services, session_id, START + 3 * MINUTE) == [
        (when(START), when(START + 30 * SECOND), "not_recorded"),
        (when(START + 30 * SECOND), when(START + MINUTE), "cache_away"),
        (when(START + MINUTE), when(START + MINUTE + 30 * SECOND), "not_recorded"),
    ]


async def test_valkey_that_lost_its_data_leaves_a_gap(services: Services, valkey: redis.Redis) -> None:
    await flush_at(services, START)
    session_id = await start(services)
    valkey.flushall()
    await flush_at(services, START + 30 * SECOND)
    unknown = [(when(START), when(START + 30 * SECOND), "not_recorded")]
    assert await gaps(services, session_id, START + 2 * MINUTE) == unknown


class BrokenOnce(ValkeyStore):
    """Away at the first call."""

    def __init__(self, store: ValkeyStore) -> None:
        self._store = store
        self._is_away = True

    async def note_refusal(self, refusal: Refusal, *, missed: bool) -> bool:
        if self._is_away:
            self._is_away = False
            raise CacheUnavailableError
        return await self._store.note_refusal(refusal, missed=missed)


async def test_a_process_that_could_not_note_one_says_so_with_the_next(services: Services) -> None:
    await flush_at(services, START)
    session_id = await start(services)
    await flush_at(services, START + 30 * SECOND)
    broken = BrokenOnce(services.stores.valkey)
    process = Refusals(
        refusals=services.stores.refusals, valkey=broken, telemetry=services.telemetry, clock=services.clock
    )
    for _ in range(2):
        await process.note(refusal(session_id))
    await flush_at(services, START + MINUTE)
    unknown = [(when(START + 30 * SECOND), when(START + MINUTE), "not_recorded")]
    assert await gaps(services, session_id, START + 150 * SECOND) == unknown


async def test_drafts_that_can_not_be_read_are_left_out_and_it_is_said(
    services: Services, stores: Stores
) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    async with (
        services_on(Stores(stores.database_url, "redis://127.0.0.1:1")) as without,
        api_of(without) as api,
    ):
        assert (await timeline(api, session_id))["left_out"] == ["buffered"]


# Finding a session


async def named(services: Services, user: str, quiz: str = "quiz1", **labels: Any) -> str:
    body = {"user_id": user, "quiz_id": quiz, **labels}
    async with api_of(services) as api:
        reply = await api("POST", "/sessions/start", body)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def look(services: Services, words: str, **more: str) -> list[str]:
    async with api_of(services) as api:
        query = "&".join(f"{name}={value}" for name, value in {"matching": words, **more}.items())
        reply = await api("GET", f"/sessions?{query}")
    assert reply.status_code == 200, reply.text
    return [each["id"] for each in reply.json()["sessions"]]


@pytest.mark.parametrize(
    "words",
    ["4711", "MILL", "ann mill", "mill ann", "Room%2012", "4242", "a%CC%81gnes", "ann room"],
)
async def test_a_session_is_found_by_parts_of_its_names(services: Services, words: str) -> None:
    metadata = {"student": {"number": 4242, "names": ["Mary", "ágnes"]}, "nobody": True}
    found = await named(services, "u-4711-x", label="Ann Miller", group="Room 12", metadata=metadata)
    await named(services, "other")
    assert await look(services, words) == [found]


@pytest.mark.parametrize("words", ["nobody", "student", "Miller y", "%25", "4711_"])
async def test_what_is_no_name_finds_nothing(services: Services, words: str) -> None:
    await named(services, "u-4711-x", label="Ann Miller", metadata={"student": {"nobody": True}})
    assert await look(services, words) == []


async def test_filters_narrow_the_search(services: Services) -> None:
    one = await named(services, "ann1", "quiz1", group="A")
    other = await named(services, "ann2", "quiz2", group="B")
    assert set(await look(services, "ann")) == {other, one}
    assert await look(services, "ann", quiz_id="quiz1") == [one]
    assert await look(services, "ann", group="B") == [other]
    assert await look(services, "ann", status="completed") == []


@pytest.mark.parametrize("more", [{}, {"quiz_id": "quiz1"}])
async def test_a_search_goes_on_where_its_page_ended(services: Services, more: dict[str, str]) -> None:
    ids = [await named(services, f"ann{number}") for number in range(5)]
    found: list[str] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor is not None:
        page = await services.audit.find(matching="ann", limit=2, cursor=cursor, quiz_id=more.get("quiz_id"))
        found += [str(session.id) for session in page.sessions]
        cursor = page.next_cursor
        pages += 1
    # Started at the same moment, in no order.
    assert sorted(found) == sorted(ids)
    assert pages == 3


async def test_one_page_looks_among_so_many_sessions(services: Services, database: Database) -> None:
    old = await named(services, "ann")
    database.execute(
        """
        INSERT INTO quiz_attempts (id, user_id, quiz_id, attempt_no, status, time_remaining,
            time_limit_seconds, started_at, expires_at)
        SELECT ('ffffffff-ffff-7fff-8fff-' || lpad(number::text, 12, '0'))::uuid, 'user' || number,
            'quiz1', 1, 'started', 0, 3600, now() + interval '10 years', now() + interval '11 years'
        FROM generate_series(1, 5000) AS number
        """
    )
    for quiz_id in (None, "quiz1"):
        first = await services.audit.find(matching="ann", quiz_id=quiz_id)
        assert first.sessions == []
        assert first.next_cursor is not None
        second = await services.audit.find(matching="ann", quiz_id=quiz_id, cursor=first.next_cursor)
        assert [str(session.id) for session in second.sessions] == [old]
        assert second.next_cursor is None


@pytest.mark.parametrize("words", ["%20", "a%20b%20c%20d%20e%20f%20g%20h%20i%20j%20k"])
async def test_a_search_needs_words_and_not_too_many(services: Services, words: str) -> None:
    async with api_of(services) as api:
        reply = await api("GET", f"/sessions?matching={words}")
    assert (reply.status_code, reply.json()["errors"][0]["location"]) == (422, "query.matching")


async def test_students_find_their_own_alone(services: Services) -> None:
    own = await named(services, "ann1")
    await named(services, "ann2")
    async with api_of(services, jwt=True) as api:
        api.be("ann1")
        reply = await api("GET", "/sessions?matching=ann")
    assert [each["id"] for each in reply.json()["sessions"]] == [own]


# As text


async def told(services: Services, session: str) -> list[str]:
    lines: list[str] = []
    await story(services, session, lines.append)
    return lines


async def test_the_command_tells_a_session_and_finds_it_by_words(services: Services) -> None:
    session_id = await named(services, "ann-miller")
    await services.sessions.update_answers(UUID(session_id), {"q1": "A"}, at=LATER)
    first, started, answered = (await told(services, session_id))[:3]
    assert first == f"{session_id}: ann-miller at quiz1, in_progress"
    assert "  started, attempt 1" in started
    assert answered.endswith("  committed | q1")
    (found,) = await told(services, "mill")
    assert found.startswith(session_id)
    assert await told(services, "nobody") == [
        "No session has these words in its user id, label, group or metadata."
    ]
