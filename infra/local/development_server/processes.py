"""Starting processes that end with their owner, and finding every process of a server."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launch.py")

# Linux sends the "parent died" signal when the thread that forked ends, not when the process does. One
# thread that lives as long as the process forks for everybody, so a server may be started from any thread.
_forks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forks")


def spawn(
    command: Sequence[str | Path],
    *,
    death_signal: int,
    folder: Path,
    output: IO[bytes],
    user: tuple[int, int] | None = None,
    stdin: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`, in a session of its own, as `user` (uid, gid; None: the same user).

    `death_signal` ends it when this process dies (Linux only). Its own session keeps Ctrl-C at the terminal
    away from it. `output` takes what it prints. `environment` is all it gets beside
    PATH and LD_LIBRARY_PATH.
    """
    uid, gid = user or (-1, -1)
    launcher = [sys.executable, "-I", "-S", LAUNCHER, os.getpid(), int(death_signal), uid, gid]

    def fork() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(word) for word in (*launcher, *command)],
            cwd=folder,
            # Nothing of PGDATA, PGPORT and the like may reach the servers. Some builds of Python, which the
            # launcher is run by, find their own library by LD_LIBRARY_PATH alone.
            env={
                "PATH": os.defpath,
                "LC_ALL": "C",
                **{name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )

    return _forks.submit(fork).result()


def find(name: str, marker: str) -> list[int]:
    """Pids of the processes called `name` that have `marker` in their command line; zombies have none."""
    if Path("/proc/self/cmdline").exists():
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdecimal() and _matches(entry, name, marker.encode())
        ]
    table = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True)  # noqa: S607  (wherever it is)
    rows = (line.split(None, 1) for line in table.stdout.splitlines())
    return [int(row[0]) for row in rows if len(row) == 2 and name in row[1] and marker in row[1]]


def _matches(entry: Path, name: str, marker: bytes) -> bool:
    with contextlib.suppress(OSError):
        return marker in (entry / "cmdline").read_bytes() and (entry / "comm").read_text().strip() == name
    return False


def send(pid: int, number: int) -> None:
    """Send a signal; a process that is gone needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
