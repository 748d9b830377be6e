"""A process that runs a function, and the Runtime API that it uses."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty

from .runtime_api import Kind, Message, Request, RuntimeApi

_STOP_SECONDS = 2


class FunctionProcess:
    """A process of awslambdaric with the function loaded; it handles one invocation at a time."""

    def __init__(
        self, python: str, handler: str, folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self._api = RuntimeApi()
        self._stopped = False
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [python, "-m", "awslambdaric", handler],
                cwd=folder,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # In its own process group, so that the function's child processes are stopped with it.
                start_new_session=True,
            )
        threading.Thread(target=self._watch, name=f"watch-{self._process.pid}", daemon=True).start()

    def _watch(self) -> None:
        status = self._process.wait()
        reason = f"signal: {-status}" if status < 0 else f"exit status {status}"
        self._api.messages.put(
            Message(Kind.EXIT, error("Runtime.ExitError", f"Runtime exited with error: {reason}"))
        )

    @property
    def running(self) -> bool:
        """Whether the process can take another invocation."""
        return self._process.poll() is None

    def wait_until_ready(self) -> Message:
        """Wait for READY, once the handler is imported, or for INIT_ERROR or EXIT if that failed."""
        return self._api.messages.get()

    def invoke(self, request: Request) -> Message:
        """Run one invocation; returns RESPONSE, ERROR or EXIT. A time-out ends the process, as on Lambda."""
        until = time.monotonic() + request.timeout_seconds
        self._api.requests.put(request)
        with contextlib.suppress(Empty):
            while (
                message := self._api.messages.get(timeout=max(0, until - time.monotonic()))
            ).kind is Kind.READY:
                pass
            return message
        self.stop()
        text = f"Task timed out after {request.timeout_seconds:.2f} seconds"
        return Message(Kind.EXIT, error("Sandbox.Timedout", f"RequestId: {request.request_id} Error: {text}"))

    def stop(self) -> None:
        """End the process, its children and its Runtime API. May be called again."""
        if self._stopped:
            # Another process may have this process id by now.
            return
        self._stopped = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self._api.close()


def error(kind: str, text: str) -> bytes:
    """An error in the format of Lambda."""
    return json.dumps({"errorType": kind, "errorMessage": text}).encode()
