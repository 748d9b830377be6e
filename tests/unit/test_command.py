"""`quiz-sessions`: its commands, what they say where they can't, and the settings of a data folder."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import one_machine.command
import quiz_sessions
from one_machine.command import COMMANDS, main
from one_machine.machine import CommandError, settings_of
from tests.harness.launch import ROOT


def test_the_program_is_installed_with_the_package() -> None:
    (found,) = entry_points(group="console_scripts", name="quiz-sessions")
    assert found.load() is one_machine.command.run


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    file = ROOT / project["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{quiz_sessions.__version__}"' in file.read_text()
    assert version("quiz-sessions") == quiz_sessions.__version__


def test_it_says_its_version_and_those_of_what_it_runs_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"], {}) == 0
    said = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert said["quiz-sessions"] == quiz_sessions.__version__
    assert said["PostgreSQL"].startswith("18.")
    assert said["Valkey"].startswith("9.")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_how_it_is_used(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"], {})
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: quiz-sessions {name} ")
    assert (COMMANDS[name].__doc__ or "").split()[0] in said


@pytest.mark.parametrize("arguments", [[], ["heal"], ["backup"], ["backup", "--keep", "0", "there"]])
def test_wrong_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments, {})
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: quiz-sessions ")


@pytest.mark.parametrize("command", [["drain"], ["backup", "{folder}/backups"]])
def test_a_folder_without_data_is_told_in_one_line(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(folder=tmp_path) for word in command]
    assert main([*words, "--data", str(tmp_path / "none")], {}) == 1
    said = f"there is no data in {tmp_path / 'none'}: --data names the folder of the service\n"
    assert capsys.readouterr() == ("", f"quiz-sessions {command[0]}: {said}")
    assert not (tmp_path / "none").exists()


def test_settings_stand_in_the_data_folder_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text(
        "# of this machine\n\nPORT=9000\nAUTH_MODE=\"jwt\"\nJWT_ISSUER='https://id.example.org/a b'\nEMPTY=\n"
        "DATABASE_URL=postgresql://u:p#ss@h/quiz?a=b\n"
    )
    assert settings_of(tmp_path, {"PORT": "9001", "PATH": "/bin"}) == {
        "PORT": "9001",
        "PATH": "/bin",
        "AUTH_MODE": "jwt",
        "JWT_ISSUER": "https://id.example.org/a b",
        "EMPTY": "",
        "DATABASE_URL": "postgresql://u:p#ss@h/quiz?a=b",
    }


def test_without_settings_there_is_the_environment(tmp_path: Path) -> None:
    assert settings_of(tmp_path, {"PORT": "9001"}) == {"PORT": "9001"}


@pytest.mark.parametrize("line", ["export PORT=1", "PORT", "port=1", 'PORT="1', "PORT = 1", "=secret"])
def test_a_line_that_is_no_setting_is_told_by_its_number_alone(tmp_path: Path, line: str) -> None:
    (tmp_path / "settings.env").write_text(f"PORT=1\n{line}\n")
    with pytest.raises(CommandError, match=r"^line 2 of \S+settings.env is not NAME=value$"):
        settings_of(tmp_path, {})
