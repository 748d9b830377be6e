"""One machine as its operator has it: the command `quiz-sessions`, and a service by its address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.harness.launch import QUIET, Launched

PROGRAM = Path(sys.executable).with_name("quiz-sessions")
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


def run(*words: str | Path, environment: Mapping[str, str] | None = None) -> Said:
    """`quiz-sessions` with these words, to its end."""
    done = subprocess.run(
        [PROGRAM, *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env={"PATH": os.environ["PATH"], **QUIET, **(environment or {})},
    )
    return Said(done.returncode, done.stdout, done.stderr)


def done(*words: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """What it printed, which it did without a complaint."""
    said = run(*words, environment=environment)
    assert (said.code, said.err) == (0, ""), said
    return said.out


@dataclass(frozen=True)
class Service:
    """A running one, by its address."""

    process: Launched
    address: str

    def request(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        """The JSON of a reply with this status."""
        reply = httpx.request(method, self.address + path, json=body or None, timeout=PATIENCE_SECONDS)
        assert reply.status_code == status, reply.text
        return reply.json()

    def start(self, user: str) -> str:
        """A session of a user; its path."""
        started = self.request("POST", "/sessions/start", 201, user_id=user, quiz_id="quiz1")
        return f"/sessions/{started['id']}"

    def answer(self, session: str, question: str, answer: str, *, autosave: bool = False) -> Any:
        """The session as it is then."""
        path = f"{session}/progress"
        return self.request("PATCH", path, question_id=question, answer=answer, autosave=autosave)

    def is_genuine(self, receipt: str) -> bool:
        """Whether the service finds that a receipt is its own, and that its audit log agrees."""
        proof = self.request("POST", "/receipts/verify", receipt=receipt)
        return bool(proof["genuine"] and proof["recorded"])


@contextmanager
def serving(
    data: Path,
    *options: str,
    command: tuple[str | Path, ...] = (PROGRAM, "serve"),
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Service]:
    """The service on a data folder; flushes when asked to alone, unless `options` say otherwise.

    `command` may be that of another release, and `folder` where it lies.
    """
    words = (*command, "--data", data, "--flush-every", "3600", *options)
    log = data.with_name(f"{data.name}.log")
    begin = log.stat().st_size if log.exists() else 0
    with Launched(
        words, log, {"PORT": "0", **QUIET, **(environment or {})}, folder=folder or data.parent
    ) as process:
        found = process.until(lambda: re.search(r"ready: (\S+)", process.text()[begin:]))
        yield Service(process, found[1])
