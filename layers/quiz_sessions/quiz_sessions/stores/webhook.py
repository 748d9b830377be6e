"""The webhook: sends domain events to a URL, signed as Standard Webhooks has it (docs/events.md)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from hashlib import sha256
from socket import SHUT_RDWR
from threading import local
from typing import Any, Final
from urllib.parse import urlsplit

import standardwebhooks

from ..domain.audit_events import OutboxMessage
from ..domain.deliveries import Refusal
from ..domain.json_values import dump_json
from ..domain.timestamps import Micros, from_micros, iso
from .event_bus import detail_of, type_of

AT_ONCE: Final = 8
"""Requests at the same time."""
CONNECT_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 10.0
"""From the beginning of a request to its reply."""
_GONE: Final = 410
_ASKS_TO_WAIT: Final = (429, 503)


class Webhook:
    """A URL that takes events.

    Attributes:
        fingerprint: SHA-256 of the URL, which may be kept where the URL may not.
        shown: the URL without its query, which may have a secret.
    """

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        clock: Callable[[], Micros],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """`secrets` are in the form of Standard Webhooks, `whsec_` and base64; each of them signs.

        `patience` is in seconds.
        """
        # A process without a webhook does without it.
        from urllib3 import Timeout  # noqa: PLC0415

        # They would log the URL, and what the receiver has said.
        for name in ("urllib3.connection", "urllib3.connectionpool"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.fingerprint = sha256(url.encode()).hexdigest()
        self.shown = urlsplit(url)._replace(query="").geturl()
        self.patience = patience
        self._url = url
        self._signers = [standardwebhooks.Webhook(secret) for secret in secrets]
        self._clock = clock
        self._under_way = local()
        self._http = _pools(self._under_way)(
            maxsize=AT_ONCE,
            retries=False,
            timeout=Timeout(connect=min(CONNECT_SECONDS, patience), read=patience),
        )
        # Threads of its own: a receiver that sends its reply byte by byte keeps one for longer than anybody
        # waits for it, and others need theirs.
        self._threads = ThreadPoolExecutor(AT_ONCE, "webhook")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.clear()

    async def put(self, events: Sequence[OutboxMessage]) -> list[Refusal | None]:
        """Send events, at most AT_ONCE, at the same time; for each, None if the receiver has accepted it."""
        return list(await asyncio.gather(*map(self._send, events)))

    async def _send(self, event: OutboxMessage) -> Refusal | None:
        loop = asyncio.get_running_loop()
        connections: list[Any] = []
        try:
            async with asyncio.timeout(self.patience):
                return await loop.run_in_executor(self._threads, self._post, event, connections)
        except TimeoutError:
            # Or a receiver that goes on sending bits of a reply would keep the thread.
            for connection in connections:
                with suppress(OSError, AttributeError):
                    connection.sock.shutdown(SHUT_RDWR)
            return Refusal("timeout")

    def _post(self, event: OutboxMessage, connections: list[Any]) -> Refusal | None:
        """`connections` is where the request's goes."""
        self._under_way.connections = connections
        # Here for the reason that `__init__` gives.
        from urllib3 import exceptions  # noqa: PLC0415

        detail = detail_of(event)
        body = dump_json({"type": type_of(event), "timestamp": iso(event.at), "data": detail})
        try:
            reply = self._http.request(
                "POST",
                self._url,
                body=body.encode(),
                headers=self._headers(detail["event_id"], body),
                # A redirect would lead to where the operator has not sent the events.
                redirect=False,
                preload_content=False,
            )
            # Nothing is read of a body, which may be long or slow. Without one the connection serves again.
            if reply.length_remaining == 0:
                reply.release_conn()
            else:
                reply.close()
        except exceptions.NewConnectionError:
            # To urllib3 it is a kind of timeout.
            return Refusal("unreachable")
        except exceptions.TimeoutError:
            return Refusal("timeout")
        except exceptions.SSLError:
            return Refusal("certificate")
        except exceptions.ProtocolError:
            return Refusal("broken off")
        except exceptions.HTTPError:
            return Refusal("unreachable")
        return self._judge(reply.status, reply.headers)

    def _judge(self, status: int, headers: Mapping[str, str]) -> Refusal | None:
        if 200 <= status < 300:
            return None
        wait = headers.get("Retry-After") if status in _ASKS_TO_WAIT else None
        return Refusal(f"status {status}", status == _GONE, None if wait is None else self._seconds(wait))

    def _seconds(self, retry_after: str) -> int | None:
        """The seconds that Retry-After says (RFC 9110, 10.2.3); None if it says none."""
        if retry_after.isascii() and retry_after.isdecimal():
            # As many digits as an hour has, and some.
            return int(retry_after[:9])
        try:
            until = parsedate_to_datetime(retry_after)
            return max(0, round(until.timestamp() - self._clock() / 1_000_000))
        except (ValueError, OverflowError):
            return None

    def _headers(self, event_id: str, body: str) -> dict[str, Any]:
        now = from_micros(self._clock())
        return {
            "Content-Type": "application/json",
            "User-Agent": "quiz-sessions",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(event_id, now, body) for signer in self._signers),
        }


def _pools(under_way: local) -> type[Any]:
    """Connection pools like urllib3's, which tell a thread what connection its request has."""
    # Here for the reason that `Webhook` gives.
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager  # noqa: PLC0415

    def telling(pool: type[Any]) -> type[Any]:
        def request(connection: Any, *arguments: Any, **options: Any) -> None:
            under_way.connections.append(connection)
            pool.ConnectionCls.request(connection, *arguments, **options)

        connection = type("Connection", (pool.ConnectionCls,), {"request": request})
        return type(pool.__name__, (pool,), {"ConnectionCls": connection})

    class Pools(PoolManager):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.pool_classes_by_scheme = {
                "http": telling(HTTPConnectionPool),
                "https": telling(HTTPSConnectionPool),
            }

    return Pools
