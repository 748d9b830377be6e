"""openapi-typescript and orval, and a program on what each makes.

The compiler has its strictest settings; what it emits runs against the API.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.harness.launch import Served

from .conftest import HERE, NODE_MODULES, assert_session_taken, needs_generator, run

pytestmark = needs_generator(NODE_MODULES)


def compile_program(node: Path, folder: Path, program: str) -> None:
    """Make program.js of one of the programs, beside what was generated."""
    (folder / "node_modules").symlink_to(NODE_MODULES)
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(HERE / name, folder)
    shutil.copy(HERE / "programs/address.ts", folder)
    shutil.copy(HERE / "programs" / program, folder / "program.ts")
    run(folder, node, NODE_MODULES / "typescript/bin/tsc", "--project", ".")


def test_a_program_on_the_types_of_openapi_typescript_compiles_and_takes_a_session(
    node: Path, folder: Path, operation_ids: set[str], server: Served
) -> None:
    run(
        folder,
        node,
        NODE_MODULES / "openapi-typescript/bin/cli.js",
        "openapi.json",
        "--output",
        "generated.d.ts",
    )
    operations = (folder / "generated.d.ts").read_text().partition("export interface operations {")[2]
    assert set(re.findall(r"^    (\w+): \{$", operations, re.MULTILINE)) == operation_ids
    compile_program(node, folder, "openapi_typescript.ts")
    assert_session_taken(run(folder, node, "program.js", server.url))


def test_a_program_on_the_functions_of_orval_compiles_and_takes_a_session(
    node: Path, folder: Path, operation_ids: set[str], server: Served
) -> None:
    shutil.copy(HERE / "orval.config.js", folder)
    run(folder, node, NODE_MODULES / "orval/dist/bin/orval.mjs", "--config", "orval.config.js")
    generated = (folder / "generated.ts").read_text()
    assert set(re.findall(r"^export const (\w+) = async \(", generated, re.MULTILINE)) == operation_ids
    compile_program(node, folder, "orval.ts")
    assert_session_taken(run(folder, node, "program.js", server.url))
