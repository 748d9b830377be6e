"""The image that `make container` builds, run as infra/service.yaml runs it; without Docker it is skipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from development_server import ports
from tests.container.docker_command import RIGHTS, docker, made
from tests.harness.launch import ROOT, eventually
from tests.harness.stores import Stores

IMAGE = "quiz-sessions-test"
PATIENCE_SECONDS = 30
# So that the stores need not be reached from any other network.
NETWORK = ["--network", "host"]


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    yield made("container", IMAGE)
    docker("rmi", "--force", IMAGE)


@contextmanager
def running(image: str, stores: Stores) -> Iterator[tuple[str, str]]:
    """A container's id and address."""
    port = ports.choose()
    given = {
        **stores.environment(),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DRAIN_SECONDS": "0",
        "POWERTOOLS_METRICS_DISABLED": "true",
    }
    variables = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    container = docker("run", "--detach", *RIGHTS, *NETWORK, "--health-interval", "1s", *variables, image)
    try:
        yield container, f"http://127.0.0.1:{port}"
    finally:
        docker("rm", "--force", container)


def test_it_serves_without_rights_is_found_healthy_and_ends_in_good_order(image: str, stores: Stores) -> None:
    with running(image, stores) as (container, address):
        eventually(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", container) == "healthy")
        with httpx.Client(base_url=address, timeout=PATIENCE_SECONDS) as http:
            started = http.post("/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"}).json()
            answer = {"question_id": 0, "answer": "A"}
            saved = http.patch(f"/sessions/{started['id']}/progress", json=answer).json()
        assert (saved["durability"], saved["answers"]) == ("committed", {"0": "A"})
        code = "import os, sys; print(os.getuid(), os.access('/', os.W_OK), os.access('/service', os.W_OK))"
        assert docker("exec", container, "python", "-c", code) == "10001 False False"
        docker("stop", "--time", "20", container)
        assert json.loads(docker("inspect", "-f", "{{json .State}}", container))["ExitCode"] == 0
        said = docker("logs", container)
        assert ['"ready"' in said, '"draining"' in said, "Traceback" in said] == [True, True, False]


def test_the_dockerfile_names_no_secret_and_no_user_with_rights() -> None:
    text = Path(ROOT, "infra/container/Dockerfile").read_text()
    assert "USER 10001:10001" in text
    assert "HEALTHCHECK" in text
    assert not [line for line in text.splitlines() if "PASSWORD" in line.upper() or "SECRET" in line.upper()]
