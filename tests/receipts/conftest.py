"""Node, which runs the same JavaScript as a browser does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.harness.launch import ROOT


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node that `make generators` brings, or the machine's own."""
    found = subprocess.run([ROOT / "infra/local/node.sh"], capture_output=True, text=True, check=False)
    if found.returncode and os.environ.get("CI") != "true":
        pytest.skip("no Node here: `make generators` installs it")
    assert found.returncode == 0
    return Path(found.stdout.strip())
