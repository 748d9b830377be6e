"""Runs the service until a signal ends it: `make run` and the systemd unit start this."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from development_server import __main__ as server

from .machine import settings_of

HELP = "run the service"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of the server."""
    server.add_options(parser)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Serve, with the settings of the data folder under those of the environment."""
    if not options.demo:
        environment = settings_of(options.data or Path(".local"), environment)
    return server.serve(options, environment)
