"""Verifies a receipt without asking the service, by two libraries: pip install 'pyjwt[crypto]' rfc8785

    python verify_receipt.py RECEIPT ANSWERS JWKS

Three files: the receipt, the answers as JSON, and what GET /.well-known/jwks.json said. It prints what it
found; the exit code is 0 if the receipt is genuine and for these answers.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import rfc8785


def answers_sha256(answers: str) -> str | None:
    """The hash of answers, given as JSON text; None if a number is beyond the range of doubles."""
    try:
        # Every number is its nearest double, as in a browser.
        return hashlib.sha256(rfc8785.dumps(json.loads(answers, parse_int=float))).hexdigest()
    except rfc8785.FloatDomainError:
        return None


def verify_receipt(receipt: str, answers: str, jwks: dict[str, Any]) -> dict[str, Any]:
    """`answersMatch` is null where doubles can't tell, or the receipt is not genuine."""
    try:
        header = jwt.get_unverified_header(receipt)
        key = jwt.PyJWKSet.from_dict(jwks)[header.get("kid", "")]
        payload = jwt.decode(receipt, key, algorithms=["EdDSA"])
        if header["typ"] != "receipt+jws":
            raise KeyError
    except (jwt.PyJWTError, KeyError):
        return dict.fromkeys(("answersMatch", "sessionId", "version", "committedAt")) | {"genuine": False}
    digest = answers_sha256(answers)
    return {
        "genuine": True,
        "answersMatch": None if digest is None else digest == payload["answers_sha256"],
        "sessionId": payload["session_id"],
        "version": payload["version"],
        "committedAt": datetime.fromtimestamp(payload["committed_at"], UTC).isoformat(),
    }


if __name__ == "__main__":
    given, sent, published = (Path(name).read_text(encoding="utf-8") for name in sys.argv[1:])
    found = verify_receipt(given.strip(), sent, json.loads(published))
    sys.stdout.write(json.dumps(found) + "\n")
    sys.exit(0 if found["genuine"] and found["answersMatch"] else 1)
