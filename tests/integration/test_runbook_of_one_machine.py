"""The runbook of one machine: each entry's commands are done, in their order, to a service with its fault."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from development_server import Postgres, Valkey, ports
from development_server.stores import addresses
from tests.harness.issuers import KEYCLOAK, played_issuers
from tests.harness.launch import ROOT, Launched, eventually
from tests.harness.machine import done
from tests.harness.needs import needs
from tests.harness.runbook import ENTRIES, Machine, Operator
from tests.harness.small_disk import beside, has_small_disks, on_small_disk
from tests.integration.test_upgrade import FORMER, HAS_FORMER

ENTRY = "entry"


def entry(title: str) -> pytest.MarkDecorator:
    """The entry that a test does."""
    return pytest.mark.parametrize(ENTRY, [title], ids=[title.replace(" ", "-")])


@pytest.fixture
def machine(folder: Path) -> Iterator[Machine]:
    """One whose service has not been started."""
    with ExitStack() as stack:
        made = Machine(folder)
        stack.callback(made.stop)
        yield made


@pytest.fixture
def operator(entry: str, machine: Machine) -> Iterator[Operator]:
    """Has to do everything that the entry says."""
    found = Operator(entry, machine)
    yield found
    assert found.left == []


def test_each_entry_is_done_by_a_test() -> None:
    marks = [
        mark
        for each in globals().values()
        for mark in getattr(each, "pytestmark", [])
        if mark.name == "parametrize" and mark.args[0] == ENTRY
    ]
    assert sorted(title for mark in marks for title in mark.args[1]) == sorted(ENTRIES)


def test_each_entry_has_commands() -> None:
    assert [title for title, commands in ENTRIES.items() if not commands] == []


@entry("Begin here")
def test_a_machine_in_order_says_so(machine: Machine, operator: Operator) -> None:
    machine.start()
    assert "0 problems" in operator.does("qs doctor")
    assert re.search("^quiz-sessions .*, ready,", operator.does("qs status"))
    assert operator.does("log", code=1) == ""


# The disk


def fill(file: Path) -> None:
    """Let it take all the space that there is."""
    with suppress(OSError), file.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"x" * 65536)


@needs(has_small_disks(), "nobody may mount anything here, not even with a namespace of their own")
@entry("The disk is full")
def test_a_full_disk_is_found_and_heals(machine: Machine, operator: Operator) -> None:
    machine.wrapper = on_small_disk(machine.own_data, 230)
    service = machine.start()
    pid = service.process.pid
    machine.root, machine.beside = Path(f"/proc/{pid}/root"), beside(pid)
    machine.write_settings()
    session = service.start("user1")
    aside = machine.data / "before-restore-20270115T080000Z"
    aside.mkdir(mode=0o700)
    fill(aside / "large")
    assert eventually(lambda: machine.readiness() if machine.readiness()[0] == 503 else None)

    assert re.search("^database +refuses writes", operator.does("qs status", code=1), re.MULTILINE)
    assert "53100" in operator.does("log")
    said = operator.does("qs doctor", code=1)
    assert re.search("problem +0 MiB are free", said)
    assert "nothing can be written to" in said
    assert "100%" in operator.does("df")
    assert aside.name in operator.does("du")
    operator.does("rm")
    eventually(lambda: machine.readiness() == (200, "ready"))
    assert '"status":"ready"' in operator.does("curl")
    assert "takes writes again" in operator.does("log")
    assert "nothing is buffered" in operator.does("qs drain")
    assert service.answer(session, "0", "A")["durability"] == "committed"


# The stores


def killed_and_back(machine: Machine, server: type[Postgres] | type[Valkey], name: str) -> None:
    machine.signal_store(server, signal.SIGKILL)
    eventually(lambda: f"{name} is back" in machine.log.read_text())


@entry("PostgreSQL does not answer")
def test_a_frozen_postgresql_is_found_and_replaced(machine: Machine, operator: Operator) -> None:
    service = machine.start()
    session = service.start("user1")
    killed_and_back(machine, Postgres, "PostgreSQL 18")
    machine.signal_store(Postgres, signal.SIGSTOP)
    assert service.answer(session, "0", "A")["durability"] == "buffered"
    assert machine.readiness() == (503, "unavailable")

    assert re.search("^database +down", operator.does("qs status", code=1), re.MULTILINE)
    assert "database away" in operator.does("log")
    assert operator.does("tail")
    operator.does("systemctl restart")
    assert ", ready," in operator.does("qs status")
    assert "nothing is buffered" in operator.does("qs drain")
    assert service.request("GET", session)["answers"] == {"0": "A"}


@entry("Valkey does not answer")
def test_a_frozen_valkey_is_found_and_replaced(machine: Machine, operator: Operator) -> None:
    service = machine.start()
    session = service.start("user1")
    killed_and_back(machine, Valkey, "Valkey 9")
    assert service.answer(session, "0", "typed", autosave=True)["durability"] == "buffered"
    machine.signal_store(Valkey, signal.SIGSTOP)
    assert machine.readiness() == (200, "degraded")
    assert service.answer(session, "1", "B")["durability"] == "committed"

    assert re.search("^cache +down", operator.does("qs status"), re.MULTILINE)
    assert "cache away" in operator.does("log")
    assert operator.does("tail")
    operator.does("systemctl restart")
    assert ", ready," in operator.does("qs status")
    assert "nothing is buffered" in operator.does("qs drain")
    shown = service.request("GET", session)
    assert (shown["answers"], shown["buffered_questions"]) == ({"0": "typed", "1": "B"}, [])


@entry("Valkey's file is damaged")
def test_a_damaged_file_of_valkey_keeps_nothing_from_starting(machine: Machine, operator: Operator) -> None:
    service = machine.start()
    session = service.start("user1")
    service.answer(session, "0", "A")
    service.answer(session, "1", "typed", autosave=True)
    machine.kill()
    eventually(lambda: not Valkey(machine.data / "valkey").pids())
    (file,) = (machine.data / "valkey/appendonlydir").glob("*.incr.aof")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] + b"garbage" + content[len(content) // 2 :])

    assert "the append-only file of Valkey is damaged" in operator.does("qs doctor", code=1)
    operator.does("systemctl start")
    assert '"level":"ERROR"' in operator.does("log")
    assert "appendonlydir.damaged-1" in operator.does("ls")
    assert ", ready," in operator.does("qs status")
    assert service.request("GET", session)["answers"]["0"] == "A"


# What else is in the data folder


@entry("Receipt keys are lost or damaged")
def test_lost_keys_come_back_from_a_backup_or_are_made_anew(machine: Machine, operator: Operator) -> None:
    receipt = machine.start().answer(machine.service.start("user1"), "0", "A")["receipt"]
    done("backup", machine.backups, "--data", machine.data)
    (backup,) = machine.backups.iterdir()
    (machine.data / "receipt_keys.json").write_text("{}")
    (machine.data / "beacon_keys.json").unlink()
    machine.stop()
    service = machine.start()
    assert service.request("POST", "/receipts/verify", 503, receipt=receipt)["code"] == "secret_unavailable"

    assert re.search("^receipt keys +unreadable", operator.does("qs status"), re.MULTILINE)
    said = operator.does("qs doctor", code=1)
    assert "receipt_keys.json can't be read" in said
    assert "beacon_keys.json is gone" in said
    assert len(operator.does("log").splitlines()) == 2
    operator.does("sudo -u quiz-sessions tar", file=backup.name)
    operator.does("systemctl restart")
    assert re.search("^receipt keys .* signs", operator.does("qs status"), re.MULTILINE)
    assert service.is_genuine(receipt)
    assert (machine.data / "receipt_keys.json").stat().st_mode & 0o777 == 0o600

    (machine.data / "receipt_keys.json").write_text("{}")
    assert "receipt_keys.json.damaged-1" in operator.does("qs keys")
    operator.does("systemctl restart")
    assert re.search("^receipt keys .* signs", operator.does("qs status"), re.MULTILINE)
    assert service.is_genuine(service.answer(service.start("user2"), "0", "A")["receipt"])


@entry("The machine is lost")
def test_a_lost_machine_is_restored(machine: Machine, operator: Operator) -> None:
    service = machine.start()
    session = service.start("user1")
    receipt = service.answer(session, "0", "A")["receipt"]
    service.answer(session, "1", "typed", autosave=True)
    done("backup", machine.backups, "--data", machine.data)
    (backup,) = machine.backups.iterdir()
    machine.kill()
    Postgres(machine.data / "postgres").end_leftovers()
    Valkey(machine.data / "valkey").end_leftovers()
    shutil.rmtree(machine.data)

    machine.own_data.mkdir(mode=0o700)
    operator.does("systemctl stop")
    assert "is as of" in operator.does("qs restore", file=backup.name)
    operator.does("systemctl start")
    assert ", ready," in operator.does("qs status")
    assert "nothing is buffered" in operator.does("qs drain")
    assert service.request("GET", session)["answers"] == {"0": "A", "1": "typed"}
    assert service.is_genuine(receipt)


@entry("Answers stay buffered")
def test_who_holds_answers_up_is_found_and_ended(machine: Machine, operator: Operator) -> None:
    service = machine.start()
    session = service.start("user1")
    database, _ = addresses(machine.data)
    with psycopg.connect(database or "", application_name="somebody") as locking:
        locking.execute("SELECT FROM quiz_attempts FOR UPDATE")
        service.answer(session, "0", "typed", autosave=True)
        assert "1 sessions are still buffered" in operator.does("qs drain", code=1)
        found = re.findall(r"^ *([0-9]+) .*\bsomebody\b", operator.does("p"), re.MULTILINE)
        assert found == [str(locking.info.backend_pid)]
        operator.does("p", pid=found[0])
        assert "1 sessions were flushed" in operator.does("qs drain")
        locking.close()
    assert service.request("GET", session)["buffered_questions"] == []


REFUSES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION USING ERRCODE = '22P02', MESSAGE = 'a rule of somebody'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON quiz_attempts FOR EACH ROW EXECUTE FUNCTION refuse()
"""


@entry("A session is in quarantine")
def test_a_session_in_quarantine_is_put_back(machine: Machine, operator: Operator) -> None:
    machine.release = (*machine.release, "--flush-every", "0.2")
    service = machine.start()
    session = service.start("user1")
    database, _ = addresses(machine.data)
    with psycopg.connect(database or "", autocommit=True) as somebody:
        somebody.execute(REFUSES)
        service.answer(session, "0", "typed", autosave=True)
        eventually(lambda: service.request("GET", "/status")["sessions"]["quarantined"] == 1)

        assert session.rpartition("/")[2] in operator.does("qs doctor", code=1)
        assert "PoisonedError" in operator.does("log")
        somebody.execute("DROP FUNCTION refuse CASCADE")
    operator.does("qs drain")
    assert "0 problems" in operator.does("qs doctor")
    shown = service.request("GET", session)
    assert (shown["answers"], shown["buffered_questions"]) == ({"0": "typed"}, [])


# Releases


def _git(*words: str | Path) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()


@HAS_FORMER
@entry("After an upgrade it does not work")
def test_the_way_back_is_that_of_an_upgrade(machine: Machine, operator: Operator) -> None:
    machine.opt = machine.folder / "opt"
    _git("clone", "--quiet", "--shared", ROOT, machine.opt)
    session = machine.start().start("user1")
    receipt = machine.service.answer(session, "0", "A")["receipt"]
    machine.service.answer(session, "1", "typed", autosave=True)

    assert "with the drafts of 1 sessions" in operator.does("qs backup")
    operator.does("systemctl stop")
    assert "nothing is buffered" in operator.does("qs drain")
    operator.does("git", version=FORMER)
    assert _git("-C", machine.opt, "rev-parse", "HEAD") == FORMER
    operator.does("make")
    # What that release has instead of the command.
    folders = ("layers/quiz_sessions", "functions", "infra/local", "infra/local/localstack")
    machine.environment["PYTHONPATH"] = os.pathsep.join(str(machine.opt / name) for name in folders)
    machine.release = (sys.executable, "-m", "development_server")
    operator.does("systemctl start")
    assert '"status":"ready"' in operator.does("curl")
    assert machine.service.request("GET", session)["answers"] == {"0": "A", "1": "typed"}
    assert machine.service.is_genuine(receipt)


# Callers


@entry("Everybody gets 401")
def test_an_audience_that_is_set_wrong_is_found_and_corrected(machine: Machine, operator: Operator) -> None:
    with played_issuers() as played:
        machine.settings = {
            "AUTH_MODE": "jwt",
            "JWT_ISSUER": played.address + KEYCLOAK,
            "JWT_AUDIENCE": "quiz-session",
        }
        machine.write_settings()
        machine.start()
        token = played.access_token(KEYCLOAK, {"aud": ["quiz-sessions", "account"]})
        url = f"http://127.0.0.1:{machine.port}/sessions/start"
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.post(url, headers=headers).status_code == 401

        assert '"quiz-sessions' in operator.does("log")
        assert operator.does("date")
        said = operator.does("curl", token=token)
        assert said.startswith("HTTP/1.1 401")
        assert "audience" in said
        operator.does("sed", audience="quiz-sessions")
        operator.does("systemctl restart")
        # There is no such quiz; but who asks is known.
        reply = httpx.post(url, headers=headers, json={"quiz_id": "quiz1"})
        assert reply.status_code == 404, reply.text


@entry("The clock is wrong")
def test_a_clock_that_went_back_is_found_before_the_service_starts(
    machine: Machine, operator: Operator
) -> None:
    machine.start()
    machine.stop()
    # Nobody may turn the machine's clock back here. So the files are those of a later time.
    written = [file for file in (machine.data / "postgres/cluster/pg_wal").iterdir() if file.is_file()]
    for file in written:
        os.utime(file, (time.time() + 7200, time.time() + 7200))
    assert operator.does("date")
    assert re.search("problem +the clock is 7[0-9]{3} s behind", operator.does("qs doctor", code=1))
    operator.does("systemctl stop")
    operator.does("timedatectl")
    for file in written:
        os.utime(file)
    assert "s behind" not in operator.does("qs doctor")
    operator.does("systemctl start")


@entry("It does not start")
def test_what_keeps_a_service_from_starting_is_found_and_ended(machine: Machine, operator: Operator) -> None:
    program = (
        "import socket, sys, time\n"
        "with socket.create_server(('127.0.0.1', int(sys.argv[1]))): print('listening', flush=True);"
        " time.sleep(600)"
    )
    with Launched([sys.executable, "-c", program, str(machine.port)], machine.folder / "other") as other:
        other.until(lambda: "listening" in other.text())
        assert machine.launch().ends() == 1
        assert f"port {machine.port} " in operator.does("log")
        assert "is taken by another program" in operator.does("qs doctor", code=1)
        assert f"pid={other.pid}," in operator.does("ss")
        operator.does("kill", process=str(other.pid))
        other.ends()
    operator.does("systemctl start")

    # Another start by hand has the folder, and the unit's own waits.
    by_hand = machine.service.process
    assert machine.launch(ports.choose()).ends() == 1
    said = machine.log.read_text().splitlines()[-1]
    assert f"process {by_hand.pid}" in said
    assert "quiz-sessions serve" in operator.does("ps", process=str(by_hand.pid))
    operator.does("kill", process=str(by_hand.pid))
    by_hand.ends()
    operator.does("systemctl start")

    # A service that was killed, and could not end what it had started.
    machine.signal_store(Postgres, signal.SIGSTOP)
    machine.kill()
    assert "postgres still runs without its service" in operator.does("qs doctor")
    operator.does("systemctl start")
    assert ", ready," in operator.does("qs status")


# What people ask


@entry("A student says an answer is gone")
def test_what_happened_to_an_answer_is_told(machine: Machine, operator: Operator) -> None:
    service = machine.start()
    started = service.request("POST", "/sessions/start", 201, user_id="ann.miller", quiz_id="quiz1")
    session = f"/sessions/{started['id']}"
    service.answer(session, "0", "A")
    service.request("POST", f"{session}/complete")
    service.request("PATCH", f"{session}/progress", 409, question_id="1", answer="B")
    # The flush records what was refused.
    machine.do("qs drain")

    assert started["id"] in operator.does("qs story", words_of_the_name="mill ann")
    told = operator.does("qs story", session=started["id"])
    assert "committed | 0" in told
    assert "REFUSED saveProgress: 409" in told or "came too late" in told


@entry("A quiz was changed by mistake")
def test_a_quiz_that_was_changed_by_mistake_gets_its_rules_back(machine: Machine, operator: Operator) -> None:
    service = machine.start()
    service.request("PUT", "/quizzes/quiz1", 201, time_limit_seconds=3600)
    service.start("user1")
    service.request("PATCH", "/quizzes/quiz1", time_limit_seconds=600)

    assert json.loads(operator.does("curl", quiz="quiz1"))["time_limit_seconds"] == 600
    found = json.loads(operator.does("curl", quiz="quiz1"))
    assert "3600" in json.dumps(found)
    before = '{"time_limit_seconds": 3600}'
    tried = json.loads(operator.does("curl -s -X PATCH", quiz="quiz1", before=before))
    assert (tried["dry_run"], tried["moved"]["count"]) == (True, 1)
    assert service.request("GET", "/quizzes/quiz1")["time_limit_seconds"] == 600
    operator.does("curl -s -X PATCH", quiz="quiz1", before=before)
    assert service.request("GET", "/quizzes/quiz1")["time_limit_seconds"] == 3600


# What there is only so much of

TAKES_ALL = """
import sys, time, psycopg
taken, other = [], 1
while other:
    try:
        while True:
            taken.append(psycopg.connect(sys.argv[1], autocommit=True))
    except psycopg.OperationalError:
        own = [each.info.backend_pid for each in taken]
        other = taken[0].execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> ALL (%s)", [own]).fetchone()[0]
print("all", flush=True)
time.sleep(600)
"""


@entry("Connections or open files are used up")
def test_who_takes_all_connections_is_found_and_ended(machine: Machine, operator: Operator) -> None:
    machine.wrapper = ["prlimit", "--nofile=512:512"]
    service = machine.start()
    database, _ = addresses(machine.data)
    assert database is not None
    with Launched([sys.executable, "-c", TAKES_ALL, database], machine.folder / "other") as other:
        other.until(lambda: "all" in other.text())
        with socket.create_connection(("127.0.0.1", machine.port)):
            operator.does("qs doctor", code=1)
            operator.does("qs status", code=1)
            assert "connection slots" in operator.does("log")
            assert "127.0.0.1" in operator.does("ss")
            port = str(psycopg.conninfo.conninfo_to_dict(database)["port"])
            said = operator.does("ss", port_of_PostgreSQL=port)
            assert f"pid={other.pid}," in said
        operator.does("kill", process=str(other.pid))
        other.ends()
    machine.wrapper = ()
    operator.does("systemctl restart")
    assert ", ready," in operator.does("qs status")
    service.start("user1")
