"""Base64url without padding, as JSON Web Signatures and Keys have it (RFC 7515, 2)."""

from __future__ import annotations

import base64


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of a text that `encode` could have written.

    Raises:
        ValueError: it could not: padded, with other characters, or with bits that are no part of a byte.
    """
    value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    # Several texts stand for the same bytes.
    if encode(value) != text:
        raise ValueError("This is not canonical base64url.")
    return value
