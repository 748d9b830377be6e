"""The flush on AWS Lambda, for EventBridge's schedule and for the queue that repeats it."""

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
    """What the handler needs of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is stopped."""


@cache
def runner() -> asyncio.Runner:
    """One event loop for all invocations, so that connections outlive each."""
    return asyncio.Runner()


@cache
def services() -> Services:
    """This environment's parts, made by its first invocation."""
    return build_services(Settings.from_environment(os.environ), pool_size=1)


def import_boto3() -> None:
    """Import what reads the secret, which takes longer than a request may wait for its connection.

    A snapshot holds the module, and neither a client nor credentials.
    """
    import boto3  # noqa: F401, PLC0415  (for the snapshot alone)


register_before_snapshot(import_boto3)


def handler(event: dict[str, Any], context: Context) -> dict[str, float]:
    """Flush once; the one shard that the event is about, or all. Returns what the metrics say."""
    shard = event["detail"]["shard"] if event.get("detail-type") == FLUSH_SHARD else None
    report = runner().run(
        services().flusher.run(lambda: context.get_remaining_time_in_millis() / 1000, shard)
    )
    return report.metrics()
