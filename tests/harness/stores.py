"""PostgreSQL and Valkey as tests run them, and looks into both past the service."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import redis
from psycopg.rows import dict_row

from development_server.embedded import EmbeddedServer
from development_server.embedded_postgres import Postgres
from migrate_database.handler import upgrade
from quiz_sessions.runtime.settings import Settings
from tests.harness.valkey import RestrictedValkey, as_default_user

TABLES = (
    "quiz_attempts",
    "attempt_events",
    "attempt_counters",
    "quizzes",
    "quiz_revisions",
    "question_contents",
    "grading_claims",
    "user_accommodations",
    "relay_lease",
    "webhook_deliveries",
    "webhook_endpoint",
    "staff_actions",
    "exports",
    "refused_requests",
    "refusal_watches",
)


@dataclass(frozen=True)
class Stores:
    """Where the test servers are, as the service reaches them."""

    database_url: str
    redis_url: str

    @property
    def settings(self) -> Settings:
        return Settings(database_url=self.database_url, database_secret_arn=None, redis_url=self.redis_url)

    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    @property
    def own_redis_url(self) -> str:
        """For what a test itself does to Valkey: the user of the service may not do it."""
        return as_default_user(self.redis_url)

    def cache(self) -> redis.Redis:
        """A connection of the test's own to Valkey."""
        return redis.Redis.from_url(self.own_redis_url)

    def clear(self) -> None:
        """Empty both."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            # Of the audit log only the months that have events: emptying all takes longer than a test.
            months = connection.execute(
                "SELECT relid::regclass::text FROM pg_partition_tree('attempt_events')"
                " WHERE isleaf AND pg_relation_size(relid) > 0"
            ).fetchall()
            tables = [name for name in TABLES if name != "attempt_events"] + [name for (name,) in months]
            connection.execute(f"TRUNCATE {', '.join(tables)}".encode())
        with self.cache() as client:
            client.flushall()

    def everything(self) -> dict[str, Any]:
        """All that is stored but for what any request may add to: cache, who was heard, what was refused."""
        tables = [f"SELECT '{table}' AS name, t::text AS row FROM {table} AS t" for table in TABLES]
        found: dict[str, Any] = {"rows": self.query(f"{' UNION ALL '.join(tables)} ORDER BY name, row")}
        with self.cache() as valkey:
            for key in sorted(valkey.keys()):
                if not key.startswith((b"session:", b"refused:")) and not key.endswith(b":seen"):
                    found[key.decode()] = valkey.dump(key)
        return found

    def backends(self, which: str = "true") -> list[int]:
        """Pids of what serves the service's connections."""
        found = self.query(
            f"SELECT pid FROM pg_stat_activity WHERE application_name = 'quiz-sessions' AND {which}"
        )
        return [row["pid"] for row in found]

    def query(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Rows, past the service."""
        with psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("SET statement_timeout = 0")
            return connection.execute(statement.encode(), parameters).fetchall()


@dataclass(frozen=True)
class Servers:
    """Both servers, to break and to look into."""

    postgres: Postgres
    valkey: RestrictedValkey

    @property
    def stores(self) -> Stores:
        return Stores(self.postgres.url, self.valkey.url)

    def named(self, names: Sequence[str]) -> list[EmbeddedServer]:
        return [{"postgres": self.postgres, "valkey": self.valkey}[name] for name in names]

    def restore(self) -> None:
        for server in (self.postgres, self.valkey):
            server.thaw()
            server.start()

    def query(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        return self.stores.query(statement, *parameters)

    @property
    def append_only_files(self) -> Path:
        """Where Valkey keeps its data."""
        return self.valkey.data_dir / "appendonlydir"

    def execute(self, statement: str) -> None:
        """Change something, past the service."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def row(self, session_id: object) -> dict[str, Any]:
        (row,) = self.query("SELECT * FROM quiz_attempts WHERE id = %s", session_id)
        return row

    def events(self, session_id: object) -> list[dict[str, Any]]:
        return self.query("SELECT * FROM attempt_events WHERE attempt_id = %s ORDER BY revision", session_id)

    def cache(self) -> redis.Redis:
        return self.stores.cache()

    def drafts(self, session_id: object) -> dict[bytes, bytes]:
        with self.cache() as cache:
            drafts: dict[bytes, bytes] = cache.hgetall(f"{{session:{session_id}}}:drafts")
            return drafts

    def dirty(self) -> set[UUID]:
        with self.cache() as cache:
            return {UUID(member.decode()) for member in cache.zrange("dirty:0", 0, -1)}

    def uncache(self, session_id: object) -> None:
        with self.cache() as cache:
            cache.delete(f"session:{session_id}")


@contextmanager
def running_servers(
    *,
    durable: bool = False,
    persist: bool = True,
    postgres: type[Postgres] = Postgres,
    valkey: type[RestrictedValkey] = RestrictedValkey,
) -> Iterator[Servers]:
    """Both, migrated, in a folder of their own.

    Not pytest's: every start of pytest by this user closes its parent to PostgreSQL's user, and a server that
    is started again there can't reach its data.
    """
    with (
        tempfile.TemporaryDirectory(prefix="quiz-stores-") as name,
        postgres(Path(name, "postgres"), durable=durable) as database,
        valkey(Path(name, "valkey"), persist=persist) as cache,
    ):
        upgrade(database.url)
        yield Servers(database, cache)
