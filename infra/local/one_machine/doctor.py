"""Looks at this machine for what keeps the service from starting, or will: and says what to do about each.

Changes nothing. The exit code is 1 if there is a problem, 0 if there are warnings at most.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping

from .checks import Level, all_checks
from .machine import add_data_option

HELP = "look for what is wrong with this machine"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Of which folder."""
    add_data_option(parser)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print what is found."""
    found: Counter[Level] = Counter()
    for finding in all_checks(options.data, environment):
        found[finding.level] += 1
        print(f"{finding.level:8} {finding.what}")
        if finding.do:
            print(f"{'':8} -> {finding.do}")
    print(f"{found[Level.PROBLEM]} problems, {found[Level.WARNING]} warnings")
    return 1 if found[Level.PROBLEM] else 0
