"""Prints a token for a service that verifies those of its own key: AUTH_MODE=jwt without JWT_ISSUER."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from development_server import token_command

HELP = "print a token of the service's own key"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of the command for tokens."""
    token_command.add_options(parser)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print it."""
    del environment
    return token_command.print_token(options)
