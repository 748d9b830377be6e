"""The half of docs/runbook.md about one machine, and an operator who does what it says to a real service.

What a test has in another place is replaced here, and what it can't have is imitated: systemd by the service
as a process of this one, its journal by that one's output, the clock, and the installation of packages.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from development_server import Postgres, ports
from development_server.embedded_valkey import Valkey
from development_server.folder_lock import owner_of
from tests.harness.launch import ROOT, Launched, eventually
from tests.harness.machine import PATIENCE_SECONDS, PROGRAM, Said, Service

_HALF: Final = (ROOT / "docs/runbook.md").read_text().partition("\n# On one machine\n")[2]
_IMITATED: Final = """
sudo() { shift 2; "$@"; }
journalctl() { cat "$TEST_LOG"; }
timedatectl() { echo "the clock is set"; }
make() { echo "made $*"; }
"""


def _commands(text: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


_parts = re.split(r"^## (.+)$", _HALF, flags=re.MULTILINE)
PASTED: Final = _commands(_parts[0])
"""What the operator pastes first."""
ENTRIES: Final = {title: _commands(text) for title, text in zip(_parts[1::2], _parts[2::2], strict=True)}
"""Heading -> its commands, in order."""


@dataclass
class Machine:
    """One with a service that its operator starts and stops.

    Attributes:
        wrapper: what the service is started by, such as one that gives it a small disk.
        root: where its files are for those who do not see its disk, and `beside` what a command begins with
            that does.
        opt: the clone that it is installed from.
        release: the words that start the service; those of this release, unless a test has another.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    wrapper: Sequence[str | Path] = ()
    root: Path = Path("/")
    beside: Sequence[str] = ()
    opt: Path = ROOT
    release: Sequence[str | Path] = (PROGRAM, "serve")
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=ports.choose)
    process: Launched | None = None

    def __post_init__(self) -> None:
        self.backups.mkdir()
        self.own_data.mkdir(mode=0o700)
        self.write_settings()

    @property
    def own_data(self) -> Path:
        """The data folder, as the service sees it."""
        return self.folder / "data"

    @property
    def data(self) -> Path:
        """The data folder, as others see it."""
        return self.root / self.own_data.relative_to("/")

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def log(self) -> Path:
        return self.folder / "journal"

    @property
    def service(self) -> Service:
        assert self.process is not None
        return Service(self.process, f"http://127.0.0.1:{self.port}")

    def write_settings(self) -> None:
        """As `settings` are, into the file of the data folder."""
        file = self.data / "settings.env"
        file.touch(mode=0o600)
        lines = {"PORT": str(self.port), **self.settings}.items()
        file.write_text("".join(f"{name}={value}\n" for name, value in lines))

    def launch(self, port: int | None = None) -> Launched:
        """Start the service, perhaps on another port, without waiting for it."""
        command = [*self.wrapper, *self.release, "--data", self.own_data]
        command[0] = shutil.which(command[0]) or command[0]
        given = {"POWERTOOLS_METRICS_DISABLED": "true", "PORT": str(port or self.port), **self.environment}
        return Launched(command, self.log, given)

    def start(self) -> Service:
        """Start the service, and wait until it is ready."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        process = self.process = self.launch()
        process.until(lambda: "\nready: " in f"\n{process.text()[begin:]}")
        return self.service

    def stop(self) -> None:
        """In good order."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def kill(self) -> None:
        """As the kernel would."""
        assert self.process is not None
        self.process.kill()
        self.process.ends()

    def signal_store(self, server: type[Postgres] | type[Valkey], number: signal.Signals) -> None:
        """To each process of a store."""
        name = "postgres" if server is Postgres else "valkey"
        for pid in server(self.data / name).pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def readiness(self) -> tuple[int, str]:
        """What a monitor is told."""
        reply = httpx.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=PATIENCE_SECONDS)
        return reply.status_code, reply.json()["status"]

    def do(self, command: str) -> Said:
        """A command of the runbook, to its end."""
        if found := re.fullmatch(r"systemctl (start|stop|restart) quiz-sessions", command):
            if found[1] != "start":
                self.stop()
            if found[1] != "stop":
                # One that failed is started again by systemd, and by its operator.
                eventually(lambda: owner_of(self.data) is None, 20)
                self.start()
            return Said(0, "", "")
        script = "\n".join([*PASTED, command])
        for documented, here in (
            ("/opt/quiz-sessions/.venv", sys.prefix),
            ("/opt/quiz-sessions", str(self.opt)),
            ("/var/lib/quiz-sessions", str(self.own_data)),
            ("/var/backups/quiz-sessions", str(self.backups)),
            ("127.0.0.1:8002", f"127.0.0.1:{self.port}"),
            (":8002", f":{self.port}"),
        ):
            script = script.replace(documented, here)
        done = subprocess.run(
            [*self.beside, "bash", "-c", _IMITATED + script],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            env={"PATH": os.environ["PATH"], "TEST_LOG": str(self.log)},
        )
        return Said(done.returncode, done.stdout, done.stderr)


class Operator:
    """Goes through the commands of an entry, one after the other."""

    def __init__(self, title: str, machine: Machine) -> None:
        self.machine = machine
        self.left = [*ENTRIES[title]]

    def does(self, begins: str, *, code: int = 0, **filled: str) -> str:
        """What the next command prints: it begins with these words, and ends with this code.

        `filled` is what stands for what is in `<…>`.
        """
        command = self.left.pop(0)
        assert command.startswith(begins), command
        for name, value in filled.items():
            assert f"<{name.replace('_', ' ')}>" in command, command
            command = command.replace(f"<{name.replace('_', ' ')}>", value)
        assert not re.search(r"<\w[\w ]*>", command), command
        said = self.machine.do(command)
        assert said.code == code, (command, said, self.machine.log.read_text()[-2000:])
        return said.out + said.err
