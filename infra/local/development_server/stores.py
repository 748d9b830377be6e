"""The stores behind the development server: its own where no address is given."""

import json
import logging
import re
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from quiz_sessions.runtime.telemetry import CACHE, DATABASE

from . import ports
from .embedded import EmbeddedServer, StartError
from .embedded_postgres import Postgres
from .embedded_valkey import Valkey

PORTS_FILE: Final = "ports.json"
"""In the folder of data. Where it is, a server has run on the folder."""
_CACHE_BYTES = 256 * 1024 * 1024
UNFINISHED_RESTORE: Final = "restoring"
"""The folder in a data folder in which a restore makes it anew; it is gone once that is done."""
_SHARED = "password"
"""The file with the password of a server, in its folder."""

_log = logging.getLogger(__name__)


class Stores:
    """Starts, watches and stops the embedded servers; leaves those that were given alone.

    Every method blocks; any thread may call it, also while another runs.
    """

    def __init__(
        self,
        data: Path,
        database_url: str | None,
        redis_url: str | None,
        *,
        postgres_port: int | None = None,
        valkey_port: int | None = None,
        also_on: str | None = None,
    ) -> None:
        """`data` is the folder of everything that must survive a restart. A URL replaces a server.

        Without a port it is that of the last time, or any free one. `also_on`: see EmbeddedServer; without
        it both need passwords, which are made where there are none.
        """
        self._ports_file = data / PORTS_FILE
        ports_before = _known_ports(data)
        self._owned: dict[str, EmbeddedServer] = {}
        if database_url is None:
            port = postgres_port or ports.choose(ports_before.get("PostgreSQL 18"))
            password = _password(data / "postgres", not also_on)
            postgres = self._owned["PostgreSQL 18"] = Postgres(
                data / "postgres", port, also_on=also_on, password=password
            )
            database_url = postgres.url
        if redis_url is None:
            port = valkey_port or ports.choose(ports_before.get("Valkey 9"))
            valkey = self._owned["Valkey 9"] = Valkey(
                data / "valkey",
                port,
                maxmemory=_CACHE_BYTES,
                also_on=also_on,
                password=_password(data / "valkey", not also_on),
            )
            redis_url = valkey.url
        self.database_url: Final = database_url
        self.redis_url: Final = redis_url
        self._stopping = threading.Event()
        self._starting = threading.Lock()

    @property
    def postgres(self) -> EmbeddedServer:
        """The embedded one. Raises KeyError where an address was given."""
        return self._owned["PostgreSQL 18"]

    @property
    def valkey(self) -> EmbeddedServer:
        """The embedded one. Raises KeyError where an address was given."""
        return self._owned["Valkey 9"]

    @property
    def folders(self) -> dict[str, Path]:
        """Where the embedded servers have their files, by the names that the service has for the stores."""
        names = {"PostgreSQL 18": DATABASE, "Valkey 9": CACHE}
        return {names[name]: server.data_dir for name, server in self._owned.items()}

    def start(self, say: Callable[[str], None]) -> None:
        """Start the embedded servers; returns early after `stop`. Raises StartError, OSError."""
        with self._starting:
            for name, server in self._owned.items():
                if self._stopping.is_set():
                    return
                say(f"starting {name} ...")
                server.start()
            known = _known_ports(self._ports_file.parent) | {
                name: server.port for name, server in self._owned.items()
            }
            self._ports_file.write_text(json.dumps(known))

    def revive(self) -> bool:
        """Start again what has ended since; False if that failed, which is logged."""
        with self._starting:
            try:
                for name, server in self._owned.items():
                    if not server.running and not self._stopping.is_set():
                        _log.warning("%s has ended, starting it again", name)
                        server.start()
                        _log.warning("%s is back", name)
            except (StartError, OSError) as error:
                if not self._stopping.is_set():
                    _log.error("%s", error)
                return False
            return True

    def stop(self, timeout: float) -> None:
        """Stop the embedded servers for good, by force after `timeout` seconds."""
        self._stopping.set()
        self._stop_all(timeout)
        # A start that was under way may have got past the flag. What it waited for is dead now, so it ends.
        if self._starting.acquire(timeout=timeout):
            self._stop_all(timeout)
            self._starting.release()

    def _stop_all(self, timeout: float) -> None:
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(lambda server: server.stop(timeout), self._owned.values()))


def addresses(data: Path) -> tuple[str | None, str | None]:
    """Where PostgreSQL and Valkey of the running server on `data` are; None where it never had one."""
    known = _known_ports(data)
    postgres, valkey = known.get("PostgreSQL 18"), known.get("Valkey 9")
    return (
        None
        if postgres is None
        else Postgres(data / "postgres", postgres, password=_known(data / "postgres")).url,
        None if valkey is None else Valkey(data / "valkey", valkey, password=_known(data / "valkey")).url,
    )


def _known_ports(data: Path) -> dict[str, int]:
    try:
        known = json.loads((data / PORTS_FILE).read_text())
        return {name: int(port) for name, port in known.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        # Only a convenience: without it the ports are new.
        return {}


def _known(folder: Path) -> str | None:
    """The password of the server in a folder, if it has one."""
    try:
        text = (folder / _SHARED).read_text()
    except FileNotFoundError:
        return None
    return text if re.fullmatch("[0-9a-f]{64}", text) else None


def _password(folder: Path, is_needed: bool) -> str | None:
    """The password of the server in a folder, made if there is none; none is left where none is needed."""
    file = folder / _SHARED
    if not is_needed:
        file.unlink(missing_ok=True)
        return None
    password = _known(folder)
    if password is None:
        folder.mkdir(parents=True, exist_ok=True)
        password = secrets.token_hex(32)
        file.unlink(missing_ok=True)
        # Before it holds anything: it must at no moment be open to others.
        file.touch(mode=0o600)
        file.write_text(password)
    return password
