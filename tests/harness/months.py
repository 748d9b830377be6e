"""A month of the audit log that is missing."""

from __future__ import annotations

from datetime import datetime

import psycopg

from tests.harness.stores import Stores


def lose_month(stores: Stores, month: datetime) -> None:
    """As if it had never been made: what events it has lie in the DEFAULT partition."""
    name = f"attempt_events_{month:%Y_%m}"
    # One transaction. The events move: written anew, they would be chained anew.
    with psycopg.connect(stores.database_url) as connection:
        for statement in (
            f"ALTER TABLE attempt_events DETACH PARTITION {name}",
            "ALTER TABLE attempt_events_default DISABLE TRIGGER chain_attempt_event",
            f"INSERT INTO attempt_events_default SELECT * FROM {name}",
            "ALTER TABLE attempt_events_default ENABLE TRIGGER chain_attempt_event",
            f"DROP TABLE {name}",
        ):
            connection.execute(statement.encode())
