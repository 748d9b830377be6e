"""A real Valkey Cluster: three primaries, each with a replica."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import redis
from redis.crc import key_slot

from tests.harness.valkey import RestrictedValkey

SLOTS = 16384
PRIMARIES = 3
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class ValkeyCluster:
    """The nodes, primaries first, then their replicas in the same order."""

    nodes: list[RestrictedValkey]

    @property
    def url(self) -> str:
        """As the service reaches it."""
        return self.nodes[0].url

    def primary_of(self, session_id: UUID) -> RestrictedValkey:
        """The node that was the primary of a session's slot when the cluster began."""
        slot = key_slot(f"session:{session_id}".encode())
        return self.nodes[min(slot * PRIMARIES // SLOTS, PRIMARIES - 1)]

    def client(self) -> redis.RedisCluster:
        """A client of the test's own."""
        living = next(node for node in self.nodes if node.running)
        return redis.RedisCluster(host="127.0.0.1", port=living.port)

    def clear(self) -> None:
        with self.client() as client:
            client.flushall()


@contextmanager
def running_cluster() -> Iterator[ValkeyCluster]:
    """Six nodes on loopback that know each other."""
    with tempfile.TemporaryDirectory() as folder:
        nodes = [
            RestrictedValkey(Path(folder, str(number)).resolve(), persist=False, cluster=True)
            for number in range(2 * PRIMARIES)
        ]
        try:
            for node in nodes:
                node.start()
            _join(nodes)
            yield ValkeyCluster(nodes)
        finally:
            for node in nodes:
                node.stop()


def _join(nodes: list[RestrictedValkey]) -> None:
    clients = [redis.Redis.from_url(node.own_url) for node in nodes]
    bounds = [number * SLOTS // PRIMARIES for number in range(PRIMARIES + 1)]
    for number, client in enumerate(clients[:PRIMARIES]):
        # Another epoch for each, or they would have to settle first which of them is right.
        _command(client, "CLUSTER SET-CONFIG-EPOCH", number + 1)
        _command(client, "CLUSTER ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
    for node in nodes[1:]:
        _command(clients[0], "CLUSTER MEET", "127.0.0.1", node.port, node.cluster_port)
    names = [_command(client, "CLUSTER MYID").decode() for client in clients]
    _until(lambda: all(_knows(client, len(nodes)) for client in clients))
    for number, client in enumerate(clients[PRIMARIES:]):
        _command(client, "CLUSTER REPLICATE", names[number])
    _until(lambda: all(_is_up(client) for client in clients))
    replicas = clients[PRIMARIES:]
    _until(lambda: all(client.info("replication")["master_link_status"] == "up" for client in replicas))
    for client in clients:
        client.close()


def _command(client: redis.Redis, *words: object) -> Any:
    return client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py does not type it


def _knows(client: redis.Redis, nodes: int) -> bool:
    info: dict[str, str] = _command(client, "CLUSTER INFO")
    return int(info["cluster_known_nodes"]) == nodes and info["cluster_state"] == "ok"


def _is_up(client: redis.Redis) -> bool:
    info: dict[str, str] = _command(client, "CLUSTER INFO")
    return info["cluster_state"] == "ok" and int(info["cluster_size"]) == PRIMARIES


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "the cluster does not come up"
        time.sleep(0.05)
