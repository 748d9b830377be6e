"""Whatever the driver of Valkey raises is Valkey being unavailable, and no failed request."""

from __future__ import annotations

import gc
from typing import Any, NoReturn
from uuid import UUID

import pytest
from redis import exceptions
from redis.asyncio.cluster import NodesManager

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import CacheUnavailableError
from quiz_sessions.stores.valkey import ValkeyStore
from tests.harness.service import client_of, services_on
from tests.harness.stores import Stores
from tests.integration.contract import started

ID = UUID(int=1)
FAULTS = [
    exceptions.ConnectionError(),
    exceptions.RedisClusterException(),
    OSError(),
    # redis-py, on a connection that another task has closed: its writer is None.
    AttributeError("'NoneType' object has no attribute 'writelines'"),
    # asyncio, writing to a transport that is closed (Python 3.12.1), and uvloop.
    TypeError(),
    RuntimeError("the handler is closed"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_fault_of_the_driver_is_valkey_being_unavailable(
    services: Services, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def fail(*_: Any, **__: Any) -> NoReturn:
        raise fault

    valkey = services.stores.valkey
    monkeypatch.setattr(valkey._redis, "eval", fail)
    with pytest.raises(CacheUnavailableError):
        await valkey.read(ID)


async def test_a_cluster_that_was_never_reached_is_unavailable() -> None:
    valkey = ValkeyStore("redis://127.0.0.1:1", 60, cluster=True)
    with pytest.raises(CacheUnavailableError):
        await valkey.read(ID)
    await valkey.close()


async def whole_session(stores: Stores, redis_url: str) -> None:
    """In a process whose first request finds this cluster."""
    async with services_on(stores, redis_url=redis_url, redis_cluster=True) as services:
        async with client_of(services) as http:
            session = await started(http)
            assert (await http.get(session.path)).status_code == 200
            assert (await session.answer(0, "A"))["durability"] == "committed"
            assert (await session.answer(1, "B", autosave=True))["durability"] == "committed"
            assert (await http.get(session.path)).json()["answers"] == {"0": "A", "1": "B"}
            assert (await http.get("/health/ready")).json()["cache"] == "down"
            done = await session.complete(answers={"1": "C"})
            assert (done.status_code, done.json()["answers"]) == (200, {"0": "A", "1": "C"})
        assert (await services.flusher.run()).flush_failures > 0
    # A connection that is left open is a warning, which fails the test.
    gc.collect()


async def test_a_process_works_without_the_cluster_that_it_never_reached(stores: Stores) -> None:
    await whole_session(stores, "redis://127.0.0.1:1")


async def test_a_process_works_without_a_cluster_that_does_not_tell_its_slots(stores: Stores) -> None:
    """A user who may not ask, or a server that is no cluster."""
    await whole_session(stores, stores.redis_url)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_process_works_without_a_cluster_whose_driver_fails_at_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def fail(*_: Any, **__: Any) -> NoReturn:
        raise fault

    monkeypatch.setattr(NodesManager, "initialize", fail)
    await whole_session(stores, stores.redis_url)
