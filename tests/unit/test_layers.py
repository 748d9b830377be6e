"""The borders of the package: each layer imports from those below it and from no others."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/quiz_sessions/quiz_sessions"
LAYERS = ["runtime", "domain", "stores", "services", "bootstrap", "manager"]
"""From the lowest to the highest. `runtime` serves all; `manager` is a way to the factory."""
DRIVERS = {"psycopg", "psycopg_pool", "redis", "boto3", "botocore", "urllib3"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[tuple[str, str]]:
    """Of each import of a module, its layer ("" where it is not ours) and its first name."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (("", alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield "", (node.module or "").split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            folder = module.parents[node.level - 1]
            for alias in node.names:
                found = folder.joinpath(*(node.module or alias.name).split("."))
                yield layer_of(found), found.name


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_a_module_imports_from_its_own_layer_and_those_below(module: Path) -> None:
    own = layer_of(module)
    if own == "__init__":
        assert list(imports(module)) == []
        return
    allowed = {"", *LAYERS[: LAYERS.index(own) + 1]} - ({"runtime"} if own == "domain" else set())
    assert {layer for layer, _ in imports(module)} <= allowed


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_only_stores_know_drivers_and_nothing_knows_the_web_framework(module: Path) -> None:
    foreign = {name for layer, name in imports(module) if layer == ""}
    assert foreign.isdisjoint({"fastapi", "starlette", "mangum", "pydantic", "session_api"})
    if layer_of(module) != "stores":
        assert foreign.isdisjoint(DRIVERS)


def test_no_module_has_the_name_of_one_of_the_standard_library() -> None:
    folders = ("layers", "functions", "infra", "tests")
    names = {path.stem: path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    assert {names[name] for name in names.keys() & sys.stdlib_module_names} == set()


FUNCTIONS = ROOT / "functions"
SERVER = FUNCTIONS / "session_api/server"
OUTSIDE_OF_SERVER = [path for path in FUNCTIONS.rglob("*.py") if not path.is_relative_to(SERVER)]


@pytest.mark.parametrize("module", OUTSIDE_OF_SERVER, ids=lambda module: str(module.relative_to(FUNCTIONS)))
def test_no_function_imports_what_the_container_alone_has(module: Path) -> None:
    names = {
        name
        for node in ast.walk(ast.parse(module.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {name.split(".")[0] for name in names}.isdisjoint(
        {"uvicorn", "uvloop", "httptools", "jwt", "httpx"}
    )
    assert not [name for name in names if name.removeprefix("session_api.").split(".")[0] == "server"]
