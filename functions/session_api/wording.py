"""What is wrong with a request, in the words of an API that says what to change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is finite",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of at most {max_length} characters",
    "string_pattern_mismatch": "a text of the form {pattern}",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "list_type": "a list",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "none_required": "null",
    "uuid_type": "a UUID",
    "uuid_parsing": "a UUID",
    "datetime_type": "a time such as 2027-01-15T08:00:00Z",
    "datetime_parsing": "a time such as 2027-01-15T08:00:00Z",
    "datetime_from_date_parsing": "a time such as 2027-01-15T08:00:00Z",
    "timezone_aware": "a time with its zone, such as 2027-01-15T08:00:00Z",
}
"""By the type of Pydantic's error, what would have been right; in braces, a member of its context."""
_ALIKE = 0.7
_LONGEST = 200
"""What is longer was never meant to be one of ours, and would take long to compare."""


def wording(errors: Sequence[Mapping[str, Any]], known: Iterable[str]) -> str:
    """What Pydantic says of one place, in one sentence or more.

    A place that may hold one of several types has an error for each of them. `known` are the names that an
    object there may have, for one that it has not.
    """
    expected, others = [], []
    for error in errors:
        kind, context = error["type"], error.get("ctx", {})
        if kind in _EXPECTED:
            expected.append(_EXPECTED[kind].format_map(context))
        elif kind == "missing":
            others.append("It is missing.")
        elif kind == "extra_forbidden":
            others.append(unknown("member", str(error["loc"][-1]), known))
        else:
            others.append(str(error["msg"]).removeprefix("Value error, "))
    # In the order in which they came, each once.
    said = [f"It must be {', or '.join(dict.fromkeys(expected))}."] if expected else []
    return " ".join([*said, *dict.fromkeys(others)])


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """That there is no such thing, and what may have been meant."""
    return f"There is no such {what}.{suggestion(name, known)}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """The one of `known` that may have been meant, as a sentence to follow; nothing where none is like it."""
    plain = {_plain(each): each for each in known if len(name) <= _LONGEST}
    close = get_close_matches(_plain(name), plain, n=1, cutoff=_ALIKE)
    return f" Did you mean {plain[close[0]]}?" if close else ""


def names_at(annotation: Any, path: Sequence[str | int]) -> list[str]:
    """The names that an object may have, at `path` inside of what `annotation` describes."""
    models = [each for each in (annotation, *get_args(annotation)) if _is_model(each)]
    names: list[str] = []
    for model in models:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if not path:
            names += fields
        elif path[0] in fields:
            names += names_at(fields[str(path[0])].annotation, path[1:])
    return names


def nearest(path: str, templates: Iterable[str]) -> str | None:
    """The path of the API that `path` was most likely to be; None where none is like it.

    Whatever stands in front of it may be too much (`/api/v1`), and so may be a slash at its end.
    """
    given = [part for part in path.split("/") if part] if len(path) <= _LONGEST else []
    best, found = 0.0, None
    for template in templates:
        parts = template.strip("/").split("/")
        likeness = _likeness(given[-len(parts) :], parts) if len(given) >= len(parts) else 0.0
        # Of those that are like it equally, the one that takes in more of it.
        likeness -= 0.01 * (len(given) - len(parts))
        if likeness > best:
            best, found = likeness, template
    return found if best >= _ALIKE else None


def _likeness(given: Sequence[str], parts: Sequence[str]) -> float:
    """How alike the words of a path and of a template are; 0 where one of them is another word."""
    ratios = [
        SequenceMatcher(None, one, other).ratio()
        for one, other in zip(given, parts, strict=True)
        if not other.startswith("{")
    ]
    return sum(ratios) / len(ratios) if ratios and min(ratios) >= _ALIKE else 0.0


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
