"""What `quiz-sessions doctor` looks at, one function for each; each yields what it finds."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx
import psycopg
import redis

from development_server import Postgres, StartError, Valkey, ports
from development_server.embedded_valkey import valkey_program
from development_server.folder_lock import owner_of
from development_server.stores import UNFINISHED_RESTORE, addresses
from quiz_sessions.runtime.settings import Settings, SettingsError
from quiz_sessions.services.signing_keys import EDDSA, HS256, KeySet
from session_api.server.trusted_proxies import trusted_proxies

from .backup import KEYS
from .database_copy import knows_revision, newest_revision, postgres_version, revision_of
from .machine import SETTINGS, CommandError, name_of, settings_of
from .quarantine import quarantined
from .valkey_copy import valkey_version

WARN_BYTES: Final = 2 * 1024**3
LEAST_BYTES: Final = 256 * 1024**2
"""PostgreSQL alone writes files of 16 MiB ahead, and Valkey its file anew while it keeps the old one."""
LEAST_INODES: Final = 1000
LEAST_DESCRIPTORS: Final = 1024
_PATIENCE_SECONDS: Final = 5
_NAMED: Final = 5
_TIME_ERROR: Final = 5
"""What adjtimex(2) replies where nothing keeps the clock right."""
_FUTURE_SECONDS: Final = 60
_SECRETS: Final = (*KEYS, SETTINGS, "postgres/password", "valkey/password", "valkey/server.conf")


class Level(StrEnum):
    """How bad it is: with a problem the service does not start, or will lose or refuse something."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found, and what to do about it."""

    level: Level
    what: str
    do: str = ""


def _ok(what: str) -> Finding:
    return Finding(Level.OK, what)


def _warning(what: str, do: str) -> Finding:
    return Finding(Level.WARNING, what, do)


def _problem(what: str, do: str) -> Finding:
    return Finding(Level.PROBLEM, what, do)


@dataclass(frozen=True, slots=True)
class Machine:
    """What is looked at.

    Attributes:
        settings: those of the data folder and of the environment.
        owner: the process that the service on the folder is; None where it does not run.
        former: the process that it was, where it does not run.
    """

    data: Path
    settings: Mapping[str, str]
    owner: str | None
    former: str | None = None

    @classmethod
    def of(cls, data: Path, settings: Mapping[str, str]) -> Machine:
        """Look whether the service runs. Raises OSError."""
        file = data / "lock"
        if not file.exists():
            return cls(data, settings, None)
        owner = owner_of(data)
        return cls(data, settings, owner, None if owner else file.read_text().strip())


def check_programs() -> Iterator[Finding]:
    """Python, and the stores that come with it."""
    yield _ok(f"Python {sys.version.split()[0]}")
    for name, version in (("PostgreSQL", postgres_version), ("Valkey", valkey_version)):
        try:
            yield _ok(f"{name} {version()} runs here")
        except (CommandError, StartError, OSError) as error:
            yield _problem(
                f"{name} does not run here: {error}",
                "install the locked packages: rm -r .venv; make .venv/ready",
            )


def check_settings(machine: Machine) -> Iterator[Finding]:
    """Whether the service would take them."""
    given = {"DATABASE_URL": "postgresql://", **{k: v for k, v in machine.settings.items() if v}}
    try:
        settings = Settings.from_environment(given)
        proxies = trusted_proxies(machine.settings)
    except SettingsError as error:
        yield _problem(
            f"a setting is wrong: {error}", f"correct it in {machine.data / SETTINGS} or the environment"
        )
        return
    yield _ok("the settings can be read")
    if not settings.jwt:
        yield _warning(
            "AUTH_MODE is none: everybody who reaches the port may do everything",
            "set AUTH_MODE=jwt before others than you reach it (docs/api.md#callers)",
        )
    if settings.jwt and not proxies:
        yield _ok("no proxy is trusted: the address of a caller is that of its connection")


def check_folder(machine: Machine) -> Iterator[Finding]:
    """Whose it is, who reads it, and how much space there is."""
    data = machine.data
    owner = data.stat().st_uid
    if owner != os.geteuid():
        yield _problem(
            f"{data} belongs to {name_of(owner)}, and this is {name_of(os.geteuid())}",
            f"run the service and this as {name_of(owner)}, or give it away: chown -R",
        )
    yield from _check_owners(data, owner)
    for name in _SECRETS:
        file = data / name
        if file.exists() and (mode := file.stat().st_mode & 0o777) & 0o077:
            yield _problem(f"others may read {file} ({mode:o})", f"chmod 600 {file}; replace what was in it")
    try:
        probe = data / f".written-by-doctor-{os.getpid()}"
        probe.write_bytes(b"x" * 65536)
        probe.unlink()
    except OSError as error:
        yield _problem(
            f"nothing can be written to {data}: {error.strerror}", "make space, or mount it for writing"
        )
    free = shutil.disk_usage(data).free
    do = "make space: remove old backups, exports, logs; the service writes on when there is some"
    if free < LEAST_BYTES:
        yield _problem(f"{free // 1024**2} MiB are free in {data}", do)
    elif free < WARN_BYTES:
        yield _warning(f"{free // 1024**2} MiB are free in {data}", do)
    else:
        yield _ok(f"{free // 1024**3} GiB are free in {data}")
    files = os.statvfs(data)
    if files.f_files and files.f_favail < LEAST_INODES:
        yield _problem(
            f"room for {files.f_favail} more files in {data}", "remove small files from this file system"
        )
    if (data / UNFINISHED_RESTORE).exists():
        yield _problem(
            "a restore was not finished: the service does not start", "restore once more, with --replace"
        )


def _check_owners(data: Path, owner: int) -> Iterator[Finding]:
    cluster = data / "postgres/cluster"
    # As root, PostgreSQL is another user, who owns its files.
    expected = {data / "valkey": owner}
    if cluster.exists():
        expected[cluster] = cluster.stat().st_uid
        if expected[cluster] != owner and owner != 0:
            yield _problem(
                f"{cluster} belongs to {name_of(expected[cluster])}", f"chown -R {name_of(owner)} {cluster}"
            )
    for folder, user in expected.items():
        if other := next(_not_of(folder, user), None):
            yield _problem(
                f"{other} does not belong to {name_of(user)}: something was started as another user",
                f"chown -R {name_of(user)} {folder}",
            )


def _not_of(folder: Path, user: int) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            # It may be gone by now, if the service runs.
            with suppress(FileNotFoundError):
                if path.stat().st_uid != user:
                    yield path


def check_lock(machine: Machine) -> Iterator[Finding]:
    """Who holds the folder, and what an earlier owner left."""
    if machine.owner is not None:
        yield _ok(f"the service runs: process {machine.owner}")
        return
    former = f" (process {machine.former} has ended, and its lock with it)" if machine.former else ""
    yield _ok(f"the service does not run{former}")
    for folder, server in (("postgres", Postgres), ("valkey", Valkey)):
        path = machine.data / folder
        if path.exists() and (left := server(path).pids()):
            yield _warning(
                f"{server.process_name} still runs without its service: {', '.join(map(str, left))}",
                "start the service: it ends them first",
            )


def check_ports(machine: Machine) -> Iterator[Finding]:
    """Whether they can be had, or who answers there."""
    text = machine.settings.get("PORT") or "8002"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        yield _problem(f"PORT is {text!r}", "a number from 1 to 65535")
        return
    if machine.owner is not None:
        base = machine.settings.get("BASE_PATH") or ""
        yield from _check_answer(f"http://127.0.0.1:{text}{base.rstrip('/')}/health", text)
        return
    if ports.is_free(int(text)):
        yield _ok(f"port {text} is free")
    else:
        yield _problem(
            f"port {text} is taken by another program",
            f"ss -ltnp 'sport = :{text}' names it; PORT= chooses another",
        )


def _check_answer(url: str, port: str) -> Iterator[Finding]:
    try:
        status = httpx.get(url, timeout=_PATIENCE_SECONDS).status_code
    except httpx.HTTPError as error:
        yield _warning(
            f"nothing answers at {url}: {str(error) or type(error).__name__}",
            f"is {port} the port that it was started with (PORT=, --host)? else end it, and start it again",
        )
        return
    yield (
        _ok(f"it answers on port {port}")
        if status == 200
        else _warning(f"{url} answers {status}", "something else may have the port: ss -ltnp")
    )


def check_postgres(machine: Machine) -> Iterator[Finding]:
    """Whether the data are of this PostgreSQL, and of this release."""
    file = machine.data / "postgres/cluster/PG_VERSION"
    if machine.settings.get("DATABASE_URL"):
        yield _ok("DATABASE_URL names another PostgreSQL, which is not looked at")
        return
    if not file.exists():
        yield _ok("no database yet: the first start makes it")
        return
    # That it does not run has been said.
    with suppress(CommandError, StartError):
        here, there = postgres_version().partition(".")[0], file.read_text().strip()
        if here == there:
            yield _ok(f"the data are of PostgreSQL {there}")
        else:
            yield _problem(
                f"the data are of PostgreSQL {there}, and {here} is installed",
                f"back it up with the release that has PostgreSQL {there}, then restore it with this one",
            )
    url, _ = addresses(machine.data)
    if machine.owner is None or url is None:
        return
    try:
        revision = revision_of(url)
    except psycopg.Error as error:
        yield _problem(
            f"PostgreSQL can't be reached: {str(error).splitlines()[0]}",
            "its log is postgres/server.log; docs/runbook.md#postgresql-does-not-answer",
        )
        return
    if revision is not None and not knows_revision(revision):
        yield _warning(
            f"the schema is of a newer release ({revision}; this one knows {newest_revision()})",
            "it is served as it is: go forward to that release when you can",
        )
    else:
        yield _ok(f"PostgreSQL answers, with schema {revision}")


def check_valkey(machine: Machine) -> Iterator[Finding]:
    """Whether its file is whole, which can be seen while it does not write; else whether it answers."""
    if machine.settings.get("REDIS_URL"):
        yield _ok("REDIS_URL names another Valkey, which is not looked at")
        return
    manifest = (
        Valkey(machine.data / "valkey").append_only_manifest if (machine.data / "valkey").exists() else None
    )
    if machine.owner is None:
        if manifest is None or not manifest.exists():
            yield _ok("no file of Valkey yet")
        else:
            yield from _check_append_only_file(manifest)
        return
    _, url = addresses(machine.data)
    if url is None:
        return
    try:
        sessions = quarantined(url)
    except redis.RedisError as error:
        yield _problem(
            f"Valkey can't be reached: {error}",
            "its log is valkey/server.log; docs/runbook.md#valkey-does-not-answer",
        )
        return
    if sessions:
        more = len(sessions) - _NAMED
        named = ", ".join(sessions[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield _problem(
            f"{len(sessions)} sessions are in quarantine: their answers could not be flushed ({named})",
            "the log's lines `session not flushed` say why; once that is mended: quiz-sessions drain "
            "--quarantined (docs/runbook.md#a-session-is-in-quarantine)",
        )
    else:
        yield _ok("Valkey answers, and no session is in quarantine")


def _check_append_only_file(manifest: Path) -> Iterator[Finding]:
    # Each of its files by itself: given the manifest, valkey-check-aof of Valkey 9 takes a base that Valkey 9
    # has written for damaged (valkey-io/valkey#4739). The server is these programs as well, by their names.
    whole = True
    for name, kind in re.findall(r"^file (\S+) seq \d+ type ([bi])", manifest.read_text(), re.MULTILINE):
        program = "valkey-check-rdb" if kind == "b" else "valkey-check-aof"
        done = subprocess.run(
            [program, manifest.parent / name], executable=valkey_program(), capture_output=True, check=False
        )
        if done.returncode == 0:
            continue
        whole = False
        mend = f"cd {manifest.parent} && (exec -a {program} {valkey_program()} --fix {name})"
        yield _problem(
            f"the append-only file of Valkey is damaged: {manifest.parent / name}",
            "take what is buffered from a backup, or do without: move the folder away"
            if kind == "b"
            else f"before the next start, copy the folder; then in bash: {mend} # keeps all up to the damage",
        )
    if whole:
        yield _ok("the append-only file of Valkey is whole")


def check_keys(machine: Machine) -> Iterator[Finding]:
    """Whether the keys that sign can be read."""
    for name, algorithm, setting in (
        ("receipt_keys.json", EDDSA, "RECEIPT_KEYS"),
        ("beacon_keys.json", HS256, "BEACON_KEYS"),
    ):
        file = machine.data / name
        if machine.settings.get(setting):
            yield _ok(f"{setting} has keys, and {name} is not used")
        elif not file.exists():
            if (machine.data / "postgres/cluster").exists():
                yield _warning(
                    f"{file} is gone: the next start makes new keys, which verify nothing older",
                    "take it from a backup before the next start",
                )
        else:
            try:
                KeySet.from_json(file.read_text(), algorithm)
            except (SettingsError, OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is damaged"
                yield _problem(
                    f"the keys in {file} can't be read: {why}",
                    "take it from a backup; new keys (without the file) verify no older receipt",
                )
            else:
                yield _ok(f"the keys in {name} can be read")


def check_clock(machine: Machine) -> Iterator[Finding]:
    """Deadlines go by this machine's clock."""
    newest = max((path.stat().st_mtime for path in _written(machine.data)), default=0.0)
    if newest > time.time() + _FUTURE_SECONDS:
        yield _problem(
            f"the clock is {newest - time.time():.0f} s behind the last time that something was written here",
            "set it (timedatectl) before the service starts: deadlines and the order of answers go by it",
        )
    if sys.platform != "linux":
        return
    # struct timex with modes 0: only asks, as everybody may.
    if ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == _TIME_ERROR:
        yield _warning(
            "nothing keeps this machine's clock right", "timedatectl set-ntp true, or install chrony"
        )
    else:
        yield _ok("the clock is kept right")


def _written(data: Path) -> Iterator[Path]:
    for folder in ("postgres/cluster/pg_wal", "valkey/appendonlydir"):
        with suppress(OSError):
            yield from (path for path in (data / folder).iterdir() if path.is_file())


def check_limits() -> Iterator[Finding]:
    """Half of the descriptors are for connections."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < LEAST_DESCRIPTORS:
        yield _warning(
            f"{limit} files may be open at once: half of them as connections", "ulimit -n 65536; LimitNOFILE="
        )
    else:
        yield _ok(f"{limit} files may be open at once")


def all_checks(data: Path, environment: Mapping[str, str]) -> Iterator[Finding]:
    """What all of them find on a machine, as far as it can be looked at. Raises CommandError, OSError."""
    yield from check_programs()
    yield from check_limits()
    if not data.exists():
        yield _warning(
            f"{data} is not there",
            "if the service has run already, --data names its folder; else the first start makes it",
        )
        machine = Machine(data, environment, None)
        yield from (*check_settings(machine), *check_ports(machine), *check_clock(machine))
        return
    machine = Machine.of(data, settings_of(data, environment))
    for check in (
        check_settings,
        check_folder,
        check_lock,
        check_ports,
        check_postgres,
        check_valkey,
        check_keys,
        check_clock,
    ):
        yield from check(machine)
