"""Chains of requests that schemathesis makes up, each with what the ones before have answered."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import Flaky
from schemathesis.config import CacheConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from session_api.app import create_app
from tests.hostile.conftest import PATIENCE_SECONDS
from tests.integration.test_schemathesis import no_services

# Without the one on server errors: 503 is documented, and a busy machine may answer it.
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
RUNS = 8
CHAINS = 6
LENGTH = 10
START = ("POST", "/sessions/start")


def linked() -> dict[str, Any]:
    """The app's document, with links from what makes a session or a quiz to all that takes one."""
    document: dict[str, Any] = create_app(no_services).openapi()
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    def link(
        source: tuple[str, str], statuses: tuple[str, ...], target: tuple[str, str], **more: Any
    ) -> None:
        name = operations[target]["operationId"]
        for status in statuses:
            links = operations[source]["responses"][status].setdefault("links", {})
            links[name] = {"operationId": name, **more}

    session, quiz = {"session_id": "$response.body#/id"}, {"quiz_id": "$response.body#/quiz_id"}
    for target in operations:
        if "{session_id}" in target[1]:
            event = {"event": "$response.body#/version"} if "{event}" in target[1] else {}
            link(START, ("200", "201"), target, parameters=session | event)
        elif "{quiz_id}" in target[1]:
            user = {"user_id": "$response.body#/user_id"} if "{user_id}" in target[1] else {}
            link(START, ("200", "201"), target, parameters=quiz | user)
    return document


def test_no_chain_of_requests_is_answered_otherwise_than_documented(address: tuple[str, int]) -> None:
    host, port = address
    schema = schemathesis.openapi.from_dict(
        linked(),
        config=SchemathesisConfig(seed=1, cache=CacheConfig(enabled=False), projects=ProjectsConfig()),
    )
    schema.config.update(base_url=f"http://{host}:{port}", request_timeout=PATIENCE_SECONDS)
    # What it makes up by itself leads to sessions that there are not.
    schema.config.phases.stateful.inference.algorithms = []
    met: dict[str, set[int]] = defaultdict(set)
    failures: list[BaseException] = []

    class Chains(schema.as_state_machine()):  # type: ignore[misc]  # a class made at run time
        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            met[case.operation.label].add(response.status_code)
            if response.status_code >= 500 and response.status_code != 503:
                failures.append(AssertionError(f"{case.operation.label}: {response.text}"))
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as failure:
                failures.append(failure)

    for number in range(RUNS):
        # A run ends where a request that is sent again is answered otherwise, for by then it has been done.
        with suppress(Flaky):
            seed(number)(Chains).run(
                settings=settings(
                    max_examples=CHAINS,
                    stateful_step_count=LENGTH,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
            )
    assert failures == []
    # Otherwise the links led nowhere.
    done = {label for label, statuses in met.items() if statuses & {200, 201}}
    assert "POST /sessions/start" in done
    assert len({label for label in done if "{session_id}" in label}) >= 5
