"""An audit log that can forget: what staff erase is gone and counted; what others take is tampering."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import EventsErasedError
from tests.harness.builders import LATER, SECOND
from tests.harness.service import services_on, start
from tests.harness.signing_keys import RECEIPT_KEYS
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, events, row
from tests.integration.contract import check_problem

SECRET = "what nobody may read any more"


async def ended(services: Services) -> UUID:
    """A session of four events with a secret, handed in."""
    session_id = await start(services)
    for number in range(2):
        await services.sessions.update_answers(session_id, {str(number): SECRET}, at=LATER + number * SECOND)
    await services.sessions.complete(session_id, at=LATER + 2 * SECOND)
    return session_id


def erase(database: Database, session_id: UUID, reason: str = "asked for by the student") -> int:
    found = database.execute("SELECT erase_events(%s, 'dpo', %s) AS erased", [session_id, reason]).fetchone()
    assert found is not None
    erased: int = found["erased"]
    return erased


def actions(database: Database) -> list[int]:
    found = database.execute("SELECT id FROM staff_actions WHERE action = 'events_erased' ORDER BY id")
    return [action["id"] for action in found]


async def test_what_was_erased_is_gone(services: Services, database: Database) -> None:
    session_id = await ended(services)
    assert erase(database, session_id) == 4
    assert changes(database, session_id, "answered") == [None, None]
    kept = database.execute("SELECT attempt_events::text AS text FROM attempt_events").fetchall()
    assert not any(SECRET in event["text"] for event in kept)
    assert events(database, session_id) == ["started", "answered", "answered", "completed"]


async def test_verify_counts_what_was_erased_and_names_the_action(
    services: Services, database: Database
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    found = await services.audit.verify(session_id)
    assert (found.intact, found.events, found.erased) == (True, 4, 4)
    assert found.erased_by == actions(database)


async def test_the_action_says_who_and_why(services: Services, database: Database) -> None:
    erase(database, await ended(services), "a court order")
    found = database.execute("SELECT by, reason FROM staff_actions").fetchall()
    assert found == [{"by": "dpo", "reason": "a court order"}]


async def test_erasing_again_finds_nothing_and_keeps_the_first_action(
    services: Services, database: Database
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    assert erase(database, session_id) == 0
    found = await services.audit.verify(session_id)
    assert (found.intact, found.erased, found.erased_by) == (True, 4, actions(database)[:1])


async def test_what_comes_after_an_erasure_is_checked_as_ever(services: Services, database: Database) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    await services.administration.reopen(session_id, 60, "again", at=LATER + 3 * SECOND)
    await services.sessions.complete(session_id, {"0": "new"}, at=LATER + 4 * SECOND)
    found = await services.audit.verify(session_id)
    assert (found.intact, found.events, found.erased) == (True, 6, 4)
    database.execute(
        "UPDATE attempt_events SET changes = changes || '{\"x\": 1}' WHERE attempt_id = %s AND revision = 5",
        [session_id],
    )
    assert (await services.audit.verify(session_id)).broken == [5]


async def test_an_open_session_is_not_erased(services: Services, database: Database) -> None:
    assert erase(database, await start(services)) == 0
    assert erase(database, uuid4()) == 0
    assert actions(database) == []


TAMPERED = {
    "erased by no action": "changes = NULL, nonce = NULL, erased_by = 999999",
    "erased by the action of another session": (
        "changes = NULL, nonce = NULL, erased_by = (SELECT max(id) FROM staff_actions)"
    ),
    "another digest": "digest = sha256('other')",
    "another hash": "hash = sha256('other')",
    "another nonce": "nonce = '\\x00'",
    "another moment": "at = at + interval '1 second'",
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
async def test_what_is_taken_without_an_action_is_tampering(
    services: Services, database: Database, change: str
) -> None:
    other = (await services.sessions.create_session("user2", "quiz1", at=LATER)).id
    await services.sessions.complete(other, at=LATER + SECOND)
    erase(database, other)
    session_id = await ended(services)
    database.execute(
        f"UPDATE attempt_events SET {change} WHERE attempt_id = %s AND revision = 1".encode(), [session_id]
    )
    found = await services.audit.verify(session_id)
    assert not found.intact
    assert 1 in found.broken
    assert (await services.audit.verify(other)).intact


@pytest.mark.parametrize("change", ["digest = sha256('other')", "hash = sha256('other')", "at = now()"])
async def test_an_erased_event_can_not_be_changed_unnoticed(
    services: Services, database: Database, change: str
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    database.execute(
        f"UPDATE attempt_events SET {change} WHERE attempt_id = %s AND revision = 1".encode(), [session_id]
    )
    assert 1 in (await services.audit.verify(session_id)).broken


async def test_events_that_change_places_are_tampering(services: Services, database: Database) -> None:
    session_id = await ended(services)
    for former, new in ((1, -1), (2, 1), (-1, 2)):
        database.execute(
            "UPDATE attempt_events SET revision = %s WHERE attempt_id = %s AND revision = %s",
            [new, session_id, former],
        )
    assert {1, 2} <= set((await services.audit.verify(session_id)).broken)


async def test_a_last_event_that_is_deleted_with_its_revision_is_tampering(
    services: Services, database: Database
) -> None:
    session_id = await ended(services)
    database.execute("DELETE FROM attempt_events WHERE attempt_id = %s AND revision = 3", [session_id])
    database.execute("UPDATE quiz_attempts SET revision = 2 WHERE id = %s", [session_id])
    assert "chain_head" in (await services.audit.verify(session_id)).differs


async def test_a_version_that_was_erased_is_gone(services: Services, database: Database) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    with pytest.raises(EventsErasedError):
        await services.audit.at_version(session_id, 1, at=LATER)


async def test_erased_events_over_http(
    services: Services, client: httpx.AsyncClient, database: Database
) -> None:
    session_id = await ended(services)
    erase(database, session_id)
    check_problem(await client.get(f"/sessions/{session_id}?at_version=1"), 410, "events_erased")
    assert (await client.get(f"/sessions/{session_id}/verify")).json() == {
        "intact": True,
        "events": 4,
        "broken": [],
        "differs": [],
        "erased": 4,
        "erased_by": actions(database),
    }
    listed = (await client.get(f"/sessions/{session_id}/events")).json()["events"]
    assert [event["changes"] for event in listed] == [None] * 4
    assert all(len(event["hash"]) == len(event["digest"]) == 64 for event in listed)


@pytest.mark.parametrize("erased", [False, True])
async def test_the_chain_can_be_computed_from_what_is_read_over_http(
    services: Services, client: httpx.AsyncClient, database: Database, erased: bool
) -> None:
    session_id = await ended(services)
    if erased:
        erase(database, session_id)
    previous = b""
    for event in (await client.get(f"/sessions/{session_id}/events")).json()["events"]:
        at = datetime.fromisoformat(event["at"]) - datetime(1970, 1, 1, tzinfo=UTC)
        fields = [session_id, event["revision"], event["version"], event["type"]]
        text = "|".join(map(str, [*fields, at // timedelta(microseconds=1), event["digest"]]))
        previous = hashlib.sha256(previous + text.encode()).digest()
        assert event["hash"] == previous.hex()


async def test_an_erased_session_neither_confirms_nor_denies_a_receipt(
    stores: Stores, database: Database
) -> None:
    async with services_on(stores, receipt_keys=RECEIPT_KEYS) as services:
        session_id = await ended(services)
        receipt = (await services.sessions.complete(session_id, at=LATER + 2 * SECOND)).receipt
        assert receipt is not None
        assert (await services.audit.prove(receipt)).recorded is True
        erase(database, session_id)
        proof = await services.audit.prove(receipt)
    assert (proof.receipt is not None, proof.recorded) == (True, None)


async def test_nobody_can_leave_an_event_half_erased(services: Services, database: Database) -> None:
    session_id = await ended(services)
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute("UPDATE attempt_events SET changes = NULL WHERE attempt_id = %s", [session_id])
    assert row(database, session_id)["answers"] == {"0": SECRET, "1": SECRET}
