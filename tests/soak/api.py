"""One more process of the API, for uvicorn: `uvicorn --factory tests.soak.api:app`."""

from __future__ import annotations

import os
from functools import cache

from fastapi import FastAPI

from quiz_sessions.settings import Settings
from quiz_sessions.wiring import build_services
from session_api.app import create_app


def app() -> FastAPI:
    return create_app(cache(lambda: build_services(Settings.from_environment(os.environ))))
