"""`python -m development_server` as its users meet it: a process, its environment, its folder, signals."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import redis

from development_server import Postgres, Valkey, ports
from development_server.stores import addresses
from tests.harness import tokens
from tests.harness.launch import eventually
from tests.harness.valkey import RestrictedValkey

PATIENCE_SECONDS = 60
STOP_LIMIT_SECONDS = 10

STOPPED = "T"
ZOMBIE = "Z"


@dataclass(frozen=True)
class ProcessStatus:
    """One line of the process table."""

    pid: int
    parent: int
    name: str
    state: str


def process_table() -> dict[int, ProcessStatus]:
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                head, _, tail = (entry / "stat").read_text().rpartition(")")
                state, parent = tail.split()[:2]
                status = ProcessStatus(int(entry.name), int(parent), head.partition("(")[2], state)
                table[status.pid] = status
    return table


def descendants(pid: int) -> list[ProcessStatus]:
    table = process_table()
    family = {pid}
    while more := {status.pid for status in table.values() if status.parent in family} - family:
        family |= more
    return [table[member] for member in family - {pid}]


def running(processes: Sequence[ProcessStatus]) -> list[str]:
    table = process_table()
    return [p.name for p in processes if p.pid in table and table[p.pid].state != ZOMBIE]


class ServerProcess:
    """A development server of this test; what it prints goes to files in its folder."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        options: Sequence[str],
        wrapper: Sequence[str] = (),
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        names = ("PATH", "PYTHONPATH")
        inherited = {name: os.environ[name] for name in names if name in os.environ}
        self.output = folder / f"output-{time.monotonic_ns()}"
        with self.output.open("wb") as output, self.errors_file.open("wb") as errors:
            self.process = subprocess.Popen(
                [*wrapper, sys.executable, "-m", "development_server", *options],
                cwd=folder,
                # Port 0: whichever is free, the ready line tells.
                env={**inherited, "PORT": "0", **environment},
                stdout=output,
                stderr=errors,
            )

    @property
    def errors_file(self) -> Path:
        return self.output.with_suffix(".errors")

    @property
    def errors(self) -> str:
        return self.errors_file.read_text()

    @property
    def ready_line(self) -> str:
        lines = [line for line in self.output.read_text().splitlines() if line.startswith("ready: ")]
        return lines[0] if lines else ""

    def until_ready(self) -> "ServerProcess":
        eventually(lambda: bool(self.ready_line) or self.process.poll() is not None)
        assert self.process.poll() is None, self.output.read_text() + self.errors
        return self

    def address(self, label: str) -> str:
        found = re.search(rf"{label}:? (\S+)", self.ready_line)
        assert found, self.ready_line
        return found[1]

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.get(self.address("ready") + path, headers=headers, timeout=PATIENCE_SECONDS)

    def ends(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ends()


def print_token(folder: Path, *options: str) -> str:
    """What the command for tokens prints, run in the folder of a server."""
    command = [sys.executable, "-m", "one_machine", "token", *options]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


Launch = Callable[..., ServerProcess]


@pytest.fixture
def launch(folder: Path) -> Iterator[Launch]:
    launched: list[ServerProcess] = []

    def start(
        *options: str,
        project: str = "project",
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
    ) -> ServerProcess:
        server = ServerProcess(folder / project, environment or {}, options, wrapper)
        launched.append(server)
        return server

    yield start
    for server in launched:
        family = descendants(server.process.pid)
        server.process.kill()
        server.process.wait(PATIENCE_SECONDS)
        for member in family:
            # Frozen ones can't act on the death of their parent.
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGCONT)
        eventually(lambda family=family: not running(family))  # type: ignore[misc]  # a default mypy does not follow


@pytest.fixture
def own_postgres(folder: Path) -> Iterator[Postgres]:
    with Postgres(folder / "own-postgres", durable=False) as server:
        yield server


@pytest.fixture
def own_valkey(folder: Path) -> Iterator[RestrictedValkey]:
    with RestrictedValkey(folder / "own-valkey", persist=False) as server:
        yield server


def start_session(server: ServerProcess) -> str:
    reply = httpx.post(
        server.address("ready") + "/sessions/start",
        json={"user_id": "user1", "quiz_id": "quiz1"},
        timeout=PATIENCE_SECONDS,
    )
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


def test_it_answers_once_it_says_ready(launch: Launch) -> None:
    server = launch().until_ready()
    assert server.get("/health").status_code == 200
    assert httpx.get(server.address("docs"), timeout=PATIENCE_SECONDS).status_code == 200


@pytest.mark.parametrize("base_path", ["", "/exams"])
def test_the_ready_line_leads_to_the_pages(launch: Launch, base_path: str) -> None:
    server = launch(environment={"BASE_PATH": base_path}).until_ready()
    shown = httpx.get(server.address("pages"), follow_redirects=True, timeout=PATIENCE_SECONDS)
    assert shown.url.path == f"{base_path}/pages/"
    assert "<title>Quiz Sessions</title>" in shown.text
    config = httpx.get(shown.url.join("config.json"), timeout=PATIENCE_SECONDS).json()
    assert (config["api"], config["login"]) == ("..", {"kind": "none"})
    assert httpx.head(shown.url, timeout=PATIENCE_SECONDS).headers["Content-Type"].startswith("text/html")


def test_what_is_no_request_is_told_where_its_problem_is_explained(launch: Launch) -> None:
    server = launch(environment={"BASE_PATH": "/exams"}).until_ready()
    port = urlsplit(server.address("ready")).port
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as opened:
        opened.sendall(b"this is no HTTP\r\n\r\n")
        said = opened.makefile("rb").read()
    type_ = json.loads(said.partition(b"\r\n\r\n")[2])["type"]
    assert type_ == "/exams/docs/problems#bad_request"
    assert server.get("/exams/docs/problems").is_success


def test_no_file_but_those_of_pages_is_served(launch: Launch) -> None:
    server = launch().until_ready()
    port = urlsplit(server.address("ready")).port
    ups = ("..", "%2e%2e", "%2E.", "..%2f..", "..%5c..", "%252e%252e", ".%00.", "%c0%ae%c0%ae")
    for folder in ("pages", "browser", "pages/common"):
        for up in ups:
            path = f"/{folder}/{up}/{up}/{up}/pyproject.toml"
            link = http.client.HTTPConnection("127.0.0.1", port, PATIENCE_SECONDS)
            # As it is: httpx would tidy it up.
            link.request("GET", path)
            reply = link.getresponse()
            assert reply.status in (400, 404), path
            assert b"[build-system]" not in reply.read(), path
            link.close()
    assert server.get(f"/pages/{'x' * 300}.js").status_code == 404


def test_it_says_what_it_is_doing_while_it_starts(launch: Launch) -> None:
    lines = launch().until_ready().output.read_text().splitlines()
    keys = [line for line in lines if line.startswith("making keys in ")]
    assert [line for line in lines if line not in keys][:3] == [
        "starting PostgreSQL 18 ...",
        "starting Valkey 9 ...",
        "applying migrations ...",
    ]
    assert len(lines) == 4 + len(keys)


WITH_FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -n 200 && exec "$@"', "sh")


def test_more_connections_than_it_has_descriptors_for_are_refused_and_it_goes_on(launch: Launch) -> None:
    server = launch(wrapper=WITH_FEW_DESCRIPTORS).until_ready()
    address = urlsplit(server.address("ready"))
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(
                socket.create_connection((address.hostname, address.port), timeout=PATIENCE_SECONDS)
            )
            for _ in range(400)
        ]
        assert idle[-1].recv(12) == b"HTTP/1.1 429"
    eventually(lambda: server.get("/health/ready").status_code == 200)
    start_session(server)
    assert "Too many open files" not in server.output.read_text() + server.errors


def test_it_listens_on_the_port_in_the_environment(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = launch(environment={"PORT": str(port)}).until_ready()
    assert server.address("ready") == f"http://127.0.0.1:{port}"


def test_data_survives_a_restart(launch: Launch) -> None:
    first = launch().until_ready()
    session = start_session(first)
    assert first.stop() == 0
    reply = launch().until_ready().get(f"/sessions/{session}")
    assert reply.status_code == 200
    assert reply.json()["user_id"] == "user1"


def test_stores_keep_their_ports_over_a_restart(launch: Launch) -> None:
    first = launch().until_ready()
    first.stop()
    second = launch().until_ready()
    assert [second.address(name) for name in ("database", "cache")] == [
        first.address(name) for name in ("database", "cache")
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_what_is_buffered(launch: Launch, number: signal.Signals) -> None:
    server = with_a_buffered_answer(launch)
    assert server.stop(number) == 0
    assert committed_answers(server) == [{"1": "kept"}]


def test_a_signal_that_arrives_twice_at_once_still_flushes(launch: Launch) -> None:
    # As with a signal to the process group of `make run`, where make passes its own on. Two of a kind that
    # wait for the process would be one, so these are of two.
    server = with_a_buffered_answer(launch)
    server.process.send_signal(signal.SIGINT)
    assert server.stop() == 0
    assert "did not finish" not in server.output.read_text() + server.errors
    assert committed_answers(server) == [{"1": "kept"}]


def with_a_buffered_answer(launch: Launch) -> ServerProcess:
    server = launch("--flush-every", "3600").until_ready()
    session = start_session(server)
    reply = httpx.patch(
        f"{server.address('ready')}/sessions/{session}/progress",
        json={"question_id": 1, "answer": "kept", "autosave": True},
        timeout=PATIENCE_SECONDS,
    )
    assert reply.json()["durability"] == "buffered"
    return server


def committed_answers(server: ServerProcess) -> list[dict[str, str]]:
    """Of a server that has ended."""
    postgres = Postgres(server.folder / ".local" / "postgres", ports.choose())
    with postgres, psycopg.connect(postgres.url) as connection:
        return [answers for (answers,) in connection.execute("select answers from quiz_attempts")]


def test_it_flushes_regularly(launch: Launch) -> None:
    server = launch("--flush-every", "0.2").until_ready()
    session = start_session(server)
    httpx.patch(
        f"{server.address('ready')}/sessions/{session}/progress",
        json={"question_id": 1, "answer": "kept", "autosave": True},
        timeout=PATIENCE_SECONDS,
    )
    eventually(lambda: server.get(f"/sessions/{session}").json()["durability"] == "committed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_every_process_it_started(launch: Launch, number: signal.Signals) -> None:
    server = launch().until_ready()
    family = descendants(server.process.pid)
    assert {"postgres", "valkey-server"} <= {member.name for member in family}
    assert server.stop(number) == 0
    assert not running(family)


def test_a_signal_while_it_starts_ends_it_with_0(launch: Launch) -> None:
    server = launch()
    eventually(lambda: "starting PostgreSQL" in server.output.read_text())
    family = descendants(server.process.pid)
    assert server.stop() == 0
    eventually(lambda: not running(family))
    assert not server.ready_line


def test_a_second_signal_skips_the_wait(launch: Launch) -> None:
    server = launch().until_ready()
    freeze(server, "postgres")
    server.process.send_signal(signal.SIGINT)
    eventually(lambda: "stopping" in server.output.read_text())
    assert server.stop(signal.SIGINT) == 0


def freeze(server: ServerProcess, name: str) -> None:
    members = [member.pid for member in descendants(server.process.pid) if member.name == name]
    assert members
    for pid in members:
        os.kill(pid, signal.SIGSTOP)
    eventually(lambda: all(process_table()[pid].state == STOPPED for pid in members))


@pytest.mark.parametrize("name", ["postgres", "valkey-server"])
def test_it_ends_within_10_seconds_with_a_frozen_store(launch: Launch, name: str) -> None:
    server = launch().until_ready()
    start_session(server)
    family = descendants(server.process.pid)
    freeze(server, name)
    asked = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - asked < STOP_LIMIT_SECONDS
    assert not running(family)


def test_it_ends_within_10_seconds_with_frozen_stores_of_others(
    launch: Launch, own_postgres: Postgres, own_valkey: RestrictedValkey
) -> None:
    server = launch(environment={"DATABASE_URL": own_postgres.url, "REDIS_URL": own_valkey.url}).until_ready()
    start_session(server)
    own_postgres.freeze()
    own_valkey.freeze()
    asked = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - asked < STOP_LIMIT_SECONDS


def test_it_ends_within_10_seconds_when_a_frozen_database_keeps_it_from_starting(
    launch: Launch, own_postgres: Postgres
) -> None:
    own_postgres.freeze()
    server = launch(environment={"DATABASE_URL": own_postgres.url})
    eventually(lambda: "applying migrations" in server.output.read_text())
    family = descendants(server.process.pid)
    asked = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - asked < STOP_LIMIT_SECONDS
    assert not running(family)


def test_a_killed_server_leaves_nothing_running_and_starts_again(launch: Launch) -> None:
    server = launch().until_ready()
    session = start_session(server)
    family = descendants(server.process.pid)
    server.stop(signal.SIGKILL)
    eventually(lambda: not running(family))
    assert launch().until_ready().get(f"/sessions/{session}").status_code == 200


def test_a_second_start_on_a_folder_says_so_in_one_line(launch: Launch) -> None:
    first = launch().until_ready()
    second = launch()
    assert second.ends() == 1
    line = f"cannot start: another service (process {first.process.pid}) runs on .local\n"
    assert second.errors == line
    assert second.output.read_text() == ""
    assert first.get("/health").status_code == 200


def test_a_taken_port_is_told_in_one_line_before_anything_starts(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = launch(environment={"PORT": port})
        assert server.ends() == 1
    message = f"cannot start: port {port} on 127.0.0.1: Address already in use (PORT chooses another)\n"
    assert server.errors == message
    assert server.output.read_text() == ""


@pytest.mark.parametrize("port", ["http", "-1", "70000"])
def test_a_port_that_is_none_is_told_in_one_line(launch: Launch, port: str) -> None:
    server = launch(environment={"PORT": port})
    assert server.ends() == 1
    assert server.errors == f"cannot start: PORT is a number from 0 to 65535, not {port!r}\n"


def test_a_wrong_setting_is_told_in_one_line(launch: Launch) -> None:
    server = launch(environment={"SESSION_CACHE_TTL_SECONDS": "soon"})
    assert server.ends() == 1
    assert server.errors.count("\n") == 1
    assert "SESSION_CACHE_TTL_SECONDS" in server.errors


@pytest.mark.parametrize(
    "url", ["mysql://quiz:secret@db/quiz", "postgresql://quiz:secret%zz@db/quiz"], ids=["other", "damaged"]
)
def test_an_address_of_no_database_is_told_in_one_line(launch: Launch, url: str) -> None:
    server = launch(environment={"DATABASE_URL": url})
    assert server.ends() == 1
    assert server.errors.startswith("cannot start: DATABASE_URL ")
    assert server.errors.count("\n") == 1
    assert "secret" not in server.errors


def test_a_database_out_of_reach_is_told_and_stops_the_rest(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = launch(environment={"DATABASE_URL": f"postgresql://quiz:secret@127.0.0.1:{port}/quiz"})
    assert server.ends() == 1
    assert server.errors.startswith("cannot start: ")
    assert "Traceback" not in server.errors
    assert "secret" not in server.errors


def test_database_url_replaces_the_embedded_database(launch: Launch, own_postgres: Postgres) -> None:
    server = launch(environment={"DATABASE_URL": own_postgres.url}).until_ready()
    start_session(server)
    names = {member.name for member in descendants(server.process.pid)}
    assert "valkey-server" in names
    assert "postgres" not in names
    assert server.stop() == 0
    with psycopg.connect(own_postgres.url) as connection:
        assert connection.execute("select count(*) from quiz_attempts").fetchone() == (1,)


def test_redis_url_replaces_the_embedded_cache(launch: Launch, own_valkey: RestrictedValkey) -> None:
    server = launch(environment={"REDIS_URL": own_valkey.url}).until_ready()
    start_session(server)
    names = {member.name for member in descendants(server.process.pid)}
    assert "postgres" in names
    assert "valkey-server" not in names
    assert server.stop() == 0
    with redis.Redis.from_url(own_valkey.own_url) as client:
        assert client.keys("session:*")


def test_the_ready_line_shows_no_password(launch: Launch, own_postgres: Postgres) -> None:
    url = own_postgres.url.replace("quiz@", "quiz:secret@")
    server = launch(environment={"DATABASE_URL": url}).until_ready()
    assert server.address("database") == own_postgres.url
    assert "secret" not in server.output.read_text() + server.errors


def test_its_stores_ask_for_passwords_that_nobody_else_can_read(launch: Launch) -> None:
    server = launch().until_ready()
    start_session(server)
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(server.address("database"))
    with redis.Redis.from_url(server.address("cache")) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    data = server.folder / ".local"
    database, cache = addresses(data)
    assert database
    assert cache
    psycopg.connect(database).close()
    redis.Redis.from_url(cache).close()
    for file in ("postgres/password", "valkey/password", "valkey/server.conf"):
        assert stat.S_IMODE((data / file).stat().st_mode) == 0o600
    secrets = [(data / name / "password").read_text() for name in ("postgres", "valkey")]
    shown = server.output.read_text() + server.errors
    shown += "".join((data / name / "server.log").read_text() for name in ("postgres", "valkey"))
    for member in descendants(server.process.pid):
        # Everybody sees command lines.
        shown += Path(f"/proc/{member.pid}/cmdline").read_text()
    assert [secret for secret in secrets if secret in shown] == []


def test_data_from_before_there_were_passwords_get_them(launch: Launch, folder: Path) -> None:
    data = folder / "project/.local"
    with Postgres(data / "postgres") as postgres, psycopg.connect(postgres.url) as connection:
        connection.execute("create table kept as select 7 as n")
    with Valkey(data / "valkey") as valkey, redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "7")
    launch().until_ready()
    database, cache = addresses(data)
    with psycopg.connect(database or "") as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)
    with redis.Redis.from_url(cache or "") as client:
        assert client.get("kept") == b"7"


@pytest.mark.parametrize("left", ["", "half of a passw"])
def test_a_password_that_is_gone_is_made_anew(launch: Launch, left: str) -> None:
    first = launch().until_ready()
    session = start_session(first)
    assert first.stop() == 0
    for name in ("postgres", "valkey"):
        (first.folder / ".local" / name / "password").write_text(left)
    second = launch().until_ready()
    assert second.get(f"/sessions/{session}").status_code == 200
    database, _ = addresses(second.folder / ".local")
    psycopg.connect(database or "").close()


@pytest.mark.parametrize("trusted", ["", "127.0.0.0/8"])
def test_a_proxy_that_is_trusted_says_where_a_request_comes_from(launch: Launch, trusted: str) -> None:
    server = launch(environment={"TRUSTED_PROXIES": trusted}).until_ready()
    address = server.address("ready")
    rules = {"access": {"networks": ["203.0.113.0/24"]}}
    assert httpx.put(f"{address}/quizzes/quiz1", json=rules).status_code == 201
    reply = httpx.post(
        f"{address}/sessions/start",
        json={"user_id": "user1", "quiz_id": "quiz1"},
        headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.7"},
    )
    assert reply.status_code == (201 if trusted else 403)


def test_it_does_not_start_on_a_folder_that_was_restored_in_part(launch: Launch, folder: Path) -> None:
    (folder / "project/.local/restoring").mkdir(parents=True)
    server = launch()
    assert server.ends() == 1
    assert server.errors == (
        "cannot start: a restore of .local was not finished: run it once more, with --replace\n"
    )


@pytest.mark.parametrize("name", ["postgres", "valkey-server"])
def test_a_killed_store_comes_back_on_its_port(launch: Launch, name: str) -> None:
    server = launch().until_ready()
    before = {member.pid for member in descendants(server.process.pid) if member.name == name}
    main_process = next(
        member.pid
        for member in descendants(server.process.pid)
        if member.pid in before and member.parent == server.process.pid
    )
    os.kill(main_process, signal.SIGKILL)

    database, cache = addresses(server.folder / ".local")

    def works() -> bool:
        with contextlib.suppress(psycopg.Error, redis.RedisError):
            if name == "postgres":
                psycopg.connect(database or "", connect_timeout=5).close()
            else:
                redis.Redis.from_url(cache or "", socket_timeout=5).ping()
            return not before & {member.pid for member in descendants(server.process.pid)}
        return False

    eventually(works)
    assert server.get("/health").status_code == 200
    assert server.stop() == 0


def trusted_by_postgres(address: str, port: int, source: str) -> bool:
    """Whether PostgreSQL on `address` lets `source` in, which it says first."""
    words = b"user\0quiz\0database\0quiz\0\0"
    with socket.create_connection((address, port), PATIENCE_SECONDS, (source, 0)) as link:
        link.sendall(struct.pack(">ii", 8 + len(words), 3 << 16) + words)
        return link.recv(1) == b"R"


def test_stores_are_there_for_containers_where_it_is_asked_for(launch: Launch) -> None:
    postgres_port, valkey_port = (ports.choose() for _ in range(2))
    chosen = ["--postgres-port", str(postgres_port), "--valkey-port", str(valkey_port)]
    # Every address of 127.0.0.0/8 is the machine's own: .2 stands for that of a bridge, .3 for a container.
    server = launch(*chosen, "--stores-host", "127.0.0.2").until_ready()
    assert server.address("database") == f"postgresql://quiz@127.0.0.1:{postgres_port}/quiz"
    assert server.address("cache") == f"redis://127.0.0.1:{valkey_port}/0"
    assert trusted_by_postgres("127.0.0.2", postgres_port, "127.0.0.3")
    with redis.Redis(host="127.0.0.2", port=valkey_port) as client:
        assert client.config_get("protected-mode") == {"protected-mode": "no"}
    assert server.stop() == 0

    launch(*chosen).until_ready()
    assert not trusted_by_postgres("127.0.0.1", postgres_port, "127.0.0.3")
    for port in (postgres_port, valkey_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), PATIENCE_SECONDS)


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "bridge"])
def test_stores_are_not_opened_to_every_network(launch: Launch, address: str) -> None:
    server = launch("--stores-host", address)
    assert server.ends() == 2
    assert "argument --stores-host" in server.errors


ANY_SESSION = "/sessions/11111111-2222-4333-8444-555555555555"


def test_with_auth_mode_jwt_it_asks_for_a_token(launch: Launch) -> None:
    server = launch(environment={"AUTH_MODE": "jwt"}).until_ready()
    assert server.get("/health").status_code == 200
    refused = server.get(ANY_SESSION)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    token = print_token(server.folder, "--sub", "student1", "--scope", "sessions:proctor")
    assert server.get(ANY_SESSION, token).status_code not in (401, 500)


def test_with_its_own_keys_it_issues_tokens_to_its_pages(launch: Launch) -> None:
    server = launch(environment={"AUTH_MODE": "jwt"}).until_ready()
    login = server.get("/pages/config.json").json()["login"]
    assert (login["kind"], login["issuer"], login["clientId"]) == ("oidc", "../issuer", "pages")
    found = server.get("/issuer/.well-known/openid-configuration").json()
    assert found["issuer"] == server.address("ready") + "/issuer"


def test_without_tokens_it_issues_none(launch: Launch) -> None:
    server = launch().until_ready()
    assert server.get("/issuer/.well-known/openid-configuration").status_code == 404


def test_tokens_are_good_after_a_restart(launch: Launch, folder: Path) -> None:
    project = folder / "project"
    project.mkdir()
    token = print_token(project, "--sub", "student1")
    for _ in range(2):
        server = launch(environment={"AUTH_MODE": "jwt"}).until_ready()
        assert server.get(ANY_SESSION, token).status_code not in (401, 500)
        assert server.stop() == 0


def test_tokens_of_an_issuer_are_verified_with_its_keys(launch: Launch, folder: Path) -> None:
    jwks = tokens.write_jwks(folder / "jwks.json", first=tokens.rsa_key())
    of_issuer = {"JWT_ISSUER": tokens.ISSUER, "JWT_AUDIENCE": tokens.AUDIENCE, "JWT_JWKS": jwks}
    server = launch(environment={"AUTH_MODE": "jwt", **of_issuer}).until_ready()
    assert server.get(ANY_SESSION, tokens.token()).status_code not in (401, 500)
    of_development = print_token(server.folder, "--sub", "student1")
    assert server.get(ANY_SESSION, of_development).status_code == 401
    assert server.get("/pages/config.json").json()["login"]["issuer"] == tokens.ISSUER
    assert server.get("/issuer/.well-known/openid-configuration").status_code == 401


def test_tokens_of_an_issuer_are_verified_with_a_pem(launch: Launch, folder: Path) -> None:
    (folder / "key.pem").write_bytes(tokens.pem(tokens.rsa_key()))
    of_issuer = {"JWT_ISSUER": tokens.ISSUER, "JWT_AUDIENCE": tokens.AUDIENCE}
    pem = {"JWT_PUBLIC_KEY_FILE": str(folder / "key.pem")}
    server = launch(environment={"AUTH_MODE": "jwt", **of_issuer, **pem}).until_ready()
    assert server.get(ANY_SESSION, tokens.token()).status_code not in (401, 500)


@pytest.mark.parametrize(
    "environment",
    [
        {"JWT_ISSUER": "i"},
        {"JWT_JWKS": "jwks.json"},
        {"JWT_ISSUER": "i", "JWT_PUBLIC_KEY_FILE": "key.pem"},
        {"JWT_AUDIENCE": "a", "JWT_JWKS": "jwks.json"},
        {"JWT_ISSUER": "i", "JWT_AUDIENCE": "a", "JWT_JWKS": "j", "JWT_PUBLIC_KEY_FILE": "k"},
    ],
)
def test_half_an_issuer_is_told_in_one_line(launch: Launch, environment: dict[str, str]) -> None:
    server = launch(environment={"AUTH_MODE": "jwt", **environment})
    assert server.ends() == 1
    line = (
        "cannot start: AUTH_MODE=jwt needs JWT_ISSUER and JWT_AUDIENCE, and at most one of JWT_JWKS and JWT"
    )
    assert server.errors.startswith(line)
    assert server.errors.count("\n") == 1


def test_an_issuer_that_can_not_be_reached_is_told_in_one_line(launch: Launch) -> None:
    issuer = {"JWT_ISSUER": "http://127.0.0.1:1/realms/exams", "JWT_AUDIENCE": "a"}
    server = launch(environment={"AUTH_MODE": "jwt", **issuer})
    assert server.ends() == 1
    address = f"{issuer['JWT_ISSUER']}/.well-known/openid-configuration"
    assert server.errors.startswith(f"cannot start: the keys in {address}: ")
    assert server.errors.count("\n") == 1


@pytest.mark.parametrize("name", ["JWT_JWKS", "JWT_PUBLIC_KEY_FILE"])
def test_keys_that_are_not_there_are_told_in_one_line(launch: Launch, name: str) -> None:
    issuer = {"JWT_ISSUER": "i", "JWT_AUDIENCE": "a", name: "missing"}
    server = launch(environment={"AUTH_MODE": "jwt", **issuer})
    assert server.ends() == 1
    assert server.errors == "cannot start: the keys in missing: No such file or directory\n"
    assert server.output.read_text() == ""


# Keys of receipts and beacons


def with_lost_keys(launch: Launch, damaged: str | None) -> tuple[ServerProcess, str]:
    """A server that has lost the keys of a receipt, and the receipt."""
    first = launch().until_ready()
    started = httpx.post(
        first.address("ready") + "/sessions/start",
        json={"user_id": "user1", "quiz_id": "quiz1"},
        timeout=PATIENCE_SECONDS,
    )
    assert first.stop() == 0
    file = first.folder / ".local/receipt_keys.json"
    if damaged is None:
        file.unlink()
    else:
        file.write_text(damaged)
    return launch().until_ready(), started.json()["receipt"]


def verify(server: ServerProcess, receipt: str) -> httpx.Response:
    address = server.address("ready") + "/receipts/verify"
    return httpx.post(address, json={"receipt": receipt}, timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("damaged", [None, '{"current": "k1", "keys": {"k1": "of another form"}}'])
def test_without_its_keys_it_serves_says_so_and_calls_no_receipt_a_forgery(
    launch: Launch, damaged: str | None
) -> None:
    server, receipt = with_lost_keys(launch, damaged)
    (line,) = [line for line in server.errors.splitlines() if "no receipts are signed" in line]
    assert json.loads(line)["level"] == "ERROR"
    refused = verify(server, receipt)
    assert (refused.status_code, refused.json()["code"]) == (503, "secret_unavailable")
    assert server.get("/.well-known/jwks.json").status_code == 503
    assert server.get("/status").json()["receipt_keys"]["state"] == "unreadable"
    start_session(server)


def test_new_keys_are_made_by_a_command_and_verify_what_they_sign(launch: Launch) -> None:
    server, _ = with_lost_keys(launch, None)
    assert server.stop() == 0
    command = [sys.executable, "-m", "one_machine", "keys"]
    subprocess.run(command, cwd=server.folder, check=True, capture_output=True)
    again = launch().until_ready()
    reply = httpx.post(
        again.address("ready") + "/sessions/start",
        json={"user_id": "user2", "quiz_id": "quiz1"},
        timeout=PATIENCE_SECONDS,
    )
    assert verify(again, reply.json()["receipt"]).json()["genuine"] is True


# What it logs, and what it tells of itself


def test_every_line_of_its_log_is_one_object_of_one_form(launch: Launch) -> None:
    server = launch("--flush-every", "0.2").until_ready()
    start_session(server)
    assert server.get("/sessions/nothing").status_code == 422
    kill = next(member.pid for member in descendants(server.process.pid) if member.name == "valkey-server")
    os.kill(kill, signal.SIGKILL)
    eventually(lambda: "is back" in server.errors)
    assert server.stop() == 0
    told = ("starting ", "making ", "applying ", "ready: ", "stopping: ")
    printed = [line for line in server.output.read_text().splitlines() if not line.startswith(told)]
    lines = [json.loads(line) for line in printed + server.errors.splitlines()]
    assert {"request", "Valkey 9 has ended, starting it again"} <= {line["message"] for line in lines}
    for line in lines:
        assert line.keys() >= {"level", "message", "timestamp", "service"}


def test_a_killed_cache_is_named_once_and_so_is_its_return(launch: Launch) -> None:
    server = launch("--flush-every", "0.2").until_ready()
    session = start_session(server)
    members = [member for member in descendants(server.process.pid) if member.name == "valkey-server"]
    freeze(server, "valkey-server")
    for _ in range(10):
        assert server.get(f"/sessions/{session}").status_code == 200
    for member in members:
        os.kill(member.pid, signal.SIGCONT)
    eventually(lambda: '"cache back"' in server.output.read_text())
    lines = [json.loads(line) for line in server.output.read_text().splitlines() if line.startswith("{")]
    messages = [line["message"] for line in lines if line["level"] in ("WARNING", "ERROR")]
    assert messages[0] == "cache away"
    assert messages.count("cache away") == messages.count("cache back") == 1
    assert len(messages) == len(set(messages))


def test_the_status_is_printed_by_a_command_with_its_own_token(launch: Launch) -> None:
    server = launch(environment={"AUTH_MODE": "jwt"}).until_ready()
    command = [sys.executable, "-m", "one_machine", "status", "--url", server.address("ready")]
    shown = subprocess.run(command, cwd=server.folder, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search("^database +up, .* disk .* free$", shown.stdout, re.MULTILINE)
    assert re.search("^token keys +[0-9a-f]{16}, read ", shown.stdout, re.MULTILINE)
    elsewhere = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert elsewhere.returncode == 1
    assert "audit:read" in elsewhere.stderr
    assert server.stop() == 0
    gone = subprocess.run(command, cwd=server.folder, capture_output=True, text=True, check=False)
    assert gone.returncode == 1
    assert "does not answer" in gone.stderr


def test_metrics_are_on_a_port_of_their_own_where_one_is_set(launch: Launch) -> None:
    port = ports.choose()
    server = launch("--flush-every", "0.2", environment={"METRICS_PORT": str(port)}).until_ready()
    start_session(server)

    def metrics() -> str:
        return httpx.get(
            f"http://127.0.0.1:{port}/metrics",
            headers={"Accept": "application/openmetrics-text"},
            timeout=PATIENCE_SECONDS,
        ).text

    eventually(lambda: "quiz_sessions_dirty_sessions " in metrics())
    text = metrics()
    assert text.endswith("# EOF\n")
    assert 'quiz_sessions_requests_total{method="POST",status="201"} 1.0' in text
    assert 'quiz_sessions_store_up{store="cache"} 1.0' in text
    assert 'quiz_sessions_disk_free_bytes{store="database"}' in text
    assert server.get("/metrics").status_code == 404


def test_a_taken_port_of_metrics_is_told_in_one_line(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = launch(environment={"METRICS_PORT": port})
        assert server.ends() == 1
    line = server.errors.splitlines()[-1]
    assert line == f"cannot start: METRICS_PORT {port} on 127.0.0.1: Address already in use"
