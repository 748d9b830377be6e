"""Prints how the service is doing: `python -m development_server.status_command --help`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

from session_api.identity import READ_ACTIONS
from session_api.server.public_keys import KeysError

from .token_command import KeyPair

SECONDS: Final = 15.0
"""Longer than the service waits for two frozen stores."""
_TOKEN_MINUTES = 5


class StatusError(Exception):
    """The service did not say how it is doing; the message says why."""


def fetch(address: str, token: str | None = None) -> dict[str, Any]:
    """What `GET /status` says at `address` (http://127.0.0.1:8002). Raises StatusError."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        # Not by the proxies of the environment: it is a machine of one's own.
        reply = httpx.get(f"{address.rstrip('/')}/status", headers=headers, timeout=SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StatusError(f"{address} does not answer: {str(error) or type(error).__name__}") from error
    if reply.status_code in (401, 403):
        raise StatusError(
            f"{address} refused ({reply.status_code}): name a token with the scope {READ_ACTIONS}, "
            "in QUIZ_SESSIONS_TOKEN"
        )
    try:
        found: dict[str, Any] = reply.raise_for_status().json()
    except (httpx.HTTPStatusError, ValueError) as error:
        raise StatusError(f"{address} answers {reply.status_code}, and not as this service does") from error
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


def show(address: str, token: str | None = None, say: Callable[[str], None] = print) -> int:
    """Print how the service is doing; returns the exit code: 0 if it can serve, else 1."""
    try:
        status = fetch(address, token)
    except StatusError as error:
        print(error, file=sys.stderr)
        return 1
    say(as_text(status))
    return 0 if status["status"] in ("ready", "degraded") else 1


def token_of(data: Path, environment: Mapping[str, str]) -> str | None:
    """The token to ask with: QUIZ_SESSIONS_TOKEN, or one of the folder's own issuer. Raises KeysError."""
    if given := environment.get("QUIZ_SESSIONS_TOKEN"):
        return given
    if not (data / "jwt" / "private.pem").exists():
        return None
    return KeyPair(data).token("status", READ_ACTIONS, _TOKEN_MINUTES)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Print how the service is doing; returns the exit code."""
    parser = argparse.ArgumentParser(prog="development_server.status_command", description=__doc__)
    default = f"http://127.0.0.1:{environment.get('PORT') or '8002'}"
    parser.add_argument("--url", default=default, help=f"where the service is ({default})")
    parser.add_argument(
        "--data", type=Path, default=Path(".local"), metavar="DIR", help="the server's folder (.local)"
    )
    options = parser.parse_args(arguments)
    try:
        token = token_of(options.data, environment)
    except (KeysError, OSError) as error:
        print(f"no token: {error}", file=sys.stderr)
        return 1
    return show(options.url, token)


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
