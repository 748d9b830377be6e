"""Numbers as files write them."""

from __future__ import annotations

import re
from decimal import Decimal

from .model import Number

_NUMBER = re.compile(r"[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,3})?", re.ASCII)


def decimal_of(text: str | None) -> Decimal | None:
    """The number that a text is; None for any other text."""
    stripped = (text or "").strip()
    return Decimal(stripped) if _NUMBER.fullmatch(stripped) else None


def number_of(text: str | None) -> Number | None:
    """The number that a text is, an integer where it is one; None for any other text."""
    found = decimal_of(text)
    return None if found is None else plain(found)


def plain(number: Decimal) -> Number:
    """The same number, as JSON has it."""
    if number == number.to_integral_value() and abs(number) < Decimal(10) ** 15:
        return int(number)
    return float(number)


def middle(low: Decimal, high: Decimal) -> tuple[Number, Number]:
    """The key and the tolerance with which exactly the numbers from `low` to `high` are right."""
    return plain((low + high) / 2), plain(abs(high - low) / 2)


def seconds_of(text: str | None) -> int | None:
    """A time in whole seconds, at least 1; None for what is no number above 0."""
    found = decimal_of(text)
    return None if found is None or found <= 0 else max(1, int(found))
