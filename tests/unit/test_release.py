"""What a release says of itself is the same in every place."""

from __future__ import annotations

import json
import re
import tomllib

import quiz_sessions
from tests.harness.launch import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    releases = re.findall(r"^## \[(\d[^]]*)\] - \d{4}-\d\d-\d\d$", CHANGELOG, re.MULTILINE)
    assert releases[0] == quiz_sessions.__version__


def test_every_release_says_how_to_upgrade() -> None:
    for release in re.split(r"^## \[(?=\d)", CHANGELOG, flags=re.MULTILINE)[1:]:
        assert "\n### Upgrading\n" in release


def test_the_library_of_browsers_has_the_version_and_the_licence() -> None:
    package = json.loads((ROOT / "clients/browser/package.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (package["version"], package["license"]) == (quiz_sessions.__version__, project["license"])


def test_the_licence_is_there_as_a_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
