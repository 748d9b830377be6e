"""What may be stored: ids, counts, texts, answers, and their limits."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from uuid import UUID

from .errors import ContentTooLargeError, InvalidInputError
from .json_values import Json, dump_json

MAX_ANSWER_BYTES = 64 * 1024
MAX_SESSION_BYTES = 1024 * 1024
MAX_ANSWERS = 512
MAX_ID_CHARACTERS = 128
MAX_DEPTH = 100
MAX_INTEGER = 2**31 - 1
MAX_INTEGER_DIGITS = 4300
"""Python's own bound for reading an integer back (sys.set_int_max_str_digits)."""

_EXPONENT = re.compile(r"[0-9]e[+-]?[0-9]")


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


def check_answers(answers: Mapping[str, Json]) -> None:
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


def check_json_value(value: Json) -> None:
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


def _check_scalar(item: Json) -> None:
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


def check_session_size(answers: Mapping[str, Json]) -> None:
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


def _floats(value: Json) -> Iterator[float]:
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
