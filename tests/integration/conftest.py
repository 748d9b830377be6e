"""The API behind a gateway, on real stores."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from quiz_sessions.bootstrap import Services
from tests.harness.gateway import Api, api_of


@pytest.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    async with api_of(services) as found:
        yield found
