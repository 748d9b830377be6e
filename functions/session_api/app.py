"""Builds the FastAPI app, which is the same on Lambda, on the local server and in tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

import quiz_sessions
from quiz_sessions.bootstrap import Services
from quiz_sessions.runtime.telemetry import Telemetry

from . import problems, routes
from .cached_reads import CachedReads
from .middleware import RequestMiddleware
from .schemas.problems import Conflict, InvalidInput, Problem

DESCRIPTION = """Owns quiz attempts while students take them: starts them, keeps every answer, runs the clock
on the server and hands them in. Errors are `application/problem+json` with a stable `code`."""


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, with the schemas of problems, which are no route's response model."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, problem_schemas = models_json_schema(
                [(model, "serialization") for model in (Problem, InvalidInput, Conflict)],
                ref_template="#/components/schemas/{model}",
            )
            schemas = document["components"]["schemas"]
            schemas.update(problem_schemas["$defs"])
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
        assert self.openapi_schema is not None
        return self.openapi_schema


def create_service(services: Callable[[], Services]) -> CachedReads:
    """The app behind its fast path for cached reads, as a server has it (on Lambda, see `handler`)."""
    return CachedReads(lambda: services().cached, cache(lambda: create_app(services)))


def create_app(services: Callable[[], Services], telemetry: Callable[[], Telemetry] = Telemetry) -> FastAPI:
    """The app. `services` and `telemetry` are called at the first request that needs them."""
    app = _App(
        title="Quiz Sessions",
        version=quiz_sessions.__version__,
        description=DESCRIPTION,
        redoc_url=None,
        # Paths have one spelling, and a redirect would be built from the Host header.
        redirect_slashes=False,
    )
    app.include_router(routes.build_router(services))
    problems.install(app)
    app.add_middleware(RequestMiddleware, telemetry=cache(telemetry))
    return app
