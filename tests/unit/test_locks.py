"""Nothing is installed that is not locked with its hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTAINERS = sorted(ROOT.glob("infra/container/requirements*.txt"))
LOCKS = sorted(
    [*CONTAINERS, *ROOT.glob("infra/local/requirements-*.txt"), *ROOT.glob("layers/*/requirements.txt")]
)
MAKEFILES = [ROOT / "Makefile", *ROOT.glob("layers/*/Makefile")]
REQUIREMENT = re.compile(
    r"""(?P<name>[a-z0-9][a-z0-9-]*) (?:\[[a-z0-9,-]+\])? == (?P<version>[0-9][0-9a-z.!+]*)
    (?:\ ;\ (?P<marker>[^@#]+?))? (?P<hashes>(?:\ --hash=sha256:[0-9a-f]{64})+)""",
    re.VERBOSE,
)


def lines(file: Path) -> list[str]:
    """The lines of a file without comments, continued ones put together."""
    text = re.sub(r"\\\n\s*", "", file.read_text())
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def locked_in(lock: Path) -> dict[str, str]:
    """Name -> version."""
    matches = map(REQUIREMENT.fullmatch, lines(lock))
    return {match["name"]: match["version"] for match in matches if match}


def installs() -> list[str]:
    """Every command of ours that installs packages."""
    return [
        line
        for makefile in MAKEFILES
        for line in ";".join(lines(makefile)).split(";")
        if re.search(r"\bpip3? +(install|download|sync)\b", line)
    ]


def name_of(lock: Path) -> str:
    return str(lock.relative_to(ROOT))


@pytest.mark.parametrize("lock", LOCKS, ids=name_of)
def test_every_line_is_one_version_with_hashes_and_nothing_else(lock: Path) -> None:
    found = lines(lock)
    assert found
    assert [line for line in found if not REQUIREMENT.fullmatch(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "boto3==1.44.5",
        f"boto3>=1.44.5 --hash=sha256:{'0' * 64}",
        f"boto3==1.44.5 --hash=md5:{'0' * 32}",
        f"boto3==1.* --hash=sha256:{'0' * 64}",
        f"boto3 @ https://example.com/boto3.whl --hash=sha256:{'0' * 64}",
        f"https://example.com/boto3.whl --hash=sha256:{'0' * 64}",
        "--index-url https://example.com/simple",
        "--extra-index-url https://example.com/simple",
        "--find-links wheels",
        "-e .",
    ],
)
def test_what_is_not_locked_would_be_seen(line: str) -> None:
    assert not REQUIREMENT.fullmatch(line)


def test_every_installation_takes_hashes_or_is_our_own_folder() -> None:
    found = installs()
    assert len(found) >= 9
    for command in found:
        if re.search(r"(?<= )(-r|--requirement)\b", command):
            assert "--require-hashes" in command, command
        else:
            assert re.search(r"--no-deps --no-build-isolation -e [a-z./]+$", command), command


def test_every_lock_is_compiled_by_make_lock() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("$(LOCKS)", "infra/local/requirements")
    compiled = set(re.findall(r"-o (\S+\.txt)", makefile))
    assert compiled == {name_of(lock) for lock in LOCKS}


def test_the_layer_holds_no_package_that_is_built_on_the_way() -> None:
    (command,) = [command for command in installs() if "ARTIFACTS_DIR" in command]
    assert "--only-binary :all:" in command
    assert "--no-deps" in command


def test_what_the_service_needs_is_what_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {re.split(r"[\[>=<~! ]", each)[0] for each in project["project"]["dependencies"]}
    locked = locked_in(ROOT / "layers/quiz_sessions/requirements.txt")
    assert needed <= locked.keys()


def test_what_is_deployed_and_the_tests_have_the_same_versions() -> None:
    dev = locked_in(ROOT / "infra/local/requirements-dev.txt")
    assert len(CONTAINERS) == 2
    for deployed in (ROOT / "layers/quiz_sessions/requirements.txt", *CONTAINERS):
        assert locked_in(deployed).items() <= dev.items()
