"""The keys of this data folder that sign receipts and the tokens of beacons."""

import json
from dataclasses import replace
from pathlib import Path

from quiz_sessions.runtime.settings import Settings, SettingsError
from quiz_sessions.services.signing_keys import EDDSA, HS256, Algorithm, KeySet, rotated
from session_api.server.public_keys import KeysError


def with_keys(settings: Settings, data: Path) -> Settings:
    """The settings, with the keys of a data folder where they name none. Raises KeysError, OSError."""
    if settings.receipt_keys is None and settings.receipt_keys_secret_arn is None:
        settings = replace(settings, receipt_keys=receipt_keys(data))
    if settings.beacon_keys is None and settings.beacon_keys_secret_arn is None:
        settings = replace(settings, beacon_keys=beacon_keys(data))
    return settings


def receipt_keys(data: Path) -> str:
    """The keys as RECEIPT_KEYS takes them, made if there are none. Raises KeysError, OSError."""
    return _keys(data / "receipt_keys.json", EDDSA)


def beacon_keys(data: Path) -> str:
    """The keys as BEACON_KEYS takes them, made if there are none. Raises KeysError, OSError."""
    return _keys(data / "beacon_keys.json", HS256)


def _keys(file: Path, algorithm: Algorithm) -> str:
    if not file.exists():
        print(f"making keys in {file} ...", flush=True)
        # Before it holds anything: the keys must at no moment be open to others.
        file.touch(mode=0o600)
        file.write_text(json.dumps(rotated({}, algorithm)))
    try:
        text = file.read_text()
        KeySet.from_json(text, algorithm)
    except (SettingsError, UnicodeDecodeError):
        reason = f"none for {algorithm.name}; remove the file for new ones, which verify nothing older"
        raise KeysError(file, reason) from None
    return text
