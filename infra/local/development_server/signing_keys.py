"""The keys of a data folder that sign receipts and the tokens of beacons.

They are made for a new folder. In one that has been used they are never made by themselves: whatever the lost
ones have signed would be called a forgery. `quiz-sessions keys` makes them.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from quiz_sessions.runtime.settings import Settings, SettingsError
from quiz_sessions.services.signing_keys import EDDSA, HS256, Algorithm, KeySet, rotated
from session_api.server.public_keys import KeysError

from .stores import PORTS_FILE

UNREADABLE: Final = ""
"""Stands for keys that there must be and that can't be read."""
_RECEIPT_KEYS = "receipt_keys.json"
_BEACON_KEYS = "beacon_keys.json"
_REMEDY = (
    "put it back from a backup and start again, or make new keys, which verify nothing older: "
    "quiz-sessions keys"
)

_log = logging.getLogger(__name__)


def with_keys(settings: Settings, data: Path) -> Settings:
    """The settings, with the keys of a data folder where they name none. Raises OSError.

    Keys that can't be read are said, and no reason not to start: answers are kept without them. Nothing is
    signed then, and nobody is told that a receipt is not genuine.
    """
    if settings.receipt_keys_secret_arn is None:
        settings = replace(settings, receipt_keys=_readable(settings.receipt_keys, data, EDDSA))
    if settings.beacon_keys_secret_arn is None:
        settings = replace(settings, beacon_keys=_readable(settings.beacon_keys, data, HS256))
    return settings


def receipt_keys(data: Path) -> str:
    """The keys as RECEIPT_KEYS takes them, made if the folder is new. Raises KeysError, OSError."""
    return _keys(data / _RECEIPT_KEYS, EDDSA)


def beacon_keys(data: Path) -> str:
    """The keys as BEACON_KEYS takes them, made if the folder is new. Raises KeysError, OSError."""
    return _keys(data / _BEACON_KEYS, HS256)


def make_missing(data: Path) -> list[str]:
    """Make the keys that are missing or damaged; the latter are set aside. Returns what was done.

    Raises OSError.
    """
    done: list[str] = []
    for file, algorithm in ((data / _RECEIPT_KEYS, EDDSA), (data / _BEACON_KEYS, HS256)):
        if file.exists():
            try:
                _read(file, algorithm)
                continue
            except KeysError:
                aside = _free_name(file)
                file.rename(aside)
                done.append(f"set {file} aside as {aside.name}")
        _make(file, algorithm)
        done.append(f"made keys in {file}")
    return done


def _readable(given: str | None, data: Path, algorithm: Algorithm) -> str:
    what = "receipts" if algorithm is EDDSA else "beacons"
    try:
        if given is None:
            return receipt_keys(data) if algorithm is EDDSA else beacon_keys(data)
        KeySet.from_json(given, algorithm)
    except (KeysError, SettingsError) as error:
        _log.error("no %s are signed or verified: %s", what, error)
        return UNREADABLE
    return given


def _keys(file: Path, algorithm: Algorithm) -> str:
    if not file.exists():
        if (file.parent / PORTS_FILE).exists():
            raise KeysError(file, f"missing; {_REMEDY}")
        print(f"making keys in {file} ...", flush=True)
        _make(file, algorithm)
    return _read(file, algorithm)


def _make(file: Path, algorithm: Algorithm) -> None:
    # Before it holds anything: the keys must at no moment be open to others.
    file.touch(mode=0o600)
    file.write_text(json.dumps(rotated({}, algorithm)))


def _read(file: Path, algorithm: Algorithm) -> str:
    try:
        text = file.read_text()
        KeySet.from_json(text, algorithm)
    except (SettingsError, UnicodeDecodeError):
        raise KeysError(file, f"none for {algorithm.name}; {_REMEDY}") from None
    except OSError as error:
        raise KeysError(file, error.strerror or error) from error
    return text


def _free_name(file: Path) -> Path:
    number = 1
    while (aside := file.with_name(f"{file.name}.damaged-{number}")).exists():
        number += 1
    return aside
