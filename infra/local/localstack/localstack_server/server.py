"""Starts LocalStack, waits until it answers, and stops it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from development_server import ports, processes

ROOT = Path(__file__).parents[4]
_PYTHON = ROOT / ".venv-localstack/bin/python"
_FUNCTION_PYTHON = ROOT / ".venv-lambda/bin/python"
HOW_TO_INSTALL = (
    "get Python 3.13 (`pyenv install 3.13.0`, or PYTHON313=path), then `make .venv-localstack/ready`"
)
PREFERRED_PORT = 4566
START_SECONDS = 90
STOP_SECONDS = 8


class LocalStackError(RuntimeError):
    """LocalStack can't be started."""


class LocalStack:
    """A LocalStack with its data in `folder`. Its state is lost when it stops."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self._folder = folder.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or ports.choose(PREFERRED_PORT)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self._folder / "localstack.log"

    @staticmethod
    def installed() -> bool:
        """Whether both of its virtual environments exist; make builds them."""
        return _PYTHON.exists() and _FUNCTION_PYTHON.exists()

    def client_environment(self) -> dict[str, str]:
        """The variables that point AWS clients, SAM CLI and localstack-client to it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
        }

    def start(self) -> None:
        """Start it and wait until it is healthy.

        Raises:
            LocalStackError: it is not installed, ends early, or does not answer in time.
        """
        if not self.installed():
            raise LocalStackError(f"LocalStack is not installed: {HOW_TO_INSTALL}")
        temporary = self._folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            self._process = processes.spawn(
                [_PYTHON, "-m", "localstack.runtime.main"],
                # On SIGTERM it may hang in its own shutdown, and it has nothing to save.
                death_signal=signal.SIGKILL,
                folder=self._folder,
                output=output,
                environment={
                    "GATEWAY_SERVER": "hypercorn",
                    "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
                    # The host in the URLs that it returns. The default needs a DNS server.
                    "LOCALSTACK_HOST": f"127.0.0.1:{self.port}",
                    "EAGER_SERVICE_LOADING": "0",
                    "DISABLE_EVENTS": "1",
                    "SKIP_SSL_CERT_DOWNLOAD": "1",
                    "DNS_ADDRESS": "0",
                    "LAMBDA_RUNTIME_EXECUTOR": "local-process",
                    "LOCAL_PROCESS_PYTHON": str(_FUNCTION_PYTHON),
                    # It writes everything into the folder, also where this machine is a container itself: in
                    # one it would take itself for its own image, and write to /usr/lib and /var/lib.
                    "OVERRIDE_IN_DOCKER": "0",
                    "PROVIDER_OVERRIDE_S3": "own-folder",
                    "HOME": str(self._folder),
                    # Not TMPDIR, because LocalStack warns about it.
                    "TEMP": str(temporary),
                    "FILESYSTEM_ROOT": str(self._folder / "root"),
                },
            )
        try:
            self._wait_until_healthy(self._process)
        except BaseException:
            self.stop()
            raise

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_SECONDS
        while not self._healthy():
            if process.poll() is not None or time.monotonic() > until:
                raise LocalStackError(f"LocalStack does not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_localstack/health", timeout=2) as reply:  # noqa: S310  (our own server)
                return "services" in json.load(reply)
        except OSError:
            return False

    def stop(self) -> None:
        """Stop it and its functions. May be called again."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Its functions end when it is gone.
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
