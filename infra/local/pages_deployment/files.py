"""The files of clients/ that are served, in the order in which they are uploaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

FOLDERS: Final = ("browser", "pages")
CONTENT_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
"""Of what is served, by its suffix. Types, settings and tests are not."""
SERVED: Final = frozenset(CONTENT_TYPES)
LICENCES: Final = "LICENSES"
"""What the code of others comes with."""
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


def is_served(path: PurePath) -> bool:
    """Whether a file is one that pages load, by its path in clients/ or below."""
    is_left_out = any(part.startswith(".") or part == "node_modules" for part in path.parts)
    return not is_left_out and (path.suffix in SERVED or path.name == LICENCES)


def _found(clients: Path) -> Iterator[File]:
    for folder in FOLDERS:
        for path in sorted((clients / folder).rglob("*")):
            key = path.relative_to(clients)
            if is_served(key) and path.is_file():
                content_type = CONTENT_TYPES.get(path.suffix, "text/plain; charset=utf-8")
                yield File(key.as_posix(), path.read_bytes(), content_type)
