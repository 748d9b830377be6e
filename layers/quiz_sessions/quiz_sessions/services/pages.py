"""How much of a session's record one reply holds."""

from __future__ import annotations

from ..domain.errors import InvalidInputError
from ..domain.validation import MAX_INTEGER

MAX_PAGE = 200
MAX_PAGE_BYTES = 3 * 1024 * 1024 // 2
"""Bytes of events on a page, which only a single event may exceed.

A Lambda function's reply is limited to 6 MB, and as many as half of its characters may have to be escaped.
"""


def check_limit(limit: int) -> None:
    """Refuse a length of pages that is out of range.

    Raises:
        InvalidInputError: it is.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInputError(f"limit must be from 1 to {MAX_PAGE}.", member="limit")


def check_page(after: int, limit: int) -> None:
    """Refuse a page of events that can't be asked for.

    Raises:
        InvalidInputError: `after` is no revision, or `limit` is out of range.
    """
    check_limit(limit)
    if not -1 <= after <= MAX_INTEGER:
        raise InvalidInputError("after must be a revision.", member="after")
