"""The functions' user of Valkey: the tests are it, and it may do what the service needs and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from quiz_sessions.bootstrap import Services
from tests.harness.launch import eventually
from tests.harness.service import start
from tests.harness.stores import Servers
from tests.harness.valkey import RestrictedValkey, functions_user

SESSION = "session:11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="module", params=[False, True], ids=["one node", "a node of a cluster"])
def user(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A connection as that user."""
    folder = tmp_path_factory.mktemp("valkey")
    with RestrictedValkey(Path(folder), persist=False, cluster=request.param) as server:
        with redis.Redis.from_url(server.own_url) as own:
            if request.param:
                own.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
                eventually(lambda: own.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        with redis.Redis.from_url(server.url, protocol=2) as connection:
            yield connection


def refuses(user: redis.Redis, command: str) -> bool:
    try:
        # redis-py gives `execute_command` no types.
        user.execute_command(*command.split(" "))  # type: ignore[no-untyped-call]  # redis-py does not type it
    except redis.exceptions.NoPermissionError:
        return True
    return False


@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "FLUSHDB",
        "SWAPDB 0 1",
        "KEYS *",
        "CONFIG GET *",
        "CONFIG SET maxmemory 1",
        "ACL LIST",
        "ACL SETUSER quiz +@all",
        "SHUTDOWN NOSAVE",
        "INFO",
        "MONITOR",
        "CLIENT LIST",
        "CLIENT KILL TYPE normal",
        "REPLICAOF NO ONE",
        "SORT session:x",
        "MIGRATE 127.0.0.1 1 session:x 0 1",
        "SCRIPT FLUSH",
        "FUNCTION FLUSH",
        "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
        "PUBLISH channel message",
        "CLUSTER NODES",
        "CLUSTER RESET",
        "CLUSTER FLUSHSLOTS",
        "CLUSTER FAILOVER FORCE",
    ],
)
def test_it_may_not_run_what_the_service_does_not_need(user: redis.Redis, command: str) -> None:
    assert refuses(user, command)


@pytest.mark.parametrize("key", ["x", "sessions", "other:session:1", "{other}session:1", "user:1", "dirty"])
@pytest.mark.parametrize("command", ["GET {}", "SET {} 1", "DEL {}", "EVAL return(1) 1 {}"])
def test_it_has_no_keys_but_the_services(user: redis.Redis, command: str, key: str) -> None:
    assert refuses(user, command.format(key))


def test_a_script_has_no_key_that_it_did_not_name(user: redis.Redis) -> None:
    with pytest.raises(redis.exceptions.ResponseError, match="ACL failure in script"):
        user.eval("return redis.call('GET', 'other')", 1, SESSION)
    with pytest.raises(redis.exceptions.ResponseError, match="ACL failure in script"):
        user.eval("return redis.call('FLUSHALL')", 1, SESSION)


async def test_the_services_of_tests_are_it(servers: Servers, services: Services) -> None:
    session_id = await start(services)
    assert (await services.stores.valkey.read(session_id)).attempt is not None
    with servers.cache() as valkey:
        users = {connection["user"] for connection in valkey.client_list()}
    assert users == {"default", functions_user()[0]}
