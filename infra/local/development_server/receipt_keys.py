"""The key that signs the receipts of this data folder."""

import base64
import json
import secrets
from pathlib import Path

from quiz_sessions.services.receipts import MIN_KEY_BYTES


def receipt_keys(data: Path) -> str:
    """The keys as RECEIPT_KEYS takes them, made if there are none. Raises OSError."""
    file = data / "receipt_keys.json"
    if not file.exists():
        key = base64.urlsafe_b64encode(secrets.token_bytes(MIN_KEY_BYTES)).decode()
        # Before it holds anything: the key must at no moment be open to others.
        file.touch(mode=0o600)
        file.write_text(json.dumps({"current": "local", "keys": {"local": key}}))
    return file.read_text()
