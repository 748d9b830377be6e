"""From a fresh clone, by commands of the documents alone; `make first-night` shows what is done and said."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.harness.launch import Launched
from tests.harness.needs import needs
from tests.harness.small_disk import has_small_disks
from tests.integration.test_upgrade import HAS_FORMER

from .documents import UndocumentedError, document_of, request_of

PATIENCE_SECONDS = 900


@HAS_FORMER
@needs(has_small_disks(), "nobody may mount anything here, not even with a namespace of their own")
@needs(shutil.which("curl") is not None, "there is no curl")
def test_the_five_scenes_go_as_the_documents_say(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "tests.first_night")
    with Launched(command, tmp_path / "said", os.environ) as process:
        process.until(lambda: "went as the documents say" in process.text() or None, PATIENCE_SECONDS)
        assert process.ends() == 0, process.text()


def test_a_command_of_a_document_is_found_in_it() -> None:
    assert document_of("make -C /opt/quiz-sessions .venv/ready") == "docs/one-machine.md"
    assert document_of("curl -s -X POST $SESSION/complete") == "README.md"
    assert request_of("POST /receipts/verify")[0] == "docs/api.md"


def test_a_command_that_no_document_has_is_refused() -> None:
    with pytest.raises(UndocumentedError):
        document_of("make -C /opt/quiz-sessions heal")
    with pytest.raises(UndocumentedError):
        request_of("POST /sessions/31bb95d0-…/heal")
