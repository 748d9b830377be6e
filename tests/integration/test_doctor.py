"""`quiz-sessions doctor`: each thing that can be wrong with a machine is made wrong, and has to be found."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import redis

from development_server import Postgres, Valkey
from development_server.folder_lock import FolderLock
from development_server.signing_keys import beacon_keys, receipt_keys
from development_server.stores import addresses
from one_machine.checks import Finding, Level, all_checks
from one_machine.database_copy import newest_revision
from tests.harness.launch import Launched
from tests.harness.machine import run, serving


@pytest.fixture
def data(folder: Path) -> Path:
    """A data folder with keys, and with stores that have not been started yet."""
    receipt_keys(folder)
    beacon_keys(folder)
    return folder


def found(data: Path, environment: Mapping[str, str] | None = None) -> list[Finding]:
    # Port 1 is nobody's.
    return list(all_checks(data, {"PORT": "1", "AUTH_MODE": "jwt", **(environment or {})}))


def complaints(data: Path, environment: Mapping[str, str] | None = None) -> list[str]:
    """Without what the machine of the tests is like."""
    own = ("nothing keeps this machine's clock right", "files may be open", "MiB are free")
    return [
        finding.what
        for finding in found(data, environment)
        if finding.level != Level.OK and not any(words in finding.what for words in own)
    ]


def test_a_machine_in_order_has_nothing_to_complain_of(data: Path) -> None:
    assert complaints(data) == []


def test_everything_it_complains_of_comes_with_what_to_do(data: Path) -> None:
    (data / "receipt_keys.json").write_text("{}")
    (data / "settings.env").write_text("ORIGIN_ONLY=true\n")
    bad = [finding for finding in found(data) if finding.level != Level.OK]
    assert len(bad) >= 3
    assert all(finding.do for finding in bad)


def test_a_running_service_is_looked_at_while_it_runs(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with serving(folder / "data", environment={"PORT": port}) as service:
        said = run("doctor", "--data", folder / "data", environment={"PORT": port, "AUTH_MODE": "jwt"})
        assert said.code == 0, said
        assert f"ok       the service runs: process {service.process.pid}" in said.out
        assert f"ok       it answers on port {port}" in said.out
        assert f"ok       PostgreSQL answers, with schema {newest_revision()}" in said.out
        assert "ok       Valkey answers, and no session is in quarantine" in said.out
        said = run("doctor", "--data", folder / "data", environment={"PORT": "1"})
        assert "nothing answers at http://127.0.0.1:1/health" in said.out
        _, valkey = addresses(folder / "data")
        with redis.Redis.from_url(valkey or "") as client:
            client.sadd("dirty:set-aside", "11111111-2222-4333-8444-555555555555")
        said = run("doctor", "--data", folder / "data", environment={"PORT": port})
        assert said.code == 1
        assert "problem  1 sessions are in quarantine" in said.out
        assert service.request("GET", "/health")


def test_a_folder_that_is_not_there_is_a_warning_and_not_made(folder: Path) -> None:
    assert complaints(folder / "none") == [f"{folder / 'none'} is not there"]
    assert not (folder / "none").exists()


def test_a_port_that_another_program_has_is_named(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert complaints(data, {"PORT": str(port)}) == [f"port {port} is taken by another program"]


def test_settings_that_the_service_would_refuse_are_named(data: Path) -> None:
    (data / "settings.env").write_text("ORIGIN_ONLY=true\n")
    (data / "settings.env").chmod(0o600)
    assert complaints(data) == ["a setting is wrong: ORIGIN_ONLY=true needs ORIGIN_SECRET."]
    assert "TRUSTED_PROXIES" in complaints(data, {"ORIGIN_ONLY": "", "TRUSTED_PROXIES": "nginx"})[0]


def test_a_service_that_asks_for_no_tokens_is_warned_of(data: Path) -> None:
    assert complaints(data, {"AUTH_MODE": "none"}) == [
        "AUTH_MODE is none: everybody who reaches the port may do everything"
    ]


@pytest.mark.parametrize("name", ["receipt_keys.json", "beacon_keys.json", "settings.env", "valkey/password"])
def test_a_secret_that_others_may_read_is_named(data: Path, name: str) -> None:
    (data / "valkey").mkdir()
    (data / name).touch()
    (data / name).chmod(0o640)
    assert f"others may read {data / name} (640)" in complaints(data)


def test_keys_that_are_damaged_or_gone_are_named(data: Path) -> None:
    (data / "receipt_keys.json").write_text('{"current": "c2VjcmV0"}')
    (data / "beacon_keys.json").unlink()
    assert complaints(data) == [f"the keys in {data / 'receipt_keys.json'} can't be read: it is damaged"]
    (data / "postgres/cluster").mkdir(parents=True)
    assert any(what.startswith(f"{data / 'beacon_keys.json'} is gone") for what in complaints(data))


def test_data_of_another_postgresql_are_named(data: Path) -> None:
    (data / "postgres/cluster").mkdir(parents=True)
    (data / "postgres/cluster/PG_VERSION").write_text("17\n")
    assert complaints(data) == ["the data are of PostgreSQL 17, and 18 is installed"]


def test_a_damaged_append_only_file_is_named_and_mended_as_it_says(data: Path) -> None:
    with Valkey(data / "valkey") as valkey, redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "7")
        client.set("lost", "7")
    assert complaints(data) == []
    (file,) = (data / "valkey/appendonlydir").glob("*.incr.aof")
    file.write_bytes(file.read_bytes()[:-4] + b"\x00\x00\x00\x00")
    (finding,) = [finding for finding in found(data) if "append-only" in finding.what]
    assert finding.level == Level.PROBLEM
    command = finding.do.partition("then in bash: ")[2]
    subprocess.run(["bash", "-c", command], input=b"y\n", check=True)
    assert complaints(data) == []
    with Valkey(data / "valkey") as valkey, redis.Redis.from_url(valkey.url) as client:
        assert client.get("kept") == b"7"


def test_what_a_killed_service_left_running_is_named(data: Path) -> None:
    script = (
        "import os, signal, sys, time; from pathlib import Path; from development_server import Postgres\n"
        "server = Postgres(Path(sys.argv[1]), durable=False); server.start(); server.freeze()\n"
        "print('frozen', flush=True); os._exit(0)"
    )
    command = (sys.executable, "-c", script, data / "postgres")
    with Launched(command, data / "log", folder=data) as process:
        process.ends()
    try:
        assert any(what.startswith("postgres still runs without its service") for what in complaints(data))
    finally:
        server = Postgres(data / "postgres", durable=False)
        server.start()
        server.stop()
    assert complaints(data) == []


def test_a_lock_that_nobody_holds_is_no_problem(data: Path) -> None:
    FolderLock(data).release()
    assert complaints(data) == []
    assert any("has ended, and its lock with it" in finding.what for finding in found(data))


def test_a_restore_that_was_not_finished_is_named(data: Path) -> None:
    (data / "restoring").mkdir()
    assert complaints(data) == ["a restore was not finished: the service does not start"]


def test_a_clock_that_has_gone_back_is_named(data: Path) -> None:
    (data / "valkey/appendonlydir").mkdir(parents=True)
    file = data / "valkey/appendonlydir/appendonly.aof.1.incr.aof"
    file.touch()
    tomorrow = time.time() + 24 * 3600
    os.utime(file, (tomorrow, tomorrow))
    assert [what[:13] for what in complaints(data)] == ["the clock is "]


@pytest.mark.parametrize("folder_of", ["", "valkey"])
def test_files_of_another_user_are_named(data: Path, folder_of: str) -> None:
    if os.geteuid() != 0:
        # Nobody else can give a file away.
        return
    (data / "valkey").mkdir()
    os.chown(data / folder_of, 12345, 12345)
    if folder_of:
        (data / folder_of / "file").touch()
        os.chown(data / folder_of / "file", 12345, 12345)
    assert any("12345" in what or "does not belong" in what for what in complaints(data))


def test_it_changes_nothing(data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    found(data)
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_its_exit_code_says_whether_there_is_a_problem(data: Path) -> None:
    assert run("doctor", "--data", data, environment={"PORT": "1"}).code == 0
    (data / "receipt_keys.json").write_text("{}")
    said = run("doctor", "--data", data, environment={"PORT": "1"})
    assert said.code == 1
    assert "problem  the keys in " in said.out
    assert said.out.splitlines()[-1].startswith("1 problems, ")
