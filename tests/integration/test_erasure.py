"""The audit log forgets what staff erase; the chain stays whole, and tampering stays visible."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.services.audit import Verification
from quiz_sessions.services.outbox_relay import BusRelay
from quiz_sessions.stores.event_bus import EventBus
from tests.harness.builders import LATER, SECOND, START
from tests.harness.service import services_on, start
from tests.harness.signing_keys import RECEIPT_KEYS
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.integration.contract import lasting

EVENT = "UPDATE attempt_events SET {} WHERE attempt_id = %(id)s AND revision = {}"
ERASED = "changes = NULL, nonce = NULL, erased_by = {}"


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    """A process that signs."""
    async with services_on(stores, receipt_keys=RECEIPT_KEYS) as built:
        yield built


async def ended(services: Services, user: str = "user1") -> UUID:
    """A session with five events, the last of which is its score."""
    questions = parse_questions({"0": {"grading": "exact", "key": "A"}, "1": {}})
    await services.administration.put_quiz("quiz1", QuizRules(questions=questions), at=START)
    session_id = await start(services, user)
    await services.sessions.update_answer(session_id, 0, "a thought of mine", at=LATER)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER + SECOND)
    await services.sessions.complete(session_id, {"1": "the last"}, at=LATER + 2 * SECOND)
    return session_id


def erase(database: Database, session_id: UUID, reason: str = "as the student asked") -> int:
    found = database.execute("SELECT erase_events(%s, 'dpo', %s) AS count", [session_id, reason]).fetchone()
    assert found is not None
    count: int = found["count"]
    return count


def actions(database: Database) -> list[dict[str, Any]]:
    """The erasures; putting quizzes and grading by hand are staff actions as well."""
    found = database.execute("SELECT * FROM staff_actions WHERE action = 'erase-events' ORDER BY id")
    return found.fetchall()


async def test_what_was_erased_is_gone_and_the_chain_is_whole(services: Services, database: Database) -> None:
    session_id = await ended(services)
    assert erase(database, session_id) == 5
    (action,) = actions(database)
    assert (action["session_id"], action["quiz_id"], action["user_id"]) == (session_id, "quiz1", "user1")
    assert (action["by"], action["reason"]) == ("dpo", "as the student asked")
    assert await services.audit.verify(session_id) == Verification(5, [], [], 5, [action["id"]])
    held = database.execute("SELECT * FROM attempt_events WHERE attempt_id = %s", [session_id]).fetchall()
    assert "a thought of mine" not in str(held)


async def test_verify_and_events_say_it_over_http(
    services: Services, client: httpx.AsyncClient, database: Database
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    (action,) = actions(database)
    assert (await client.get(f"/sessions/{session_id}/verify")).json() == {
        "intact": True,
        "events": 5,
        "broken": [],
        "differs": [],
        "erased": 5,
        "erased_by": [action["id"]],
        "paper_as_drawn": None,
    }
    shown = (await client.get(f"/sessions/{session_id}/events")).json()["events"]
    assert {(event["changes"], event["erased_by"]) for event in shown} == {(None, action["id"])}


@pytest.mark.parametrize("version", [0, 1, 3])
async def test_a_version_that_needs_an_erased_event_is_gone(
    services: Services, client: httpx.AsyncClient, database: Database, version: int
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    reply = await client.get(f"/sessions/{session_id}", params={"at_version": version})
    assert (reply.status_code, reply.json()["code"]) == (410, "events_erased")


async def test_a_version_that_never_was_is_not_found_after_an_erasure_too(
    services: Services, client: httpx.AsyncClient, database: Database
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    reply = await client.get(f"/sessions/{session_id}", params={"at_version": 4})
    assert (reply.status_code, reply.json()["code"]) == (404, "version_not_found")


async def test_the_session_itself_and_its_results_stay(
    services: Services, client: httpx.AsyncClient, database: Database
) -> None:
    session_id = await ended(services)
    paths = (f"/sessions/{session_id}", f"/sessions/{session_id}/results", "/sessions?user_id=user1")
    before = [lasting((await client.get(path)).json()) for path in paths]
    erase(database, session_id)
    assert [lasting((await client.get(path)).json()) for path in paths] == before


async def test_a_receipt_for_what_was_erased_is_genuine_and_not_recorded_either_way(
    services: Services, client: httpx.AsyncClient, database: Database
) -> None:
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    kept = await services.sessions.update_answer(session.id, 0, "A", at=LATER)
    await services.sessions.complete(session.id, at=LATER)
    erase(database, session.id)
    body = {"receipt": kept.receipt, "answers": {"0": "A"}}
    proof = (await client.post("/receipts/verify", json=body)).json()
    assert (proof["genuine"], proof["recorded"], proof["answers_match"]) == (True, None, True)
    database.execute(EVENT.format("version = 7", 1), {"id": session.id})
    assert (await client.post("/receipts/verify", json=body)).json()["recorded"] is False


async def test_erasing_again_erases_what_came_since(services: Services, database: Database) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    await services.administration.reopen(session_id, 600, "a second chance", at=LATER + 3 * SECOND)
    await services.sessions.update_answer(session_id, 0, "B", at=LATER + 4 * SECOND)
    await services.sessions.complete(session_id, at=LATER + 5 * SECOND)
    found = await services.audit.verify(session_id)
    assert (found.intact, found.events, found.erased) == (True, 9, 5)
    assert erase(database, session_id, "again") == 4
    first, second = (action["id"] for action in actions(database))
    assert await services.audit.verify(session_id) == Verification(9, [], [], 9, [first, second])


async def test_erasing_twice_changes_nothing_the_second_time(services: Services, database: Database) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    before = await services.audit.verify(session_id)
    assert erase(database, session_id) == 0
    assert await services.audit.verify(session_id) == before


async def test_only_the_session_that_is_named_is_erased(services: Services, database: Database) -> None:
    session_id, other = await ended(services), await ended(services, "user2")
    erase(database, session_id)
    found = await services.audit.verify(other)
    assert (found.intact, found.erased) == (True, 0)


async def test_an_open_session_is_not_erased(services: Services, database: Database) -> None:
    session_id = await start(services)
    assert erase(database, session_id) == 0
    assert actions(database) == []
    assert (await services.audit.verify(session_id)).erased == 0


def test_erasing_a_session_that_is_not_there_does_nothing(database: Database) -> None:
    assert erase(database, uuid4()) == 0
    assert actions(database) == []


async def test_what_was_erased_before_it_was_published_is_not_sent_any_more(
    services: Services, database: Database
) -> None:
    class Bus(EventBus):
        def _put_events(self, entries: list[dict[str, Any]]) -> list[str | None]:
            sent.extend(json.loads(entry["Detail"])["session_id"] for entry in entries)
            return [None] * len(entries)

    sent: list[str] = []
    session_id, other = await ended(services), await ended(services, "user2")
    erase(database, session_id)
    await BusRelay(services.stores.outbox, Bus("bus"), services.telemetry).run(lambda: True)
    assert set(sent) == {str(other)}
    assert (await services.stores.outbox.backlog()).messages == 0


async def test_a_session_is_graded_and_reopened_after_an_erasure(
    services: Services, database: Database
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    key = parse_questions({"0": {"grading": "exact", "key": "B"}, "1": {}})
    await services.administration.put_quiz("quiz1", QuizRules(questions=key), at=LATER)
    assert (await services.scores.regrade("quiz1", "another key", at=LATER + 3 * SECOND)).changed == 1
    await services.administration.reopen(session_id, 60, "a chance", at=LATER + 4 * SECOND)
    reopened = await services.sessions.get_session(session_id, at=LATER + 4 * SECOND)
    assert (reopened.status, reopened.answers) == (Status.IN_PROGRESS, {"0": "A", "1": "the last"})
    assert (await services.audit.verify(session_id)).intact


# What only looks like an erasure


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        pytest.param(EVENT.format(ERASED.format(4711), 2), [2], id="by no action"),
        pytest.param(
            EVENT.format(ERASED.format("(SELECT max(id) FROM staff_actions)"), 2), [2], id="by another's"
        ),
        pytest.param(
            """
            INSERT INTO staff_actions (action, session_id, by, reason)
            VALUES ('reopened', %(id)s, 'x', 'y'); """
            + EVENT.format(ERASED.format("(SELECT max(id) FROM staff_actions)"), 2),
            [2],
            id="by an action that erases nothing",
        ),
    ],
)  # fmt: skip
async def test_an_event_that_is_erased_without_its_action_is_broken(
    services: Services, database: Database, change: str, broken: list[int]
) -> None:
    session_id = await ended(services)
    erase(database, await ended(services, "user2"))
    for statement in change.split("; "):
        assert database.execute(statement, {"id": session_id}).rowcount == 1
    found = await services.audit.verify(session_id)
    assert (found.intact, found.broken) == (False, broken)


@pytest.mark.parametrize(
    ("change", "broken", "differs"),
    [
        pytest.param("DELETE FROM staff_actions", [0, 1, 2, 3, 4], [], id="its action deleted"),
        pytest.param("UPDATE staff_actions SET session_id = NULL", [0, 1, 2, 3, 4], [], id="altered"),
        pytest.param(EVENT.format("digest = sha256('x')", 2), [2], [], id="digest"),
        pytest.param(EVENT.format("hash = sha256('x')", 2), [2, 3], [], id="hash"),
        pytest.param(EVENT.format("hash = sha256('x')", 4), [4], ["chain_head"], id="the last hash"),
        pytest.param(EVENT.format("at = at - interval '1 s'", 2), [2], [], id="when"),
        pytest.param(EVENT.format("type = 'merged'", 2), [2], [], id="type"),
        pytest.param(
            "DELETE FROM attempt_events WHERE attempt_id = %(id)s AND revision = 2", [2, 3], [], id="deleted"
        ),
        pytest.param(
            "DELETE FROM attempt_events WHERE attempt_id = %(id)s AND revision = 4",
            [4], ["revision"], id="the last deleted",
        ),
        pytest.param(
            "; ".join(EVENT.format(f"revision = {new}", old) for old, new in ((1, 100), (2, 1), (100, 2))),
            [1, 2, 3], [], id="reordered",
        ),
        pytest.param("UPDATE quiz_attempts SET chain_head = NULL", [], ["chain_head"], id="head"),
        pytest.param("UPDATE quiz_attempts SET version = 9", [], ["version"], id="version"),
    ],
)  # fmt: skip
async def test_verify_finds_what_was_changed_in_an_erased_trail(
    services: Services, database: Database, change: str, broken: list[int], differs: list[str]
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    # Somebody with the database takes the trigger away first.
    database.execute("ALTER TABLE staff_actions DISABLE TRIGGER append_only")
    for statement in change.split("; "):
        assert database.execute(statement, {"id": session_id}).rowcount > 0
    database.execute("ALTER TABLE staff_actions ENABLE TRIGGER append_only")
    found = await services.audit.verify(session_id)
    assert (found.intact, found.broken, found.differs) == (False, broken, differs)


@pytest.mark.parametrize(
    "half", ["changes = NULL", "nonce = NULL", "erased_by = 1", "changes = NULL, nonce = NULL"]
)
async def test_half_an_erasure_is_refused_by_the_table(
    services: Services, database: Database, half: str
) -> None:
    session_id = await ended(services)
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute(EVENT.format(half, 2), {"id": session_id})
