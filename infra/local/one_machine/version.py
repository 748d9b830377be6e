"""Prints the version of the service, of its schema, and of what it runs on."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Mapping

from quiz_sessions import __version__

from .database_copy import newest_revision, postgres_version
from .valkey_copy import valkey_version

HELP = "print the versions of the service and of its stores"


def add_options(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print them."""
    del options, environment
    print(
        f"quiz-sessions {__version__}\n"
        f"schema {newest_revision()}\n"
        f"PostgreSQL {postgres_version()}\n"
        f"Valkey {valkey_version()}\n"
        f"Python {platform.python_version()}"
    )
    return 0
