"""Presence: when the owner of a session was last heard, and from how many devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .attempts import Owner, Staff
from .tags import writer_of
from .timestamps import Micros

SILENT: Final[Micros] = 90_000_000
"""After how long an owner who is not heard is silent."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as a sign of life.

    Attributes:
        device: the writer (see `tags`) that it came from; ANYBODY is none.
        user_id: who sent it, and is heard only in sessions of its own; None where that has been seen to, or
            users are not known.
    """

    device: str
    user_id: str | None = None


def heard_reading(owner: Owner, client_id: str | None) -> Heard | None:
    """Who is heard by a read. Staff are heard in their own sessions alone.

    Where users are not known, a read that names no client may be anybody's: None.

    Raises:
        InvalidInputError: `client_id` is none.
    """
    user_id = owner.subject if isinstance(owner, Staff) else owner
    if user_id is None and client_id is None:
        return None
    return Heard(writer_of(client_id), user_id)


@dataclass(frozen=True, slots=True)
class Presence:
    """What Valkey knows of a session's owner, by its own clock.

    Attributes:
        now: when that was read.
        last_heard: None if never, or too long ago to be kept.
        changed: when something has changed besides `last_heard`, which alone is a change every 15 seconds.
        devices: how many there were, 20 at most.
        buffered: how many answers are drafts.
    """

    now: Micros
    last_heard: Micros | None = None
    changed: Micros = 0
    devices: int = 0
    buffered: int = 0
