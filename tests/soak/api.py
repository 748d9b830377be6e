"""One more process of the API, for uvicorn: `uvicorn --factory tests.soak.api:app`."""

from __future__ import annotations

import os
from functools import cache

from quiz_sessions.bootstrap import build_services
from quiz_sessions.runtime.settings import Settings
from session_api.app import create_service
from session_api.cached_reads import CachedReads


def app() -> CachedReads:
    return create_service(cache(lambda: build_services(Settings.from_environment(os.environ))))
