"""The document, and the tools that `make` brings."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from quiz_sessions.bootstrap import build_services
from session_api.app import create_app
from tests.harness.launch import Served, served
from tests.harness.needs import needs
from tests.harness.stores import Stores

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE_MODULES = HERE / "node_modules"
PYTHON_GENERATORS = ROOT / ".venv-generators"


def run(folder: Path, *command: str | Path) -> str:
    """What a command printed. It fails the test if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        # The generator for Python looks for ruff, which formats what it makes.
        env={**os.environ, "PATH": f"{PYTHON_GENERATORS / 'bin'}:{os.environ['PATH']}"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{Path(command[0]).name}:\n{done.stdout}"
    return done.stdout


def needs_generator(folder: Path) -> pytest.MarkDecorator:
    return needs(
        (folder / "ready").exists(), f"no {folder.relative_to(ROOT)} here: `make generators` installs it"
    )


def _no_services() -> NoReturn:
    raise AssertionError("the document needs no services")


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The API's document."""
    return create_app(_no_services).openapi()


@pytest.fixture(scope="session")
def operation_ids(document: dict[str, Any]) -> set[str]:
    """Of all operations."""
    return {each["operationId"] for path in document["paths"].values() for each in path.values()}


@pytest.fixture(scope="module")
def server(running_stores: Stores) -> Iterator[Served]:
    """The API on a port of its own."""
    running_stores.clear()
    with served(build_services(running_stores.settings)) as running:
        yield running


def assert_session_taken(printed: str) -> None:
    """What a program tells, in its last line, of the session that it took."""
    assert json.loads(printed.splitlines()[-1]) == {
        "autosaved": "buffered",
        "read": {"0": "A", "essay": {"text": "It was a dark"}},
        # With the second commit.
        "conflict": 2,
        "completed": "completed",
        "answers": {"0": "A", "essay": "The end."},
    }


def document_in(folder: Path, document: dict[str, Any]) -> Path:
    """The folder, with the document in `openapi.json`."""
    (folder / "openapi.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def folder(tmp_path: Path, document: dict[str, Any]) -> Path:
    """A folder with the document."""
    return document_in(tmp_path, document)


@pytest.fixture
def node() -> Path:
    """Node, with the packages of package-lock.json in NODE_MODULES."""
    return Path((NODE_MODULES / "ready").read_text().strip())
