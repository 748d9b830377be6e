"""`python -m tests.first_night`: the five scenes, told on the way and kept in .local/first_night.txt.

Ends with 0 if each went as the documents say.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.harness.launch import ROOT
from tests.harness.small_disk import on_small_disk

from .newcomer import Newcomer
from .scenes import SCENES

TRANSCRIPT: Final = ROOT / ".local/first_night.txt"
_DISK_MEGABYTES: Final = 400
_PREFACE: Final = """\
The first night of a machine, by commands of the documents alone: behind each stands the document that has it.
$ is a command, --- what happens beside them. Files are in a folder instead of at the root,
and the port is a free one. sudo, useradd, systemctl and journalctl are imitated:
the unit's own command is run, as this user.
/var/lib is a disk of 400 MB."""


def main(arguments: list[str]) -> int:
    """On a small disk of its own, which the first call gives to a second one."""
    if not arguments:
        # The second call is killed with this one, and so what it started.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            disk = folder / "var/lib"
            disk.mkdir(parents=True)
            command = [*on_small_disk(disk, _DISK_MEGABYTES), sys.executable, "-m", "tests.first_night", name]
            return subprocess.run(command, check=False, cwd=ROOT).returncode
    TRANSCRIPT.parent.mkdir(exist_ok=True)
    with TRANSCRIPT.open("w") as transcript, Newcomer(Path(arguments[0]).resolve(), transcript) as newcomer:
        newcomer.write(_PREFACE)
        for scene in SCENES:
            scene(newcomer)
        newcomer.write("\nAll of it went as the documents say.")
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
