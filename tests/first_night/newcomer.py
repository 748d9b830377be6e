"""Who does what the documents say on a machine that has nothing yet, and writes down what was done and said.

Files lie in a folder of the machine instead of at its root, and the port is another one. systemd, its
journal, sudo and useradd are imitated: the unit's own command is started, as this user.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import textwrap
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

import httpx

from development_server import Postgres, Valkey, ports
from tests.harness.launch import ROOT, Launched, eventually
from tests.harness.machine import PATIENCE_SECONDS

from .documents import document_of, request_of

_PASSED_ON: Final = re.compile(
    "PIP_.*|UV_.*|SSL_.*|(HTTPS?|NO|ALL)_PROXY|.*CA_BUNDLE|PYENV_ROOT|LANG|HOME", re.IGNORECASE
)
"""Variables of a newcomer: where packages come from, and no other."""
_IMITATED: Final = """
sudo() { shift 2; "$@"; }
useradd() { :; }
journalctl() { cat "$JOURNAL"; }
"""
_LONGEST_LINE: Final = 600
_SHOWN: Final = (
    "id",
    "user_id",
    "quiz_id",
    "status",
    "answers",
    "version",
    "score",
    "max_score",
    "grading",
    "late_ms",
    "durability",
    "buffered_questions",
)
"""Of a session, in the transcript."""
_MOST_LINES: Final = 30


class Newcomer:
    """Of one machine, in `folder`.

    Attributes:
        port: where its service listens.
        release: the commit that the machine is given.
    """

    def __init__(self, folder: Path, transcript: TextIO) -> None:
        self.folder = folder
        self.port = ports.choose()
        self.release = _git("rev-parse", "HEAD")
        self._transcript = transcript
        self._service: Launched | None = None
        self._remembered: list[str] = []
        for name in ("etc/systemd/system", "usr/local/bin", "var/backups", "work", "var/lib"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._service is not None:
            self._service.stop()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "var/lib/quiz-sessions"

    @property
    def journal(self) -> Path:
        """What the service has said."""
        return self.folder / "journal"

    # What is written down

    def scene(self, title: str) -> None:
        """Begin another one."""
        self.write(f"\n=== {title}\n")

    def remark(self, words: str) -> None:
        """Say what happens that is no command."""
        self.write(f"\n--- {words}")

    def write(self, text: str) -> None:
        """Into the transcript, and to who watches."""
        print(text, flush=True)
        self._transcript.write(f"{text}\n")
        self._transcript.flush()

    def _as_documented(self, text: str) -> str:
        return (
            text.replace(str(self.folder), "")
            .replace(f"127.0.0.1:{self.port}", "127.0.0.1:8002")
            .replace(f":{self.port}", ":8002")
        )

    def _said(self, command: str, document: str, said: str, code: int) -> None:
        command, said = (re.sub(r"\beyJ[\w.-]{20,}", "eyJ…", text) for text in (command, _shortened(said)))
        lines = self._as_documented(said).rstrip().splitlines()
        shown = [each if len(each) <= _LONGEST_LINE else f"{each[:_LONGEST_LINE]} …" for each in lines]
        if len(shown) > _MOST_LINES:
            shown[_MOST_LINES // 2 : -_MOST_LINES // 2] = ["…"]
        self.write(
            f"\n$ {command}    # {document}" if "\n" not in command else f"\n# {document}\n$ {command}"
        )
        if shown:
            self.write(textwrap.indent("\n".join(shown), "  "))
        if code:
            self.write(f"  (ended with {code})")

    # What is done

    def does(self, documented: str, filled: dict[str, str] | None = None, *, code: int = 0) -> str:
        """What a command of a document prints, on either stream.

        Raises:
            UndocumentedError: no document has it.
            AssertionError: it ended with another code.
        """
        document = document_of(documented)
        command = _filled(documented, filled or {})
        if found := re.match(r"systemctl (.*)", command):
            self._said(command, document, "", 0)
            self._systemctl(found[1].split())
            return ""
        return self._runs(command, document, code)

    def sends(self, documented: str, filled: dict[str, str] | None = None, body: object = None) -> Any:
        """The reply to a request of a document, which is sent with curl. `body` is sent in place of its own.

        `documented` is its first line.
        """
        document, request = request_of(documented)
        words = [f"curl -s -X {request.method} 'http://127.0.0.1:8002{request.path}'"]
        words += [f"-H '{header}'" for header in request.headers]
        content = request.body if body is None else json.dumps(body)
        if content:
            words.append(f"-H 'Content-Type: application/json' -d '{content}'")
        return json.loads(self._runs(_filled(" ".join(words), filled or {}), document, 0))

    def _runs(self, command: str, document: str, code: int) -> str:
        script = "\n".join([_IMITATED, *self._remembered, command])
        for name in ("opt", "var/lib", "var/backups"):
            script = re.sub(
                rf"(?<![\w/]|\w)/{name}/quiz-sessions", f"{self.folder}/{name}/quiz-sessions", script
            )
        script = script.replace("/etc/systemd/", f"{self.folder}/etc/systemd/")
        script = script.replace("-o quiz-sessions -g quiz-sessions", f"-o {os.getuid()} -g {os.getgid()}")
        script = script.replace("<this repository>", str(ROOT))
        script = script.replace(":8002", f":{self.port}").replace("PORT=8002", f"PORT={self.port}")
        done = subprocess.run(
            ["bash", "-c", script],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS * 5,
            cwd=self.folder / "work",
            env=self._environment(),
        )
        self._said(command, document, done.stdout, done.returncode)
        assert done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}"
        if re.match(r"[\w]+(=|\(\))", command):
            self._remembered.append(command)
        return done.stdout

    def _environment(self) -> dict[str, str]:
        passed = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
        own = str(ROOT / ".venv")
        path = [each for each in os.environ["PATH"].split(os.pathsep) if not each.startswith(own)]
        return {**passed, "PATH": os.pathsep.join(path), "JOURNAL": str(self.journal)}

    # The service

    def readiness(self) -> str:
        """What a monitor is told."""
        status = httpx.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=PATIENCE_SECONDS).json()[
            "status"
        ]
        return str(status)

    def _systemctl(self, words: list[str]) -> None:
        if words[0] in ("stop", "restart"):
            self.ends_service()
        if words[0] in ("start", "restart", "enable"):
            unit = (self.folder / "etc/systemd/system/quiz-sessions.service").read_text()
            line = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
            assert line is not None
            self._starts(re.sub(r"(^| )/", rf"\1{self.folder}/", line[1]).split())

    def goes_by_hand(self, documented: str) -> None:
        """A command that runs the service until Ctrl-C."""
        self._said(documented, document_of(documented), "", 0)
        command = documented.replace("PORT=8002", f"PORT={self.port}")
        command = re.sub(r"/(opt|var/lib)/quiz-sessions", rf"{self.folder}/\1/quiz-sessions", command)
        self._starts(["/bin/bash", "-c", f"exec {command}"])

    def _starts(self, command: list[str]) -> None:
        begin = self.journal.stat().st_size if self.journal.exists() else 0
        environment = {**self._environment(), "POWERTOOLS_METRICS_DISABLED": "true"}
        service = Launched(command, self.journal, environment, folder=self.folder / "work")
        self._service = service
        service.until(lambda: "\nready: " in f"\n{service.text()[begin:]}", 120)

    def ends_service(self) -> None:
        """In good order."""
        if self._service is not None:
            self._service.stop()
            self._service = None

    def kills_all(self) -> None:
        """The service and its stores, at once."""
        assert self._service is not None
        stores = (Postgres(self.data / "postgres"), Valkey(self.data / "valkey"))
        pids = [pid for store in stores for pid in store.pids()]
        self._service.kill()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._service.stop()
        self._service = None
        eventually(lambda: not any(store.pids() for store in stores))


def _shortened(said: str) -> str:
    """As documents show a session, if it is one."""
    try:
        found = json.loads(said)
    except ValueError:
        return said
    if not isinstance(found, dict) or "buffered_questions" not in found:
        return said
    shown = {name: found[name] for name in _SHOWN if found.get(name) is not None}
    return json.dumps({**shown, "…": "…"}, ensure_ascii=False)


def _filled(command: str, filled: dict[str, str]) -> str:
    for documented, here in filled.items():
        assert documented in command, (documented, command)
        command = command.replace(documented, here)
    assert not re.search(r"<(?!this repository)\w[\w ]*>", command), command
    return command


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()
