"""Prints how the service is doing: docs/status.md. The exit code is 1 where it can't serve."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import httpx

from session_api.identity import READ_ACTIONS

from .calls import BEARER, add_service_options, service_of
from .machine import CommandError

HELP = "tell how the service is doing"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which service."""
    add_service_options(parser)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print how it is doing; the exit code is 0 if it can serve, else 1. Raises CommandError."""
    with service_of(options, environment, READ_ACTIONS) as http:
        status = _ask(http)
    print(as_text(status))
    return 0 if status["status"] in ("ready", "degraded") else 1


def _ask(http: httpx.Client) -> dict[str, Any]:
    try:
        reply = http.get("/status")
    except httpx.HTTPError as error:
        raise CommandError(
            f"{http.base_url} does not answer: {str(error) or type(error).__name__}"
        ) from error
    if reply.status_code in (401, 403):
        raise CommandError(
            f"{http.base_url} refused ({reply.status_code}): "
            f"name a token with the scope {READ_ACTIONS} in {BEARER}"
        )
    try:
        found: dict[str, Any] = reply.raise_for_status().json()
    except (httpx.HTTPStatusError, ValueError) as error:
        raise CommandError(
            f"{http.base_url} answers {reply.status_code}, and not as this service does"
        ) from error
    return found


def as_text(status: Mapping[str, Any]) -> str:
    """What `GET /status` says, for people."""
    now = datetime.fromisoformat(status["server_time"])
    rows = [
        (
            "quiz-sessions",
            f"{status['version']}, {status['status']}, up for {_ago(status['started_at'], now)}",
        ),
        ("database", _store(status["database"])),
        ("cache", _store(status["cache"])),
        ("sessions", _sessions(status["sessions"])),
        ("last flush", _flush(status["last_flush"], now)),
        ("webhook", _webhook(status["webhook"])),
        ("receipt keys", _keys(status["receipt_keys"], now)),
        ("token keys", _keys(status["token_keys"], now)),
        ("errors", f"{'' if status['errors'] else 'none '}in the last {status['errors_minutes']} minutes"),
    ]
    lines = [f"{name:<14}{text}" for name, text in rows]
    lines += [
        f"{each['count']:>12}  {each['what']} ({each['level']}, the last {_ago(each['last_at'], now)} ago)"
        for each in status["errors"]
    ]
    return "\n".join(lines)


def _store(store: Mapping[str, Any]) -> str:
    return ", ".join(_of_store(store))


def _of_store(store: Mapping[str, Any]) -> Iterator[str]:
    state = str(store["state"]).replace("_", " ")
    yield state if store["state"] == "up" else f"{state} for {_span(store['away_seconds'])}"
    if store["latency_ms"] is not None:
        yield f"answers in {store['latency_ms']} ms"
    if store["connections"] is not None:
        in_use = "" if store["connections_in_use"] is None else f", {store['connections_in_use']} in use"
        yield f"{store['connections']} of {store['connections_limit']} connections{in_use}"
    if (disk := store["disk"]) is not None:
        yield f"disk {_bytes(disk['free_bytes'])} of {_bytes(disk['total_bytes'])} free"


def _sessions(sessions: Mapping[str, Any]) -> str:
    known = {name: "?" if value is None else value for name, value in sessions.items()}
    oldest = sessions["oldest_dirty_seconds"]
    waits = f" (the oldest for {_span(oldest)})" if oldest else ""
    return f"{known['open']} open, {known['dirty']} dirty{waits}, {known['quarantined']} in quarantine"


def _flush(flush: Mapping[str, Any] | None, now: datetime) -> str:
    if flush is None:
        return "none by this process"
    did = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in flush["did"].items())
    return f"{_ago(flush['ended_at'], now)} ago: {did or 'there was nothing to do'}"


def _webhook(webhook: Mapping[str, Any] | None) -> str:
    if webhook is None:
        return "?"
    if webhook["state"] == "off":
        return "off"
    error = f", {webhook['last_error']}" if webhook["last_error"] else ""
    return f"{webhook['state']}, {webhook['waiting']} waiting, {webhook['dead']} given up{error}"


def _keys(keys: Mapping[str, Any] | None, now: datetime) -> str:
    if keys is None:
        return "none here"
    if keys["state"] != "ok":
        return str(keys["state"])
    signs = f", {keys['current']} signs" if keys["current"] else ""
    read = f", read {_ago(keys['read_at'], now)} ago" if keys["read_at"] else ""
    return f"{' '.join(keys['ids'])}{signs}{read}"


def _ago(moment: str, now: datetime) -> str:
    return _span((now - datetime.fromisoformat(moment)).total_seconds())


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
