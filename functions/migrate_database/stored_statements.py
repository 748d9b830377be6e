"""Stores the statements of a release in the database as functions (docs/decisions/0015)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import scalar_row

from quiz_sessions.stores.statements import Statement, numbered


def store(connection: psycopg.Connection[Any], statements: Iterable[Statement]) -> None:
    """Create the functions that do not exist yet.

    Functions of other releases stay, because another release may be running, or be deployed again.

    Raises:
        psycopg.Error: PostgreSQL refuses a statement.
    """
    for statement in statements:
        found = connection.execute(
            "SELECT FROM pg_proc WHERE proname = %s AND pronamespace = current_schema()::regnamespace",
            [statement.function],
        )
        if found.fetchone() is None:
            connection.execute(_definition(connection, statement))


def _definition(connection: psycopg.Connection[Any], statement: Statement) -> sql.Composed:
    text = numbered(statement.text).text
    described = _describe(connection, text)
    types = [described.param_type(i) for i in range(described.nparams)]
    columns = [(described.fname(i) or b"", described.ftype(i)) for i in range(described.nfields)]
    # Tables and the result have columns of the same names; in the statement, a name means the table's column.
    return sql.SQL(
        """
        CREATE FUNCTION {name}({parameters}) RETURNS TABLE ({columns}) LANGUAGE plpgsql AS {body}"""
    ).format(
        name=sql.Identifier(statement.function),
        parameters=sql.SQL(", ").join(_type(connection, oid) for oid in types),
        columns=sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name.decode()), _type(connection, oid))
            for name, oid in columns
        ),
        body=sql.Literal(f"#variable_conflict use_column\nBEGIN RETURN QUERY {text.decode()}; END"),
    )


def _describe(connection: psycopg.Connection[Any], text: bytes) -> PGresult:
    """Ask PostgreSQL for the types of a statement's parameters and columns."""
    server = connection.pgconn
    for result in (server.prepare(b"", text), server.describe_prepared(b"")):
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
    return result


def _type(connection: psycopg.Connection[Any], oid: int) -> sql.SQL:
    with connection.cursor(row_factory=scalar_row) as cursor:
        return sql.SQL(cursor.execute("SELECT format_type(%s, NULL)", [oid]).fetchone() or "")
