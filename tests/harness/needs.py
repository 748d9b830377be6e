"""What tests need that `make` could not install everywhere."""

from __future__ import annotations

import os

import pytest


def needs(found: bool, otherwise: str) -> pytest.MarkDecorator:
    """A mark of tests that are skipped where what they need is missing; with CI=true they run, and fail."""
    return pytest.mark.skipif(not found and os.environ.get("CI") != "true", reason=otherwise)
