"""The console has words for each staff action that the service records."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import quiz_sessions

ROOT = Path(__file__).parents[2]
PACKAGE = Path(str(files(quiz_sessions)))
STATEMENTS = [
    *PACKAGE.rglob("*.sql"),
    *(ROOT / "functions/migrate_database/migrations/versions").glob("*.py"),
]
WRITTEN = re.compile(r"INSERT INTO staff_actions \(([^)]*)\)\s*SELECT\s(.*)", re.DOTALL)


def _built() -> Iterator[str]:
    """The kinds of which services build actions."""
    for path in (PACKAGE / "services").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr="action"), args=[ast.Constant(value=str(kind)), *_]):
                    yield kind
                case ast.Call(func=ast.Attribute(attr="action")):
                    raise AssertionError(f"{path.name}:{node.lineno}: the kind is not written there")


def _in_sql() -> Iterator[str]:
    """Those that statements record under a name of their own."""
    for path in STATEMENTS:
        text = re.sub(r"--.*", "", path.read_text())
        for start in re.finditer("INSERT INTO staff_actions", text):
            written = WRITTEN.match(text, start.start())
            assert written, f"{path.name}: not understood"
            place = [each.strip() for each in written[1].split(",")].index("action")
            value = written[2].split(",")[place].strip()
            if value != "%(action)s::text":
                assert re.fullmatch("'[a-z-]+'", value), f"{path.name}: {value}"
                yield value.strip("'")


def test_the_console_names_what_is_recorded() -> None:
    script = (ROOT / "clients/pages/console/staff.js").read_text()
    named = re.search(r"const ACTIONS = \{\n(.*?)\n\};", script, re.DOTALL)
    assert named
    keys = re.findall(r'^  "?([a-z-]+)"?: "', named[1], re.MULTILINE)
    assert sorted(keys) == sorted({*_built(), *_in_sql()})
