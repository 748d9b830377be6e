"""Makes the keys of a data folder that are missing or damaged.

What the lost ones have signed can't be verified any more. Start the service again afterwards.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from development_server.signing_keys import make_missing

from .machine import add_data_option, check_owner

HELP = "make the keys that are missing or damaged"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Of which folder."""
    add_data_option(parser)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Make them. Raises CommandError, OSError."""
    del environment
    check_owner(options.data)
    print("\n".join(make_missing(options.data)) or "nothing to do: the keys can be read")
    return 0
