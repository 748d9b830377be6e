"""The client library as a package: typed, small, and what its types say."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

from tests.generators.conftest import NODE_MODULES, needs_generator
from tests.harness.launch import ROOT

CLIENT = ROOT / "clients/browser"
MAX_BYTES = 15_000
MODULES = sorted(CLIENT.glob("*.js"))
WRITTEN = "types.d.ts"
"""By hand: what the modules share."""

pytestmark = needs_generator(NODE_MODULES)


def typescript(folder: Path, *options: str) -> None:
    """On the modules alone: where a declaration lies beside one, TypeScript reads that and not the module."""
    for file in (*MODULES, CLIENT / WRITTEN, CLIENT / "tsconfig.json"):
        shutil.copy(file, folder)
    compiler = NODE_MODULES / "typescript/bin/tsc"
    node = (NODE_MODULES / "ready").read_text().strip()
    done = subprocess.run(
        [node, compiler, "--project", folder, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_modules_have_strict_types(tmp_path: Path) -> None:
    typescript(tmp_path)


def test_the_declarations_are_those_of_the_modules(tmp_path: Path) -> None:
    typescript(tmp_path, "--noEmit", "false", "--declaration", "--emitDeclarationOnly")
    made = {file.name: file.read_text() for file in tmp_path.glob("*.d.ts")}
    kept = {file.name: file.read_text() for file in CLIENT.glob("*.d.ts")}
    assert made == kept, "`make declarations` makes them"


def test_all_of_it_is_small() -> None:
    assert len(gzip.compress(b"".join(module.read_bytes() for module in MODULES), 9)) < MAX_BYTES


def test_the_package_has_what_it_names_and_depends_on_nothing() -> None:
    package = json.loads((CLIENT / "package.json").read_text())
    assert not package.keys() & {"dependencies", "peerDependencies", "scripts"}
    assert all((CLIENT / file).is_file() for file in package["exports"]["."].values())
