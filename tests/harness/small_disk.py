"""`python -m tests.harness.small_disk MEGABYTES FOLDER COMMAND …`: a command with a small disk of its own.

It is in memory, at the folder, in a namespace of mounts that ends with the command. Root needs no more;
others get a namespace of users with it, where the kernel lets them.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_MOUNTS: Final = 0x00020000
_USERS: Final = 0x10000000
_PRIVATE_BELOW: Final = 0x4000 | 0x40000


def on_small_disk(folder: Path, megabytes: int) -> list[str]:
    """What a command begins with that has one."""
    return [sys.executable, "-m", "tests.harness.small_disk", str(megabytes), str(folder)]


def beside(pid: int) -> list[str]:
    """What a command begins with that sees the disk of this process."""
    users = [] if os.getuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", "--target", str(pid), "--mount", *users]


def has_small_disks() -> bool:
    """Whether this process may give one."""
    try:
        command = [*on_small_disk(Path("/tmp"), 1), "nsenter", "--version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _call(function: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library[function](*arguments) != 0:
        raise OSError(ctypes.get_errno(), function)


def main(megabytes: str, folder: str, *command: str) -> None:
    """Become the command. Raises OSError where nobody may do that here."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", _MOUNTS | (0 if user == 0 else _USERS))
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    # Or it would be everybody's.
    _call("mount", None, b"/", None, _PRIVATE_BELOW, None)
    _call("mount", b"small", folder.encode(), b"tmpfs", 0, f"size={megabytes}m,mode=700".encode())
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
