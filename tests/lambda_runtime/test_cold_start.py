"""What importing a handler does, which is all that a snapshot of it holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from importlib import import_module

connected = []
sys.addaudithook(lambda event, args: connected.append(args) if event == "socket.connect" else None)
module = import_module(sys.argv[1])
assert not connected, connected
assert module.services.cache_info().currsize == 0
print(*sorted({"boto3", "aws_xray_sdk"} & sys.modules.keys()))
"""


def run_import(module: str) -> subprocess.CompletedProcess[str]:
    """In an environment without any setting; a warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, module],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("module", ["session_api.handler", "flush_sessions.handler"])
def test_importing_a_handler_needs_no_setting_and_opens_no_connection(module: str) -> None:
    imported = run_import(module)
    assert (imported.returncode, imported.stderr) == (0, "")


@pytest.mark.parametrize("module", ["session_api.handler", "flush_sessions.handler"])
def test_importing_a_handler_does_not_import_the_slow_packages(module: str) -> None:
    assert run_import(module).stdout.strip() == ""
