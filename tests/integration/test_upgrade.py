"""A machine goes from a former release to this one, and back: its data are kept both ways."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.launch import ROOT
from tests.harness.machine import Service, done, serving
from tests.harness.needs import needs

FORMER = "e62e47c8c41c40351e1a29bba746cda63e02f1c0"
"""The commit of the release before this one. It had no passwords for its stores, and no command."""


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=False, capture_output=True)


HAS_FORMER = needs(_git("cat-file", "-e", FORMER).returncode == 0, f"the history has no commit {FORMER}")
pytestmark = HAS_FORMER


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of that release."""
    tree = tmp_path_factory.mktemp("former")
    archive = _git("archive", FORMER, "layers", "functions", "infra", "clients")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(tree, filter="data")
    return tree


@contextmanager
def serving_former(tree: Path, data: Path) -> Iterator[Service]:
    """The former release on a data folder."""
    folders = ("layers/quiz_sessions", "functions", "infra/local", "infra/local/localstack")
    path = os.pathsep.join(str(tree / folder) for folder in folders)
    command = (sys.executable, "-m", "development_server")
    with serving(data, command=command, environment={"PYTHONPATH": path}, folder=tree) as service:
        yield service


def test_the_former_release_is_the_one_that_is_run(former: Path, folder: Path) -> None:
    with serving_former(former, folder / "data"):
        assert not (folder / "data/postgres/password").exists()


def test_data_survive_the_way_to_this_release_and_back(former: Path, folder: Path) -> None:
    data = folder / "data"
    with serving_former(former, data) as service:
        session = service.start("user1")
        first = service.answer(session, "0", "by the former")["receipt"]
        service.answer(session, "1", "typed", autosave=True)
        # At its worst: a machine that lost its power, with drafts.
        service.process.kill()

    with serving(data) as service:
        shown = service.request("GET", session)
        assert (shown["answers"], shown["buffered_questions"]) == (
            {"0": "by the former", "1": "typed"},
            ["1"],
        )
        assert service.is_genuine(first)
        second = service.answer(session, "2", "by this one")["receipt"]
        service.answer(session, "3", "typed", autosave=True)

    with serving_former(former, data) as service:
        shown = service.request("GET", session)
        assert shown["answers"] == {"0": "by the former", "1": "typed", "2": "by this one", "3": "typed"}
        assert shown["buffered_questions"] == []
        assert service.is_genuine(first)
        assert service.is_genuine(second)
        third = service.answer(session, "0", "by the former again")["receipt"]
        service.answer(session, "4", "typed", autosave=True)
        service.process.kill()

    assert "1 sessions were flushed" in done("drain", "--data", data)
    with serving(data) as service:
        shown = service.request("GET", session)
        assert shown["answers"] == {
            "0": "by the former again",
            "1": "typed",
            "2": "by this one",
            "3": "typed",
            "4": "typed",
        }
        assert service.is_genuine(third)
        ended = service.request("POST", f"{session}/complete")
        assert (ended["status"], ended["version"]) == ("completed", 4)
