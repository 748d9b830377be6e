"""Docker, as the tests of images use it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sam_local import ImageError, docker_answers
from sam_local.base_image import obtain_base
from tests.harness.launch import ROOT

# What the task definition and the composition say.
RIGHTS = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


def docker(*arguments: str) -> str:
    """What it prints; it does not fail."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def made(target: str, image: str) -> str:
    """The image that `make` builds, or no test."""
    if sys.platform != "linux" or not docker_answers():
        # Whoever has none builds no image either.
        pytest.skip("no Docker here")
    try:
        base = obtain_base()
    except ImageError as error:
        if os.environ.get("CI") == "true":
            raise
        # Without a network there is nothing to make one of; with CI=true that is a failure, above.
        pytest.skip(f"no image to build on: {error}")
    subprocess.run(["make", target, f"IMAGE={image}", f"BASE={base}"], cwd=ROOT, check=True)
    return image
