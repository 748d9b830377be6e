"""Brings a file of another system into a quiz, over the API: docs/import.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

import quiz_files
from session_api.identity import WRITE_QUIZZES

from .calls import add_service_options, service_of

HELP = "bring a file of another system into a quiz"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which file, into which quiz."""
    add_service_options(parser)
    quiz_files.add_import_options(parser)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Write the quiz, and report what became of each question. Raises QuizFilesError."""
    with service_of(options, environment, WRITE_QUIZZES) as http:
        quiz_files.import_file(options, quiz_files.Quizzes(http), sys.stdout)
    return 0
