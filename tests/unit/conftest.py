"""Unit tests have no network."""

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def no_sockets() -> object:
    """Fail a test that opens a socket; event loops use socket pairs, which are allowed."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
