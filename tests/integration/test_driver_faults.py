"""Whatever the driver of Valkey raises is Valkey being unavailable, and no failed request."""

from __future__ import annotations

from typing import Any, NoReturn
from uuid import UUID

import pytest
from redis import exceptions

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import CacheUnavailableError
from quiz_sessions.stores.valkey import ValkeyStore

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
