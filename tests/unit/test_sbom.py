"""The bill of materials of a build that the tests make up."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import sbom


def install(folder: Path, name: str, version: str, **metadata: str) -> Path:
    """A package of one module, as an installer leaves it; returns the module."""
    module = folder / f"{name}.py"
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    module.write_text(f"VERSION = {version!r}\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(module.read_bytes()).digest()).rstrip(b"=").decode()
    fields = {"Metadata-Version": "2.4", "Name": name, "Version": version, **metadata}
    (info / "METADATA").write_text(
        "".join(f"{field.replace('_', '-')}: {text}\n" for field, text in fields.items())
    )
    (info / "RECORD").write_text(
        f"{name}.py,sha256={digest},1\n{info.name}/RECORD,,\nbin/{name},sha256=x,1\n"
    )
    return module


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build with one layer of one package, and one function."""
    install(tmp_path / "ServiceLayerArm64/python", "tool_box", "1.2.3", License_Expression="MIT")
    (tmp_path / "SessionApiFunction").mkdir()
    return tmp_path


def written(build: Path) -> dict[str, Any]:
    target = build / "sbom.json"
    assert sbom.main(build, target) == 0
    document: dict[str, Any] = json.loads(target.read_text())
    return document


def test_a_package_is_named_with_version_licence_and_purl(build: Path) -> None:
    (package,) = [each for each in written(build)["components"] if each["type"] == "library"]
    assert (package["name"], package["version"]) == ("tool_box", "1.2.3")
    assert package["purl"] == "pkg:pypi/tool-box@1.2.3"
    assert package["licenses"] == [{"license": {"id": "MIT"}}]


def test_it_is_told_in_which_part_a_package_lies(build: Path) -> None:
    install(build / "ServiceLayerX8664/python", "tool_box", "1.2.3")
    found = {each["bom-ref"] for each in written(build)["components"] if each["type"] == "library"}
    assert found == {"ServiceLayerArm64/tool_box@1.2.3", "ServiceLayerX8664/tool_box@1.2.3"}


def test_a_package_in_a_function_is_found_too(build: Path) -> None:
    install(build / "SessionApiFunction", "smuggled", "6.6.6")
    assert "pkg:pypi/smuggled@6.6.6" in {each.get("purl") for each in written(build)["components"]}


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ({"License": "BSD-3-Clause"}, {"license": {"id": "BSD-3-Clause"}}),
        ({"License": "Apache License 2.0"}, {"license": {"name": "Apache License 2.0"}}),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, {"license": {"name": "MIT License"}}),
        ({"License_Expression": "MIT OR Apache-2.0"}, {"expression": "MIT OR Apache-2.0"}),
    ],
)
def test_a_licence_is_found_wherever_it_stands(
    build: Path, metadata: dict[str, str], licence: object
) -> None:
    install(build / "ServiceLayerArm64/python", "other", "1", **metadata)
    (package,) = [each for each in written(build)["components"] if each["name"] == "other"]
    assert package["licenses"] == [licence]


def test_a_file_that_was_changed_is_refused(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (build / "ServiceLayerArm64/python/tool_box.py").write_text("VERSION = 'mine'\n")
    assert sbom.main(build, build / "sbom.json") == 1
    assert "tool_box.py is not as tool_box 1.2.3 has it" in capsys.readouterr().err
    assert not (build / "sbom.json").exists()


def test_without_a_layer_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "SessionApiFunction").mkdir()
    assert sbom.main(tmp_path, tmp_path / "sbom.json") == 1
    assert "make build" in capsys.readouterr().err
