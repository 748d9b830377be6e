"""The files of clients/ that are served, in the order in which they are uploaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDERS: Final = ("browser", "pages")
CONTENT_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
"""Of what is served, by its suffix. Types, settings and tests are not."""
LICENCES: Final = "LICENSES"
CONFIG: Final = "pages/config.json"


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is served."""

    key: str
    content: bytes
    content_type: str


def served(clients: Path, config: Mapping[str, object]) -> list[File]:
    """What is served. Pages come last: whoever gets a new one finds the modules that it asks for."""
    found = [*_found(clients), File(CONFIG, json.dumps(config, indent=2).encode(), "application/json")]
    return sorted(found, key=lambda file: (file.key.endswith(".html"), file.key == CONFIG, file.key))


def _found(clients: Path) -> Iterator[File]:
    for folder in FOLDERS:
        for path in sorted((clients / folder).rglob("*")):
            content_type = CONTENT_TYPES.get(path.suffix)
            if path.name == LICENCES:
                content_type = "text/plain; charset=utf-8"
            if content_type is not None and path.is_file() and "node_modules" not in path.parts:
                yield File(path.relative_to(clients).as_posix(), path.read_bytes(), content_type)
