"""A PostgreSQL with an operator, who changes its settings while it runs, and with others that follow it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from development_server.embedded_postgres import Postgres

CONNECTIONS = 40
"""What it takes at once, three of them from the operator alone."""

_ACCESS = "host all operator 127.0.0.1/32 trust\nhost replication operator 127.0.0.1/32 trust\n"


class Operable(Postgres):
    """One that its operator may reach."""

    def operator_url(self, database: str = "quiz") -> str:
        return f"postgresql://operator@127.0.0.1:{self.port}/{database}"

    def operate(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Run a statement as its operator, whom no time-out and no read-only default keeps from it."""
        options = "-c default_transaction_read_only=off -c transaction_timeout=0"
        with psycopg.connect(
            self.operator_url(), autocommit=True, row_factory=dict_row, options=options
        ) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def configure(self, **settings: str | None) -> None:
        """Set for every session, also for those that are open; None puts a setting back."""
        for name, value in settings.items():
            self.operate(f"ALTER SYSTEM SET {name} = '{value}'" if value else f"ALTER SYSTEM RESET {name}")
        self.operate("SELECT pg_reload_conf()")
        # A session reads them before its next statement, once the signal has reached it.
        time.sleep(0.2)

    def _prepare(self) -> None:
        super()._prepare()
        with (self._cluster / "pg_hba.conf").open("a") as access:
            access.write(_ACCESS)

    def _create_cluster(self) -> None:
        super()._create_cluster()
        role = "CREATE ROLE operator LOGIN SUPERUSER REPLICATION\n"
        self._run("postgres", "--single", *self._settings(), "-D", str(self._cluster), "postgres", text=role)

    def _settings(self) -> list[str]:
        # The last one counts.
        return [*super()._settings(), "-c", f"max_connections={CONNECTIONS}"]


class Follower(Operable):
    """A standby of `primary`, made from a copy of it; both keep their port."""

    def __init__(self, data_dir: Path, primary: Operable) -> None:
        super().__init__(data_dir, durable=False)
        self._primary = primary

    def promote(self) -> None:
        """Take over."""
        self._run("pg_ctl", "promote", "-D", str(self._cluster), "-w", "-t", "10")

    def hide(self) -> None:
        """From its next start on it follows without letting anybody read."""
        with (self._cluster / "postgresql.auto.conf").open("a") as settings:
            settings.write("hot_standby = off\n")

    def _create_cluster(self) -> None:
        unfinished = self.data_dir / "cluster.new"
        unfinished.mkdir(0o700)
        if self._user is not None:
            os.chown(unfinished, *self._user)
        source = self._primary.operator_url("postgres")
        self._run("pg_basebackup", "-D", str(unfinished), "-d", source, "-R", "-c", "fast", "--no-sync")
        unfinished.rename(self._cluster)

    def _ready(self, pid: int) -> bool:
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() in ("ready", "standby")
