"""Strict JSON: request bodies, parsed more strictly than Python does by default."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from quiz_sessions.domain.validation import MAX_ANSWER_BYTES

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Enough for a session of 1 MiB, even if most of its characters are escaped."""
MAX_BEACON_BYTES = 64 * 1024
"""Browsers send no larger beacon. Who sends it is not known before it is parsed."""
MAX_MEMBERS = MAX_ANSWER_BYTES // len('"":0,')
"""Members of one object: an answer has no room for more, and nothing else has as many."""
MAX_VALUES = 64 * 1024
"""Commas and opening brackets of one body, outside of strings: each value follows one of them, or a colon.

They are counted before anything is parsed: to look at a million values takes seconds.
"""

_TOO_MANY_VALUES = re.compile(
    # All quantifiers are possessive, so that no byte is read twice.
    rb'(?:[^"\[{,]*+(?:"(?:[^"\\]++|\\.)*+"[^"\[{,]*+)*+[\[{,]){%d}+' % (MAX_VALUES + 1)
)


class TooManyValuesError(ValueError):
    """A body has more values than are looked at."""


def loads(body: bytes) -> Any:
    """Parse strict JSON.

    Raises:
        TooManyValuesError: it has too many values.
        json.JSONDecodeError: the body is not JSON, or could be understood in two ways.
    """
    # Few bodies have so many even if those in strings are counted.
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES and _TOO_MANY_VALUES.match(body):
        raise TooManyValuesError(
            f"A body may have at most {MAX_VALUES} commas and opening brackets outside of strings."
        )
    try:
        return json.loads(body.decode(), object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None
    except ValueError as error:
        # Not UTF-8, a key named twice, or an integer longer than Python parses.
        raise json.JSONDecodeError(_reason(error), "", 0) from None


class _RefusedError(ValueError):
    pass


def _reason(error: ValueError) -> str:
    if isinstance(error, _RefusedError):
        return str(error)
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else "a number is too long"


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_MEMBERS:
        # Validating each of them would take seconds.
        raise _RefusedError(f"an object has more than {MAX_MEMBERS} members")
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _RefusedError("an object names a key twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is no JSON number")
