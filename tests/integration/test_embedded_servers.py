"""The embedded servers: that they are real, keep data, break on demand and leave nothing behind."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
import redis

from development_server import FolderInUseError, Postgres, StartError, Valkey
from tests.harness.launch import eventually

PATIENCE_SECONDS = 30


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def owner_process(folder: Path, then: str) -> subprocess.Popen[str]:
    """Another process that starts PostgreSQL on `folder`, prints its pids and goes on with `then`."""
    code = f"""
import os, sys, time
from pathlib import Path
from typing import LiteralString
from development_server import Postgres
server = Postgres(Path(sys.argv[1]), durable=False)
server.start()
print(*server.pids(), flush=True)
{then}
"""
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )


def one(postgres: Postgres, query: str) -> object:
    with psycopg.connect(postgres.url, connect_timeout=10) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


ENDLESS = "do $$ begin loop perform 1; end loop; end $$"


def run_until_disconnected(connection: psycopg.Connection, query: LiteralString) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute(query)


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    with Postgres(folder / "postgres", durable=False) as server:
        yield server


@pytest.fixture
def valkey(folder: Path) -> Iterator[Valkey]:
    with Valkey(folder / "valkey") as server:
        yield server


@pytest.fixture
def cache(valkey: Valkey) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(valkey.url, socket_timeout=PATIENCE_SECONDS) as client:
        yield client


def test_postgres_is_version_18_in_utf8_and_utc(postgres: Postgres) -> None:
    assert str(one(postgres, "show server_version")).startswith("18.")
    assert one(postgres, "show server_encoding") == "UTF8"
    assert one(postgres, "show timezone") == "UTC"


def test_postgres_lets_its_role_make_tables_and_databases(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("create table kept (n int)")
        connection.execute("create database another")


def test_postgres_admits_no_superuser(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf"):
        psycopg.connect(postgres.url.replace("quiz@", "postgres@"))


@pytest.mark.parametrize(("durable", "setting"), [(True, "on"), (False, "off")])
def test_postgres_syncs_to_disk_only_when_durable(folder: Path, durable: bool, setting: str) -> None:
    with Postgres(folder, durable=durable) as server:
        for name in ("fsync", "full_page_writes"):
            assert one(server, f"show {name}") == setting


def test_postgres_keeps_committed_rows_and_its_port_when_killed(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("create table kept as select 7 as n")
    url = postgres.url
    postgres.kill()
    assert not postgres.running
    postgres.start()
    assert postgres.url == url
    assert one(postgres, "select n from kept") == 7


def test_postgres_killed_with_a_busy_session_starts_again(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        busy = threading.Thread(target=run_until_disconnected, args=[connection, ENDLESS])
        busy.start()
        eventually(lambda: one(postgres, "select count(*) from pg_stat_activity where query like 'do%'") == 1)
        postgres.kill()
        busy.join(PATIENCE_SECONDS)
    assert not busy.is_alive()
    postgres.start()
    assert one(postgres, "select 1") == 1


def test_postgres_whose_main_process_alone_died_starts_again(postgres: Postgres) -> None:
    main_process, *children = postgres.pids()
    os.kill(main_process, signal.SIGKILL)
    eventually(lambda: not postgres.running)
    postgres.start()
    assert one(postgres, "select 1") == 1
    assert not any(alive(pid) for pid in (main_process, *children))


def test_frozen_postgres_answers_when_thawed_and_not_before(postgres: Postgres) -> None:
    postgres.freeze()
    with socket.create_connection(("127.0.0.1", postgres.port), timeout=0.3) as wire:
        # "Do you speak TLS?": the shortest question that PostgreSQL answers.
        wire.sendall(struct.pack("!ii", 8, 80877103))
        with pytest.raises(TimeoutError):
            wire.recv(1)
        postgres.thaw()
        wire.settimeout(PATIENCE_SECONDS)
        assert wire.recv(1) == b"N"


def test_frozen_postgres_has_no_running_process(postgres: Postgres) -> None:
    postgres.freeze()

    def states() -> set[str]:
        stats = (Path(f"/proc/{pid}/stat").read_text() for pid in postgres.pids())
        return {stat.rpartition(")")[2].split()[0] for stat in stats}

    eventually(lambda: states() == {"T"})
    assert postgres.running


def test_frozen_valkey_answers_when_thawed_and_not_before(valkey: Valkey) -> None:
    with socket.create_connection(("127.0.0.1", valkey.port), timeout=0.3) as wire:
        valkey.freeze()
        wire.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            wire.recv(100)
        valkey.thaw()
        wire.settimeout(PATIENCE_SECONDS)
        assert wire.recv(100) == b"+PONG\r\n"


def test_stop_ends_every_process(postgres: Postgres, valkey: Valkey) -> None:
    pids = postgres.pids() + valkey.pids()
    postgres.stop()
    valkey.stop()
    assert not any(alive(pid) for pid in pids)


def test_stop_ends_frozen_servers(postgres: Postgres, valkey: Valkey) -> None:
    pids = postgres.pids() + valkey.pids()
    postgres.freeze()
    valkey.freeze()
    postgres.stop()
    valkey.stop()
    assert not any(alive(pid) for pid in pids)


def test_stop_in_good_order_needs_no_recovery(postgres: Postgres) -> None:
    postgres.stop()
    postgres.start()
    assert "automatic recovery" not in postgres.log_file.read_text()


def test_start_and_stop_can_be_repeated(valkey: Valkey) -> None:
    valkey.start()
    valkey.stop()
    valkey.stop()
    valkey.start()
    assert valkey.running


def test_valkey_is_version_9_with_the_settings_the_service_relies_on(cache: "redis.Redis") -> None:
    assert str(cache.info("server")["valkey_version"]).startswith("9.")
    settings = cache.config_get("append*", "maxmemory-policy", "maxmemory", "save")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "volatile-ttl"
    assert settings["maxmemory"] == "0"
    assert settings["save"] == ""


def test_valkey_limits_its_memory_as_told(folder: Path) -> None:
    with Valkey(folder, maxmemory=5_000_000) as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory") == {"maxmemory": "5000000"}


def test_valkey_keeps_what_it_acknowledged_when_killed(valkey: Valkey, cache: "redis.Redis") -> None:
    cache.set("kept", "7")
    valkey.kill()
    valkey.start()
    assert cache.get("kept") == b"7"


def damage(folder: Path, which: str = "*.incr.aof") -> None:
    """What a disk may do to the file: something else in the midst of it."""
    (file,) = (folder / "appendonlydir").glob(which)
    text = file.read_bytes()
    middle = len(text) // 2
    file.write_bytes(text[:middle] + b"\xff" * 64 + text[middle + 64 :])


def test_valkey_starts_without_an_append_only_file_that_is_damaged_and_keeps_it(
    valkey: Valkey, cache: "redis.Redis", caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        cache.set(f"key{number}", "7")
    valkey.kill()
    damage(valkey.data_dir)
    for time in (1, 2):
        valkey.start()
        assert cache.get("key0") is None
        cache.set("after", "8")
        valkey.stop()
        aside = valkey.data_dir / f"appendonlydir.damaged-{time}"
        assert list(aside.glob("*.aof"))
        assert str(aside) in caplog.records[time - 1].getMessage()
        damage(valkey.data_dir)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


@pytest.mark.parametrize("which", ["*.base.rdb", "*.manifest"])
def test_valkey_starts_without_what_else_belongs_to_a_damaged_file(
    valkey: Valkey, cache: "redis.Redis", which: str
) -> None:
    cache.set("key", "7")
    valkey.kill()
    damage(valkey.data_dir, which)
    valkey.start()
    assert cache.get("key") is None
    assert (valkey.data_dir / "appendonlydir.damaged-1").exists()


def test_valkey_reads_a_file_that_only_ends_too_early(
    valkey: Valkey, cache: "redis.Redis", caplog: pytest.LogCaptureFixture
) -> None:
    cache.set("kept", "7")
    cache.set("cut", "x" * 1000)
    # It may be late with its file, and what is cut off shall be of the second key.
    cache.waitaof(1, 0, 30_000)
    valkey.kill()
    (file,) = (valkey.data_dir / "appendonlydir").glob("*.incr.aof")
    file.write_bytes(file.read_bytes()[:-500])
    valkey.start()
    assert (cache.get("kept"), cache.get("cut")) == (b"7", None)
    assert caplog.records == []


def test_valkey_that_fails_for_another_reason_leaves_its_file_where_it_is(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "7")
    valkey.stop()
    (incremental,) = (valkey.data_dir / "appendonlydir").glob("*.incr.aof")
    sound = incremental.read_bytes()
    # Valkey would read a file that only ends too early, which the check calls damaged.
    for text in (sound, sound + b"*3\r\n$3\r\nSE"):
        incremental.write_bytes(text)
        with socket.create_server(("127.0.0.1", valkey.port)), pytest.raises(StartError):
            valkey.start()
    assert [path.name for path in valkey.data_dir.glob("appendonlydir*")] == ["appendonlydir"]
    valkey.start()
    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("kept") == b"7"


def test_valkey_without_persistence_forgets(folder: Path) -> None:
    with Valkey(folder, persist=False) as server, redis.Redis.from_url(server.url) as client:
        client.set("lost", "7")
        server.stop()
        server.start()
        assert client.get("lost") is None


def test_a_folder_has_one_owner_at_a_time(postgres: Postgres) -> None:
    with pytest.raises(FolderInUseError, match=str(os.getpid())):
        Postgres(postgres.data_dir, durable=False).start()
    assert one(postgres, "select 1") == 1


def test_a_taken_port_fails_with_the_end_of_the_log(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match="Address already in use"):
            Postgres(folder / "postgres", port, durable=False).start()
        with pytest.raises(StartError, match="Address already in use"):
            Valkey(folder / "valkey", port).start()


def test_a_failed_start_frees_the_folder(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StartError):
        Valkey(folder, taken.getsockname()[1]).start()
    with Valkey(folder) as server:
        assert server.running


def test_an_interrupted_first_start_is_made_good(folder: Path) -> None:
    (folder / "cluster.new" / "base").mkdir(parents=True)
    with Postgres(folder, durable=False) as server:
        assert one(server, "select 1") == 1


def test_a_server_outlives_the_thread_that_started_it(folder: Path) -> None:
    server = Postgres(folder, durable=False)
    starting = threading.Thread(target=server.start)
    starting.start()
    starting.join(PATIENCE_SECONDS)
    try:
        assert one(server, "select 1") == 1
    finally:
        server.stop()


def test_ctrl_c_at_the_terminal_does_not_reach_the_servers(postgres: Postgres, valkey: Valkey) -> None:
    assert all(os.getsid(pid) != os.getsid(0) for pid in postgres.pids() + valkey.pids())


def test_servers_end_when_their_owner_is_killed(folder: Path) -> None:
    with owner_process(folder, "time.sleep(600)") as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        owner.kill()
    assert len(pids) > 1
    eventually(lambda: not any(alive(pid) for pid in pids))


def test_what_a_dead_owner_left_running_is_replaced(folder: Path) -> None:
    # A frozen server can't act on the signal that it gets when its owner dies.
    with owner_process(folder, "server.freeze(); os._exit(0)") as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
    assert all(alive(pid) for pid in pids)
    with Postgres(folder, durable=False) as server:
        assert one(server, "select 1") == 1
        assert not any(alive(pid) for pid in pids)
