"""`quiz-sessions backup` and `restore`: what was acknowledged comes back, and nothing is overwritten."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from development_server import Postgres, Valkey, processes
from development_server.stores import addresses
from one_machine.archive import Manifest, pack, unpack
from tests.exam.figures import Figures, Line
from tests.harness.launch import Launched, eventually
from tests.harness.ledger import Ledger, wrong
from tests.harness.machine import PROGRAM, done, run, serving
from tests.harness.stores import Stores
from tests.harness.students import Student

STUDENTS = 20


@dataclass(frozen=True)
class Machine:
    """One that was lost, and the backup that was made of it.

    Attributes:
        session: the path of a session with a committed answer to "0", and a buffered one to "1".
        receipt: of the committed one.
    """

    data: Path
    backup: Path
    session: str
    receipt: str


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        data = folder / "lost"
        with serving(data) as service:
            session = service.start("user1")
            receipt = service.answer(session, "0", "committed")["receipt"]
            assert service.answer(session, "1", "typed", autosave=True)["durability"] == "buffered"
            service.process.kill()
        (data / "settings.env").write_text("DEFAULT_TIME_LIMIT_SECONDS=7200\n")
        (data / "settings.env").chmod(0o600)
        done("backup", folder / "backups", "--data", data)
        (backup,) = (folder / "backups").iterdir()
        yield Machine(data, backup, session, receipt)


def repacked(machine: Machine, folder: Path, **changed: object) -> Path:
    """The backup as another release would have made it."""
    manifest = unpack(machine.backup, folder / "copies")
    target = folder / "repacked.tar.gz"
    pack(folder / "copies", Manifest(**{**asdict(manifest), **changed}), target)
    return target


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files but the lock, in which stands who took it last."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@dataclass(frozen=True)
class Acknowledged:
    """An answer to a question of its own: when it was, and a receipt if nothing was buffered then."""

    at: datetime
    question: str
    receipt: str | None


async def test_what_was_acknowledged_before_a_backup_under_load_began_is_restored(folder: Path) -> None:
    data, backups, restored = (folder / name for name in ("data", "backups", "restored"))
    sent: dict[str, list[str]] = {}
    acknowledged: dict[str, list[Acknowledged]] = {}
    ended = asyncio.Event()

    async def write(student: Student, chance: random.Random) -> None:
        for number in count():
            if ended.is_set():
                return
            # Each to a question of its own: one that is lost is not hidden by the next.
            question = str(number)
            sent[student.name].append(question)
            reply = await student.answer(question, question, autosave=chance.random() < 0.8)
            assert reply.status == 200, reply
            receipt = None if reply.body["buffered_questions"] else reply.body["receipt"]
            acknowledged[student.name].append(Acknowledged(datetime.now(UTC), question, receipt))
            await asyncio.sleep(chance.uniform(0, 0.2))

    # A flush comes between the copies, and meanwhile drafts wait for it.
    with serving(data, "--flush-every", "0.7") as service:
        port = int(service.address.rpartition(":")[2])
        lines = [Line(port, Figures()) for _ in range(STUDENTS)]
        crowd = [Student(f"student{number}", line) for number, line in enumerate(lines)]
        for student in crowd:
            assert (await student.start("quiz1")).status == 201
            sent[student.name], acknowledged[student.name] = [], []
        writing = [asyncio.create_task(write(student, random.Random(student.name))) for student in crowd]
        await asyncio.sleep(2)
        said = await asyncio.to_thread(run, "backup", backups, "--data", data)
        assert said.code == 0, said
        ended.set()
        await asyncio.gather(*writing)
        service.process.kill()
        for line in lines:
            await line.close()

    (backup,) = backups.iterdir()
    began_at = datetime.fromisoformat(unpack(backup, None).began_at)
    ledgers, receipts = [], []
    for student in crowd:
        before = [each for each in acknowledged[student.name] if each.at < began_at]
        ledger = Ledger(student.ledger.session_id, "quiz1", student.name)
        ledger.answers = {each.question: each.question for each in before}
        # What was under way, or came later, may be in it as well.
        ledger.in_doubt = {question: [question] for question in sent[student.name]}
        ledgers.append(ledger)
        receipts += [each.receipt for each in before if each.receipt][-1:]
    assert sum(len(ledger.answers) for ledger in ledgers) > 10 * STUDENTS
    assert receipts

    done("restore", backup, "--data", restored)
    with serving(restored) as service:
        for ledger in ledgers:
            shown = service.request("GET", f"/sessions/{ledger.session_id}")["answers"]
            assert [question for question in ledger.answers if shown.get(question) != question] == []
        assert all(service.is_genuine(receipt) for receipt in receipts)
        assert "nothing is buffered" in done("drain", "--data", restored)
        assert problems(restored, ledgers) == []
        # The exam goes on.
        session = f"/sessions/{ledgers[0].session_id}"
        assert service.answer(session, "0", "afterwards")["durability"] == "committed"


def problems(data: Path, ledgers: list[Ledger]) -> list[str]:
    database, valkey = addresses(data)
    assert database
    assert valkey
    return [kind for kind, _ in wrong(Stores(database, valkey), ledgers, {}, ())]


def test_a_backup_is_open_to_its_owner_alone(machine: Machine) -> None:
    assert stat.S_IMODE(machine.backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.backup.parent.stat().st_mode) == 0o700


def test_a_lost_machine_is_restored_with_its_drafts_keys_and_settings(machine: Machine, folder: Path) -> None:
    data = folder / "restored"
    said = done("restore", machine.backup, "--data", data)
    assert said.startswith(f"{data} is as of ")
    for name in ("receipt_keys.json", "beacon_keys.json", "settings.env"):
        assert (data / name).read_bytes() == (machine.data / name).read_bytes()
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    with serving(data) as service:
        shown = service.request("GET", machine.session)
        assert (shown["answers"], shown["buffered_questions"]) == ({"0": "committed", "1": "typed"}, ["1"])
        assert service.is_genuine(machine.receipt)
        # By its settings.
        started = service.request("GET", service.start("user2"))
        assert started["time_remaining"] > 7000
    # At its end it has flushed.
    with serving(data) as service:
        shown = service.request("GET", machine.session)
        assert (shown["answers"], shown["buffered_questions"]) == ({"0": "committed", "1": "typed"}, [])


def test_the_restored_machine_has_passwords_of_its_own(machine: Machine, folder: Path) -> None:
    done("restore", machine.backup, "--data", folder / "restored")
    for name in ("postgres", "valkey"):
        file = folder / "restored" / name / "password"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text() != (machine.data / name / "password").read_text()


def test_data_are_not_overwritten_unless_it_is_said(machine: Machine, folder: Path) -> None:
    data = folder / "restored"
    done("restore", machine.backup, "--data", data)
    with serving(data) as service:
        later = service.start("user2")
    before = snapshot(data)
    said = run("restore", machine.backup, "--data", data)
    assert said.code == 1
    assert said.err.startswith(f"quiz-sessions restore: {data} has postgres, valkey, ")
    assert said.err.endswith(": --replace moves what is there aside\n")
    assert snapshot(data) == before

    said = run("restore", machine.backup, "--data", data, "--replace")
    assert said.code == 0, said
    with serving(data) as service:
        service.request("GET", machine.session)
        service.request("GET", later, 404)
    (aside,) = data.glob("before-restore-*")
    assert said.out.endswith(f"what was there is in {aside}\n")
    with serving(aside) as service:
        service.request("GET", later)


def test_a_damaged_backup_is_refused_before_anything_is_touched(machine: Machine, folder: Path) -> None:
    damaged = folder / "damaged.tar.gz"
    whole = machine.backup.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2] + b"\x00" + whole[len(whole) // 2 + 1 :])
    said = run("restore", damaged, "--data", folder / "restored")
    assert said.code == 1
    assert said.err.startswith(f"quiz-sessions restore: {damaged} can't be restored: ")
    assert not (folder / "restored").exists()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"revision": "9999", "version": "9.0.0"}, "its schema is newer (9999): install version 9.0.0"),
        ({"postgres": "99.1"}, "its PostgreSQL is newer (99.1)"),
    ],
    ids=["schema", "postgres"],
)
def test_a_backup_of_a_newer_release_is_refused(
    machine: Machine, folder: Path, changed: dict[str, str], reason: str
) -> None:
    newer = repacked(machine, folder, **changed)
    said = run("restore", newer, "--data", folder / "restored")
    assert (said.code, said.err) == (1, f"quiz-sessions restore: {newer} can't be restored: {reason}\n")
    assert not (folder / "restored").exists()


def test_a_restore_that_is_killed_is_done_once_more(machine: Machine, folder: Path) -> None:
    data = folder / "restored"
    words = (PROGRAM, "restore", machine.backup, "--data", data)
    with Launched(words, folder / "restore.log", folder=folder) as process:
        eventually((data / "restoring/postgres/cluster/postmaster.pid").exists)
        process.kill()
    assert [path.name for path in data.iterdir() if path.name != "lock"] == ["restoring"]
    said = run("serve", "--data", data, environment={"PORT": "0"})
    assert (said.code, said.err) == (
        1,
        f"cannot start: a restore of {data} was not finished: run it once more, with --replace\n",
    )
    done("restore", machine.backup, "--data", data, "--replace")
    with serving(data) as service:
        service.request("GET", machine.session)


def test_nothing_is_restored_under_a_running_service(machine: Machine, folder: Path) -> None:
    with serving(folder / "data") as service:
        said = run("restore", machine.backup, "--data", folder / "data", "--replace")
        assert (said.code, said.out) == (1, "")
        assert f"is in use by process {service.process.pid}" in said.err
        service.request("GET", "/health")


def test_only_the_latest_backups_are_kept_where_that_is_asked_for(machine: Machine, folder: Path) -> None:
    others = [folder / f"quiz-sessions-2026010{day}T000000Z.tar.gz" for day in (1, 2, 3)]
    for file in (*others, folder / "a-letter"):
        file.touch()
    done("backup", folder, "--data", machine.data, "--keep", "2")
    names = sorted(path.name for path in folder.iterdir())
    assert names[:2] == ["a-letter", others[2].name]
    assert len(names) == 3


def test_a_backup_that_fails_says_so_and_leaves_nothing(folder: Path) -> None:
    # Stores on which no service has been yet.
    for server in (Postgres(folder / "data/postgres"), Valkey(folder / "data/valkey")):
        server.start()
        server.stop()
    said = run("backup", folder / "backups", "--data", folder / "data")
    assert (said.code, said.err) == (
        1,
        "quiz-sessions backup: the database has no tables yet: start the service once\n",
    )
    assert [*(folder / "backups").iterdir()] == []


def test_what_a_killed_backup_left_goes_with_a_later_one(machine: Machine, folder: Path) -> None:
    words = (PROGRAM, "backup", folder / "backups", "--data", machine.data)
    with Launched(words, folder / "backup.log", folder=folder) as process:
        (left,) = eventually(lambda: [*(folder / "backups").glob(".quiz-sessions-unfinished-*")])
        processes.send(process.pid, signal.SIGKILL)
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    a_day_ago = left.stat().st_mtime - 25 * 3600
    os.utime(left, (a_day_ago, a_day_ago))
    done("backup", folder / "backups", "--data", machine.data)
    assert len([*(folder / "backups").iterdir()]) == 1
    assert not left.exists()


def test_a_session_in_quarantine_stays_there(machine: Machine, folder: Path) -> None:
    id_ = machine.session.rpartition("/")[2]
    data = folder / "data"
    done("restore", machine.backup, "--data", data)
    with serving(data):
        _, valkey = addresses(data)
        with Stores("", valkey or "").cache() as client:
            client.sadd("dirty:set-aside", id_)
            client.zrem("dirty:0", id_)
            client.expire(f"{{session:{id_}}}:drafts", 3600)
        done("backup", folder / "backups", "--data", data)
    (backup,) = (folder / "backups").iterdir()
    done("restore", backup, "--data", folder / "again")
    with serving(folder / "again"):
        _, valkey = addresses(folder / "again")
        with Stores("", valkey or "").cache() as client:
            assert client.smembers("dirty:set-aside") == {id_.encode()}
            assert client.zcard("dirty:0") == 0
            assert 0 < client.ttl(f"{{session:{id_}}}:drafts") <= 3600
            assert client.keys("session:*") == []


def test_the_tables_are_restored_to_the_row(machine: Machine, folder: Path) -> None:
    done("restore", machine.backup, "--data", folder / "restored")
    found = []
    for data in (machine.data, folder / "restored"):
        with serving(data):
            database, valkey = addresses(data)
            found.append(Stores(database or "", valkey or "").everything()["rows"])
    assert found[0] == found[1]
    assert json.dumps(found[0], default=str).count("committed") >= 1


@pytest.mark.parametrize(("name", "url"), [("DATABASE_URL", "postgresql://h/q"), ("REDIS_URL", "redis://h")])
def test_stores_that_are_elsewhere_are_neither_backed_up_nor_restored(
    machine: Machine, folder: Path, name: str, url: str
) -> None:
    reason = f"{name}: back up, and restore, other stores where they are\n"
    for words in (("backup", folder / "backups"), ("restore", machine.backup)):
        said = run(*words, "--data", folder / "data", environment={name: url})
        assert (said.code, said.err) == (1, f"quiz-sessions {words[0]}: {reason}")
    assert [*folder.iterdir()] == []
