"""openapi-python-client, and a program on what it makes, under strict types and against the API.

A validator of the document.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.launch import ROOT, Served

from .conftest import HERE, PYTHON_GENERATORS, assert_session_taken, document_in, needs_generator, run

BIN = PYTHON_GENERATORS / "bin"
pytestmark = needs_generator(PYTHON_GENERATORS)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> Path:
    """The package `generated`, beside its programs.

    Whatever the generator leaves out is a warning, and fails.
    """
    folder = document_in(tmp_path_factory.mktemp("python"), document)
    shutil.copytree(HERE / "programs", folder, dirs_exist_ok=True)
    # The hook that it has by default, `ruff check --fix`, breaks the types of its own client.py.
    (folder / "config.yaml").write_text('post_hooks: ["ruff format ."]')
    run(
        folder,
        *(BIN / "openapi-python-client", "generate", "--path", "openapi.json", "--config", "config.yaml"),
        *("--output-path", "generated", "--meta", "none", "--fail-on-warning"),
    )
    return folder / "generated"


def test_the_document_is_valid(folder: Path) -> None:
    run(folder, BIN / "openapi-spec-validator", "--errors", "all", "openapi.json")


def test_a_program_on_the_package_of_openapi_python_client_has_strict_types(
    generated: Path, operation_ids: set[str]
) -> None:
    modules = {each.stem for each in generated.glob("api/*/*.py")} - {"__init__"}
    assert modules == {re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", each) for each in operation_ids}
    # mypy reads the package's own sources, too.
    mypy: list[str | Path] = [sys.executable, "-m", "mypy", "--strict", "--no-incremental"]
    run(
        generated.parent,
        *(*mypy, "--python-executable", BIN / "python", "openapi_python_client.py", "generated"),
    )


def test_a_program_on_the_package_of_openapi_python_client_takes_a_session(
    generated: Path, server: Served
) -> None:
    program = (BIN / "python", "-W", "error", "openapi_python_client.py", server.url)
    assert_session_taken(run(generated.parent, *program))


def test_the_package_of_openapi_python_client_reads_every_example_and_writes_it_again(
    generated: Path,
) -> None:
    assert int(run(generated.parent, BIN / "python", "-W", "error", "round_trip.py")) > 30


def test_the_lines_that_are_shown_start_a_session(generated: Path, server: Served) -> None:
    shown = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/client.md").read_text(), re.M | re.S)
    (lines,) = (each for each in shown if "start_session" in each)
    program = lines.replace("quiz_sessions_client", "generated").replace("http://127.0.0.1:8002", server.url)
    printed = run(generated.parent, BIN / "python", "-c", f"{program}\nprint(session.status)")
    assert printed.splitlines()[-1] == "started"
