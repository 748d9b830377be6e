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
