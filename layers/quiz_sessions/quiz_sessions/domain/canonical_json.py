"""Canonical JSON (RFC 8785, "JCS"): the one text of a JSON value, for hashes that others compute too.

Numbers are what a browser makes of them: each is its nearest double, in ECMAScript's notation. Integers
beyond the range of doubles, of which RFC 8785 has nothing, are written in plain digits.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Final

from .json_values import Json

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
"""Python escapes what RFC 8785 has escaped, in the same way."""
_MAYBE_OTHERWISE: Final = tuple(
    map(re.compile, (r"e(?<=[0-9]e)", r"\.0(?![0-9])", "[0-9]{16}", "[\ue000-\U0010ffff]"))
)
"""What Python may write otherwise: some numbers, and the order of names with characters beyond surrogates."""
_LITERALS: Final = {None: "null", True: "true", False: "false"}
_MAX_SAFE_INTEGER: Final = 2**53 - 1


def canonical_json(value: Json) -> str:
    """The canonical text of a JSON value whose numbers are finite."""
    # Most values are written at once: a session may have a hundred thousand of them.
    text = _encode(value)
    return _canonical(value) if any(found.search(text) for found in _MAYBE_OTHERWISE) else text


def _canonical(value: Json) -> str:
    if isinstance(value, str):
        return _encode(value)
    if isinstance(value, dict):
        members = [f"{_encode(key)}:{_canonical(value[key])}" for key in sorted(value, key=_utf_16)]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if value is None or isinstance(value, bool):
        return _LITERALS[value]
    return _number(value)


def _utf_16(key: str) -> bytes:
    return key.encode("utf-16-be")


def _number(value: float) -> str:
    """As ECMA-262 has it (Number::toString): Python finds the same digits, and may write them otherwise."""
    if isinstance(value, int) and abs(value) <= _MAX_SAFE_INTEGER:
        return str(value)
    try:
        text = repr(float(value))
    except OverflowError:
        return str(value)
    if "e" not in text:
        text = text.removesuffix(".0")
        return "0" if text == "-0" else text
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    text = "".join(map(str, digits))
    # Where the decimal point is, counted from the first digit.
    point = len(text) + int(exponent)
    if 0 < point <= 21:
        text = text.ljust(point, "0")
    elif -6 < point <= 0:
        text = "0." + text.rjust(len(text) - point, "0")
    else:
        text = f"{text[0]}.{text[1:]}".removesuffix(".") + f"e{point - 1:+d}"
    return f"-{text}" if sign else text
