"""What each process holds at one moment, and whether that grows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.harness.stores import Stores

_SOCKET = re.compile(r"socket:\[(\d+)\]")
_TCP_TABLE = Path("/proc/net/tcp")


@dataclass(frozen=True, slots=True)
class Holding:
    """What a process holds. Memory is in KiB; the last two are connections."""

    memory: int
    handles: int
    threads: int
    postgres: int
    valkey: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What the stores hold. Memory is in KiB."""

    dirty: int
    set_aside: int
    keys: int
    valkey_memory: int
    backends: int
    database_size: int


class Sampler:
    """Looks at processes and stores."""

    def __init__(self, processes: Mapping[str, int], stores: Stores) -> None:
        """`processes`: pids by name."""
        self._processes = processes
        self._database = psycopg.connect(stores.database_url, autocommit=True, application_name="soak")
        self._valkey = redis.Redis.from_url(stores.own_redis_url, client_name="soak")

    def close(self) -> None:
        self._database.close()
        self._valkey.close()

    def holdings(self) -> dict[str, Holding]:
        postgres = {row[0] for row in self._rows("SELECT client_port FROM pg_stat_activity")}
        valkey = {int(client["addr"].rpartition(":")[2]) for client in self._valkey.client_list()}
        ports = _local_ports()
        return {name: _holding(pid, ports, postgres, valkey) for name, pid in self._processes.items()}

    def stored(self) -> Stored:
        ((backends, size),) = self._rows(
            "SELECT count(*) FILTER (WHERE application_name = 'quiz-sessions'),"
            " pg_database_size(current_database()) / 1024 FROM pg_stat_activity"
        )
        memory: dict[str, Any] = self._valkey.info("memory")
        return Stored(
            dirty=int(self._valkey.zcard("dirty:0")),
            set_aside=int(self._valkey.scard("dirty:set-aside")),
            keys=int(self._valkey.dbsize()),
            valkey_memory=memory["used_memory"] // 1024,
            backends=backends,
            database_size=size,
        )

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._database.execute(statement.encode()).fetchall()


def _holding(pid: int, ports: Mapping[str, int], postgres: set[int], valkey: set[int]) -> Holding:
    folder = Path("/proc", str(pid))
    status = dict(
        line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line
    )
    targets = []
    for handle in (folder / "fd").iterdir():
        try:
            targets.append(str(handle.readlink()))
        except FileNotFoundError:
            # Closed since it was listed.
            continue
    own = {ports[found[1]] for target in targets if (found := _SOCKET.match(target)) and found[1] in ports}
    return Holding(
        memory=int(status["VmRSS"].split()[0]),
        handles=len(targets),
        threads=int(status["Threads"]),
        postgres=len(own & postgres),
        valkey=len(own & valkey),
    )


def _local_ports() -> dict[str, int]:
    """The local port of every TCP socket on this machine, by its inode."""
    lines = _TCP_TABLE.read_text().splitlines()[1:]
    return {words[9]: int(words[1].rpartition(":")[2], 16) for words in map(str.split, lines)}


# What grows


@dataclass(frozen=True, slots=True)
class Limit:
    """Growth, from the first to the last of the samples, that is too much: above both of these."""

    absolute: float
    share: float


MEMORY = Limit(4096, 0.04)
"""KiB."""
COUNT = Limit(2, 0.1)


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """By how much the values grow in a unit of time, by least squares."""
    mean_time = sum(times) / len(times)
    mean_value = sum(values) / len(values)
    spread = sum((time - mean_time) ** 2 for time in times)
    if not spread:
        return 0.0
    pairs = zip(times, values, strict=True)
    return sum((time - mean_time) * (value - mean_value) for time, value in pairs) / spread


def growth(times: Sequence[float], values: Sequence[float]) -> float:
    """By how much the line through the values rises between the first and the last of them."""
    return slope(times, values) * (times[-1] - times[0])


def grows(times: Sequence[float], values: Sequence[float], limit: Limit) -> bool:
    """Whether they grow by more than the limit."""
    found = growth(times, values)
    return found > limit.absolute and found > limit.share * sum(values) / len(values)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
