"""The image that `make machine-container` builds, run as the composition runs it; skipped without Docker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from development_server import ports
from tests.container.docker_command import RIGHTS, docker, made
from tests.harness.launch import eventually

IMAGE = "quiz-sessions-machine-test"
PATIENCE_SECONDS = 30
DATA, BACKUPS = "/var/lib/quiz-sessions", "/var/backups/quiz-sessions"
LIMITS = ["--tmpfs", "/tmp", "--init", "--shm-size", "256m", "--memory", "2g", "--pids-limit", "1024"]


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    yield made("machine-container", IMAGE)
    docker("rmi", "--force", IMAGE)


@pytest.fixture
def volumes(image: str) -> Iterator[list[str]]:
    """Words that give a container the two volumes of one machine."""
    names = {name: docker("volume", "create") for name in (DATA, BACKUPS)}
    yield [word for place, name in names.items() for word in ("--volume", f"{name}:{place}")]
    docker("volume", "rm", "--force", *names.values())


@contextmanager
def running(image: str, volumes: list[str]) -> Iterator[tuple[str, str]]:
    """A container's id and address, once it is healthy."""
    port = ports.choose()
    published = ["--network", "host", "--env", f"PORT={port}", "--health-interval", "1s"]
    command = ["quiz-sessions", "serve", "--data", DATA]
    container = docker("run", "--detach", *RIGHTS, *LIMITS, *published, *volumes, image, *command)
    try:
        eventually(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", container) == "healthy")
        yield container, f"http://127.0.0.1:{port}"
    finally:
        docker("rm", "--force", container)


def test_it_serves_without_rights_is_backed_up_and_restored(image: str, volumes: list[str]) -> None:
    with (
        running(image, volumes) as (container, address),
        httpx.Client(base_url=address, timeout=PATIENCE_SECONDS) as http,
    ):
        session = http.post("/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"}).json()["id"]
        answer = {"question_id": 0, "answer": "A", "autosave": True}
        assert http.patch(f"/sessions/{session}/progress", json=answer).json()["durability"] == "buffered"
        assert http.get("/pages/").status_code == 200
        said = docker("exec", container, "quiz-sessions", "doctor", "--data", DATA)
        assert "0 problems" in said
        backup = docker("exec", container, "quiz-sessions", "backup", "--data", DATA, BACKUPS).partition(":")[
            0
        ]
        docker("stop", "--time", "20", container)
        assert json.loads(docker("inspect", "-f", "{{json .State}}", container))["ExitCode"] == 0
    restore = ["quiz-sessions", "restore", "--data", DATA, "--replace", backup]
    said = docker("run", "--rm", *RIGHTS, *LIMITS, *volumes, image, *restore)
    assert "what was there is in" in said
    with running(image, volumes) as (_, address):
        shown = httpx.get(f"{address}/sessions/{session}", timeout=PATIENCE_SECONDS).json()
        assert (shown["answers"], shown["buffered_questions"]) == ({"0": "A"}, ["0"])
