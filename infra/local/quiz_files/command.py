"""What `quiz-sessions import` and `export` do, over the API with a token."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from quiz_sessions.domain.errors import InvalidInputError
from quiz_sessions.domain.validation import check_startable

from . import rules_json
from .errors import RefusedError
from .formats import FORMATS, read_file
from .model import Imported, Line
from .qti_write import write_package
from .service import Quizzes

_ASKED: Final = frozenset({"questions", "paper"})


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """Those of an import."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--quiz", required=True, metavar="ID", help="the quiz to write")
    parser.add_argument("--format", choices=FORMATS, help="where the file does not tell it")
    parser.add_argument("--title", help="which quiz of a package that has several")
    parser.add_argument(
        "--dry-run", action="store_true", help="report what would be imported, and send nothing"
    )
    parser.add_argument(
        "--replace", action="store_true", help="the questions and the paper of a quiz that exists"
    )
    parser.add_argument("--strict", action="store_true", help="import nothing where something would be lost")
    parser.add_argument(
        "--open-attempts",
        choices=("keep", "abandon"),
        help="what becomes of attempts that new rules would refuse",
    )


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Those of an export."""
    parser.add_argument("quiz", metavar="ID")
    parser.add_argument("--format", choices=("json", "qti3"), default="json", help="(json)")
    parser.add_argument("--to", type=Path, metavar="FILE", help="a new file; qti3 needs one")


def import_file(options: argparse.Namespace, quizzes: Quizzes, out: TextIO) -> None:
    """Read a file and write a quiz.

    Raises:
        QuizFilesError: what is wrong with the file, the service or the call.
        OSError: the file can't be read.
    """
    try:
        check_startable(options.quiz)
    except InvalidInputError as error:
        raise RefusedError(str(error)) from error
    imported = read_file(
        options.file.read_bytes(), options.file.name, form=options.format, title=options.title
    )
    _report(imported, out)
    if options.strict and (imported.lost or any(line.lost or not line.questions for line in imported.report)):
        raise RefusedError("something would be lost, as the report says; nothing was sent.")
    if options.dry_run:
        return
    existing = quizzes.get(options.quiz)
    if existing is not None and not options.replace:
        raise RefusedError(
            f"{options.quiz!r} exists (revision {existing.shown['revision']}); --replace gives it these "
            "questions and this paper, and keeps its other rules."
        )
    kept = {} if existing is None else rules_json.rules_of(existing.shown)
    rules = {name: value for name, value in kept.items() if name not in _ASKED} | dict(imported.rules)
    if options.open_attempts is not None:
        rules["open_attempts"] = options.open_attempts
    written = quizzes.put(options.quiz, rules, seen=existing)
    print(f"{options.quiz}: revision {written['revision']}", file=out)


def export_quiz(options: argparse.Namespace, quizzes: Quizzes, out: TextIO) -> None:
    """Write a quiz into a file. Raises QuizFilesError, OSError."""
    quiz = quizzes.get(options.quiz)
    if quiz is None:
        raise RefusedError(f"there is no quiz {options.quiz!r}.")
    has_keys = any("key" in question for question in quiz.shown["questions"].values())
    if quiz.shown.get("paper") is None and not has_keys:
        reason = "the quiz has none, or the token lacks quizzes:write"
        print(f"no paper and no keys are shown: {reason}.", file=sys.stderr)
    if options.format == "qti3":
        if options.to is None:
            raise RefusedError("a package needs a file: --to FILE.zip")
        exported = write_package(quiz.shown, options.quiz)
        _write(options.to, exported.data)
        _print_lines(exported.report, exported.lost, out)
    elif options.to is None:
        out.write(rules_json.write(quiz.shown))
    else:
        _write(options.to, rules_json.write(quiz.shown).encode())


def _write(path: Path, data: bytes) -> None:
    """Write a new file, for its owner alone: it has the keys."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _report(imported: Imported, out: TextIO) -> None:
    sections = len((imported.rules.get("paper") or {}).get("sections", ()))
    outcomes = Counter(line.outcome for line in imported.report)
    found = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
    print(f"{len(imported.rules.get('questions', {}))} questions in {sections} sections; {found}", file=out)
    others = imported.rules.keys() - _ASKED
    if others:
        _print(f"rules: {', '.join(f'{name} {imported.rules[name]}' for name in sorted(others))}", out)
    _print_lines(imported.report, imported.lost, out)


def _print_lines(lines: Sequence[Line], lost: Sequence[str], out: TextIO) -> None:
    for line in lines:
        name = f" ({line.name})" if line.name else ""
        became = ", ".join(line.questions) or "-"
        _print(f"{line.place}{name} -> {became}: {line.outcome}: {line.kept}", out)
        for what in line.lost:
            _print(f"    lost: {what}", out)
    for what in lost:
        _print(f"lost: {what}", out)


def _print(line: str, out: TextIO) -> None:
    """Print one line of words of a file, which are not to move a terminal's cursor."""
    print("".join(each if each.isprintable() else "\ufffd" for each in line), file=out)
