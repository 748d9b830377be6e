"""The development server's keys: made once, for their owner alone."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from development_server.signing_keys import beacon_keys, receipt_keys
from quiz_sessions.services.signing_keys import EDDSA, HS256, Algorithm, KeySet
from session_api.server.public_keys import KeysError

BOTH = pytest.mark.parametrize(
    ("keys", "name", "algorithm"),
    [(receipt_keys, "receipt_keys.json", EDDSA), (beacon_keys, "beacon_keys.json", HS256)],
    ids=["receipts", "beacons"],
)
Keys = Callable[[Path], str]


@BOTH
def test_keys_are_made_once_and_said(
    keys: Keys, name: str, algorithm: Algorithm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = keys(tmp_path)
    assert KeySet.from_json(made, algorithm).current
    assert capsys.readouterr().out == f"making keys in {tmp_path / name} ...\n"
    assert keys(tmp_path) == made
    assert capsys.readouterr().out == ""


@BOTH
def test_keys_are_open_to_nobody_else(keys: Keys, name: str, algorithm: Algorithm, tmp_path: Path) -> None:
    keys(tmp_path)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@BOTH
@pytest.mark.parametrize("damaged", [b"", b"{}", b"\xff", b'{"current": "k1", "keys": {"k1": "c2VjcmV0"}}'])
def test_damaged_keys_are_kept_and_told_without_what_is_in_them(
    keys: Keys, name: str, algorithm: Algorithm, tmp_path: Path, damaged: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(damaged)
    with pytest.raises(KeysError, match=f"{name}: none for {algorithm.name}") as refused:
        keys(tmp_path)
    assert "c2VjcmV0" not in str(refused.value)
    assert file.read_bytes() == damaged
