"""A LocalStack without Docker on loopback, for `make localstack` and the tests."""

from .server import HOW_TO_INSTALL, LocalStack, LocalStackError

__all__ = ["HOW_TO_INSTALL", "LocalStack", "LocalStackError"]
