"""JSON values, and their serialisation."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

from .timestamps import iso

Json: TypeAlias = Any
"""A JSON value: null, a boolean, a number, a string, or a list or object of such values.

It is untyped because `validation`, not the type checker, checks what callers send.
"""


def dump_json(value: Json) -> str:
    """Serialise as compact JSON, without escaping characters outside ASCII.

    Raises:
        ValueError: the value contains NaN or an infinity.
    """
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dump_record(value: object) -> str:
    """Like `dump_json`, with dataclasses as objects, datetimes in ISO 8601 and UUIDs as strings."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_json_form)


def same_value(one: Json, other: Json) -> bool:
    """Whether two JSON values are equal as jsonb has it: numbers by value, members in any order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    return bool(one == other)


def to_json_object(record: object, names: Iterable[str]) -> dict[str, Json]:
    """The named fields of a record as JSON values."""
    values = ((name, getattr(record, name)) for name in names)
    return {name: _json_form(value) if type(value) in _CONVERTED else value for name, value in values}


_CONVERTED = frozenset({datetime, UUID})


def _json_form(value: Any) -> Json:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, UUID):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in shown_fields(type(value))}
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


@cache
def shown_fields(record: Any) -> tuple[str, ...]:
    """The names of a dataclass's fields, except those that its metadata excludes."""
    return tuple(each.name for each in fields(record) if not each.metadata.get("exclude"))
