"""The npm packages are locked by their hashes, and not bound to one registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import HERE, ROOT

LOCKS = [HERE / "package-lock.json", *ROOT.glob("tests/bench/peer/package-lock.json")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_every_package_has_a_hash_and_no_address(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]
    del packages[""]
    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_what_is_asked_for_is_one_version() -> None:
    asked = json.loads((HERE / "package.json").read_text())["dependencies"]
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked
