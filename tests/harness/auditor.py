"""An auditor who has nothing but the replies of GET events: docs/api.md, "Recomputing the audit log".

It shares nothing with the service, neither code nor database.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(reply: str) -> list[dict[str, Any]]:
    """The events of a reply, their numbers with all digits."""
    events: list[dict[str, Any]] = json.loads(reply, parse_float=Decimal)["events"]
    return events


def findings(session_id: str, events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with all events of a session, in their order."""
    previous, nonces = b"", set()
    for number, event in enumerate(events):
        if event["revision"] != number:
            yield f"revision {event['revision']} stands where {number} was to come"
        if event["changes"] is None:
            if event["nonce"] is not None or event["erased_by"] is None:
                yield f"revision {number} is erased, and nobody says so"
        else:
            digest = sha256(bytes.fromhex(event["nonce"]) + text_of(event["changes"]).encode())
            if digest.hexdigest() != event["digest"]:
                yield f"revision {number} has another digest"
            if event["nonce"] in nonces:
                yield f"revision {number} has a nonce that another event has"
            nonces.add(event["nonce"])
        at = (datetime.fromisoformat(event["at"]) - _EPOCH) // timedelta(microseconds=1)
        linked = "|".join(
            map(str, (session_id, event["revision"], event["version"], event["type"], at, event["digest"]))
        )
        if sha256(previous + linked.encode()).hexdigest() != event["hash"]:
            yield f"revision {number} has another hash"
        previous = bytes.fromhex(event["hash"])


def text_of(value: Any) -> str:
    """A JSON value as PostgreSQL writes jsonb."""
    match value:
        case dict():
            names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
            return "{" + ", ".join(f"{text_of(name)}: {text_of(value[name])}" for name in names) + "}"
        case list():
            return "[" + ", ".join(map(text_of, value)) + "]"
        case Decimal():
            return format(value, "f")
    return json.dumps(value, ensure_ascii=False)
