"""Traces and tables as docs/protocol.md shows them."""

from __future__ import annotations

import re
from enum import StrEnum

from .explorer import Found

_ANSWERS = r"\[[^]]*\]"
_READS = rf"reads the drafts ({_ANSWERS}), reads the session( r\d+)?"
SHORTER = [
    (rf"{_READS} → read, ", "reads "),
    (rf"{_READS}, puts ({_ANSWERS}), marks → buffered, v\d+ {_ANSWERS}", r"autosaves \3"),
    (_READS, r"reads \1 and the session\2"),
    (rf", drops superseded drafts, reads the drafts {_ANSWERS}, reads the revision( →)?", r"\1"),
]
"""What a request does without anybody in between, in one word."""


def trace(found: Found) -> str:
    text = ". ".join(found.listing())
    for long, short in SHORTER:
        text = re.sub(long, short, text)
    return text + "."


def table_row(subject: StrEnum, found: Found) -> str:
    """Of the tables of rules and of what is not promised."""
    assert found.broken is not None
    return f"| {subject.value} | {found.broken.promise} | {len(found.trace)} | {trace(found)} |"
