"""GET /status, readiness that can tell whether writes are taken, and what an outage leaves in the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import psycopg
import pytest

from quiz_sessions import __version__
from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.errors import DatabaseUnavailableError
from quiz_sessions.services.health import BAD_SECONDS, GOOD_SECONDS, Health
from quiz_sessions.services.status import KeysState, KeysStatus, Surroundings
from quiz_sessions.stores.postgres import LOOK_AGAIN_SECONDS, Postgres
from quiz_sessions.stores.valkey import ValkeyStore
from tests.harness.service import autosave, client_of, put_quiz, services_on, start
from tests.harness.signing_keys import RECEIPT_KEYS
from tests.harness.stores import Stores
from tests.harness.tables import Database

READ_ONLY = "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on"
SECRET = "the answer is forty-two"


@pytest.fixture
def telling(own_service: None) -> None:
    """The log of this test alone."""


@pytest.fixture
async def services(stores: Stores, telling: None) -> AsyncIterator[Services]:
    async with services_on(stores) as built:
        yield built


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged, without metrics."""
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line for line in found if "message" in line]


@contextmanager
def refusing(database: Database, table: str = "relay_lease", state: str = "53100") -> Iterator[None]:
    """What a full disk does to every statement that writes to `table`, and to the check of writes."""
    database.execute(
        "CREATE FUNCTION refuse_writes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING"
        f" ERRCODE = '{state}', MESSAGE = 'could not extend file \"base/5/1259\": No space left on device',"
        f" DETAIL = '{SECRET}'; END $$".encode()
    )
    for name in {table, "relay_lease"}:
        database.execute(
            f"CREATE TRIGGER refuse_writes BEFORE INSERT OR UPDATE ON {name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_writes()".encode()
        )
    try:
        yield
    finally:
        database.execute("DROP FUNCTION refuse_writes CASCADE")


async def readiness(http: httpx.AsyncClient) -> tuple[int, dict[str, str]]:
    reply = await http.get("/health/ready")
    return reply.status_code, reply.json()


# Readiness


async def test_it_is_not_ready_while_writes_are_refused(services: Services, database: Database) -> None:
    async with client_of(services) as http:
        with refusing(database):
            assert await readiness(http) == (
                503,
                {"status": "unavailable", "database": "refuses_writes", "cache": "up"},
            )
        await asyncio.sleep(BAD_SECONDS)
        assert await readiness(http) == (200, {"status": "ready", "database": "up", "cache": "up"})


async def test_a_read_only_server_is_found_without_a_write_of_anybody(
    stores: Stores, telling: None, database: Database
) -> None:
    database.execute(READ_ONLY.encode())
    try:
        async with services_on(stores) as services, client_of(services) as http:
            assert (await readiness(http))[1]["database"] == "refuses_writes"
    finally:
        database.execute(b"SET default_transaction_read_only = off")
        database.execute(READ_ONLY.replace("SET", "RESET").removesuffix(" = on").encode())


async def test_the_check_of_writes_goes_to_the_disk(services: Services, database: Database) -> None:
    def files() -> int:
        row = database.execute(
            "SELECT temp_files FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        assert row is not None
        return int(str(row["temp_files"]))

    before = files()
    await services.stores.postgres.check_writes()
    await services.close()
    for _ in range(100):
        if files() > before:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no file was written")


async def test_the_check_of_writes_leaves_nothing_behind(services: Services, stores: Stores) -> None:
    before = stores.everything()
    await services.stores.postgres.check_writes()
    assert stores.everything() == before


async def test_without_its_function_writes_are_checked_all_the_same(
    services: Services, database: Database
) -> None:
    names = [
        str(row["proname"])
        for row in database.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'check_writes_%'")
    ]
    for name in names:
        database.execute(f"ALTER FUNCTION {name} RENAME TO hidden_{name}".encode())
    try:
        await services.stores.postgres.check_writes()
        with refusing(database), pytest.raises(DatabaseUnavailableError):
            await services.stores.postgres.check_writes()
    finally:
        for name in names:
            database.execute(f"ALTER FUNCTION hidden_{name} RENAME TO {name}".encode())


class Counting:
    """A database of which it is counted how often it is asked."""

    def __init__(self) -> None:
        self.pings = self.checks = 0
        self.takes_writes = True

    async def ping(self) -> None:
        self.pings += 1

    async def check_writes(self) -> None:
        self.checks += 1
        await asyncio.sleep(0)
        if not self.takes_writes:
            raise DatabaseUnavailableError


async def test_a_monitor_that_asks_all_the_time_has_writes_tried_now_and_then(services: Services) -> None:
    postgres, now = Counting(), [0.0]
    valkey: ValkeyStore = services.stores.valkey
    health = Health(postgres=cast(Postgres, postgres), valkey=valkey, clock=lambda: now[0])
    await asyncio.gather(*(health.look() for _ in range(50)))
    assert (postgres.pings, postgres.checks) == (50, 1)
    now[0] = GOOD_SECONDS
    postgres.takes_writes = False
    await asyncio.gather(*(health.look() for _ in range(50)))
    assert postgres.checks == 2
    now[0] += BAD_SECONDS
    await health.look()
    assert postgres.checks == 3


# What is logged


async def test_a_full_disk_is_said_once_in_the_words_of_the_server_and_once_when_it_is_over(
    stores: Stores, telling: None, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    async with services_on(stores) as services, client_of(services) as http:
        with refusing(database, "quiz_attempts"):
            for user in range(20):
                body = {"user_id": f"user{user}", "quiz_id": "quiz1"}
                assert (await http.post("/sessions/start", json=body)).status_code == 503
                # Reads are served meanwhile, and are no sign that it is over.
                assert (await http.get("/quizzes")).status_code in (200, 503)
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        assert (await http.get("/quizzes")).status_code == 200
    said = [line for line in lines(capsys) if line["level"] in ("ERROR", "WARNING")]
    assert [(line["level"], line["message"]) for line in said] == [
        ("ERROR", "database refuses writes"),
        ("WARNING", "database takes writes again"),
    ]
    assert said[0]["sqlstate"] == "53100"
    assert said[0]["reason"] == 'could not extend file "base/5/1259": No space left on device'
    assert SECRET not in json.dumps(said)


@pytest.mark.parametrize("state", ["22000", "23514", "XX000", "P0001"])
async def test_what_a_server_says_to_one_statement_is_not_logged(
    stores: Stores,
    telling: None,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    state: str,
) -> None:
    async with services_on(stores) as services, client_of(services) as http:
        with refusing(database, "quiz_attempts", state):
            await http.post("/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"})
            assert (await http.get("/health/ready")).status_code == 503
    text = capsys.readouterr().out
    assert '"message":"request' in text
    assert SECRET not in text
    assert "could not extend" not in text


async def test_a_database_that_is_not_there_is_named_with_its_reason(
    stores: Stores, telling: None, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = replace(stores.settings, database_url="postgresql://quiz:hidden@127.0.0.1:1/quiz")
    services = build_services(nowhere)
    async with client_of(services) as http:
        for _ in range(3):
            await http.post("/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"})
    await services.close()
    (said,) = [line for line in lines(capsys) if line["level"] == "ERROR"]
    assert said["message"] == "database away"
    assert "127.0.0.1" in said["reason"]
    assert "hidden" not in json.dumps(said)


@pytest.mark.parametrize("url", ["postgresql://quiz:hid/den@127.0.0.1:1/quiz", "host=127.0.0.1 hidden"])
async def test_an_address_that_was_not_read_as_it_was_meant_is_not_quoted(
    stores: Stores, telling: None, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    services = build_services(replace(stores.settings, database_url=url))
    async with client_of(services) as http:
        await http.get("/health/ready")
    await services.close()
    text = capsys.readouterr().out
    assert "hid" not in text
    assert "den" not in text.replace("confidence", "")


async def test_a_cache_that_is_away_is_named_once_and_counted_each_time(
    stores: Stores, telling: None, capsys: pytest.CaptureFixture[str]
) -> None:
    async with services_on(stores, redis_url="redis://127.0.0.1:1") as services:
        session_id = await start(services)
        for _ in range(20):
            await services.sessions.get_session(session_id)
        await autosave(services, session_id, "A")
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    messages = [line["message"] for line in printed if "message" in line]
    assert messages[0] == "cache away"
    assert len(messages) == len(set(messages))
    assert sum(line["ErrorsSurvived"][0] for line in printed if "ErrorsSurvived" in line) > 20


async def test_an_autosave_is_said_to_be_committed_only_once_it_is(
    stores: Stores, telling: None, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    async with services_on(stores, redis_url="redis://127.0.0.1:1") as services:
        session_id = await start(services)
        with refusing(database, "quiz_attempts"), pytest.raises(DatabaseUnavailableError):
            await autosave(services, session_id, "A")
        assert "autosave committed" not in [line["message"] for line in lines(capsys)]
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        await autosave(services, session_id, "B")
        assert "autosave committed" in [line["message"] for line in lines(capsys)]


# The status


async def test_it_tells_how_the_service_is_doing(stores: Stores, telling: None, tmp_path: Path) -> None:
    keys = KeysStatus(state=KeysState.OK, current=None, ids=["of-the-issuer"], read_at=None)
    services = build_services(
        replace(stores.settings, receipt_keys=RECEIPT_KEYS),
        surroundings=Surroundings({"database": tmp_path}, lambda: keys),
    )
    await put_quiz(services)
    session_id = await start(services, at=None)
    await services.sessions.update_answer(session_id, 0, "A", autosave=True)
    async with client_of(services) as http:
        before = (await http.get("/status")).json()
        await services.flusher.run()
        after = (await http.get("/status")).json()
    await services.close()
    assert (before["version"], before["status"]) == (__version__, "ready")
    assert (before["sessions"]["open"], before["sessions"]["dirty"]) == (1, 1)
    assert before["last_flush"] is None
    assert after["sessions"]["dirty"] == 0
    assert after["last_flush"]["did"]["sessions_flushed"] == 1
    for store in ("database", "cache"):
        assert after[store]["state"] == "up"
        assert after[store]["latency_ms"] > 0
        assert after[store]["connections"] >= 1
    assert after["database"]["disk"]["free_bytes"] > 0
    assert after["cache"]["disk"] is None
    assert (after["receipt_keys"]["state"], after["receipt_keys"]["current"]) == ("ok", "k1")
    assert after["token_keys"]["ids"] == ["of-the-issuer"]
    assert after["webhook"]["state"] == "off"
    assert after["errors"] == []


async def test_it_tells_what_went_wrong_lately(stores: Stores, telling: None, database: Database) -> None:
    async with services_on(stores) as services, client_of(services) as http:
        with refusing(database, "quiz_attempts"):
            for _ in range(3):
                await http.post("/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"})
            status = (await http.get("/status")).json()
    found = {(each["level"], each["what"]): each["count"] for each in status["errors"]}
    assert found["ERROR", "reply 503 store_unavailable"] == 3
    assert found["ERROR", "database refuses writes"] == 1
    assert (status["status"], status["database"]["state"]) == ("unavailable", "refuses_writes")
    assert status["database"]["away_seconds"] > 0


async def test_without_stores_it_tells_what_it_can(stores: Stores, telling: None) -> None:
    nowhere = {"database_url": "postgresql://127.0.0.1:1/quiz", "redis_url": "redis://127.0.0.1:1"}
    async with services_on(stores, **nowhere) as services, client_of(services) as http:
        reply = await http.get("/status")
    status = reply.json()
    assert (reply.status_code, status["status"]) == (200, "unavailable")
    assert (status["database"]["state"], status["cache"]["state"]) == ("down", "down")
    assert set(status["sessions"].values()) == {None}
    assert status["webhook"] is None


async def test_keys_that_cannot_be_read_are_told(stores: Stores, telling: None) -> None:
    async with services_on(stores, receipt_keys="damaged") as services, client_of(services) as http:
        assert (await http.get("/status")).json()["receipt_keys"]["state"] == "unreadable"
        reply = await http.post("/receipts/verify", json={"receipt": "a.b.c"})
    assert (reply.status_code, reply.json()["code"]) == (503, "secret_unavailable")


def test_the_database_is_as_before(stores: Stores) -> None:
    with psycopg.connect(stores.database_url) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
