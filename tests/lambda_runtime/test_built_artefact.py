"""What `sam build` made, laid out as Lambda lays it out, under the runtime that Lambda has: Python 3.13."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from localstack_server import HOW_TO_INSTALL
from tests.harness.launch import ROOT
from tests.harness.needs import needs
from tests.harness.runtime import Runtime, request_event, running_runtime, sample
from tests.harness.stores import Stores

BUILD = ROOT / ".aws-sam/build"
# As make does it: the functions' own Python has only what Lambda's has.
PYTHON = ROOT / ".venv-lambda/bin/python"
LAYER = BUILD / ("ServiceLayerArm64" if platform.machine() == "aarch64" else "ServiceLayerX8664")
LIMIT_BYTES = 110_000_000

pytestmark = needs(PYTHON.exists(), f"nothing is built: {HOW_TO_INSTALL}")


def path_of(function: str) -> str:
    """The function's code, then the layer, as /var/task and /opt/python."""
    return f"{BUILD / function}:{LAYER / 'python'}"


def built(
    handler: str, function: str, stores: Stores, folders: pytest.TempPathFactory
) -> AbstractContextManager[Runtime]:
    """The runtime of one function as it was built."""
    return running_runtime(
        handler, stores, folders.mktemp(function), python=PYTHON, pythonpath=path_of(function)
    )


@pytest.fixture(scope="module")
def built_api(running_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    handler = "session_api.handler.handler"
    with built(handler, "SessionApiFunction", running_stores, tmp_path_factory) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def built_flush(running_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    handler = "flush_sessions.handler.handler"
    with built(handler, "FlushFunction", running_stores, tmp_path_factory) as runtime:
        yield runtime


def test_nothing_comes_from_the_source_tree() -> None:
    names = "quiz_sessions, session_api, flush_sessions, migrate_database, fastapi, psycopg, boto3"
    code = f"import json, {names}; print(json.dumps([module.__file__ for module in ({names})]))"
    done = subprocess.run(
        [PYTHON, "-c", code],
        env={"PYTHONPATH": path_of("SessionApiFunction")},
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
    )
    files = [Path(name) for name in json.loads(done.stdout)]
    assert [file for file in files if not file.is_relative_to(BUILD)] == []


def test_a_session_from_start_to_completion(built_api: Runtime, built_flush: Runtime, stores: Stores) -> None:
    started = built_api.invoke(request_event("start"))
    assert started["statusCode"] == 201
    session_id = json.loads(started["body"])["id"]
    body = {"question_id": 0, "answer": "A", "autosave": True}
    kept = built_api.invoke(request_event("progress", session_id, body=body))
    assert json.loads(kept["body"])["durability"] == "buffered"
    assert built_flush.invoke(sample("schedule"))["SessionsFlushed"] == 1
    done = built_api.invoke(request_event("complete", session_id))
    session = json.loads(done["body"])
    assert (done["statusCode"], session["status"], session["answers"]["0"]) == (200, "completed", "A")


def test_the_logs_hold_no_warning_of_pythons(built_api: Runtime) -> None:
    built_api.invoke(request_event("start"))
    assert "Warning" not in built_api.log()


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_function_and_layer_are_under_110_mb_unzipped() -> None:
    # `make build` prints the figure.
    assert size(BUILD / "SessionApiFunction") + size(LAYER) < LIMIT_BYTES
