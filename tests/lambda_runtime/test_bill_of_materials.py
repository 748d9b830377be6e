"""The bill of materials of what `sam build` made."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import sbom
from localstack_server import HOW_TO_INSTALL
from tests.harness.launch import ROOT
from tests.harness.needs import needs
from tests.lambda_runtime.test_built_artefact import BUILD, PYTHON

pytestmark = needs(PYTHON.exists(), f"nothing is built: {HOW_TO_INSTALL}")
LOCK = ROOT / "layers/quiz_sessions/requirements.txt"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    target: Path = tmp_path_factory.mktemp("bill") / "sbom.json"
    assert sbom.main(BUILD, target) == 0
    components: list[dict[str, Any]] = json.loads(target.read_text())["components"]
    return [component for component in components if component["type"] == "library"]


def test_everything_built_is_locked_at_its_version(packages: list[dict[str, Any]]) -> None:
    locked = {
        f"pkg:pypi/{name}@{version}"
        for name, version in re.findall(r"^([^\s=]+)==(\S+)", LOCK.read_text(), re.M)
    }
    assert {package["purl"] for package in packages} - locked == set()


def test_each_layer_has_all_that_the_service_names(packages: list[dict[str, Any]]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = {re.split(r"[\[>=<~! ]", each)[0] for each in project["project"]["dependencies"]}
    for layer in ("ServiceLayerArm64", "ServiceLayerX8664"):
        built = {
            package["purl"].removeprefix("pkg:pypi/").partition("@")[0]
            for package in packages
            if package["bom-ref"].startswith(f"{layer}/")
        }
        assert named - built == set()


def test_a_function_has_no_package_of_its_own(packages: list[dict[str, Any]]) -> None:
    assert [
        package["bom-ref"] for package in packages if not package["bom-ref"].startswith("ServiceLayer")
    ] == []
