"""The sessions in quarantine: which they are, and how the flush gets to try them again."""

from __future__ import annotations

import redis

from quiz_sessions.stores.valkey import DIRTY, FAILURES, SET_ASIDE

_PATIENCE_SECONDS = 5


def quarantined(url: str) -> list[str]:
    """Their ids. Raises redis.RedisError."""
    with _client(url) as client:
        return sorted(client.smembers(SET_ASIDE))


def put_back(url: str) -> list[str]:
    """Mark them for the flush again, with five new tries each; returns their ids. Raises redis.RedisError.

    In such an order that nothing is lost where this ends in the middle: it may be done once more.
    """
    with _client(url) as client:
        sessions = sorted(client.smembers(SET_ASIDE))
        for session in sessions:
            seconds, micros = client.time()
            client.persist(f"{{session:{session}}}:drafts")
            client.hdel(FAILURES, session)
            client.zadd(DIRTY.format(0), {session: seconds * 1_000_000 + micros})
            client.srem(SET_ASIDE, session)
        return sessions


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=_PATIENCE_SECONDS, decode_responses=True)
