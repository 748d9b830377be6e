"""A LocalStack that AWS clients and SAM CLI of these tests speak to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from localstack_client.session import Session

from localstack_server import HOW_TO_INSTALL, LocalStack
from tests.harness.needs import needs

NEEDS_LOCALSTACK = needs(LocalStack.installed(), f"no LocalStack here: {HOW_TO_INSTALL}")


@contextmanager
def running_localstack(folder: Path) -> Iterator[tuple[LocalStack, Session]]:
    """A fresh LocalStack with a bucket "artefacts", named in this process's environment while it runs."""
    with LocalStack(folder) as localstack, pytest.MonkeyPatch.context() as patch:
        for name, value in localstack.client_environment().items():
            patch.setenv(name, value)
        session = Session()
        # Starts the clock of the rules while the stack is being deployed.
        session.client("events").list_event_buses()
        session.client("s3").create_bucket(Bucket="artefacts")
        yield localstack, session
