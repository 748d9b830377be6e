"""The development server's keys: made once, for their owner alone, and never in the place of lost ones."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from development_server.signing_keys import (
    UNREADABLE,
    beacon_keys,
    make_missing,
    receipt_keys,
    with_keys,
)
from one_machine.command import main
from quiz_sessions.domain.errors import SecretUnavailableError
from quiz_sessions.runtime.settings import Settings
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.receipts import Receipts
from quiz_sessions.services.signing_keys import EDDSA, HS256, Algorithm, KeySet, rotated
from quiz_sessions.stores import secrets_manager
from session_api.server.public_keys import KeysError

BOTH = pytest.mark.parametrize(
    ("keys", "name", "algorithm"),
    [(receipt_keys, "receipt_keys.json", EDDSA), (beacon_keys, "beacon_keys.json", HS256)],
    ids=["receipts", "beacons"],
)
Keys = Callable[[Path], str]
SETTINGS = Settings(database_url="postgresql://quiz@127.0.0.1:1/quiz", database_secret_arn=None, redis_url="")
DAMAGED = [b"", b"{}", b"\xff", b'{"current": "k1", "keys": {"k1": "c2VjcmV0"}}']


def used(folder: Path) -> Path:
    """A folder that a server has run on."""
    (folder / "ports.json").write_text("{}")
    return folder


@BOTH
def test_keys_are_made_once_and_said(
    keys: Keys, name: str, algorithm: Algorithm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = keys(tmp_path)
    assert KeySet.from_json(made, algorithm).current
    assert capsys.readouterr().out == f"making keys in {tmp_path / name} ...\n"
    assert keys(used(tmp_path)) == made
    assert capsys.readouterr().out == ""


@BOTH
def test_keys_are_open_to_nobody_else(keys: Keys, name: str, algorithm: Algorithm, tmp_path: Path) -> None:
    keys(tmp_path)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@BOTH
@pytest.mark.parametrize("damaged", DAMAGED)
def test_damaged_keys_are_kept_and_told_without_what_is_in_them(
    keys: Keys, name: str, algorithm: Algorithm, tmp_path: Path, damaged: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(damaged)
    with pytest.raises(KeysError, match=f"{name}: none for {algorithm.name}") as refused:
        keys(tmp_path)
    assert "c2VjcmV0" not in str(refused.value)
    assert file.read_bytes() == damaged


@BOTH
def test_keys_that_a_used_folder_has_lost_are_not_made_anew(
    keys: Keys, name: str, algorithm: Algorithm, tmp_path: Path
) -> None:
    with pytest.raises(KeysError, match=f"{name}: missing"):
        keys(used(tmp_path))
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("damaged", [None, *DAMAGED])
async def test_without_the_keys_it_starts_says_so_and_calls_no_receipt_a_forgery(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: bytes | None
) -> None:
    beacon_keys(tmp_path)
    if damaged is not None:
        (tmp_path / "receipt_keys.json").write_bytes(damaged)
    settings = with_keys(SETTINGS, used(tmp_path))
    (line,) = caplog.records
    assert (line.levelno, "receipt_keys.json" in line.getMessage()) == (logging.ERROR, True)
    assert line.getMessage().startswith("no receipts are signed or verified: ")
    receipts = Receipts(secrets_manager.receipt_keys(settings), Telemetry())
    with pytest.raises(SecretUnavailableError):
        await receipts.verify("a.receipt.of-the-lost-keys")
    assert settings.beacon_keys == beacon_keys(tmp_path)


def test_keys_of_the_environment_that_are_none_are_said_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = with_keys(
        Settings(
            database_url=None,
            database_secret_arn=None,
            redis_url="",
            receipt_keys="c2VjcmV0",
            beacon_keys=json.dumps(rotated({}, HS256)),
        ),
        tmp_path,
    )
    assert settings.receipt_keys == UNREADABLE
    assert len(caplog.records) == 1
    assert "c2VjcmV0" not in caplog.text
    assert not (tmp_path / "receipt_keys.json").exists()


def test_new_keys_are_made_when_they_are_asked_for_and_damaged_ones_are_kept(tmp_path: Path) -> None:
    (used(tmp_path) / "receipt_keys.json").write_text("damaged")
    done = make_missing(tmp_path)
    assert len(done) == 3
    assert KeySet.from_json(receipt_keys(tmp_path), EDDSA).current
    assert KeySet.from_json(beacon_keys(tmp_path), HS256).current
    assert (tmp_path / "receipt_keys.json.damaged-1").read_text() == "damaged"
    assert stat.S_IMODE((tmp_path / "receipt_keys.json").stat().st_mode) == 0o600


def test_keys_that_can_be_read_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = receipt_keys(tmp_path), beacon_keys(tmp_path)
    capsys.readouterr()
    assert main(["keys", "--data", str(tmp_path)], {}) == 0
    assert capsys.readouterr().out == "nothing to do: the keys can be read\n"
    assert (receipt_keys(tmp_path), beacon_keys(tmp_path)) == before


def test_a_folder_that_is_not_there_gets_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--data", str(tmp_path / "none")], {}) == 1
    assert capsys.readouterr().err.startswith("quiz-sessions keys: ")
