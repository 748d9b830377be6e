"""The units for systemd, the container of one machine, and the commands in their document."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from one_machine.command import parser
from tests.harness.launch import ROOT
from tests.harness.needs import needs

UNITS = sorted((ROOT / "infra/local/systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = "/opt/quiz-sessions/.venv/bin/quiz-sessions"
DOCUMENT = (ROOT / "docs/one-machine.md").read_text()


def section(unit: Path, name: str) -> dict[str, str]:
    """The settings of a section, whose names are in small letters."""
    found = configparser.ConfigParser(strict=False, interpolation=None, delimiters=["="])
    found.read(unit)
    return dict(found[name])


@needs(shutil.which("systemd-analyze") is not None, "no systemd-analyze here")
def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        # What is installed on the machine that they are for.
        text = unit.read_text().replace(PROGRAM, "/bin/true").replace("=quiz-sessions\nG", "=daemon\nG")
        (tmp_path / unit.name).write_text(text.replace("Group=quiz-sessions", "Group=daemon"))
    units = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_there_is(unit: Path) -> None:
    program, *arguments = shlex.split(section(unit, "Service")["execstart"])
    assert program == PROGRAM
    assert str(parser().parse_args(arguments).data) == "/var/lib/quiz-sessions"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_runs_without_rights(unit: Path) -> None:
    settings = section(unit, "Service")
    assert settings["user"] == "quiz-sessions"
    assert settings["capabilityboundingset"] == ""
    assert (settings["nonewprivileges"], settings["protectsystem"]) == ("true", "strict")


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    """The service of the composition."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "infra/local/compose.yaml").read_text())
    service: dict[str, Any] = found["services"]["service"]
    assert {volume.partition(":")[0] for volume in service["volumes"]} <= found["volumes"].keys()
    return service


def test_the_composed_service_has_limits_no_rights_and_comes_back(composed: dict[str, Any]) -> None:
    assert composed["restart"] == "unless-stopped"
    assert {"mem_limit", "pids_limit", "ulimits", "logging"} <= composed.keys()
    assert (composed["read_only"], composed["cap_drop"]) == (True, ["ALL"])
    # Until somebody puts a proxy in front of it.
    assert composed["ports"] == ["127.0.0.1:8002:8002"]


def test_the_image_of_one_machine_has_a_user_a_check_and_no_secret() -> None:
    text = (ROOT / "infra/container/machine.Dockerfile").read_text()
    assert "USER 10001:10001" in text
    assert "HEALTHCHECK" in text
    assert "SECRET" not in text.upper()
    (command,) = re.findall(r'^CMD \["quiz-sessions", (.*)\]$', text, re.MULTILINE)
    options = parser().parse_args(word.strip('"') for word in command.split(", "))
    assert (options.command, options.host) == ("serve", "0.0.0.0")


def test_every_command_of_the_document_is_one_that_there_is() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    text = "".join(blocks).replace("\\\n", " ")
    commands = re.findall(r"(?:/bin/|service +)quiz-sessions ([a-z].*)", text)
    found = [shlex.split(command, comments=True) for command in commands]
    assert {words[0] for words in found} >= {"backup", "restore", "doctor", "drain", "version"}
    for words in found:
        parser().parse_args(words)
