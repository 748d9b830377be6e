"""Tells what happened to a session, from the stores: docs/story.md."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import QuizSessionsError
from quiz_sessions.domain.json_values import Json, dump_json
from quiz_sessions.domain.timeline import Moment

from .machine import CommandError, add_data_option, on_services, settings_of, stores_of

HELP = "tell what happened to a session"
_LISTED: Final = 50
_NAMED: Final = 6
_WORDS: Final[Mapping[str, str]] = {
    "started": "started, attempt {attempt_no}",
    "answered": "committed",
    "autosaved": "autosaved, {durability}",
    "merged": "drafts became answers; when each came is not recorded",
    "late_merge": "answers that had come in time were added after the end",
    "outdated": "came after a newer answer, and does not count",
    "displaced": "gave way to another device's answer, and does not count",
    "late_answer": "came too late, and does not count",
    "late_accepted": "staff accepted late answer {late_answer}",
    "refused": "REFUSED {operation}: {status} {code}",
    "unknown": "UNKNOWN what was refused ({cause})",
    "extended": "given {seconds} s, the deadline is {expires_at}",
    "rescheduled": "rules or extra time changed, the deadline is {expires_at}",
    "paused": "the clock was stopped",
    "resumed": "the clock runs again, the deadline is {expires_at}",
    "reopened": "reopened for {seconds} s, the deadline is {expires_at}",
    "completed": "handed in",
    "expired": "the time was over",
    "abandoned": "given up",
    "graded": "graded ({grading})",
    "notified": "notice: {text}",
    "notice_read": "notice {notice} was read",
    "results_read": "the student was shown the results",
    "labelled": "group or label changed",
    "device_changed": "another device",
    "page_changed": "another page or address",
    "section_entered": "began section {section}, counted from 0",
    "staff_action": "staff: {action}",
    "erased": "erased by staff ({type}, action {erased_by})",
}
_LEFT_OUT: Final[Mapping[str, str]] = {
    "buffered": "Valkey could not be read: autosaves of the last half minute may be missing.",
    "staff_actions": "There are more actions of staff than are told here.",
}


class _Told(dict[str, Json]):
    def __missing__(self, name: str) -> str:
        return "?"


def line(moment: Moment) -> str:
    """A moment in a line of plain text, which the texts in it can't leave."""
    detail = moment.detail
    words = moment.kind
    if moment.kind == "incident":
        incident = detail.get("incident") or {}
        words = f"incident: {incident.get('type')} ({incident.get('source')})"
    elif moment.kind in _WORDS:
        words = _WORDS[moment.kind].format_map(_Told(detail))
    parts = [words]
    if moment.questions:
        more = len(moment.questions) - _NAMED
        parts.append(", ".join(moment.questions[:_NAMED]) + (f" and {more} more" if more > 0 else ""))
    if detail.get("count", 1) > 1:
        parts.append(f"{detail['count']} times, last {_clock(moment.until)}")
    elif moment.until is not None:
        parts.append(f"until {_clock(moment.until)}")
    for name, value in (("device", moment.device), ("by", moment.by), ("reason", moment.reason)):
        if value is not None:
            parts.append(f"{name} {value}")
    if "request_id" in detail:
        parts.append(f"request {detail['request_id']}")
    text = " | ".join(parts)
    return f"{moment.at.isoformat(timespec='milliseconds')}  {_one_line(text)}"


def _clock(at: datetime | None) -> str:
    return "?" if at is None else at.isoformat(timespec="milliseconds")


def _one_line(text: str) -> str:
    """Control characters would move the cursor of a terminal."""
    return text if text.isprintable() else dump_json(text).encode("ascii", "backslashreplace").decode()


async def story(services: Services, session: str, write: Callable[[str], object]) -> None:
    """Write the timeline of a session; or of words instead of its id, the sessions whose names have them.

    Raises:
        QuizSessionsError: there is no such session, PostgreSQL is away, or whatever else the services raise.
    """
    try:
        session_id = UUID(session)
    except ValueError:
        await _sessions(services, session, write)
        return
    after: int | None = -1
    is_first = True
    while after is not None:
        page = await services.timeline.page(session_id, after=after)
        if is_first:
            shown = page.session
            write(_one_line(f"{shown.id}: {shown.user_id} at {shown.quiz_id}, {shown.status.value}"))
            is_first = False
        for moment in page.moments:
            write(line(moment))
        for name in page.left_out:
            write(_LEFT_OUT[name])
        after = page.next_after


async def _sessions(services: Services, words: str, write: Callable[[str], object]) -> None:
    found = 0
    cursor: str | None = None
    while True:
        page = await services.audit.find(matching=words, limit=_LISTED, cursor=cursor)
        for each in page.sessions:
            write(
                _one_line(
                    f"{each.id}  {each.started_at.isoformat(timespec='seconds')}  {each.user_id} at "
                    f"{each.quiz_id}, {each.status.value}{'' if each.label is None else f', {each.label}'}"
                )
            )
        found += len(page.sessions)
        cursor = page.next_cursor
        if cursor is None or found >= _LISTED:
            break
    if cursor is not None:
        write("There are more: name more words.")
    elif not found:
        write("No session has these words in its user id, label, group or metadata.")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    add_data_option(parser)
    parser.add_argument("session", metavar="SESSION", help="its id, or words of a name, to find it")


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print the story of a session. Raises CommandError."""
    settings = settings_of(options.data, environment)
    with stores_of(options.data, settings) as stores:
        try:
            on_services(settings, stores, lambda services: story(services, options.session, print))
        except QuizSessionsError as error:
            raise CommandError(str(error) or type(error).__name__) from error
    return 0
