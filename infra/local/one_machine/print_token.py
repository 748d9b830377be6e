"""Prints a token for a service that verifies those of its own key: AUTH_MODE=jwt without JWT_ISSUER."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from development_server.key_pair import MINUTES, KeyPair

from .machine import add_data_option

HELP = "print a token of the service's own key"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Whose it is, and what for."""
    add_data_option(parser)
    parser.add_argument("--sub", required=True, metavar="USER", help="whose token it is")
    parser.add_argument("--scope", metavar="SCOPES", help="what it allows, with spaces between (nothing)")
    parser.add_argument("--minutes", type=int, default=MINUTES, help=f"how long it is good ({MINUTES})")


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print it."""
    del environment
    print(KeyPair(options.data).token(options.sub, options.scope, options.minutes))
    return 0
