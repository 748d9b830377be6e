"""Exports on AWS Lambda, each asked for by an event of the flush (docs/data.md)."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import Any
from uuid import UUID

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.runtime.settings import Settings


@cache
def runner() -> asyncio.Runner:
    """The event loop of all invocations, so that connections survive from one to the next."""
    return asyncio.Runner()


@cache
def services() -> Services:
    """The services of this environment, built by its first invocation."""
    return build_services(Settings.from_environment(os.environ), pool_size=1)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Make the export that the event names; returns its id, or null where it did not wait."""
    exporter = services().exporter
    assert exporter is not None, "EXPORT_BUCKET is not set"
    export = runner().run(exporter.run(UUID(event["detail"]["export"])))
    return {"export": None if export is None else str(export.id)}
