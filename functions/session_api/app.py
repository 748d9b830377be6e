"""Builds the FastAPI app, which is the same on Lambda, on the local server and in tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

import quiz_sessions
from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.telemetry import Telemetry

from . import problems, routes
from .cached_reads import CachedReads
from .direct_writes import DirectWrites
from .documentation import add_documentation
from .front import Front
from .middleware import RequestMiddleware
from .schemas.examples import REPLIES
from .schemas.problems import problem_schemas

DESCRIPTION = """Owns quiz attempts while students take them: starts them, keeps every answer, runs the clock
on the server and hands them in. Errors are `application/problem+json` with a stable `code`."""


TAGS = [
    {"name": "sessions", "description": "For those who take a quiz."},
    {"name": "room", "description": "For proctors: extra time, reopening, late answers."},
    {"name": "quizzes", "description": "For authors: the rules of a quiz and its answer key."},
    {"name": "grades", "description": "Scores: read them, set them, grade anew."},
    {"name": "exports", "description": "What came of a quiz, as a file."},
    {"name": "audit", "description": "What happened, and proof of it."},
    {"name": "health", "description": "Whether the service answers."},
]
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "Needed where AUTH_MODE is jwt. `make token` makes one for the local server.",
}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter or a body that may be left out: None is how Python sees that, not a null."""
    forms: list[dict[str, Any]] = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(forms) != 1:
        return schema
    if "$ref" in forms[0]:
        return forms[0]
    return {**forms[0], **{key: value for key, value in schema.items() if key != "anyOf"}}


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, with the schemas of problems, which are no route's response model."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            schemas.update(problem_schemas(problems.codes()))
            for name, example in REPLIES.items():
                # Here, because FastAPI takes every null out of what it writes.
                schemas[name]["examples"] = [example]
            document["components"]["securitySchemes"] = {"token": _TOKEN}
            # Without AUTH_MODE=jwt nobody needs a token.
            document["security"] = [{"token": []}, {}]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for path in document["paths"].values():
                for operation in path.values():
                    bodies = operation.get("requestBody", {}).get("content", {}).values()
                    for each in [*operation.get("parameters", []), *bodies]:
                        each["schema"] = _without_null(each["schema"])
        assert self.openapi_schema is not None
        return self.openapi_schema


def create_service(
    services: Callable[[], Services],
    gateway: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    clock: Callable[[], Micros] | None = None,
) -> Front:
    """The app behind its direct paths, as every process serves it.

    `gateway` adds what only a gateway does elsewhere; its own replies are like all others. `clock` is another
    one than that of the services.
    """

    def telemetry() -> Telemetry:
        return services().telemetry

    writes = DirectWrites(services, cache(lambda: create_app(services, telemetry)))
    reads = CachedReads(lambda: services().cached, services, lambda: writes)
    return Front(
        gateway(reads),
        lambda: services().settings.allowed_origins,
        lambda: services().settings.base_path,
        clock or (lambda: services().clock()),
        secrets=lambda: services().settings.required_secrets,
        telemetry=telemetry,
    )


def create_app(services: Callable[[], Services], telemetry: Callable[[], Telemetry] | None = None) -> FastAPI:
    """The app. `services` and `telemetry` are called by the requests that need them.

    Without `telemetry` it has one of its own.
    """
    app = _App(
        title="Quiz Sessions",
        version=quiz_sessions.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_tags=TAGS,
        # Paths have one spelling, and a redirect would be built from the Host header.
        redirect_slashes=False,
    )
    app.include_router(routes.build_router(services))
    add_documentation(app)
    problems.install(app, services)
    app.add_middleware(RequestMiddleware, telemetry=telemetry or cache(Telemetry), services=services)
    return app
