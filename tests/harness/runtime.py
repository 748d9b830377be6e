"""Functions under Lambda's own runtime: the interface client, driven by the emulator that SAM CLI ships."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from development_server import ports
from tests.harness.launch import ROOT, Launched
from tests.harness.stores import Stores

EVENTS = ROOT / "tests" / "events"
SAMPLE_ID = "11111111-2222-4333-8444-555555555555"
"""The session's id in the sample events."""


def emulator() -> Path:
    """Where the emulator lies."""
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
    pattern = f".venv-sam/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
    found = sorted(ROOT.glob(pattern))
    assert found, f"no Lambda emulator at {ROOT}/{pattern}: run `make test`, which installs SAM CLI"
    return found[0]


def sample(name: str, session_id: object = SAMPLE_ID) -> dict[str, Any]:
    """An event of tests/events as it lies there, but for the session's id."""
    event: dict[str, Any] = json.loads(
        (EVENTS / f"{name}.json").read_text().replace(SAMPLE_ID, str(session_id))
    )
    return event


def request_event(
    name: str, session_id: object = SAMPLE_ID, *, body: object = None, millis: int | None = None
) -> dict[str, Any]:
    """A sample request that has just been received, with an id of its own; at `millis` if given."""
    event = sample(name, session_id)
    context = event["requestContext"]
    context["requestId"] = str(uuid4())
    received = time.time_ns() // 1_000_000 if millis is None else millis
    context["timeEpoch" if event["version"] == "2.0" else "requestTimeEpoch"] = received
    headers = {key: value for key, value in event["headers"].items() if key != "idempotency-key"}
    event["headers"] = headers
    if body is not None:
        event["body"] = json.dumps(body, ensure_ascii=False)
        if "content-length" in headers:
            headers["content-length"] = str(len(event["body"].encode()))
    return event


class Runtime:
    """One function's runtime; it starts with the first invocation, as the emulator has it."""

    def __init__(self, url: str, log_file: Path) -> None:
        self.url = f"{url}/2015-03-31/functions/function/invocations"
        self._log_file = log_file

    def invoke(self, event: Any) -> Any:
        reply = httpx.post(self.url, content=json.dumps(event), timeout=30)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def log(self) -> str:
        return self._log_file.read_text()


@contextmanager
def running_runtime(
    handler: str,
    stores: Stores,
    folder: Path,
    timeout: int = 30,
    python: Path = Path(sys.executable),
    pythonpath: str = os.environ.get("PYTHONPATH", ""),
    settings: Mapping[str, str] | None = None,
) -> Iterator[Runtime]:
    """The runtime of one handler, on two free ports of loopback; from the source tree, unless told."""
    api, front = ports.choose(), ports.choose()
    environment = {
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        **stores.environment(),
        "AWS_LAMBDA_FUNCTION_NAME": handler.split(".", maxsplit=1)[0],
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
        "AWS_REGION": "eu-central-1",
        "PYTHONPATH": pythonpath,
        "POWERTOOLS_SERVICE_NAME": "quiz-sessions",
        "POWERTOOLS_METRICS_NAMESPACE": "QuizSessions",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        **(settings or {}),
    }
    env = shutil.which("env")
    assert env is not None
    with Launched(
        [
            env,
            *(f"{name}={value}" for name, value in environment.items()),
            emulator(),
            *("--runtime-api-address", f"127.0.0.1:{api}"),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{front}"),
            *(python, "-m", "awslambdaric", handler),
        ],
        folder / f"{handler}.log",
        folder=folder,
    ) as process:
        # The emulator ends its runtime with itself.
        yield Runtime(f"http://127.0.0.1:{front}", process.listens(front).output)
