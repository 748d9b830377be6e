"""What tests look up in the tables, past the service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

Database = psycopg.Connection[dict[str, Any]]


def row(database: Database, session_id: UUID) -> dict[str, Any]:
    found = database.execute("SELECT * FROM quiz_attempts WHERE id = %s", [session_id]).fetchone()
    assert found is not None
    return found


def events(database: Database, session_id: UUID) -> list[str]:
    rows = database.execute(
        "SELECT type FROM attempt_events WHERE attempt_id = %s ORDER BY revision", [session_id]
    )
    return [event["type"] for event in rows]


def changes(database: Database, session_id: UUID, type_: str) -> list[dict[str, Any]]:
    """What the events of this type say, in their order."""
    rows = database.execute(
        "SELECT changes FROM attempt_events WHERE attempt_id = %s AND type = %s ORDER BY revision",
        [session_id, type_],
    )
    return [event["changes"] for event in rows]


def contents(database: Database) -> list[Any]:
    """All that PostgreSQL holds, to see that nothing was stored."""
    return [
        database.execute(f"SELECT * FROM {table} ORDER BY 1, 2".encode()).fetchall()
        for table in ("quiz_attempts", "attempt_events", "attempt_counters", "quizzes", "user_accommodations")
    ]
