"""Writes a quiz with its keys into a file, over the API: docs/import.md#exporting."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

import quiz_files
from session_api.identity import WRITE_QUIZZES

from .calls import add_service_options, service_of

HELP = "write a quiz with its keys into a file"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which quiz, into which file."""
    add_service_options(parser)
    quiz_files.add_export_options(parser)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Write the file, or print it. Raises QuizFilesError."""
    with service_of(options, environment, WRITE_QUIZZES) as http:
        quiz_files.export_quiz(options, quiz_files.Quizzes(http), sys.stdout)
    return 0
