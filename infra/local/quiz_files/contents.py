"""What a question's content asks, as docs/pages.md describes it: for the pages and for exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from .model import Kind

_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_WITH_OPTIONS: Final = ("choice", "multiple", "order")


@dataclass(frozen=True, slots=True)
class Choice:
    """An option: what an answer has for it, and what students read."""

    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A content as the student's page understands it."""

    kind: Kind
    text: str
    options: tuple[Choice, ...]
    left: tuple[Choice, ...]
    right: tuple[Choice, ...]
    unit: str
    max_length: int | None
    images: tuple[Mapping[str, str], ...]


def asked(content: Any) -> Asked:
    """Understand a content. Whatever is not of the page's format is an essay about it as it stands."""
    given: Mapping[str, Any] = content if isinstance(content, dict) else {"text": content}
    options, left, right = (_choices(given.get(name)) for name in ("options", "left", "right"))
    kind: Kind = "choice" if "kind" not in given and options else "essay"
    if given.get("kind") in _KINDS:
        kind = given["kind"]
    if (kind in _WITH_OPTIONS and not options) or (kind == "match" and not (left and right)):
        kind = "essay"
    most = given.get("maxLength")
    images = given.get("images")
    return Asked(
        kind=kind,
        text=as_text(content if isinstance(content, dict) and "text" not in content else given["text"]),
        options=options,
        left=left,
        right=right,
        unit=as_text(given.get("unit")),
        max_length=most if isinstance(most, int) and not isinstance(most, bool) and most > 0 else None,
        images=tuple(filter(_is_image, images)) if isinstance(images, list) else (),
    )


def as_text(value: Any) -> str:
    """A JSON value as the page writes it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _choices(given: Any) -> tuple[Choice, ...]:
    return tuple(map(_choice, given)) if isinstance(given, list) else ()


def _choice(given: Any) -> Choice:
    if not isinstance(given, dict):
        return Choice(given, as_text(given))
    name, text = given.get("id"), given.get("text")
    shown = as_text(next((each for each in (text, name, given) if each is not None), None))
    return Choice(shown if name is None else name, shown)


def _is_image(given: Any) -> bool:
    return isinstance(given, dict) and all(isinstance(given.get(name), str) for name in ("src", "alt"))
