"""Writes a bill of materials of the built functions and their layer, in CycloneDX format: `make sbom`.

It reads what `sam build` has installed, not the lock files, and refuses packages that differ from their
RECORD.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


class BuildError(Exception):
    """The build is missing or not as its packages describe it."""


def folders(build: Path) -> list[Path]:
    """The folders with the packages of the layers and of the functions."""
    layers = sorted(build.glob("ServiceLayer*/python"))
    return [*layers, *sorted(folder for folder in build.glob("*Function") if folder.is_dir())]


def bill(build: Path) -> Bom:
    """The bill of materials of the build in `build`.

    Raises:
        BuildError: there is no build, or a file differs from its package's RECORD.
    """
    found = folders(build)
    if not any(folder.parent.name.startswith("ServiceLayer") for folder in found):
        raise BuildError(f"no layer in {build}: run `make build`")
    bom = Bom()
    bom.metadata.tools.components.add(this_component())
    root = Component(name="quiz-sessions", type=ComponentType.APPLICATION, bom_ref="quiz-sessions")
    bom.metadata.component = root
    for folder in found:
        place = folder.relative_to(build).parts[0]
        part = Component(name=place, type=ComponentType.APPLICATION, bom_ref=place)
        bom.components.add(part)
        bom.register_dependency(root, [part])
        packages = [_component(package, folder, place) for package in distributions(path=[str(folder)])]
        bom.components.update(packages)
        bom.register_dependency(part, packages)
    return bom


def _component(package: Distribution, folder: Path, place: str) -> Component:
    for wrong in _changed(package, folder):
        raise BuildError(f"{place}: {wrong} is not as {package.name} {package.version} has it")
    record = package.read_text("RECORD") or ""
    purl = PackageURL("pypi", name=package.name.lower().replace("_", "-"), version=package.version)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=f"{place}/{package.name}@{package.version}",
        licenses=[LicenseFactory().make_from_string(licence)] if (licence := _licence(package)) else [],
        properties=[
            Property(name="quiz-sessions:found-in", value=place),
            # RECORD has the hash of each file, so this covers them all.
            Property(name="quiz-sessions:record-sha256", value=hashlib.sha256(record.encode()).hexdigest()),
        ],
    )


def _licence(package: Distribution) -> str | None:
    for field in ("License-Expression", "License"):
        if field in package.metadata:
            # If this is the whole licence, its first line is the name.
            return package.metadata[field].splitlines()[0]
    classifiers = package.metadata.get_all("Classifier") or []
    return next((each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")), None)


def _changed(package: Distribution, folder: Path) -> Iterator[str]:
    """The installed files whose hash differs from RECORD; files that the build leaves out are ignored."""
    for file in package.files or ():
        if file.hash is None or not (path := folder / file).is_file():
            continue
        found = hashlib.new(file.hash.mode, path.read_bytes()).digest()
        if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != file.hash.value:
            yield str(file)


def write(bom: Bom, target: Path) -> int:
    """Write the document; returns how many packages are in it.

    Raises:
        BuildError: the document is not valid CycloneDX.
    """
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise BuildError(f"no valid document: {error}")
    target.write_text(text + "\n")
    return sum(component["type"] == "library" for component in json.loads(text)["components"])


def main(build: Path, target: Path) -> int:
    """Write the bill of materials of `build` to `target`; returns the exit code."""
    try:
        count = write(bill(build), target)
    except BuildError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    print(f"sbom: {count} packages in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
