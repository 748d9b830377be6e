"""Entity tags in If-Match and If-None-Match (RFC 9110, 8.8.3 and 13.1). This module imports nothing slow."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any, NamedTuple

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LIST = re.compile(rf"[\s,]*{_TAG.pattern}(?:\s*,[\s,]*{_TAG.pattern})*[\s,]*")


class EntityTag(NamedTuple):
    """An entity tag as a header has it, without its quotes."""

    weak: bool
    value: str


def parse_entity_tags(text: str) -> list[EntityTag] | None:
    """The entity tags of a header's list; None if it is no such list."""
    if not _LIST.fullmatch(text):
        return None
    return [EntityTag(bool(weak), value) for weak, value in _TAG.findall(text)]


def is_unchanged(scope: MutableMapping[str, Any], etag: str) -> bool:
    """Whether If-None-Match has this tag, so that the client knows the reply."""
    sent = [value for name, value in scope["headers"] if name == b"if-none-match"]
    if not sent:
        return False
    whole = b",".join(sent).decode("latin-1").strip()
    # Weak or not does not matter here (RFC 9110, 13.1.2).
    return whole == "*" or any(tag.value == etag for tag in parse_entity_tags(whole) or ())
