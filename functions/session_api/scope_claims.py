"""Reads scopes from claims as the gateway writes them: everything is text, as Go prints it.

A list is "[a b]", an object "map[roles:[a b]]". It does not quote, so a value with a space is two values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quiz_sessions.runtime.scope_rules import ScopeRules

_VALUE = re.compile(r"[^\s\[\],]+")


def scopes_of(claims: Mapping[str, Any], rules: ScopeRules) -> frozenset[str]:
    """The scopes that claims give by `rules`, and whatever else stands in those claims."""
    values = [value for name in rules.claims for value in _VALUE.findall(_text(claims, name))]
    return frozenset(scope for value in values for scope in rules.roles.get(value, (value,)))


def _text(claims: Mapping[str, Any], name: str) -> str:
    """What stands under a name, else at the end of the path that it is; empty if there is nothing."""
    if name in claims:
        return f"{claims[name]}"
    outer, *path = name.split(".")
    text = f"{claims.get(outer, '')}" if path else ""
    for member in path:
        text = _members(text).get(member, "")
    return text


def _members(text: str) -> dict[str, str]:
    """The members of an object; none where it can't be told what they are."""
    if not (text.startswith("map[") and text.endswith("]")):
        return {}
    parts, depth = [""], 0
    for character in text[len("map[") : -1]:
        depth += (character == "[") - (character == "]")
        if depth < 0:
            return {}
        if character == " " and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    named = [part.partition(":") for part in parts]
    members = {name: value for name, colon, value in named if colon}
    # A text in it may read like a member. One that is there twice is none.
    is_clear = depth == 0 and len(members) == sum(1 for _, colon, _ in named if colon)
    return members if is_clear else {}
