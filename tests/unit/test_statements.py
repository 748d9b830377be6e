"""SQL files: what their headers say, and that no SQL is written elsewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from quiz_sessions.stores import statements
from quiz_sessions.stores.statements import load, numbered, stored_statements

SQL = Path(str(files(statements.__package__ or ""))) / "sql"
FILES = sorted(path for path in SQL.rglob("*.sql") if path.parent.name != "fragments")
PACKAGE = Path(__file__).parents[2] / "layers/quiz_sessions/quiz_sessions"
OPERATION = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WITH)\b[^\"]*\b(FROM|INTO|SET|AS)\b")
OPEN = {
    "conditions": "user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND group_name = %(group)s "
    "AND status = ANY(%(statuses)s) AND accepts_until < %(at)s "
    "AND (started_at, id) < (%(started_at)s, %(id)s)",
    "changes": "event.changes",
    "waits": "true",
    "order": "started_at DESC, id DESC",
}
OF_ACTIONS = {
    "conditions": "session_id = %(session_id)s AND quiz_id = %(quiz_id)s "
    "AND user_id = %(user_id)s AND by = %(by)s"
}
"""What stores fill in."""
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SQL)))


def named(file: Path) -> str:
    return str(file.relative_to(SQL)).removesuffix(".sql")


def filled(file: Path) -> dict[str, str]:
    given = OPEN | (OF_ACTIONS if file.stem == "staff_actions" else {})
    return {name: text for name, text in given.items() if f"{{{name}}}" in statement_of(file)}


def statement_of(file: Path) -> str:
    return file.read_text().removeprefix(header(file))


def header(file: Path) -> str:
    (text,) = re.findall(r"\A(?:--.*\n)+", file.read_text())
    return str(text)


@each_file
def test_a_header_says_what_is_taken_returned_and_locked(file: Path) -> None:
    labels = re.findall(r"^-- (Takes|Returns|Locks)  ", header(file), re.MULTILINE)
    assert labels == ["Takes", "Returns", "Locks"]


@each_file
def test_a_header_names_every_parameter_and_no_other(file: Path) -> None:
    statement = load(named(file), **filled(file))
    takes = header(file).split("-- Takes")[1].split("-- Returns")[0]
    names = set(numbered(statement.text).names)
    assert {name for name in names if not re.search(rf"\b{name}\b", takes)} == set()
    listed = re.sub(r"\([^()]*\)", "", takes.replace("--", ""))
    said = set(re.findall(r"\b[a-z_]+\b", listed)) - {"nothing", "and", "of", "the", "its"}
    assert said == names


@each_file
def test_a_statement_has_no_fragment_left(file: Path) -> None:
    assert re.search(r"\{\w+\}", load(named(file), **filled(file)).text) is None


def test_an_unknown_fragment_is_refused() -> None:
    with pytest.raises(KeyError, match="conditions"):
        load("find_attempts")


def test_what_the_database_keeps_is_what_lies_in_the_folder() -> None:
    kept = [statement.name for statement in stored_statements()]
    assert kept == sorted(file.stem for file in (SQL / "stored").iterdir())
    assert all(statement.stored for statement in stored_statements())


def test_comments_in_a_header_are_no_part_of_the_text() -> None:
    assert "Takes" not in load("stored/write_answers").text


@pytest.mark.parametrize(
    "module",
    # What calls a stored function is made of the function's name.
    sorted(path for path in PACKAGE.rglob("*.py") if path.name != "statements.py"),
    ids=lambda module: str(module.relative_to(PACKAGE)),
)
def test_no_module_mixes_more_than_fragments_of_sql_into_its_strings(module: Path) -> None:
    found = [
        node.lineno
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.JoinedStr)
        and OPERATION.search(
            "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        )
    ]
    assert found == []


# What the live view follows

SCHEMA = Path(__file__).parents[2] / "functions/migrate_database/migrations/versions/0001_schema.py"
FOLLOWED = "last_updated"
"""What the live view goes by, to tell which rows have changed."""
STATEMENTS = {named(file): load(named(file), **filled(file)).text for file in FILES} | {
    "the schema": SCHEMA.read_text()
}


def columns() -> set[str]:
    """Of an attempt."""
    (table,) = re.findall(
        r"CREATE TABLE quiz_attempts \((.*?)\n        \) WITH", SCHEMA.read_text(), re.DOTALL
    )
    return set(re.findall(r"^ {12}([a-z_]+) [a-z]", table, re.MULTILINE))


def shown_in_the_live_view() -> set[str]:
    (made,) = re.findall(
        r"accepts_until timestamptz NOT NULL GENERATED(.*?)STORED", SCHEMA.read_text(), re.DOTALL
    )
    words = set(re.findall(r"\w+", load("live_attempts").text))
    words |= set(re.findall(r"\w+", made)) if "accepts_until" in words else set()
    return (words & columns()) - {FOLLOWED}


def updates(text: str) -> Iterator[dict[str, str]]:
    """Of each update of attempts: the columns that it sets, and to what."""
    for found in re.finditer(r"UPDATE quiz_attempts(?: AS attempt)?\s+SET\s", text):
        depth, parts = 0, [""]
        for token in re.findall(r"\w+|\s+|.", text[found.end() :], re.DOTALL):
            depth += (token == "(") - (token == ")")
            if depth < 0 or (depth == 0 and token in ("FROM", "WHERE", "RETURNING")):
                break
            if depth == 0 and token == ",":
                parts.append("")
            else:
                parts[-1] += token
        yield {name.split()[-1]: value.strip() for name, _, value in (part.partition("=") for part in parts)}


def test_the_live_view_shows_columns_of_attempts() -> None:
    shown = shown_in_the_live_view()
    assert shown >= {"status", "answer_meta", "group_name", "incidents", "unread_notices", "grace_seconds"}
    assert not shown & {"score", "label", "device"}


def test_updates_of_attempts_are_found() -> None:
    found = [name for name, text in STATEMENTS.items() for _ in updates(text)]
    assert len(found) == sum(text.count("UPDATE quiz_attempts") for text in STATEMENTS.values())
    assert {"stored/write_answers", "stored/finish_attempt", "record_incident", "the schema"} <= set(found)


@pytest.mark.parametrize("name", STATEMENTS)
def test_who_changes_what_the_live_view_shows_moves_what_it_follows(name: str) -> None:
    for update in updates(STATEMENTS[name]):
        assert set(update) <= columns(), update
        if set(update) & shown_in_the_live_view():
            assert update.get(FOLLOWED) == "clock_timestamp()", update
