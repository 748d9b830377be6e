"""A development server in a process of its own, for an exam."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from quiz_sessions.bootstrap import build_services
from quiz_sessions.runtime.settings import Settings
from quiz_sessions.services.flush import FlushReport

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """Where it is, and its data."""

    port: int
    database_url: str
    redis_url: str
    folder: Path

    def query(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Rows, past the service."""
        with psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("SET statement_timeout = 0")
            return connection.execute(statement.encode(), parameters).fetchall()

    async def flush(self) -> FlushReport:
        """Flush once, as the schedule does beside the server's own."""
        services = build_services(
            Settings(database_url=self.database_url, database_secret_arn=None, redis_url=self.redis_url)
        )
        try:
            return await services.flusher.run()
        finally:
            await services.close()

    def kill_postgres(self) -> None:
        """End PostgreSQL at once; the server brings it back."""
        (file,) = self.folder.rglob("postmaster.pid")
        os.kill(int(file.read_text().splitlines()[0]), signal.SIGKILL)


@contextmanager
def running_server(folder: Path, flush_every: float) -> Iterator[Server]:
    """A server with its data in `folder`, which flushes every so many seconds."""
    output = folder / "output"
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "development_server",
                "--data",
                folder / "data",
                "--flush-every",
                str(flush_every),
            ],
            env={**inherited, "PORT": "0", "POWERTOOLS_LOG_LEVEL": "WARNING"},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not (
            found := re.search(
                r"ready: http://127.0.0.1:(\d+) .* database (\S+)  cache (\S+)", output.read_text()
            )
        ):
            assert process.poll() is None, output.read_text()[-2000:]
            assert time.monotonic() < until, output.read_text()[-2000:]
            time.sleep(0.05)
        yield Server(int(found[1]), found[2], found[3], folder)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
