"""Nobody acts without a trace: every action of staff is recorded, also one that changes no attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import SessionExpiredError, UnknownQuizError
from quiz_sessions.domain.quizzes import OneDevice
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, Api, api_of
from tests.harness.service import put_quiz, services_on
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, row
from tests.integration.test_identity import ROUTES

WHY = {"reason": "why"}
MORE = {"seconds": 60, **WHY}
WEBHOOK: Any = {"webhook_url": "https://127.0.0.1:9/", "webhook_secrets": (f"whsec_{'A' * 32}",)}
KEYED = {"questions": {"0": {"grading": "exact", "key": "secret"}}}
AUDITOR = f"{STAFF} audit:read"


@pytest.fixture
async def services(stores: Stores, tmp_path: Path) -> AsyncIterator[Services]:
    async with services_on(
        stores, jwt=True, refuse_unknown_quizzes=True, export_folder=tmp_path, **WEBHOOK
    ) as built:
        yield built


@pytest.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    async with api_of(services, jwt=True) as found:
        found.be("teacher", STAFF)
        await found("PUT", "/quizzes/quiz1", {"when_active": "new"}, at=START - SECOND)
        yield found


async def started(api: Api, user: str = "user1") -> str:
    api.be(user)
    reply = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=START)
    assert reply.status_code == 201, reply.text
    api.be("teacher", STAFF)
    return str(reply.json()["id"])


async def ended(api: Api) -> str:
    session_id = await started(api)
    api.be("user1")
    await api("POST", f"/sessions/{session_id}/complete", at=LATER)
    api.be("teacher", STAFF)
    return session_id


async def late(api: Api, services: Services) -> str:
    session_id = UUID(await started(api))
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, "B", at=END + SECOND)
    return str(session_id)


async def recorded(api: Api, **filters: object) -> list[dict[str, Any]]:
    api.be("auditor", AUDITOR)
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    reply = await api("GET", f"/staff-actions?{query}")
    assert reply.status_code == 200, reply.text
    actions: list[dict[str, Any]] = reply.json()["actions"]
    return actions


Act = Callable[[Api, Services], Awaitable[tuple[Any, ...]]]


async def start_for_somebody(api: Api, services: Services) -> tuple[Any, ...]:
    reply = await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"}, at=LATER, key="k")
    return reply, {"action": "start", "session_id": reply.json()["id"], "user_id": "user1", "key": "k"}


async def extend(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await started(api)
    reply = await api("POST", f"/sessions/{session_id}/extend", MORE, at=LATER, key="k")
    return reply, {"action": "extend", "session_id": session_id, "revision": 1, "key": "k", **WHY}


async def extend_all(api: Api, services: Services) -> tuple[Any, ...]:
    await started(api)
    reply = await api("POST", "/quizzes/quiz1/extend", MORE, at=LATER)
    return reply, {"action": "extend-quiz", "after": {"seconds": 60, "extended": 1}, **WHY}


async def write(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await started(api)
    reply = await api("POST", f"/sessions/{session_id}/notices", {"text": "5 N"}, at=LATER, key="k")
    return reply, {"action": "notify", "session_id": session_id, "revision": 1, "key": "k", "reason": None}


async def write_to_all(api: Api, services: Services) -> tuple[Any, ...]:
    await started(api)
    reply = await api("POST", "/quizzes/quiz1/notices", {"text": "5 N"}, at=LATER, key="k")
    after = {"notified": 1, "write_id": "notify-quiz:k"}
    return reply, {"action": "notify-quiz", "after": after, "key": "k", "reason": None}


async def reopen(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await ended(api)
    reply = await api("POST", f"/sessions/{session_id}/reopen", MORE, at=LATER)
    return reply, {"action": "reopen", "session_id": session_id, "user_id": "user1", **WHY}


async def accept(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await late(api, services)
    listed = await api("GET", f"/sessions/{session_id}/late-answers")
    event = listed.json()["late_answers"][0]["event"]
    path = f"/sessions/{session_id}/late-answers/{event}/accept"
    return await api("POST", path, WHY, at=END + 2 * SECOND), {
        "action": "accept",
        "session_id": session_id,
        **WHY,
    }


async def score(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await ended(api)
    reply = await api("POST", f"/sessions/{session_id}/score", {"score": 1, "max_score": 2, **WHY}, at=LATER)
    return reply, {"action": "score", "session_id": session_id, **WHY}


async def mark(api: Api, services: Services) -> tuple[Any, ...]:
    await api("PUT", "/quizzes/quiz1", {**KEYED, "when_active": "new"}, at=START)
    session_id = await ended(api)
    reply = await api("PUT", f"/sessions/{session_id}/grades?reason=why", {"0": {"points": 1}}, at=LATER)
    return reply, {"action": "grades", "session_id": session_id, **WHY}


async def regrade(api: Api, services: Services) -> tuple[Any, ...]:
    await ended(api)
    await api("PUT", "/quizzes/quiz1", KEYED, at=LATER)
    reply = await api("POST", "/quizzes/quiz1/regrade", WHY, at=LATER)
    return reply, {"action": "regrade", **WHY}


async def change(api: Api, services: Services) -> tuple[Any, ...]:
    reply = await api("PUT", "/quizzes/quiz1", {"show_results": "never"}, at=LATER)
    return reply, {"action": "put-quiz"}


async def change_some(api: Api, services: Services) -> tuple[Any, ...]:
    reply = await api("PATCH", "/quizzes/quiz1", {"show_results": "never"}, at=LATER)
    return reply, {"action": "put-quiz"}


async def forget(api: Api, services: Services) -> tuple[Any, ...]:
    return await api("DELETE", "/quizzes/quiz1", at=LATER), {"action": "delete-quiz"}


async def give_time(api: Api, services: Services) -> tuple[Any, ...]:
    body = {"extra_seconds": 60, **WHY}
    reply = await api("PUT", "/quizzes/quiz1/accommodations/user1", body, at=LATER)
    after = {"extra_seconds": 60, "granted_by": "teacher", **WHY}
    return reply, {"action": "put-accommodation", "user_id": "user1", "before": None, "after": after, **WHY}


async def take_time_back(api: Api, services: Services) -> tuple[Any, ...]:
    await give_time(api, services)
    reply = await api("DELETE", "/quizzes/quiz1/accommodations/user1", at=LATER)
    before = {"extra_seconds": 60, "granted_by": "teacher", **WHY}
    return reply, {"action": "delete-accommodation", "user_id": "user1", "before": before, "after": None}


async def give_time_everywhere(api: Api, services: Services) -> tuple[Any, ...]:
    reply = await api("PUT", "/users/user1/accommodations", {"time_factor": 1.5, **WHY}, at=LATER)
    return reply, {"action": "put-standing-accommodation", "user_id": "user1", "quiz_id": None, **WHY}


async def take_time_back_everywhere(api: Api, services: Services) -> tuple[Any, ...]:
    await give_time_everywhere(api, services)
    reply = await api("DELETE", "/users/user1/accommodations", at=LATER)
    return reply, {"action": "delete-standing-accommodation", "user_id": "user1", "quiz_id": None}


async def label(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await started(api)
    reply = await api("PATCH", f"/sessions/{session_id}", {"group": "Room 12", **WHY}, at=LATER, key="k")
    return reply, {"action": "label", "session_id": session_id, "revision": 1, "key": "k", **WHY}


async def pause(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await started(api)
    reply = await api("POST", f"/sessions/{session_id}/pause", WHY, at=LATER, key="k")
    return reply, {"action": "pause", "session_id": session_id, "revision": 1, "key": "k", **WHY}


async def resume(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await started(api)
    await api("POST", f"/sessions/{session_id}/pause", WHY, at=LATER)
    reply = await api("POST", f"/sessions/{session_id}/resume", WHY, at=LATER)
    return reply, {"action": "resume", "session_id": session_id, "revision": 2, **WHY}


async def pause_all(api: Api, services: Services) -> tuple[Any, ...]:
    await started(api)
    reply = await api("POST", "/quizzes/quiz1/pause", WHY, at=LATER)
    return reply, {"action": "pause-quiz", "after": {"whole": True, "paused": 1}, **WHY}


async def resume_all(api: Api, services: Services) -> tuple[Any, ...]:
    await pause_all(api, services)
    reply = await api("POST", "/quizzes/quiz1/resume", WHY, at=LATER)
    return reply, {"action": "resume-quiz", "after": {"whole": True, "resumed": 1}, **WHY}


async def hand_in_all(api: Api, services: Services) -> tuple[Any, ...]:
    session_id = await started(api)
    reply = await api("POST", "/quizzes/quiz1/complete", WHY, at=LATER)
    return reply, {"action": "complete-quiz", "session_id": session_id, "user_id": "user1", **WHY}


async def retry_webhooks(api: Api, services: Services) -> tuple[Any, ...]:
    reply = await api("POST", "/webhooks/retry", WHY, at=LATER)
    return reply, {"action": "retry-webhook", "quiz_id": None, "after": {"events": 0}, **WHY}


async def unlock(api: Api, services: Services) -> tuple[Any, ...]:
    await put_quiz(services, one_device=OneDevice.PROCTOR)
    session = await services.sessions.create_session("user1", "quiz1", client_id="tablet", at=START)
    reply = await api("POST", f"/sessions/{session.id}/device", WHY, at=LATER)
    return reply, {"action": "unlock-device", "session_id": str(session.id), **WHY}


async def export(api: Api, services: Services) -> tuple[Any, ...]:
    await put_quiz(services)
    reply = await api("POST", "/quizzes/quiz1/exports", {"format": "csv", "what": ["trail"]}, at=LATER)
    after = {"export": reply.json()["id"], "format": "csv", "what": ["trail"]}
    return reply, {"action": "export", "after": after}


ACTS: list[Act] = [
    start_for_somebody,
    extend,
    extend_all,
    write,
    write_to_all,
    reopen,
    accept,
    score,
    mark,
    regrade,
    change,
    change_some,
    forget,
    give_time,
    take_time_back,
    give_time_everywhere,
    take_time_back_everywhere,
    label,
    pause,
    resume,
    pause_all,
    resume_all,
    hand_in_all,
    retry_webhooks,
    unlock,
    export,
]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
async def test_an_action_of_staff_is_recorded_with_who_what_and_why(
    services: Services, api: Api, act: Act
) -> None:
    reply, expected = await act(api, services)
    assert reply.status_code < 300, reply.text
    action = (await recorded(api))[-1]
    expected = {"quiz_id": "quiz1", **expected}
    assert action["by"] == "teacher"
    assert {name: action[name] for name in expected} == expected


def test_every_operation_of_staff_is_among_these() -> None:
    changing = {
        (method, path)
        for (method, path), (_, statuses) in ROUTES.items()
        # What its owner may not do. A beacon has a token of its own; to be given an answer changes nothing.
        if method != "GET" and statuses[1] == 403 and not path.endswith(("/beacon", "/grading/next"))
    }
    starts = 1
    assert len(ACTS) == len(changing) + starts


async def test_an_action_is_told_before_and_after(services: Services, api: Api) -> None:
    session_id = await started(api)
    await api("POST", f"/sessions/{session_id}/extend", MORE, at=LATER)
    (action,) = await recorded(api, session_id=session_id)
    assert action["before"]["expires_at"].startswith("2027-01-15T08:30:00")
    assert action["after"]["expires_at"].startswith("2027-01-15T08:31:00")


async def test_an_action_on_a_score_tells_what_was_given_and_nothing_that_is_not_known_yet(
    services: Services, api: Api
) -> None:
    questions = {"0": {"grading": "exact", "key": "B"}, "1": {"points": 5}}
    await api("PUT", "/quizzes/quiz1", {"when_active": "new", "questions": questions}, at=START - SECOND)
    session_id = await late(api, services)
    (found,) = (await api("GET", f"/sessions/{session_id}/late-answers")).json()["late_answers"]
    path = f"/sessions/{session_id}"
    at = END + 2 * SECOND
    await api("POST", f"{path}/late-answers/{found['event']}/accept", WHY, at=at)
    marks = {"0": None, "1": {"points": 5, "comment": "of a person"}}
    await api("PUT", f"{path}/grades?reason=why", marks, at=at)
    accepted, marked = await recorded(api, session_id=session_id)
    assert accepted["after"]["late_answer"] == found["event"]
    assert marked["after"]["points"] == {"0": None, "1": 5}
    assert (accepted["before"]["score"], marked["before"]["score"]) == (0, 1)
    for action in (accepted, marked):
        assert action["after"].keys().isdisjoint({"score", "max_score", "grading"})
        assert "of a person" not in str(action)


async def test_a_score_that_is_set_is_told_before_and_after(services: Services, api: Api) -> None:
    session_id = await ended(api)
    await api("POST", f"/sessions/{session_id}/score", {"score": 1, "max_score": 2, **WHY}, at=LATER)
    action = (await recorded(api, session_id=session_id))[-1]
    assert (action["before"]["score"], action["after"]["score"]) == (None, 1)


async def test_a_regrade_tells_whose_score_it_changed_and_how(services: Services, api: Api) -> None:
    def keyed(key: str) -> dict[str, Any]:
        return {"when_active": "new", "questions": {"0": {"grading": "exact", "key": key}}}

    await api("PUT", "/quizzes/quiz1", keyed("A"), at=START)
    unchanged, changed = await ended(api), await started(api, "user2")
    api.be("user2")
    await api("POST", f"/sessions/{changed}/complete", {"answers": {"0": "B"}}, at=LATER)
    api.be("teacher", STAFF)
    await api("PUT", "/quizzes/quiz1", keyed("B"), at=LATER)
    await api("POST", "/quizzes/quiz1/regrade", WHY, at=LATER)
    after = (await recorded(api, quiz_id="quiz1"))[-1]["after"]
    assert (after["regraded"], unchanged in after["changed"]) == (2, False)
    assert after["changed"] == {
        changed: {"former_score": 0, "former_max_score": 1, "score": 1, "max_score": 1}
    }


async def test_a_change_of_a_quiz_tells_how_many_attempts_it_was_to_end(services: Services, api: Api) -> None:
    for user in ("user1", "user2"):
        await started(api, user)
    later = {"opens_at": "2027-01-15T09:00:00Z", "open_attempts": "abandon"}
    assert (await api("PUT", "/quizzes/quiz1", later, at=LATER)).json()["abandoned"] == 2
    assert (await recorded(api, quiz_id="quiz1"))[-1]["after"]["to_abandon"] == 2


async def test_what_was_refused_or_repeated_is_no_action(services: Services, api: Api) -> None:
    session_id = await started(api)
    for _ in range(3):
        await api("POST", f"/sessions/{session_id}/extend", MORE, at=LATER, key="k")
    await api("POST", f"/sessions/{session_id}/extend", {**MORE, "seconds": 61}, at=LATER, key="k")
    await api("POST", f"/sessions/{session_id}/reopen", MORE, at=LATER)
    assert [action["action"] for action in await recorded(api, session_id=session_id)] == ["extend"]


async def test_rules_that_held_for_a_minute_are_known_with_who_set_them(services: Services, api: Api) -> None:
    for who, rules in (("one", {"show_results": "after_end"}), ("two", {"show_results": "never"})):
        api.be(who, STAFF)
        await api("PUT", "/quizzes/quiz1", {**rules, **KEYED}, at=LATER)
    actions = await recorded(api, quiz_id="quiz1")
    assert [(each["by"], each["after"]["show_results"]) for each in actions[1:]] == [
        ("one", "after_end"),
        ("two", "never"),
    ]
    assert actions[2]["before"]["show_results"] == "after_end"


async def test_of_questions_what_changed_is_told_and_keys_only_to_those_who_write_them(
    services: Services, api: Api
) -> None:
    for key in ("secret", "other secret"):
        questions = {"0": {"grading": "exact", "key": key}, "1": {"points": 2}}
        await api("PUT", "/quizzes/quiz1", {"questions": questions}, at=LATER)
    last = (await recorded(api))[-1]
    assert last["before"]["questions"] == {"0": {"points": 1.0, "grading": "exact", "key": "secret"}}
    assert last["after"]["questions"]["0"]["key"] == "other secret"
    api.be("auditor", "audit:read")
    reply = await api("GET", "/staff-actions")
    assert "secret" not in reply.text
    assert reply.json()["actions"][-1]["after"]["questions"] == ["0"]


@pytest.mark.parametrize("scope", ["", "sessions:proctor", "sessions:grade", "quizzes:write", STAFF])
async def test_actions_are_read_by_those_who_may(api: Api, scope: str) -> None:
    api.be("somebody", scope)
    assert (await api("GET", "/staff-actions")).status_code == 403


NOTHING = [
    " ",
    "\t\r\n",
    "\u200b",
    "\u00a0\u2003",
    "\x01\x7f",
    "\u2060\ufeff",
    "\u3164",
    "\u00ad \u202e",
    "\u2800",
]


@pytest.mark.parametrize("reason", NOTHING, ids=ascii)
async def test_a_reason_that_shows_nothing_is_none(api: Api, database: Database, reason: str) -> None:
    session_id = await ended(api)
    before = contents(database)
    why = {"reason": reason}
    query = urlencode(why)
    replies = {
        "body.reason": [
            await api("POST", f"/sessions/{session_id}/extend", {**MORE, **why}, at=LATER),
            await api("POST", f"/sessions/{session_id}/reopen", {**MORE, **why}, at=LATER),
            await api("POST", "/quizzes/quiz1/extend", {**MORE, **why}, at=LATER),
            await api("POST", "/quizzes/quiz1/regrade", why, at=LATER),
            await api("POST", f"/sessions/{session_id}/late-answers/1/accept", why, at=LATER),
            await api("POST", f"/sessions/{session_id}/score", {"score": 1, "max_score": 2, **why}, at=LATER),
            await api("PUT", "/quizzes/quiz1/accommodations/user1", {"extra_seconds": 60, **why}, at=LATER),
            await api("PUT", "/users/user1/accommodations", why, at=LATER),
            await api("PATCH", f"/sessions/{session_id}", {"group": "Room 12", **why}, at=LATER),
        ],
        "query.reason": [await api("PUT", f"/sessions/{session_id}/grades?{query}", {"0": None}, at=LATER)],
    }
    for location, found in replies.items():
        for reply in found:
            assert (reply.status_code, reply.json()["errors"][0]["location"]) == (422, location), reply.url
    assert contents(database) == before


@pytest.mark.parametrize("reason", ["?", "火", "\u200bwhy", "🔥", "1"])
async def test_a_reason_that_shows_something_is_one(api: Api, reason: str) -> None:
    reply = await api("POST", f"/sessions/{await started(api)}/extend", {**MORE, "reason": reason}, at=LATER)
    assert reply.status_code == 200


async def test_actions_are_found_by_what_they_are_about(services: Services, api: Api) -> None:
    session_id = await started(api)
    await api("POST", f"/sessions/{session_id}/extend", MORE, at=LATER)
    await api("PUT", "/quizzes/quiz2", {}, at=LATER)
    assert [action["action"] for action in await recorded(api, quiz_id="quiz2")] == ["put-quiz"]
    assert [action["action"] for action in await recorded(api, user_id="user1")] == ["extend"]
    assert len(await recorded(api, by="teacher")) == 3
    assert await recorded(api, by="nobody") == []


async def test_the_actions_about_a_session_are_also_those_on_its_quiz_since_it_was_started(
    services: Services, api: Api
) -> None:
    more = {"extra_seconds": 60, **WHY}
    await api("PUT", "/quizzes/quiz1/accommodations/user1", more, at=START - SECOND)
    await api("PUT", "/quizzes/quiz1/accommodations/user2", more, at=START - SECOND)
    await api("PUT", "/quizzes/quiz1", {"when_active": "new"}, at=START - SECOND)
    session_id, other = await started(api), await started(api, "user2")
    await api("POST", "/quizzes/quiz1/extend", MORE, at=LATER)
    await api("PUT", "/quizzes/quiz2", {}, at=LATER)
    await api("POST", f"/sessions/{other}/extend", MORE, at=LATER)
    await api("POST", f"/sessions/{session_id}/extend", MORE, at=LATER)
    expected = ["put-accommodation", "extend-quiz", "extend"]
    of_session = await recorded(api, session_id=session_id)
    of_user = await recorded(api, user_id="user1", quiz_id="quiz1")
    assert [each["action"] for each in of_session if each["at"] >= "2027-01-15T07:59:59"] == [*expected]
    assert of_user == of_session
    assert {each["user_id"] for each in of_session} == {"user1", None}


async def test_actions_come_in_pages(services: Services, api: Api) -> None:
    for number in range(5):
        await api("PUT", f"/quizzes/q{number}", {}, at=LATER)
    api.be("auditor", AUDITOR)
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        page = (await api("GET", f"/staff-actions?after={after}&limit=2")).json()
        found += [action["quiz_id"] for action in page["actions"]]
        after = page["next_after"]
    assert found == ["quiz1", "q0", "q1", "q2", "q3", "q4"]


@pytest.mark.parametrize(
    "change", ["UPDATE staff_actions SET by = 'somebody else'", "DELETE FROM staff_actions"]
)
async def test_the_service_can_not_change_what_was_recorded(
    api: Api, database: Database, change: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.execute(change.encode())


# Whose start it is


async def test_a_start_for_somebody_names_who_started_it(
    services: Services, api: Api, database: Database
) -> None:
    reply = await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"}, at=START)
    (change,) = changes(database, reply.json()["id"], "started")
    assert change["by"] == "teacher"
    own = await started(api)
    (change,) = changes(database, UUID(own), "started")
    assert "by" not in change


async def test_the_key_of_a_student_is_not_used_up_by_staff(services: Services, api: Api) -> None:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    by_staff = await api("POST", "/sessions/start", body, at=START, key="first try")
    api.be("user1")
    own = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=START, key="first try")
    again = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=LATER, key="first try")
    assert (own.status_code, again.status_code) == (201, 200)
    assert own.json()["id"] == again.json()["id"] != by_staff.json()["id"]


# Quizzes that nobody registered


async def test_a_quiz_that_nobody_registered_is_not_started(services: Services, api: Api) -> None:
    api.be("user1")
    refused = await api("POST", "/sessions/start", {"quiz_id": "nobody's"}, at=START)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_quiz")


async def test_an_attempt_that_a_key_started_is_found_also_when_its_quiz_is_gone(
    services: Services, api: Api
) -> None:
    api.be("user1")
    first = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=START, key="k")
    await api("POST", f"/sessions/{first.json()['id']}/abandon", at=LATER)
    api.be("teacher", STAFF)
    await api("DELETE", "/quizzes/quiz1", at=LATER)
    api.be("user1")
    again = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=LATER, key="k")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    with pytest.raises(UnknownQuizError):
        await services.sessions.create_session("user1", "quiz1", at=LATER)


async def test_where_it_is_accepted_a_quiz_that_nobody_registered_has_the_services_defaults(
    stores: Stores, database: Database
) -> None:
    async with services_on(stores, jwt=True) as open_to_all:
        create = open_to_all.sessions.create_session
        sessions = [await create("user1", "nobody's", at=START) for _ in range(2)]
    assert [row(database, session.id)["time_limit_seconds"] for session in sessions] == [1800, 1800]
