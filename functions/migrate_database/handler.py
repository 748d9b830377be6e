"""Migrates the database, and makes the months of the audit log: before traffic shifts, and every day."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from quiz_sessions.runtime.settings import Settings
from quiz_sessions.stores.secrets_manager import DatabaseAddress
from quiz_sessions.stores.statements import stored_statements

from .months import detach_month, make_months
from .stored_statements import store

_LOCK = 0x9812_5E55


def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """Apply the Alembic revisions, store this release's statements and make the months of the audit log.

    With {"detach_month": "2026-11"} it takes that month out of the audit log, and does nothing else. As a
    hook of CodeDeploy it reports the result, and traffic shifts only if it succeeded. However it is invoked,
    a failure also fails the invocation.
    """
    settings = Settings.from_environment(os.environ)
    if (month := event.get("detach_month")) is not None:
        return {"status": "detached", "table": _detach(settings, month)}
    try:
        upgrade(_address(settings))
    except Exception:
        _report(event, "Failed")
        raise
    _report(event, "Succeeded")
    return {"status": "migrated"}


def _detach(settings: Settings, month: str) -> str:
    first = datetime.strptime(f"{month}Z", "%Y-%m%z")
    return detach_month(
        _address(settings), first, has_event_bus=(settings.event_bus_name or settings.webhook_url) is not None
    )


def _address(settings: Settings) -> str:
    return asyncio.run(DatabaseAddress(settings)())


def upgrade(database_url: str) -> None:
    """Apply the revisions that are missing, store the statements and make the months; one process at a time.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database can't be reached or refuses a revision.
        psycopg.Error: it refuses a month.
    """
    _upgrade_schema(database_url)
    make_months(database_url, datetime.now(UTC))


def _upgrade_schema(database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", "migrate_database:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database_url), poolclass=NullPool
    )
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
        if not known.issuperset(MigrationContext.configure(connection).get_current_heads()):
            # A newer release has migrated this database. Revisions only add, so this release works on it, and
            # a deployment can be rolled back.
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        driver = connection.connection.driver_connection
        assert driver is not None
        store(driver, stored_statements())


def _report(event: dict[str, Any], status: str) -> None:
    """Report to CodeDeploy, if it invoked this (AWS CodeDeploy user guide, AppSpec 'hooks' for Lambda)."""
    if "LifecycleEventHookExecutionId" not in event:
        return
    # Imported here because only a deployment needs it.
    import boto3  # noqa: PLC0415

    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )
