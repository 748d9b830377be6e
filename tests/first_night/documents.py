"""The commands and requests that stand in fenced blocks of the documents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tests.harness.launch import ROOT

_FILES: Final = (
    "README.md",
    "docs/one-machine.md",
    "docs/runbook.md",
    "docs/import.md",
    "docs/story.md",
    "docs/status.md",
    "docs/data.md",
    "docs/api.md",
)


class UndocumentedError(AssertionError):
    """No document has this command."""


@dataclass(frozen=True)
class Request:
    """One that a block of `http` shows."""

    method: str
    path: str
    headers: tuple[str, ...]
    body: str


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def _commands(block: str) -> list[str]:
    """A line each, or several where one ends in a backslash or a brace is open; without remarks."""
    found: list[str] = []
    for line in block.splitlines():
        if found and (found[-1].endswith("\\") or ("\\\n" in found[-1] and line.startswith("  "))):
            found[-1] += f"\n{line}"
        else:
            found.append(re.sub(r" {2,}#.*$", "", line))
    return found


def _joined(commands: list[str]) -> list[str]:
    """A function whose body has several lines is one command."""
    found: list[str] = []
    for command in commands:
        if found and re.match(r"\w+\(\) \{", found[-1]) and not found[-1].endswith("}"):
            found[-1] += f"\n{command}"
        else:
            found.append(command)
    return found


def _request(block: str) -> Request:
    first, *others = block.splitlines()
    method, _, path = first.partition(" ")
    headers = [line for line in others if re.match(r"[A-Za-z-]+: ", line)]
    return Request(method, path, tuple(headers), "\n".join(others[len(headers) :]))


_texts = {name: (ROOT / name).read_text() for name in _FILES}
COMMANDS: Final = {
    command: name
    for name, text in reversed(_texts.items())
    for block in _blocks(text, "sh")
    for command in _joined(_commands(block))
}
"""Command -> the document that has it."""
REQUESTS: Final = {
    block.partition("\n")[0]: (name, _request(block))
    for name, text in reversed(_texts.items())
    for block in reversed(_blocks(text, "http"))
}
"""First line -> the document, and the request."""


def document_of(command: str) -> str:
    """Which has the command. Raises UndocumentedError."""
    try:
        return COMMANDS[command]
    except KeyError:
        raise UndocumentedError(f"no document has: {command}") from None


def request_of(line: str) -> tuple[str, Request]:
    """The document that has the request which begins so, and the request. Raises UndocumentedError."""
    try:
        return REQUESTS[line]
    except KeyError:
        raise UndocumentedError(f"no document has: {line}") from None
