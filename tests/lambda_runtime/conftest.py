"""Functions under Lambda's own runtime, each used by all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.runtime import Runtime, running_runtime
from tests.harness.stores import Stores


@pytest.fixture(scope="module")
def api_in_use(running_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with running_runtime(
        "session_api.handler.handler", running_stores, tmp_path_factory.mktemp("api")
    ) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def flush_in_use(running_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with running_runtime(
        "flush_sessions.handler.handler", running_stores, tmp_path_factory.mktemp("flush")
    ) as runtime:
        yield runtime


@pytest.fixture
def api(api_in_use: Runtime, stores: Stores) -> Runtime:
    """The API's runtime on empty stores; it has served other tests."""
    return api_in_use


@pytest.fixture
def flush(flush_in_use: Runtime, stores: Stores) -> Runtime:
    """The flush's runtime on empty stores; it has served other tests."""
    return flush_in_use
