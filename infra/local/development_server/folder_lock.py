"""One owner for a folder at a time."""

import fcntl
import os
from pathlib import Path


class FolderInUseError(RuntimeError):
    """Another process (or another object of this one) owns the folder."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(f"{folder} is in use by process {owner}")
        self.owner = owner


def owner_of(folder: Path) -> str | None:
    """The process that holds a folder; None where none does. Changes nothing."""
    try:
        file = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(file, 20).decode().strip() or "unknown"
    else:
        return None
    finally:
        os.close(file)


class FolderLock:
    """Holds `folder`/lock until `release`, or until the process ends in whichever way.

    The kernel lets go of the lock with the process, so there is never a stale one to clean up. Children
    don't inherit it.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock, or raise FolderInUseError at once."""
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._file, 20).decode().strip()
            os.close(self._file)
            raise FolderInUseError(folder, owner or "unknown") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let go of the folder. The file stays: removing it would let two owners lock two files."""
        os.close(self._file)
