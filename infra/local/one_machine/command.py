"""`quiz-sessions`: runs the service on one machine, and looks after it. `--help` says how.

Exit codes: 0, it is done; 1, it is not, and a line says why; 2, the arguments are wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, Protocol

import psycopg
import redis

from development_server import FolderInUseError, StartError
from quiz_files import QuizFilesError
from quiz_sessions.runtime.settings import SettingsError
from session_api.server.public_keys import KeysError

from . import (
    backup,
    doctor,
    drain,
    export_quiz,
    import_quiz,
    make_keys,
    print_token,
    restore,
    serve,
    status,
    story,
    version,
)
from .machine import CommandError


class Subcommand(Protocol):
    """A module of this package.

    Attributes:
        HELP: what it does, in a few words.
    """

    HELP: str

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Declare its options."""

    def run(self, options: argparse.Namespace, environment: Mapping[str, str]) -> int:
        """Do it; returns the exit code. May raise what `main` tells in one line."""


COMMANDS: Final[Mapping[str, Subcommand]] = {
    "serve": serve,
    "status": status,
    "token": print_token,
    "import": import_quiz,
    "export": export_quiz,
    "story": story,
    "backup": backup,
    "restore": restore,
    "keys": make_keys,
    "doctor": doctor,
    "drain": drain,
    "version": version,
}


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what the arguments ask for; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options, environment)
    except (
        CommandError,
        QuizFilesError,
        StartError,
        FolderInUseError,
        SettingsError,
        KeysError,
    ) as error:
        reason = str(error)
    except OSError as error:
        reason = _said(error)
    except (psycopg.OperationalError, redis.RedisError) as error:
        # The first line of libpq's says which server, and why; none of its lines has the password.
        reason = str(error).splitlines()[0]
    except KeyboardInterrupt:
        reason = "interrupted"
    print(f"quiz-sessions {options.command}: {reason}", file=sys.stderr)
    return 1


def _said(error: OSError) -> str:
    """Without its number, which says nothing to people."""
    if error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def parser() -> argparse.ArgumentParser:
    """What takes the arguments of all commands."""
    made = argparse.ArgumentParser(prog="quiz-sessions", description="The service on one machine.")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, subcommand in COMMANDS.items():
        subcommand.add_options(
            commands.add_parser(name, help=subcommand.HELP, description=subcommand.__doc__)
        )
    return made


def run() -> NoReturn:
    """The program of that name."""
    # Nobody collects them here; the log says what they would.
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    code = main(sys.argv[1:], os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit, which waits for threads: one may be waiting for a frozen database.
    os._exit(code)
