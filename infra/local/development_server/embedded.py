"""What PostgreSQL and Valkey have in common when this process owns them."""

import contextlib
import importlib.util
import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from . import ports, processes
from .folder_lock import FolderLock

_POLL_SECONDS = 0.01
_LOG_LIMIT_BYTES = 4 * 1024 * 1024


class StartError(RuntimeError):
    """The server ended or wasn't ready in time; the message ends with the last lines of its log."""


def package_folder(package: str) -> Path:
    """Where an installed package lies, found without importing it. Raises StartError if it isn't there."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"the package {package} is not installed")
    return Path(spec.submodule_search_locations[0])


class EmbeddedServer(ABC):
    """A real server on loopback that lives in a folder and ends, at the latest, with this process.

    The folder belongs to one object at a time from `start` to `stop`. The port is chosen once, then kept,
    so clients find the server again after a restart. Safe to use from several threads.
    """

    process_name: str
    stop_signal: signal.Signals
    death_signal: signal.Signals

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        also_on: str | None = None,
        password: str | None = None,
    ) -> None:
        """`data_dir` is made if missing, its parent too. `port`: where to listen, None for any free port.

        `also_on`: an address beside 127.0.0.1, whose network may use the server without a password.
        `password`: of ASCII letters and digits, which clients then need; it may change from start to start.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir.resolve()
        self.log_file = self.data_dir / "server.log"
        self._port = port
        self._also_on = also_on
        self._password = password
        self._user: tuple[int, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder_lock: FolderLock | None = None
        self._control = threading.RLock()
        # The inode names the folder whatever its path looks like from here or from a container, and isn't
        # given to another folder while a process still works in this one.
        folder = self.data_dir.stat()
        self._marker = f"quiz-{folder.st_dev:x}-{folder.st_ino:x}-"

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find it, with the password. Valid from the first `start` on."""

    @property
    def port(self) -> int:
        """The TCP port. Raises RuntimeError before the first `start` if none was given."""
        if self._port is None:
            raise RuntimeError("the port is chosen by start()")
        return self._port

    @property
    def _addresses(self) -> list[str]:
        return [*dict.fromkeys(["127.0.0.1", *([self._also_on] if self._also_on else [])])]

    @property
    def running(self) -> bool:
        """Whether the main process exists; a frozen one counts."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it runs and takes connections; a frozen one may still seem to."""
        process = self._process
        return process is not None and process.poll() is None and self._ready(process.pid)

    def start(self, timeout: float = 60.0) -> None:
        """Start and wait, up to `timeout` seconds, until it answers. Does nothing if it runs already.

        What an earlier owner of the folder left running is killed first. Raises StartError, FolderInUseError
        (another owner is alive), OSError (folder not writable).
        """
        deadline = time.monotonic() + timeout
        with self._control:
            if self.running:
                return
            if self._folder_lock is None:
                self._folder_lock = FolderLock(self.data_dir)
            try:
                self._kill_all()
                self._prepare()
                self._port = self._port or ports.choose()
                if self.log_file.exists() and self.log_file.stat().st_size > _LOG_LIMIT_BYTES:
                    self.log_file.unlink()
                with self.log_file.open("ab") as log:
                    log_start = log.tell()
                    self._process = process = processes.spawn(
                        self._command(),
                        death_signal=self.death_signal,
                        folder=self.data_dir,
                        output=log,
                        user=self._user,
                    )
            except BaseException:
                self._release()
                raise
        # Without the lock, so that another thread can stop a server that takes long to get ready.
        while not self._ready(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                self._release()
                with self.log_file.open("rb") as log:
                    log.seek(log_start)
                    lines = log.read().decode(errors="replace").splitlines()[-15:]
                raise StartError(f"{self.process_name} did not start:\n  " + "\n  ".join(lines))
            time.sleep(_POLL_SECONDS)

    def stop(self, timeout: float = 10.0) -> None:
        """Shut down in good order, also when frozen; after `timeout` seconds kill. Frees the folder."""
        with self._control:
            if self._process is not None:
                if self.running:
                    processes.send(self._process.pid, self.stop_signal)
                    self.thaw()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(timeout)
                self._kill_all()
            self._release()

    def kill(self) -> None:
        """SIGKILL to the server and all its children, with no chance to clean up. `start` recovers."""
        with self._control:
            if self._folder_lock is not None:
                self._kill_all()

    def end_leftovers(self) -> None:
        """Kill what an earlier owner of the folder left running, as `start` does. Raises FolderInUseError."""
        with self._control:
            lock = FolderLock(self.data_dir)
            try:
                self._kill_all()
            finally:
                lock.release()

    def freeze(self) -> None:
        """Stop every process of the server where it is: connections stay open, nothing answers."""
        with self._control:
            stopped: set[int] = set()
            # The main process first: once it stands still it can't make new children.
            while fresh := [pid for pid in self.pids() if pid not in stopped]:
                for pid in fresh:
                    processes.send(pid, signal.SIGSTOP)
                stopped.update(fresh)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        for pid in self.pids():
            processes.send(pid, signal.SIGCONT)

    def pids(self) -> list[int]:
        """Every process of the server on this folder, whoever started it; the main one first."""
        own = self._process.pid if self._process is not None else 0
        found = processes.find(self.process_name, self._marker)
        if self.running and own not in found:
            found.append(own)
        return sorted(found, key=lambda pid: pid != own)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @abstractmethod
    def _prepare(self) -> None:
        """Make the folder ready for `_command`."""

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """The command line; it carries `_marker`, and so do the processes that it starts."""

    @abstractmethod
    def _ready(self, pid: int) -> bool:
        """Whether the server with this main process takes connections."""

    def _kill_all(self) -> None:
        while pids := self.pids():
            for pid in pids:
                processes.send(pid, signal.SIGKILL)
            if self._process is not None:
                self._process.wait()
            time.sleep(_POLL_SECONDS)

    def _release(self) -> None:
        if self._folder_lock is not None:
            self._folder_lock.release()
            self._folder_lock = None
