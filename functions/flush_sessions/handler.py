"""The flush on AWS Lambda, invoked by EventBridge rules and by the queue of the second run."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import Any, Protocol

from snapshot_restore_py import register_before_snapshot

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.runtime.settings import Settings
from quiz_sessions.stores.event_bus import FLUSH_SHARD


class Context(Protocol):
    """The part of Lambda's context that the handler uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is stopped."""


@cache
def runner() -> asyncio.Runner:
    """The event loop of all invocations, so that connections survive from one to the next."""
    return asyncio.Runner()


@cache
def services() -> Services:
    """The services of this environment, built by its first invocation."""
    return build_services(Settings.from_environment(os.environ), pool_size=1)


def import_boto3() -> None:
    """Import boto3 before the snapshot: that takes longer than a statement may wait for its connection.

    boto3 reads the database's secret. The snapshot holds the module, but no client and no credentials.
    """
    import boto3  # noqa: F401, PLC0415  (for the snapshot alone)


register_before_snapshot(import_boto3)


def handler(event: dict[str, Any], context: Context) -> dict[str, float]:
    """Flush all shards, or the one that the event names; returns the metrics of the run."""
    shard = event["detail"]["shard"] if event.get("detail-type") == FLUSH_SHARD else None
    report = runner().run(
        services().flusher.run(lambda: context.get_remaining_time_in_millis() / 1000, shard)
    )
    return report.metrics()
