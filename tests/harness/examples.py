"""The requests and replies that the documents show, and how they are held against the service.

A document shows a reply as it came, shortened: `…` stands for what is left out, at the end of a text, as the
last of a list, or as a member for others. What differs by nature is compared by its form: ids, times, tokens,
hashes.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).parents[2]
README: Final = "README.md"
_DOCUMENTS: Final = ROOT / "docs"
LEFT_OUT: Final = "…"
_FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^##+ (.+)$", re.MULTILINE)
_REQUEST: Final = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) (\S+)$", re.MULTILINE)
_STATUS: Final = re.compile(r"^(\d{3})(?= |$)", re.MULTILINE)
_VARIABLE: Final = re.compile(r"^([A-Z]+)=(\S+)$", re.MULTILINE)
_HEADER: Final = re.compile(r"^([A-Z][A-Za-z-]+): (.+)$", re.MULTILINE)
_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z",
        r"[0-9a-f]{8}-([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|…)",
        # A tag of an answer, and one of a session.
        r"\d{16}\.[0-9a-f]{12}",
        r'"\d+-[0-9a-f]{16}"',
    )
)
"""Of ids and times."""
_OPAQUE: Final = frozenset(
    {"receipt", "seed", "cursor", "after", "next", "next_after", "request_id", "sha256"}
)
"""Members whose texts say nothing by themselves."""
_COUNTED: Final = frozenset({"bytes"})
"""Members whose numbers are those of such texts."""


@dataclass(frozen=True)
class Reply:
    """As a document shows it; `body` is None where there is none, `status` where it is not told."""

    status: int | None
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Exchange:
    """A request, and the reply that a document shows; None where it shows none.

    Attributes:
        heading: beneath which it stands.
    """

    heading: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    reply: Reply | None


@dataclass
class Names:
    """What a document calls ids, tokens and long texts, and what they are in this run.

    Attributes:
        numbers: the same for numbers that the database gives to all.
    """

    known: dict[str, str] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)

    def put_into(self, text: str) -> str:
        """A part of a request, with what these are in this run."""
        for name, value in sorted(self.known.items(), key=lambda each: -len(each[0])):
            text = text.replace(name, value)
        return text

    def is_called(self, value: str, name: str) -> bool:
        """Whether the document may call a value so; from now on it has to."""
        return self.known.setdefault(name, value) == value


def exchanges(page: str) -> list[Exchange]:
    """All of a document, in their order; those of the README are commands of curl."""
    text = _read(page)
    headings = [(found.start(), found[1]) for found in _HEADING.finditer(text)]
    found: list[Exchange] = []
    blocks = list(_FENCED.finditer(text))
    variables: dict[str, str] = {}
    for position, block in enumerate(blocks):
        if block[1] != ("sh" if page == README else "http") or (page == README and "curl" not in block[2]):
            continue
        heading = [name for start, name in headings if start < block.start()][-1]
        following = blocks[position + 1 : position + 2]
        shown = following[0][2] if following and following[0][1] == "json" else ""
        if page == README:
            found.append(
                Exchange(heading, *_command(block[2], variables), Reply(None, {}, json.loads(shown)))
            )
        else:
            found += [Exchange(heading, *exchange) for exchange in _exchanges(block[2], shown)]
    return found


def _read(page: str) -> str:
    return (ROOT / page if page == README else _DOCUMENTS / page).read_text()


def _command(text: str, variables: dict[str, str]) -> tuple[str, str, Mapping[str, str], str]:
    """The request that a command of curl makes; it may set variables before."""
    variables |= {found[1]: found[2] for found in _VARIABLE.finditer(text)}
    for name, value in variables.items():
        text = text.replace(f"${name}", value)
    words = shlex.split(text[text.index("curl") :])
    options = list(pairwise(words))
    body = "".join(value for option, value in options if option == "-d")
    methods = [value for option, value in options if option == "-X"]
    headers = dict(value.split(": ") for option, value in options if option == "-H")
    (address,) = (word for word in words if word.startswith("http://"))
    return methods[0] if methods else "POST" if body else "GET", urlsplit(address).path, headers, body


def unasked(page: str) -> list[str]:
    """The replies that a document shows without their requests."""
    text = _read(page)
    kinds = [(block[1], block[2]) for block in _FENCED.finditer(text)]
    return [
        body for (before, _), (kind, body) in zip([("", ""), *kinds], kinds, strict=False)
        if kind == "json" and before != "http"
    ]  # fmt: skip


def _exchanges(asked: str, shown: str) -> Iterator[tuple[str, str, Mapping[str, str], str, Reply | None]]:
    requests = [_request(part) for part in _parts(_REQUEST, asked)]
    replies: Sequence[Reply | None] = [_reply(part) for part in _parts(_STATUS, shown)] or [None] * len(
        requests
    )
    # One request with several replies is sent as often.
    if len(requests) == 1:
        requests *= len(replies)
    for request, reply in zip(requests, replies, strict=True):
        yield (*request, reply)


def _parts(start: re.Pattern[str], text: str) -> list[str]:
    places = [found.start() for found in start.finditer(text)]
    assert not text[: places[0] if places else len(text)].strip(), f"what is this: {text}"
    if not places:
        return []
    return [text[one:other] for one, other in zip(places, [*places[1:], len(text)], strict=True)]


def _request(text: str) -> tuple[str, str, Mapping[str, str], str]:
    line, _, rest = text.partition("\n")
    method, path = line.split(" ")
    headers, body = _headed(rest)
    return method, path, headers, body


def _reply(text: str) -> Reply:
    status, _, rest = text.partition(" ") if " " in text.splitlines()[0] else text.partition("\n")
    headers, body = _headed(rest)
    return Reply(int(status), headers, json.loads(body) if body else None)


def _headed(text: str) -> tuple[Mapping[str, str], str]:
    headers = {}
    while found := _HEADER.match(text):
        headers[found[1]] = found[2]
        text = text[found.end() + 1 :]
    return MappingProxyType(headers), text.strip()


def as_shown(shown: Any, real: Any, names: Names, member: str = "") -> Any:
    """`real` as the document would show it: equal to `shown` where that is true."""
    match shown, real:
        case dict(), dict():
            return _members(shown, real, names)
        case list(), list():
            is_shortened = shown[-1:] == [LEFT_OUT]
            kept = len(shown) - 1 if is_shortened else len(real)
            listed = [
                as_shown(each, other, names, member)
                for each, other in zip([*shown, *[None] * len(real)], real[:kept], strict=False)
            ]
            return [*listed, LEFT_OUT] if is_shortened and len(real) > kept else listed
        case str(), str():
            return shown if _is_text(shown, real, names, member) else real
        case int(), int() if member in _COUNTED or names.numbers.get(shown) == real:
            return shown
    # 1 and 1.0 are two texts.
    return shown if shown == real and type(shown) is type(real) else real


def _members(shown: dict[str, Any], real: dict[str, Any], names: Names) -> dict[str, Any]:
    """In the order of the service, with one place for all that is left out."""
    made: dict[str, Any] = {}
    for name, value in real.items():
        if name in shown:
            made[name] = as_shown(shown[name], value, names, name)
        elif LEFT_OUT not in shown:
            made[name] = value
    if LEFT_OUT not in shown or len(made) == len(real):
        return made
    # Where the document has it.
    before = list(shown).index(LEFT_OUT)
    items = list(made.items())
    return dict([*items[:before], (LEFT_OUT, LEFT_OUT), *items[before:]])


def _is_text(shown: str, real: str, names: Names, member: str) -> bool:
    if shown in (real, LEFT_OUT):
        return True
    for form in _FORMS:
        if form.fullmatch(shown):
            is_id = form is _FORMS[1]
            return form.fullmatch(real) is not None and (not is_id or names.is_called(real, shown))
    if member in _OPAQUE:
        return names.is_called(real, shown)
    return shown.endswith(LEFT_OUT) and real.startswith(names.put_into(shown.removesuffix(LEFT_OUT)))


def written(value: Any) -> str:
    """JSON as the documents write it, without their line breaks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
