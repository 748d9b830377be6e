"""`quizzes import FILE --quiz ID` and `quizzes export ID`, over the API with a token."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

import httpx

from quiz_sessions.domain.errors import InvalidInputError
from quiz_sessions.domain.validation import check_startable

from . import rules_json
from .errors import FileError
from .formats import FORMATS, read_file
from .model import Imported, Line
from .qti_write import write_package
from .service import TIMEOUT_SECONDS, Quizzes, ServiceError

URL: Final = "QUIZ_SESSIONS_URL"
BEARER: Final = "QUIZ_SESSIONS_TOKEN"
DEFAULT_URL: Final = "http://127.0.0.1:8002"
_ASKED: Final = frozenset({"questions", "paper"})
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""As RFC 6750 has it."""


class RefusedError(RuntimeError):
    """What was asked for is not done; the message says why, and what to do."""


def main(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    out: TextIO,
    transport: httpx.BaseTransport | None = None,
) -> int:
    """Run one command; returns the exit code: 0 done, 1 not done, 2 not understood.

    Args:
        environment: QUIZ_SESSIONS_URL and QUIZ_SESSIONS_TOKEN.
        out: what is asked for, and reports; what goes wrong is written to standard error.
        transport: what requests go through; the network without one.
    """
    options = _parser().parse_args(arguments)
    try:
        token = _token(environment)
        with httpx.Client(
            base_url=options.url or environment.get(URL, DEFAULT_URL),
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=TIMEOUT_SECONDS,
            transport=transport,
        ) as http:
            options.run(options, Quizzes(http), out)
    except (FileError, ServiceError, RefusedError, InvalidInputError, OSError, httpx.InvalidURL) as error:
        print(f"quizzes {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _token(environment: Mapping[str, str]) -> str:
    """The caller's token, "" without one. Raises RefusedError."""
    token = environment.get(BEARER, "").strip()
    if token and not _BEARER.fullmatch(token):
        # What sends it would quote it.
        raise RefusedError(f"{BEARER} is no token.")
    return token


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quizzes", description="Files of other systems, in and out.")
    commands = parser.add_subparsers(dest="command", required=True)
    reading = commands.add_parser("import", help="a file into a quiz's questions, keys and paper")
    reading.add_argument("file", type=Path, metavar="FILE")
    reading.add_argument("--quiz", required=True, metavar="ID", help="the quiz to write")
    reading.add_argument("--format", choices=FORMATS, help="where the file does not tell it")
    reading.add_argument("--title", help="which quiz of a package that has several")
    reading.add_argument(
        "--dry-run", action="store_true", help="report what would be imported, and send nothing"
    )
    reading.add_argument(
        "--replace", action="store_true", help="the questions and the paper of a quiz that exists"
    )
    reading.add_argument("--strict", action="store_true", help="import nothing where something would be lost")
    reading.add_argument(
        "--open-attempts",
        choices=("keep", "abandon"),
        help="what becomes of attempts that new rules would refuse",
    )
    reading.set_defaults(run=import_file)
    writing = commands.add_parser("export", help="a quiz with its keys into a file")
    writing.add_argument("quiz", metavar="ID")
    writing.add_argument("--format", choices=("json", "qti3"), default="json", help="(json)")
    writing.add_argument("--to", type=Path, metavar="FILE", help="a new file; qti3 needs one")
    writing.set_defaults(run=export_quiz)
    for command in (reading, writing):
        command.add_argument("--url", metavar="URL", help=f"the service ({URL}, or {DEFAULT_URL})")
    return parser


def import_file(options: argparse.Namespace, quizzes: Quizzes, out: TextIO) -> None:
    """Read a file and write a quiz.

    Raises:
        InvalidInputError: no quiz can have this id.
        FileError, ServiceError, RefusedError, OSError: what is wrong with the file, the service or the call.
    """
    check_startable(options.quiz)
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
    """Write a quiz into a file. Raises ServiceError, RefusedError, OSError."""
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
