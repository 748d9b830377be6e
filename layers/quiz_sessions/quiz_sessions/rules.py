"""The rules of an attempt, pure: what may be stored, what counts, what a caller sees.

Nothing here reads a clock or a store; the moment is always an argument.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from .errors import ContentTooLargeError, InvalidInputError
from .models import (
    Attempt,
    Deadline,
    Draft,
    Drafts,
    Micros,
    Session,
    Status,
    dump_json,
    from_micros,
    to_micros,
)

MAX_ANSWER_BYTES = 64 * 1024
MAX_SESSION_BYTES = 1024 * 1024
MAX_ANSWERS = 512
MAX_ID_CHARACTERS = 128
MAX_DEPTH = 100
MAX_INTEGER = 2**31 - 1
MAX_INTEGER_DIGITS = 4300
"""Python's own bound for reading an integer back (sys.set_int_max_str_digits)."""

_EXPONENT = re.compile(r"[0-9]e[+-]?[0-9]")


# What may be stored


def session_key(session_id: str | UUID) -> UUID:
    """The session's id as a UUID.

    Raises:
        InvalidInputError: it is none.
    """
    if isinstance(session_id, UUID):
        return session_id
    try:
        return UUID(session_id)
    except ValueError:
        raise InvalidInputError("A session id is a UUID.") from None


def question_key(question_id: int | str) -> str:
    """The key of a question in `answers`: an integer is written in decimal.

    Raises:
        InvalidInputError: it is neither an integer from 0 to 2^31-1 nor 1 to 128 characters.
    """
    if isinstance(question_id, int) and not isinstance(question_id, bool):
        if not 0 <= question_id <= MAX_INTEGER:
            raise InvalidInputError("An integer question_id is from 0 to 2147483647.")
        return str(question_id)
    return check_id("question_id", question_id)


def check_id(name: str, value: object) -> str:
    """`value` itself, when it can be an id.

    Raises:
        InvalidInputError: it is not 1 to 128 characters that PostgreSQL can store.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_CHARACTERS:
        raise InvalidInputError(f"{name} is a string of 1 to {MAX_ID_CHARACTERS} characters.")
    check_text(name, value)
    return value


def check_count(name: str, value: int | None, maximum: int = MAX_INTEGER) -> None:
    """Refuse a number that can't be a version or a current_question; None is none.

    Raises:
        InvalidInputError: it is not an integer from 0 to `maximum`.
    """
    if value is not None and (isinstance(value, bool) or not 0 <= value <= maximum):
        raise InvalidInputError(f"{name} is an integer from 0 to {maximum}.")


def check_text(name: str, value: str) -> None:
    """Refuse what neither jsonb nor UTF-8 can hold.

    Raises:
        InvalidInputError: a NUL character or a lone surrogate is in `value`.
    """
    if "\x00" in value:
        raise InvalidInputError(f"{name} has a NUL character, which can't be stored.")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInputError(f"{name} has half a surrogate pair, which is no character.")


def check_answers(answers: Mapping[str, Any]) -> None:
    """Refuse answers that can't be kept by value or are too large on their own.

    Raises:
        InvalidInputError: no answer, too many, or one that is no JSON value PostgreSQL can hold.
        ContentTooLargeError: an answer is over 64 KiB as compact UTF-8 JSON.
    """
    if not answers:
        raise InvalidInputError("Send at least one answer.")
    if len(answers) > MAX_ANSWERS:
        raise InvalidInputError(f"A session has at most {MAX_ANSWERS} answers.")
    for question, answer in answers.items():
        check_id("question_id", question)
        check_json_value(answer)
        size = len(dump_json(answer).encode())
        if size > MAX_ANSWER_BYTES:
            raise ContentTooLargeError(
                f"An answer has at most {MAX_ANSWER_BYTES} bytes; this one has {size}."
            )


def check_json_value(value: Any) -> None:
    """Refuse what is no JSON value or does not survive being stored.

    Raises:
        InvalidInputError: a NUL character, a lone surrogate, a number that is not finite or too long,
            a nesting deeper than 100, or a type that JSON does not have.
        ContentTooLargeError: it holds more values than an answer has bytes.
    """
    pending = [(value, 0)]
    found = 1
    while pending:
        item, depth = pending.pop()
        if not isinstance(item, list | dict):
            _check_scalar(item)
            continue
        if depth == MAX_DEPTH:
            raise InvalidInputError(f"An answer is nested deeper than {MAX_DEPTH}.")
        # The size is measured behind this; a million empty lists would take seconds until then.
        found += len(item)
        if found > MAX_ANSWER_BYTES:
            raise ContentTooLargeError(f"An answer has at most {MAX_ANSWER_BYTES} bytes.")
        if isinstance(item, dict):
            for key in item:
                if not isinstance(key, str):
                    raise InvalidInputError("A key in an answer is not a string.")
                check_text("A key in an answer", key)
        pending.extend((child, depth + 1) for child in (item if isinstance(item, list) else item.values()))


def _check_scalar(item: Any) -> None:
    if isinstance(item, str):
        check_text("An answer", item)
    elif isinstance(item, float):
        if not math.isfinite(item):
            raise InvalidInputError("A number in an answer is not finite.")
    elif isinstance(item, int):
        # The length in bits first: turning an enormous integer into digits is what Python refuses.
        if item.bit_length() > MAX_INTEGER_DIGITS * 3 and abs(item) >= 10**MAX_INTEGER_DIGITS:
            raise InvalidInputError(f"A number in an answer has more than {MAX_INTEGER_DIGITS} digits.")
    elif item is not None:
        raise InvalidInputError("An answer is not a JSON value.")


def check_session_size(answers: Mapping[str, Any]) -> None:
    """Refuse a session that would be too large with what is about to be added.

    The size is that of the answers as PostgreSQL writes them, `octet_length(answers::text)`, which puts
    a space behind each comma and colon, as `json.dumps` does, and writes exponents out in digits.

    Raises:
        InvalidInputError: it would have more than 512 answers.
        ContentTooLargeError: it would be over 1 MiB.
    """
    if len(answers) > MAX_ANSWERS:
        raise InvalidInputError(f"A session has at most {MAX_ANSWERS} answers.")
    text = json.dumps(answers, ensure_ascii=False)
    size = len(text.encode())
    if _EXPONENT.search(text):
        size += sum(_written_out(number) for number in _floats(answers))
    if size > MAX_SESSION_BYTES:
        raise ContentTooLargeError(f"A session has at most {MAX_SESSION_BYTES} bytes of answers.")


def _floats(value: Any) -> Iterator[float]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, float):
            yield item
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _written_out(number: float) -> int:
    """How many characters longer PostgreSQL writes it than Python."""
    return len(f"{Decimal(repr(number)):f}") - len(repr(number))


# The clock


def time_remaining(expires_at: datetime, at: Micros) -> int:
    """Whole seconds from `at` to `expires_at`, rounded up, never below 0."""
    return max(0, -((at - to_micros(expires_at)) // 1_000_000))


def is_overdue(attempt: Attempt, at: Micros) -> bool:
    """Whether an open attempt's deadline and grace have passed at `at`; their last moment is in time."""
    return attempt.status.is_open and at > to_micros(attempt.accepts_until)


def lateness_ms(expires_at: datetime, at: Micros) -> int:
    """By how many milliseconds, rounded up, `at` lies after the deadline; 0 before it.

    At most 2^31-1, some 25 days, which is what the column holds.
    """
    return min(MAX_INTEGER, max(0, -((to_micros(expires_at) - at) // 1000)))


def deadline(attempt: Attempt, at: Micros) -> Deadline:
    """What the deadline of `attempt` is made of, at `at`."""
    seconds = attempt.time_limit_seconds + attempt.accommodation_seconds + attempt.extension_seconds
    by_limit = attempt.started_at + timedelta(seconds=seconds)
    closes_first = attempt.closes_at is not None and attempt.closes_at < by_limit
    return Deadline(
        session_id=attempt.id,
        status=Status.EXPIRED if is_overdue(attempt, at) else attempt.status,
        started_at=attempt.started_at,
        time_limit_seconds=attempt.time_limit_seconds,
        accommodation_seconds=attempt.accommodation_seconds,
        extension_seconds=attempt.extension_seconds,
        closes_at=attempt.closes_at,
        grace_seconds=attempt.grace_seconds,
        expires_at=attempt.expires_at,
        accepts_until=attempt.accepts_until,
        binding="closes_at" if closes_first else "time_limit",
        server_time=from_micros(at),
        time_remaining=(
            time_remaining(attempt.expires_at, at) if attempt.status.is_open else attempt.time_remaining
        ),
    )


# Load

AUTOSAVE_MS = 10_000
MAX_AUTOSAVE_MS = 60_000
BACKLOG_UNIT = 2_000
"""Dirty sessions for which the pause between two autosaves grows by its whole length."""
ERROR_FACTOR = 5
"""The pause is six times as long where every write fails."""


def next_autosave_after_ms(backlog: int, error_rate: float, jitter: float) -> int:
    """How long a client should wait before its next autosave, in milliseconds.

    It grows with the sessions that wait for the flush and with the share of writes that failed (0 to 1). The
    jitter (0 to 1) spreads it by a fifth to both sides, so that clients that began together come apart.
    """
    pause = AUTOSAVE_MS * (1 + backlog / BACKLOG_UNIT) * (1 + ERROR_FACTOR * error_rate)
    return round(min(MAX_AUTOSAVE_MS, pause) * (0.8 + 0.4 * jitter))


# Which answer counts


def counts(draft: Draft, committed_at: Micros, end: Micros) -> bool:
    """Whether a draft stands over what is committed: later than it, and not after the end."""
    return committed_at < draft.at <= end


def is_owned(attempt: Attempt, owner: str | None) -> bool:
    """Whether a caller sees the attempt who may see those of `owner` alone; None sees all."""
    return owner is None or attempt.user_id == owner


def counting(attempt: Attempt, drafts: Drafts) -> dict[str, Any]:
    """The answers of the drafts that count, by question."""
    return {
        question: draft.value
        for question, draft in drafts.answers.items()
        if counts(draft, attempt.answered_at(question), attempt.end)
    }


def view(attempt: Attempt, drafts: Drafts, at: Micros) -> Session:
    """What a caller sees of `attempt` at `at`: its drafts over its answers, its clock at that moment.

    An attempt whose deadline has passed is shown as expired, also before its row says so.
    """
    buffered = counting(attempt, drafts)
    latest = max((drafts.answers[question].at for question in buffered), default=0)
    status = attempt.status
    if is_overdue(attempt, at):
        status = Status.EXPIRED
    elif buffered and status is Status.STARTED:
        status = Status.IN_PROGRESS
    current = drafts.current_question
    return Session(
        id=attempt.id,
        user_id=attempt.user_id,
        quiz_id=attempt.quiz_id,
        attempt_no=attempt.attempt_no,
        status=status,
        current_question=(
            current.value
            if current is not None and counts(current, attempt.current_question_at, attempt.end)
            else attempt.current_question
        ),
        answers={**attempt.answers, **buffered} if buffered else attempt.answers,
        version=attempt.version,
        time_remaining=(
            time_remaining(attempt.expires_at, at) if attempt.status.is_open else attempt.time_remaining
        ),
        started_at=attempt.started_at,
        expires_at=attempt.expires_at,
        last_updated=attempt.last_updated,
        completed_at=attempt.completed_at,
        late_ms=max(attempt.late_ms, lateness_ms(attempt.expires_at, latest)),
        score=attempt.score,
        max_score=attempt.max_score,
        durability="buffered" if buffered else "committed",
        buffered_questions=sorted(buffered),
    )


def merge_drafts(older: Drafts, newer: Drafts) -> Drafts:
    """Both together: of two drafts for one question the one with the larger `at`, `newer` on a tie."""
    answers = dict(older.answers)
    for question, draft in newer.answers.items():
        known = answers.get(question)
        if known is None or draft.at >= known.at:
            answers[question] = draft
    current = older.current_question
    if newer.current_question is not None and (current is None or newer.current_question.at >= current.at):
        current = newer.current_question
    return Drafts(answers, current)


def changed_since(attempt: Attempt, version: int) -> list[str]:
    """The questions whose committed answer is younger than `version`."""
    return sorted(question for question, meta in attempt.answer_meta.items() if meta["version"] > version)
