"""`make audit` by what the database of vulnerabilities answers; the tests play the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from development_server import ports
from tests.harness.needs import needs

ROOT = Path(__file__).parents[2]
PIP_AUDIT = ROOT / ".venv-audit/bin/pip-audit"
LOCK = ROOT / "infra/local/requirements-uv.txt"
KNOWN = {
    "id": "PYSEC-2026-1",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "uv"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
}

pytestmark = needs(PIP_AUDIT.exists(), "pip-audit is not installed: make .venv-audit/ready")
Database = Callable[[int, object], str]


@pytest.fixture
def database() -> Iterator[Database]:
    """Starts a database that answers everything alike; returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, answer: object) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1/query"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def audit(url: str, *locks: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        sys.executable,
        ROOT / "infra/local/audit.py",
        PIP_AUDIT,
        *(locks or (LOCK,)),
    ]
    return subprocess.run(
        command, env={**os.environ, "OSV_URL": url}, capture_output=True, text=True, check=False
    )


def test_it_ends_with_0_where_nothing_is_known(database: Database) -> None:
    done = audit(database(200, {}), LOCK, ROOT / "infra/local/requirements-audit.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert "in 2 files, 0 known vulnerabilities" in done.stdout


def test_it_ends_with_1_and_names_what_is_known(database: Database) -> None:
    done = audit(database(200, {"vulns": [KNOWN]}))
    assert done.returncode == 1
    assert "PYSEC-2026-1, fixed in 99.0 (requirements-uv.txt)" in done.stderr


def test_it_ends_with_3_in_one_line_where_the_database_cannot_be_reached() -> None:
    done = audit(f"http://127.0.0.1:{ports.choose()}/v1/query")
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("audit: NOT DONE, nothing is known about any package: http://127.0.0.1:")
    assert line.endswith("can't be reached from here")


@pytest.mark.parametrize(("status", "answer"), [(500, {}), (403, {}), (200, b"no JSON"), (404, {})])
def test_it_ends_with_3_where_the_database_answers_something_else(
    database: Database, status: int, answer: object
) -> None:
    done = audit(database(status, answer))
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("text", ["", "boto3==1.44.5\n", "boto3\n"])
def test_it_ends_with_3_for_a_file_that_is_no_lock(database: Database, tmp_path: Path, text: str) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(text)
    assert audit(database(200, {}), lock).returncode == 3
