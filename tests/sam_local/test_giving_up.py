"""What Docker can't run is skipped, but not where CI=true asks for every test."""

from __future__ import annotations

import pytest

from tests.sam_local.conftest import give_up


def test_elsewhere_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no image"):
        give_up("no image")


def test_with_ci_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no image"):
        give_up("no image")
