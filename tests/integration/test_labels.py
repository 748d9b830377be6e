"""Group, label and metadata: what a platform writes onto sessions for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import IdempotencyKeyReusedError, InvalidInputError, SessionNotFoundError
from quiz_sessions.domain.labels import MAX_LABEL_CHARACTERS, MAX_METADATA_BYTES, Labels
from quiz_sessions.domain.quizzes import WhenActive
from quiz_sessions.domain.sessions import Session
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.stores.audit import AuditStore, Filters
from tests.harness.builders import LATER, SECOND, START
from tests.harness.gateway import Api, api_of
from tests.harness.locks import row_held
from tests.harness.service import put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row
from tests.integration.test_records import Explaining, insert
from tests.integration.test_staff_actions import NOTHING

START_BODY = {"user_id": "user1", "quiz_id": "quiz1"}
ALL: dict[str, Any] = {
    "group": "Room 12",
    "label": "Physics, second term",
    "metadata": {"course": "PH-101", "ids": [1, 2.5, None, {"ü": True}]},
}


def shown(session: dict[str, Any]) -> dict[str, Any]:
    return {name: session[name] for name in ALL}


async def label(
    services: Services,
    session_id: UUID,
    reason: str | None = None,
    key: str | None = None,
    **labels: Any,
) -> Session:
    return await services.labelling.label(
        session_id, labels, reason, idempotency_key=key, by="teacher", at=LATER
    )


async def labelled(services: Services, user: str = "user1", at: int = START, **labels: Any) -> UUID:
    session = await services.sessions.create_session(user, "quiz1", labels=Labels(**labels), at=at)
    return session.id


# At the start


async def test_a_start_sets_them_and_everybody_is_told(api: Api, valkey: redis.Redis) -> None:
    started = await api("POST", "/sessions/start", {**START_BODY, **ALL})
    assert started.status_code == 201
    session_id = started.json()["id"]
    cached = (await api("GET", f"/sessions/{session_id}")).json()
    valkey.delete(f"session:{session_id}")
    stored = (await api("GET", f"/sessions/{session_id}")).json()
    assert shown(started.json()) == shown(cached) == shown(stored) == ALL
    (listed,) = (await api("GET", "/sessions?quiz_id=quiz1")).json()["sessions"]
    assert listed["group"] == "Room 12"


async def test_without_them_a_session_has_none(api: Api) -> None:
    started = await api("POST", "/sessions/start", {**START_BODY, "label": None})
    assert shown(started.json()) == dict.fromkeys(ALL)


async def test_they_are_in_the_audit_log_which_stays_whole(services: Services, database: Database) -> None:
    session_id = await labelled(services, **ALL)
    (began,) = changes(database, session_id, "started")
    assert {name: began[name] for name in ("group_name", "label", "metadata")} == {
        "group_name": ALL["group"],
        "label": ALL["label"],
        "metadata": ALL["metadata"],
    }
    verified = await services.audit.verify(session_id)
    assert (verified.intact, verified.differs) == (True, [])


async def test_a_start_that_finds_an_open_session_leaves_its_labels(services: Services, api: Api) -> None:
    await put_quiz(services)
    session_id = await labelled(services, group="Room 1")
    found = await api("POST", "/sessions/start", {**START_BODY, **ALL}, at=LATER)
    assert (found.json()["id"], found.json()["resumed"]) == (str(session_id), True)
    assert shown(found.json()) == {"group": "Room 1", "label": None, "metadata": None}


def metadata_of(size: int) -> dict[str, str]:
    """An object of so many bytes as compact UTF-8."""
    return {"ü": "a" * (size - len('{"ü":""}'.encode()))}


GOOD: list[dict[str, Any]] = [
    {"group": "r"},
    {"group": "ü" * 128},
    {"label": "l"},
    {"label": "ü" * MAX_LABEL_CHARACTERS},
    {"metadata": {}},
    {"metadata": metadata_of(MAX_METADATA_BYTES)},
    {"metadata": {"n": 1e22}},
    {"metadata": {"write_id": "x", "late_answers": {}, "displaced": [], "by": None}},
]
BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"group": ""}, 422, "group"),
    ({"group": "r" * 129}, 422, "group"),
    ({"group": "a\x00"}, 422, "group"),
    ({"group": 7}, 422, "group"),
    *(({"group": blank}, 422, "group") for blank in NOTHING),
    ({"label": ""}, 422, "label"),
    *(({"label": blank}, 422, "label") for blank in NOTHING),
    ({"label": "l" * (MAX_LABEL_CHARACTERS + 1)}, 422, "label"),
    ({"label": "a\x00"}, 422, "label"),
    ({"metadata": []}, 422, "metadata"),
    ({"metadata": "x"}, 422, "metadata"),
    ({"metadata": {"a\x00": 1}}, 422, "metadata"),
    ({"metadata": {"a": "\x00"}}, 422, "metadata"),
    ({"metadata": metadata_of(MAX_METADATA_BYTES + 1)}, 413, ""),
    ({"metadata": {"n": [1e300] * 14}}, 413, ""),
    ({"metadata": {"n": [0] * 40_000}}, 413, ""),
]


def nested(depth: int) -> dict[str, Any]:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return {"a": value}


@pytest.mark.parametrize("labels", GOOD, ids=lambda labels: str(labels)[:40])
async def test_what_can_be_set(api: Api, labels: dict[str, Any]) -> None:
    started = await api("POST", "/sessions/start", {**START_BODY, **labels})
    assert started.status_code == 201, started.text
    path = f"/sessions/{started.json()['id']}"
    assert (await api("GET", path)).json().items() >= labels.items()
    assert (await api("PATCH", path, {**ALL, "reason": "why"})).status_code == 200
    assert (await api("PATCH", path, labels)).json().items() >= labels.items()
    assert (await api("GET", f"{path}/verify")).json()["intact"]


@pytest.mark.parametrize(("labels", "status", "member"), BAD, ids=lambda each: str(each)[:40])
async def test_what_can_not(
    api: Api, database: Database, labels: dict[str, Any], status: int, member: str
) -> None:
    started = await api("POST", "/sessions/start", {**START_BODY, **ALL})
    before = contents(database)
    replies = [
        await api("POST", "/sessions/start", {**START_BODY, **labels}),
        await api("PATCH", f"/sessions/{started.json()['id']}", labels),
    ]
    for reply in replies:
        assert reply.status_code == status, reply.text
        if member:
            assert reply.json()["errors"][0]["location"].startswith(f"body.{member}")
        else:
            assert "metadata" in reply.json()["detail"]
    assert contents(database) == before


async def test_metadata_is_nested_a_hundred_deep_and_no_deeper(services: Services) -> None:
    await labelled(services, metadata=nested(98))
    with pytest.raises(InvalidInputError, match="metadata is nested") as refused:
        await labelled(services, metadata=nested(200))
    assert refused.value.member == "metadata"


# The same start again


async def test_a_start_that_is_sent_again_finds_what_it_started(api: Api) -> None:
    first = await api("POST", "/sessions/start", {**START_BODY, **ALL}, key="k")
    turned = {"ids": ALL["metadata"]["ids"], "course": "PH-101"}
    again = await api("POST", "/sessions/start", {**START_BODY, **ALL, "metadata": turned}, key="k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]


async def test_it_is_known_also_once_staff_have_changed_the_labels(services: Services, api: Api) -> None:
    first = await api("POST", "/sessions/start", {**START_BODY, **ALL}, key="k")
    await label(services, first.json()["id"], group="Room 13", label=None)
    again = await api("POST", "/sessions/start", {**START_BODY, **ALL}, key="k")
    assert (again.status_code, again.json()["group"]) == (200, "Room 13")


@pytest.mark.parametrize(
    "other",
    [
        {"group": "Room 13"},
        {"group": None},
        {"label": "another"},
        {"label": None},
        {"metadata": {"course": "PH-102"}},
        {"metadata": None},
        {"quiz_id": "quiz2"},
    ],
    ids=str,
)
async def test_a_key_with_another_start_is_refused(
    api: Api, database: Database, other: dict[str, Any]
) -> None:
    await api("POST", "/sessions/start", {**START_BODY, **ALL}, key="k")
    before = contents(database)
    reply = await api("POST", "/sessions/start", {**START_BODY, **ALL, **other}, key="k")
    assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_reused")
    assert contents(database) == before


async def test_of_simultaneous_starts_with_one_key_one_kind_is_done(
    services: Services, database: Database
) -> None:
    found = await asyncio.gather(
        *(
            services.sessions.create_session(
                "user1", "quiz1", labels=Labels(group=f"Room {number % 2}"), idempotency_key="k", at=START
            )
            for number in range(20)
        ),
        return_exceptions=True,
    )
    refused = [isinstance(each, IdempotencyKeyReusedError) for each in found]
    assert refused in ([bool(number % 2) for number in range(20)], [not number % 2 for number in range(20)])
    assert len({each.id for each in found if isinstance(each, Session)}) == 1


# Who may


@pytest.fixture
async def with_tokens(services: Services) -> AsyncIterator[Api]:
    async with api_of(services, jwt=True) as found:
        yield found


async def test_a_student_does_not_choose_the_group(with_tokens: Api, database: Database) -> None:
    with_tokens.be("user1")
    refused = await with_tokens("POST", "/sessions/start", {"quiz_id": "quiz1", "group": "Room 13"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert contents(database) == [[], [], [], [], []]
    own = {"label": "my own", "metadata": {"tab": 1}}
    started = await with_tokens("POST", "/sessions/start", {"quiz_id": "quiz1", **own})
    assert started.json().items() >= own.items()


@pytest.mark.parametrize(("scope", "status"), [("sessions:proctor", 201), ("sessions:grade", 403)])
async def test_a_proctor_starts_for_a_student_in_a_group(with_tokens: Api, scope: str, status: int) -> None:
    with_tokens.be("teacher", scope)
    body = {**START_BODY, "group": "Room 12"}
    if scope == "sessions:grade":
        # For themselves, as a student.
        body.pop("user_id")
    assert (await with_tokens("POST", "/sessions/start", body)).status_code == status


async def test_proctors_alone_change_them(services: Services, with_tokens: Api, database: Database) -> None:
    session_id = await labelled(services, group="Room 12")
    before = contents(database)
    for who, scope in (("user1", ""), ("user2", ""), ("t", "sessions:grade"), ("t", "quizzes:write")):
        with_tokens.be(who, scope)
        assert (await with_tokens("PATCH", f"/sessions/{session_id}", {"group": "x"})).status_code == 403
    assert contents(database) == before


async def test_a_student_who_starts_again_stays_in_the_group(with_tokens: Api, services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.NEW)

    async def start_again(user: str = "user1", quiz: str = "quiz1") -> dict[str, Any]:
        with_tokens.be(user)
        started = await with_tokens("POST", "/sessions/start", {"quiz_id": quiz})
        assert started.status_code == 201, started.text
        session: dict[str, Any] = started.json()
        return session

    with_tokens.be("teacher", "sessions:proctor")
    first = await with_tokens("POST", "/sessions/start", {**START_BODY, **ALL})
    with_tokens.be("user1")
    await with_tokens("POST", f"/sessions/{first.json()['id']}/abandon")
    second, third = await start_again(), await start_again()
    assert shown(second) == shown(third) == {"group": "Room 12", "label": None, "metadata": None}
    assert (await services.audit.verify(second["id"])).differs == []
    await label(services, third["id"], group="Room 13")
    assert (await start_again())["group"] == "Room 13"
    await label(services, (await start_again())["id"], group=None)
    assert (await start_again())["group"] is None
    assert (await start_again("user2"))["group"] is None
    assert (await start_again(quiz="quiz2"))["group"] is None


async def test_a_group_that_a_start_names_comes_before_the_former_one(with_tokens: Api) -> None:
    with_tokens.be("user1", "sessions:proctor")
    await with_tokens("POST", "/sessions/start", {"quiz_id": "quiz1", "group": "Room 12"})
    named = await with_tokens("POST", "/sessions/start", {"quiz_id": "quiz1", "group": "Room 13"})
    assert named.json()["group"] == "Room 13"


@pytest.mark.parametrize("tokens", [False, True])
async def test_a_start_by_others_takes_over_no_group(services: Services, tokens: bool) -> None:
    async with api_of(services, jwt=tokens) as api:
        api.be("teacher", "sessions:proctor")
        await api("POST", "/sessions/start", {**START_BODY, "group": "Room 12"})
        assert (await api("POST", "/sessions/start", START_BODY)).json()["group"] is None


# Later


async def test_what_is_left_out_stays_and_null_takes_away(services: Services) -> None:
    session_id = await labelled(services, **ALL)
    moved = await label(services, session_id, group="Room 13")
    assert (moved.group, moved.label, moved.metadata) == ("Room 13", ALL["label"], ALL["metadata"])
    none = await label(services, session_id, label=None, metadata=None)
    assert (none.group, none.label, none.metadata) == ("Room 13", None, None)
    read = await services.sessions.get_session(session_id, at=LATER)
    assert (read.group, read.label, read.metadata) == ("Room 13", None, None)
    assert (await services.audit.verify(session_id)).differs == []


async def test_nothing_to_change_is_refused(services: Services, api: Api) -> None:
    session_id = await start(services)
    with pytest.raises(InvalidInputError):
        await label(services, session_id)
    assert (await api("PATCH", f"/sessions/{session_id}", {"reason": "why"})).status_code == 422


async def test_a_session_that_is_not_there_is_404(services: Services) -> None:
    with pytest.raises(SessionNotFoundError):
        await label(services, uuid4(), group="Room 12")


async def test_a_session_that_has_ended_or_stands_still_is_labelled_too(services: Services) -> None:
    ended, paused = await start(services), await start(services, "user2")
    await services.sessions.complete(ended, at=LATER)
    await services.room.pause(paused, "why", at=LATER)
    for session_id in (ended, paused):
        assert (await label(services, session_id, group="Room 12")).group == "Room 12"
        assert (await services.audit.verify(session_id)).differs == []


async def test_the_audit_log_says_what_was_changed_by_whom_and_why(
    services: Services, database: Database
) -> None:
    session_id = await labelled(services, **ALL)
    await label(services, session_id, "moved", group="Room 13", label=ALL["label"])
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await label(services, session_id, metadata={"a": 1})
    first, second = changes(database, session_id, "labelled")
    named = ("group_name", "label", "metadata", "by", "reason")
    assert {name: first[name] for name in named if name in first} == {
        "group_name": "Room 13",
        "by": "teacher",
        "reason": "moved",
    }
    assert (second["metadata"], "group_name" in second, second["reason"]) == ({"a": 1}, False, None)
    then = await services.audit.at_version(session_id, 0, at=LATER)
    assert (then.group, then.metadata) == ("Room 13", ALL["metadata"])


async def test_the_entity_tag_moves_with_them(services: Services) -> None:
    session_id = await start(services)
    before = (await services.sessions.get_session(session_id, at=LATER)).etag
    await label(services, session_id, metadata={"a": 1})
    assert (await services.sessions.get_session(session_id, at=LATER)).etag != before


async def test_what_is_so_already_changes_nothing(services: Services, database: Database) -> None:
    session_id = await labelled(services, **ALL)
    before = contents(database)
    told = await label(services, session_id, "again", **{**ALL, "metadata": {**ALL["metadata"]}})
    assert told.group == "Room 12"
    assert contents(database) == before
    assert database.execute("SELECT count(*) FROM staff_actions").fetchall() == [{"count": 0}]


async def test_a_request_that_is_sent_again_does_not_undo_what_came_after_it(
    services: Services, database: Database
) -> None:
    session_id = await labelled(services)
    await label(services, session_id, key="k", metadata={"a": 1, "b": 2})
    await label(services, session_id, metadata={"a": 2})
    again = await label(services, session_id, key="k", metadata={"b": 2, "a": 1})
    assert again.metadata == {"a": 2}
    with pytest.raises(IdempotencyKeyReusedError):
        await label(services, session_id, key="k", metadata={"a": 1})
    with pytest.raises(IdempotencyKeyReusedError):
        await label(services, session_id, "another reason", key="k", metadata={"a": 1, "b": 2})
    assert events(database, session_id) == ["started", "labelled", "labelled"]


async def test_two_that_meet_change_both(services: Services, stores: Stores, database: Database) -> None:
    session_id = await labelled(services)
    with row_held(stores, session_id) as held:
        first = await held.behind(label(services, session_id, group="Room 12"))
        second = await held.behind(label(services, session_id, label="a label"))
        third = await held.behind(services.sessions.update_answer(session_id, 0, "A", at=LATER))
        held.release()
        await asyncio.gather(first, second, third)
    now = row(database, session_id)
    assert (now["group_name"], now["label"], now["answers"]) == ("Room 12", "a label", {"0": "A"})
    assert (await services.audit.verify(session_id)).differs == []


async def test_the_list_of_staff_actions_has_the_group_and_no_free_text(
    services: Services, database: Database
) -> None:
    session_id = await labelled(services, group="Room 12")
    await label(services, session_id, "moved", group="Room 13", label="a person", metadata={"a": "a person"})
    await label(services, session_id, label=None)
    first, second = database.execute("SELECT * FROM staff_actions ORDER BY id").fetchall()
    assert (first["action"], first["by"], first["reason"]) == ("label", "teacher", "moved")
    assert (first["session_id"], first["revision"]) == (session_id, 1)
    assert first["before"] == {"group": "Room 12"}
    assert first["after"] == {"group": "Room 13", "label_changed": True, "metadata_changed": True}
    assert second["after"] == {"group": "Room 13", "label_changed": True, "metadata_changed": False}
    assert "a person" not in str((first, second))


# Lists


async def test_a_list_is_filtered_by_group_of_a_quiz_or_a_user(services: Services, api: Api) -> None:
    ids = {
        (user, group): await labelled(services, user, group=group)
        for user in ("user1", "user2")
        for group in ("Room 12", "Room 13", None)
    }
    await services.sessions.create_session("user1", "quiz2", labels=Labels(group="Room 12"), at=START)
    found = (await api("GET", "/sessions?quiz_id=quiz1&group=Room%2012")).json()["sessions"]
    assert {each["id"] for each in found} == {str(ids[user, "Room 12"]) for user in ("user1", "user2")}
    found = (await api("GET", "/sessions?quiz_id=quiz1&user_id=user1&group=Room%2013")).json()["sessions"]
    assert [each["id"] for each in found] == [str(ids["user1", "Room 13"])]
    assert (await api("GET", "/sessions?quiz_id=quiz1&group=Room")).json()["sessions"] == []
    assert len((await api("GET", "/sessions?user_id=user1&group=Room%2012")).json()["sessions"]) == 2


async def test_a_group_alone_finds_nothing(api: Api) -> None:
    assert (await api("GET", "/sessions?group=Room%2012")).status_code == 422


async def test_open_sessions_of_a_group(services: Services, api: Api) -> None:
    ended, left = [await labelled(services, group="Room 12") for _ in range(2)]
    await services.sessions.complete(ended, at=LATER)
    reply = await api("GET", "/sessions?quiz_id=quiz1&group=Room%2012&status=open", at=LATER)
    assert [each["id"] for each in reply.json()["sessions"]] == [str(left)]


async def test_the_pages_of_a_group_follow_each_other(services: Services) -> None:
    ids = [
        await labelled(services, at=START + number * SECOND, group=f"Room {number % 2}")
        for number in range(10)
    ]
    first = await services.audit.find(quiz_id="quiz1", group="Room 0", limit=3, at=LATER)
    second = await services.audit.find(
        quiz_id="quiz1", group="Room 0", cursor=first.next_cursor, limit=3, at=LATER
    )
    assert [each.id for page in (first, second) for each in page.sessions] == ids[8::-2]
    assert second.next_cursor is None


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"quiz_id": "quiz7", "user_id": None}, "quiz_attempts_of_group"),
        ({"user_id": "user7", "quiz_id": None}, "Index"),
        ({"user_id": "user7", "quiz_id": "quiz7"}, "Index"),
    ],
    ids=str,
)
async def test_a_list_of_a_group_reads_neither_the_table_nor_the_whole_quiz(
    stores: Stores, database: Database, filters: dict[str, Any], index: str
) -> None:
    insert(database, users=500, quizzes=10, each=2)
    database.execute("UPDATE quiz_attempts SET group_name = 'Room ' || attempt_no % 100 WHERE id::text < '8'")
    database.execute(
        "UPDATE quiz_attempts SET group_name = 'Room 12' WHERE user_id = 'user7' AND quiz_id = 'quiz7'"
    )
    database.execute("ANALYZE quiz_attempts")

    async def conninfo() -> str:
        return stores.database_url

    postgres = Explaining(conninfo, 1, lambda: None, Telemetry())
    named = Filters(**filters, group="Room 12", at=START)
    await AuditStore(postgres).attempts(named, before=None, limit=51)
    await postgres.close()
    (plan,) = postgres.plans
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan
