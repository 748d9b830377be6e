"""Exports: whole files of one moment, that are made once, by whoever lives."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import UUID, uuid4

import duckdb
import httpx
import psycopg
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import (
    ExportFileGoneError,
    ExportNotFoundError,
    ExportsOffError,
    IdempotencyKeyReusedError,
    QuizNotFoundError,
    TooManyRequestsError,
)
from quiz_sessions.domain.exports import (
    KEPT_SECONDS,
    LINK_SECONDS,
    MAX_RUNNING,
    MAX_TRIES,
    RECORDS,
    ExportFormat,
    ExportPart,
    ExportStatus,
)
from quiz_sessions.domain.grading import Mark
from quiz_sessions.domain.timestamps import to_micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.exports import Exporter, ShownExport
from quiz_sessions.stores.export_files import ExportFolder
from quiz_sessions.stores.exports import Snapshot, Snapshots
from quiz_sessions.stores.secrets_manager import DatabaseAddress
from tests.harness.builders import LATER, SECOND, START
from tests.harness.gateway import Api, api_of
from tests.harness.papers import question
from tests.harness.service import client_of, put_quiz, services_on, start
from tests.harness.signing_keys import BEACON_KEYS
from tests.harness.stores import Stores
from tests.harness.tables import Database

ALL = list(ExportPart)
QUESTIONS = {"key": question(), "essay": question(None, 5)}
GRADER = "sessions:grade"


@pytest.fixture
async def services(stores: Stores, tmp_path: Path) -> AsyncIterator[Services]:
    async with services_on(stores, export_folder=tmp_path / "exports", beacon_keys=BEACON_KEYS) as built:
        yield built


@pytest.fixture
async def ended(services: Services) -> list[UUID]:
    """Three sessions that were handed in, and marked but for the last."""
    await put_quiz(services, questions=QUESTIONS)
    ids = []
    for number in range(3):
        session_id = await start(services, f"user{number}", at=START + number * SECOND)
        await services.sessions.complete(session_id, {"key": "A", "essay": f"It was {number}"}, at=LATER)
        ids.append(session_id)
    for session_id in ids[:2]:
        await services.scores.set_grades(
            session_id, {"essay": Mark(2.5, "Well argued.")}, marker="ann", by="ann", at=LATER
        )
    return ids


async def ask(
    services: Services,
    what: list[ExportPart] = ALL,
    form: ExportFormat = ExportFormat.NDJSON,
    **options: Any,
) -> ShownExport:
    return await services.exports.request("quiz1", form, what, at=LATER, **options)


async def read(services: Services, export_id: UUID, by: str | None = None) -> bytes:
    """The file of an export that is done."""
    shown = await services.exports.get(export_id, by=by)
    assert shown.url is not None
    async with client_of(services) as http:
        reply = await http.get(urljoin(f"/exports/{export_id}", shown.url))
    assert reply.status_code == 200, reply.text
    assert (sha256(reply.content).hexdigest(), len(reply.content)) == (shown.sha256, shown.bytes)
    return reply.content


async def made(
    services: Services,
    what: list[ExportPart] = ALL,
    form: ExportFormat = ExportFormat.NDJSON,
    by: str | None = None,
) -> bytes:
    exporter = services.exporter
    assert exporter is not None
    asked = await ask(services, what, form, by=by)
    await exporter.run(asked.id)
    return await read(services, asked.id, by)


async def records(
    services: Services, what: list[ExportPart] = ALL, by: str | None = None
) -> list[dict[str, Any]]:
    lines = gzip.decompress(await made(services, what, by=by)).decode().splitlines()
    return [json.loads(line) for line in lines]


# What is in the file


async def test_attempts_have_their_score_and_answers_their_moment(
    services: Services, ended: list[UUID]
) -> None:
    found = await records(services, [ExportPart.ATTEMPTS, ExportPart.ANSWERS])
    attempts = [each for each in found if each["record"] == "attempt"]
    assert [(each["session_id"], each["user_id"], each["status"]) for each in attempts] == [
        (str(session_id), f"user{number}", "completed") for number, session_id in enumerate(ended)
    ]
    assert [(each["score"], each["max_score"], each["grading"]) for each in attempts] == [
        (3.5, 6.0, "done"),
        (3.5, 6.0, "done"),
        (1.0, 6.0, "pending"),
    ]
    answers = [each for each in found if each["record"] == "answer" and each["user_id"] == "user0"]
    assert [(each["question"], each["answer"]) for each in answers] == [("essay", "It was 0"), ("key", "A")]
    assert {to_micros(datetime.fromisoformat(each["answered_at"])) for each in answers} == {LATER}


async def test_results_say_who_marked(services: Services, ended: list[UUID]) -> None:
    found = [each for each in await records(services, [ExportPart.RESULTS]) if each["user_id"] == "user0"]
    assert [
        {name: each[name] for name in ("question", "points", "correct", "marked_by", "comment")}
        for each in found
    ] == [
        {
            "question": "essay",
            "points": 2.5,
            "correct": None,
            "marked_by": "person",
            "comment": "Well argued.",
        },
        {"question": "key", "points": 1.0, "correct": True, "marked_by": "key", "comment": None},
    ]


async def test_the_trail_is_as_it_is_read_one_by_one(services: Services, ended: list[UUID]) -> None:
    found = [
        each for each in await records(services, [ExportPart.TRAIL]) if each["session_id"] == str(ended[0])
    ]
    events = (await services.audit.events(ended[0])).events
    assert [(each["revision"], each["type"], each["changes"], each["hash"]) for each in found] == [
        (event.revision, event.type, event.changes, event.hash.hex()) for event in events
    ]


async def test_what_was_erased_is_null_in_the_trail(
    services: Services, ended: list[UUID], database: Database
) -> None:
    database.execute("SELECT erase_events(%s, 'dpo', 'asked')", [ended[0]])
    found = await records(services, [ExportPart.TRAIL])
    assert {(each["changes"], each["nonce"]) for each in found if each["session_id"] == str(ended[0])} == {
        (None, None)
    }


async def test_numbers_keep_their_digits(services: Services) -> None:
    session_id = await start(services)
    exact = 12345678901234567890123
    await services.sessions.update_answer(session_id, "n", exact, at=LATER)
    text = gzip.decompress(await made(services, [ExportPart.ANSWERS])).decode()
    assert f'"answer":{exact},' in text


@pytest.mark.parametrize("part", ALL)
async def test_a_statement_returns_the_columns_that_are_written(
    services: Services, ended: list[UUID], part: ExportPart
) -> None:
    assert list((await records(services, [part]))[0]) == ["record", *RECORDS[part].columns]


async def test_a_csv_file_for_each_kind_is_in_the_zip(services: Services, ended: list[UUID]) -> None:
    content = await made(services, [ExportPart.RESULTS, ExportPart.ATTEMPTS], ExportFormat.CSV)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["attempts.csv", "results.csv"]
        assert archive.testzip() is None
        rows = list(csv.DictReader(io.StringIO(archive.read("results.csv").decode(), newline="")))
    assert [(row["question"], row["points"], row["correct"]) for row in rows[:2]] == [
        ("essay", "2.5", ""),
        ("key", "1.0", "true"),
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "＝1"])
async def test_no_cell_is_a_formula(services: Services, text: str) -> None:
    await services.sessions.create_session(text, "quiz1", at=START)
    content = await made(services, [ExportPart.ATTEMPTS], ExportFormat.CSV)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (row,) = csv.DictReader(io.StringIO(archive.read("attempts.csv").decode(), newline=""))
    assert row["user_id"] == f"'{text}"


async def test_an_export_of_nothing_is_a_whole_file(services: Services) -> None:
    await put_quiz(services, questions=QUESTIONS)
    assert await records(services) == []
    content = await made(services, form=ExportFormat.CSV)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["attempts.csv", "answers.csv", "results.csv", "trail.csv"]


async def test_lines_open_in_duckdb_as_the_page_shows(
    services: Services, ended: list[UUID], tmp_path: Path
) -> None:
    file = tmp_path / "quiz1.ndjson.gz"
    file.write_bytes(await made(services))
    page = (Path(__file__).parents[2] / "docs/data.md").read_text()
    (query,) = [line for line in page.splitlines() if line.startswith("SELECT")]
    with duckdb.connect() as connection:
        found = connection.execute(query.replace("quiz1.ndjson.gz", str(file))).fetchall()
    assert found == [("user0", 3.5, 6.0), ("user1", 3.5, 6.0), ("user2", 1.0, 6.0)]


# Of one moment


async def test_what_is_committed_while_an_export_is_made_is_not_in_it(
    services: Services, ended: list[UUID]
) -> None:
    async with services.stores.snapshots.open() as snapshot:
        assert [row async for row in snapshot.records(ExportPart.ANSWERS, "quiz1", None)] != []
        await services.scores.set_grades(ended[2], {"essay": Mark(5.0)}, marker="ann", by="ann", at=LATER)
        await start(services, "another")
        attempts = [row async for row in snapshot.records(ExportPart.ATTEMPTS, "quiz1", None)]
    columns = list(RECORDS[ExportPart.ATTEMPTS].columns)
    assert [row[columns.index("score")] for row in attempts] == [3.5, 3.5, 1.0]


async def test_the_moment_is_told(services: Services, ended: list[UUID]) -> None:
    before = datetime.now(UTC)
    asked = await ask(services)
    assert asked.taken_at is None
    assert services.exporter is not None
    await services.exporter.run()
    shown = await services.exports.get(asked.id)
    assert shown.taken_at is not None
    assert timedelta(0) <= shown.taken_at - before < timedelta(seconds=30)


async def test_a_snapshot_writes_nothing(services: Services, database: Database) -> None:
    async with services.stores.snapshots.open() as snapshot:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await snapshot._connection.execute(b"DELETE FROM exports")


async def test_an_export_is_of_one_moment_while_a_room_writes(services: Services) -> None:
    """Of every session, what its row says is what its audit log in the same file says."""
    ids = [await start(services, f"user{number}", at=None) for number in range(20)]
    over, written = asyncio.Event(), asyncio.Event()

    async def write(session_id: UUID) -> None:
        number = 0
        while not over.is_set():
            await services.sessions.update_answers(session_id, {"n": number, "m": number})
            number += 1
            written.set()
        await services.sessions.complete(session_id)

    async def export_what_is_new() -> list[dict[str, Any]]:
        written.clear()
        await written.wait()
        return await records(services)

    writers = [asyncio.create_task(write(session_id)) for session_id in ids]
    exported = [await export_what_is_new() for _ in range(3)]
    over.set()
    await asyncio.gather(*writers)
    exported.append(await records(services))
    versions = []
    for found in exported:
        attempts = {each["session_id"]: each for each in found if each["record"] == "attempt"}
        for session_id, attempt in attempts.items():
            events = [
                each for each in found if each["record"] == "event" and each["session_id"] == session_id
            ]
            assert [each["revision"] for each in events] == list(range(len(events)))
            assert attempt["version"] == events[-1]["version"]
            answers = [
                each["answer"]
                for each in found
                if each["record"] == "answer" and each["session_id"] == session_id
            ]
            assert len(set(answers)) <= 1
        versions.append(sum(attempt["version"] for attempt in attempts.values()))
    assert 0 < versions[0] < versions[1] < versions[2] < versions[3], "the room has written meanwhile"
    assert {each["status"] for each in exported[3] if each["record"] == "attempt"} == {"completed"}


# How it is asked for


async def test_an_export_is_found_by_whoever_asked_for_it(services: Services, ended: list[UUID]) -> None:
    asked = await ask(services, by="ann")
    assert (asked.status, asked.rows, asked.url) == (ExportStatus.RUNNING, 0, None)
    assert (await services.exports.get(asked.id, by="ann")).status is ExportStatus.RUNNING
    with pytest.raises(ExportNotFoundError):
        await services.exports.get(asked.id, by="bob")
    with pytest.raises(ExportNotFoundError):
        await services.exports.get(uuid4(), by="ann")


async def test_a_key_finds_the_same_export(services: Services, ended: list[UUID]) -> None:
    first = await ask(services, by="ann", idempotency_key="k")
    assert (await ask(services, by="ann", idempotency_key="k")).id == first.id
    with pytest.raises(IdempotencyKeyReusedError):
        await ask(services, [ExportPart.TRAIL], by="ann", idempotency_key="k")
    assert (await ask(services, by="bob", idempotency_key="k")).id != first.id
    await start(services, quiz="quiz2")
    of_another = await services.exports.request(
        "quiz2", ExportFormat.NDJSON, ALL, by="ann", idempotency_key="k"
    )
    assert of_another.quiz_id == "quiz2"


async def test_one_request_sent_twice_at_once_is_one_export(services: Services, ended: list[UUID]) -> None:
    asked = await asyncio.gather(*(ask(services, by="ann", idempotency_key="k") for _ in range(4)))
    assert len({each.id for each in asked}) == 1


async def test_who_exported_what_is_a_staff_action(services: Services, ended: list[UUID]) -> None:
    asked = await ask(services, [ExportPart.TRAIL, ExportPart.ANSWERS], by="ann", idempotency_key="k")
    await ask(services, [ExportPart.TRAIL, ExportPart.ANSWERS], by="ann", idempotency_key="k")
    page = await services.administration.actions(quiz_id="quiz1", by="ann")
    assert [(each.action, each.after) for each in page.actions if each.action == "export"] == [
        ("export", {"export": str(asked.id), "format": "ndjson", "what": ["answers", "trail"]})
    ]


async def test_a_quiz_that_nobody_knows_is_not_found(services: Services) -> None:
    with pytest.raises(QuizNotFoundError):
        await ask(services)


async def test_so_many_exports_of_one_caller_run_at_once(services: Services, ended: list[UUID]) -> None:
    await start(services, quiz="quiz2")
    first, *_ = [await ask(services, by="ann") for _ in range(MAX_RUNNING)]
    for quiz_id in ("quiz1", "quiz2"):
        with pytest.raises(TooManyRequestsError):
            await services.exports.request(quiz_id, ExportFormat.CSV, ALL, by="ann")
    await ask(services, by="bob")
    assert services.exporter is not None
    await services.exporter.run(first.id)
    await ask(services, by="ann")


async def test_without_a_place_for_files_there_are_no_exports(stores: Stores) -> None:
    async with services_on(stores) as services:
        await start(services)
        with pytest.raises(ExportsOffError):
            await ask(services)
        assert services.exporter is None


# Whoever dies


async def test_an_export_that_is_held_is_not_begun_again(services: Services, ended: list[UUID]) -> None:
    await ask(services)
    store = services.stores.exports
    assert await store.take(uuid4()) is not None
    assert await store.take(uuid4()) is None
    assert (await store.waiting()).waiting == []


async def lapse(database: Database) -> None:
    """As if whoever makes exports had not been heard of for two minutes."""
    database.execute("UPDATE exports SET held_until = clock_timestamp() - interval '1 second'")


async def test_an_export_whose_maker_has_died_is_begun_anew(
    services: Services, ended: list[UUID], database: Database
) -> None:
    asked = await ask(services)
    dead = uuid4()
    taken = await services.stores.exports.take(dead)
    assert taken is not None
    assert await services.stores.exports.keep(asked.id, dead, 5, datetime.now(UTC))
    await lapse(database)
    assert (await services.stores.exports.waiting()).waiting == [asked.id]
    assert services.exporter is not None
    await services.exporter.run()
    assert (
        len(gzip.decompress(await read(services, asked.id)).splitlines())
        == (await services.exports.get(asked.id)).rows
    )
    # And if it was only frozen:
    assert not await services.stores.exports.keep(asked.id, dead, 6, datetime.now(UTC))
    assert not await services.stores.exports.finish(asked.id, dead, rows=6, size=1, sha256="0")
    assert await services.stores.exports.let_go(asked.id, dead, 0) is None


async def test_after_the_last_try_it_has_failed(
    services: Services, ended: list[UUID], database: Database
) -> None:
    asked = await ask(services)
    for _ in range(MAX_TRIES):
        assert await services.stores.exports.take(uuid4()) is not None
        await lapse(database)
    assert await services.stores.exports.take(uuid4()) is None
    report = await services.flusher.run()
    assert (report.exports_waiting, report.exports_failed) == (0, 1)
    shown = await services.exports.get(asked.id)
    assert (shown.status, shown.url) == (ExportStatus.FAILED, None)


async def test_a_file_that_cannot_be_written_is_tried_again_and_fails(
    services: Services, ended: list[UUID], tmp_path: Path, database: Database
) -> None:
    asked = await ask(services)
    (tmp_path / "exports").write_text("no folder")
    assert services.exporter is not None
    for number in range(MAX_TRIES):
        assert (await services.exports.get(asked.id)).status is ExportStatus.RUNNING, number
        assert await services.exporter.run() is not None
        # What is amiss has a while to pass.
        assert await services.exporter.run() is None
        await lapse(database)
    assert (await services.exports.get(asked.id)).status is ExportStatus.FAILED


class DyingSnapshot(Snapshot):
    """A snapshot whose connection the server ends after the first kind of records."""

    async def records(self, part: ExportPart, quiz_id: str, own: str | None) -> AsyncGenerator[Any, None]:
        if part is not ExportPart.ATTEMPTS:
            await end(self)
        async for row in super().records(part, quiz_id, own):
            yield row


async def end(snapshot: Snapshot) -> None:
    me = snapshot._connection.info
    with psycopg.connect(me.dsn, password=me.password, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [me.backend_pid])


class DyingSnapshots(Snapshots):
    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Snapshot, None]:
        async with super().open() as snapshot:
            yield DyingSnapshot(snapshot._connection, snapshot.taken_at)


class SlowSnapshot(Snapshot):
    """A snapshot whose records do not come."""

    reading = asyncio.Event()

    async def records(self, part: ExportPart, quiz_id: str, own: str | None) -> AsyncGenerator[Any, None]:
        self.reading.set()
        await asyncio.sleep(3600)
        async for row in super().records(part, quiz_id, own):
            yield row


class SlowSnapshots(Snapshots):
    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Snapshot, None]:
        async with super().open() as snapshot:
            yield SlowSnapshot(snapshot._connection, snapshot.taken_at)


async def test_a_process_that_ends_in_good_order_gives_back_what_it_makes(
    services: Services, ended: list[UUID], tmp_path: Path
) -> None:
    asked = await ask(services)
    exporter = Exporter(
        exports=services.stores.exports,
        snapshots=SlowSnapshots(DatabaseAddress(services.settings)),
        files=ExportFolder(tmp_path / "exports"),
        telemetry=services.telemetry,
    )
    making = asyncio.create_task(exporter.run())
    await SlowSnapshot.reading.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert list((tmp_path / "exports").iterdir()) == []
    taken = await services.stores.exports.take(uuid4())
    assert taken is not None
    assert (taken.id, taken.tries) == (asked.id, 1)


async def test_nobody_gets_half_a_file(
    services: Services, ended: list[UUID], tmp_path: Path, database: Database
) -> None:
    asked = await ask(services)
    exporter = Exporter(
        exports=services.stores.exports,
        snapshots=DyingSnapshots(DatabaseAddress(services.settings)),
        files=ExportFolder(tmp_path / "exports"),
        telemetry=services.telemetry,
    )
    await exporter.run()
    shown = await services.exports.get(asked.id)
    assert (shown.status, shown.url) == (ExportStatus.RUNNING, None)
    assert list((tmp_path / "exports").iterdir()) == []
    assert services.exporter is not None
    await lapse(database)
    await services.exporter.run()
    assert gzip.decompress(await read(services, asked.id)).endswith(b"}\n")


async def test_of_two_makers_each_makes_another_export(services: Services, ended: list[UUID]) -> None:
    asked = {(await ask(services)).id for _ in range(2)}
    assert services.exporter is not None
    found = await asyncio.gather(services.exporter.run(), services.exporter.run(), services.exporter.run())
    assert {each.id for each in found if each is not None} == asked
    assert {(await services.exports.get(each)).status for each in asked} == {ExportStatus.DONE}


async def test_a_file_that_was_removed_is_told_to_be_gone(
    services: Services, ended: list[UUID], tmp_path: Path
) -> None:
    asked = await ask(services)
    assert services.exporter is not None
    await services.exporter.run()
    url = (await services.exports.get(asked.id)).url
    assert url is not None
    (file,) = (tmp_path / "exports").iterdir()
    os.utime(file, (0, 0))
    await services.exporter.remove_old()
    assert (await services.exports.get(asked.id)).url is None
    with pytest.raises(ExportFileGoneError):
        await services.exports.file(asked.id, url.rpartition("=")[2])


# Who sees it


@pytest.fixture
async def staff(services: Services) -> AsyncIterator[Api]:
    async with api_of(services, jwt=True) as api:
        api.be("ann", GRADER)
        yield api


async def test_an_export_over_http(services: Services, ended: list[UUID], staff: Api) -> None:
    asked = await staff(
        "POST", "/quizzes/quiz1/exports", {"format": "csv", "what": ["attempts"]}, at=current_micros()
    )
    assert asked.status_code == 202
    body = asked.json()
    assert (body["status"], body["url"]) == ("running", None)
    place = urljoin("/quizzes/quiz1/exports", asked.headers["Location"])
    assert place == f"/exports/{body['id']}"
    assert services.exporter is not None
    await services.exporter.run()
    shown = (await staff("GET", place)).json()
    assert (shown["status"], shown["rows"]) == ("done", 3)
    staff.be("nobody")
    file = await staff("GET", urljoin(place, shown["url"]))
    assert file.status_code == 200, file.text
    assert file.headers["Content-Type"] == "application/zip"
    assert body["id"] in file.headers["Content-Disposition"]
    assert file.headers["Cache-Control"] == "no-store"
    for part in ("bytes=5-", "bytes=99999999-", "bytes=abc"):
        again = await staff("GET", urljoin(place, shown["url"]), headers={"Range": part})
        assert (again.status_code, again.content) == (200, file.content)


async def test_a_link_is_of_one_export_and_for_ten_minutes(
    services: Services, ended: list[UUID], staff: Api
) -> None:
    assert services.exporter is not None
    now = current_micros()
    urls = {}
    for _ in range(2):
        asked = (
            await staff("POST", "/quizzes/quiz1/exports", {"format": "csv", "what": ["attempts"]})
        ).json()
        await services.exporter.run()
        urls[asked["id"]] = (await staff("GET", f"/exports/{asked['id']}", at=now)).json()["url"]
    (one, one_url), (other, _) = urls.items()
    token = one_url.partition("?")[2]
    end = now + LINK_SECONDS * SECOND
    assert (await staff("GET", f"/exports/{one}/file?{token}", at=end)).status_code == 200
    assert (await staff("GET", f"/exports/{other}/file?{token}", at=now)).json()["code"] == "forbidden"
    assert (await staff("GET", f"/exports/{one}/file?{token}", at=end + SECOND)).json()["code"] == "forbidden"
    assert (await staff("GET", f"/exports/{one}/file?token=forged", at=now)).status_code == 403
    assert (await staff("GET", f"/exports/{one}/file", at=now)).status_code == 422


@pytest.mark.parametrize("scope", ["", "sessions:proctor", "quizzes:write", "audit:read"])
async def test_only_who_grades_exports(services: Services, ended: list[UUID], staff: Api, scope: str) -> None:
    staff.be("ann", scope)
    asked = await staff("POST", "/quizzes/quiz1/exports", {"format": "csv", "what": ["attempts"]})
    assert asked.status_code == 403
    assert (await staff("GET", f"/exports/{uuid4()}")).status_code == 403


async def test_what_the_caller_did_as_a_student_is_left_out(services: Services, ended: list[UUID]) -> None:
    found = await records(services, by="user0")
    assert {each["user_id"] for each in found} == {"user1", "user2"}
    assert {each["record"] for each in found} == {"attempt", "answer", "result", "event"}


@pytest.mark.parametrize(
    "body",
    [
        {"format": "csv", "what": []},
        {"format": "csv", "what": ["attempts", "attempts"]},
        {"format": "csv", "what": ["scores"]},
        {"format": "xml", "what": ["attempts"]},
        {"format": "csv"},
        {"what": ["attempts"]},
    ],
)
async def test_what_is_not_understood_is_refused_and_nothing_made(
    services: Services, ended: list[UUID], staff: Api, body: object, stores: Stores
) -> None:
    before = stores.everything()
    reply = await staff("POST", "/quizzes/quiz1/exports", body)
    assert reply.status_code == 422
    assert stores.everything() == before


async def test_a_file_is_gone_after_a_week(services: Services, ended: list[UUID], tmp_path: Path) -> None:
    await made(services)
    (file,) = (tmp_path / "exports").iterdir()
    export_id = UUID(file.name[:36])
    export = await services.exports.get(export_id)
    assert export.finished_at is not None
    end = to_micros(export.finished_at) + KEPT_SECONDS * SECOND
    assert (await services.exports.get(export_id, at=end)).url is not None
    assert (await services.exports.get(export_id, at=end + SECOND)).url is None
    async with client_of(services) as http:
        shown = (await http.get(f"/exports/{export_id}")).json()
        file.unlink()
        reply: httpx.Response = await http.get(urljoin(f"/exports/{export_id}", shown["url"]))
    assert (reply.status_code, reply.json()["code"]) == (404, "export_file_gone")
