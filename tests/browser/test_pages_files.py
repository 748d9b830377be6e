"""The files of the pages: typed, and what was taken over from others is what they have published."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.generators.conftest import NODE_MODULES, needs_generator
from tests.harness.launch import ROOT

PAGES = ROOT / "clients/pages"
TAKEN = {"preact.js": "htm/preact/standalone.module.js", "oauth4webapi.js": "oauth4webapi/build/index.js"}
SOURCE_MAP = "\n//# sourceMappingURL="

pytestmark = needs_generator(NODE_MODULES)


def test_the_modules_have_strict_types() -> None:
    node = (NODE_MODULES / "ready").read_text().strip()
    compiler = NODE_MODULES / "typescript/bin/tsc"
    done = subprocess.run([node, compiler, "--project", PAGES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", TAKEN)
def test_what_was_taken_over_is_as_published(name: str) -> None:
    published, _, _ = (NODE_MODULES / TAKEN[name]).read_text().partition(SOURCE_MAP)
    assert (PAGES / "vendor" / name).read_text().rstrip("\n") == published.rstrip("\n")


def test_the_licences_name_the_versions_that_are_locked() -> None:
    said = (PAGES / "vendor/LICENSES").read_text()
    packages = json.loads((ROOT / "tests/generators/package-lock.json").read_text())["packages"]
    for name in ("htm", "oauth4webapi"):
        assert f"{name} {packages[f'node_modules/{name}']['version']}" in said
