"""Validation: which ids, numbers, texts and answers may be stored, and their limits."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from unicodedata import category, normalize
from uuid import UUID

from .errors import ContentTooLargeError, InvalidInputError
from .json_values import Json, dump_json
from .matching import is_accepted

MAX_ANSWER_BYTES = 64 * 1024
MAX_SESSION_BYTES = 1024 * 1024
MIN_REFUSED_BYTES = 1024
"""An event of what was refused counts for so much at least, so that there are not many small ones."""
MAX_ANSWERS = 512
MAX_ID_CHARACTERS = 128
MAX_DEPTH = 100
MAX_INTEGER = 2**31 - 1
MAX_SEARCH_WORDS = 10
MAX_INTEGER_DIGITS = 4300
"""Python refuses to parse longer integers (sys.set_int_max_str_digits)."""

QUIZ_ID = r"^[^/]*[^/.][^/]*$"
"""A part of a path: with a slash, or of dots alone, staff could not name the quiz that is started."""
_QUIZ_ID = re.compile(QUIZ_ID, re.DOTALL)
_EXPONENT = re.compile(r"e(?<=[0-9]e)[+-]?[0-9]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def session_key(session_id: str | UUID) -> UUID:
    """Parse a session id.

    Raises:
        InvalidInputError: it is not a UUID.
    """
    if isinstance(session_id, UUID):
        return session_id
    try:
        return UUID(session_id)
    except ValueError:
        raise InvalidInputError("A session id must be a UUID.", member="session_id") from None


def check_startable(quiz_id: object) -> None:
    """Refuse the id of a quiz that staff could not name in a path.

    Raises:
        InvalidInputError: it is no id, has a slash, or dots alone.
    """
    if not _QUIZ_ID.fullmatch(check_id("quiz_id", quiz_id)):
        raise InvalidInputError("quiz_id must have no slash, and not dots alone.", member="quiz_id")


def question_key(question_id: int | str) -> str:
    """The key of a question in `answers`; an integer is written in decimal.

    Raises:
        InvalidInputError: it is neither an integer from 0 to 2^31-1 nor 1 to 128 characters.
    """
    if isinstance(question_id, int) and not isinstance(question_id, bool):
        if not 0 <= question_id <= MAX_INTEGER:
            raise InvalidInputError(
                "An integer question_id must be from 0 to 2147483647.", member="question_id"
            )
        return str(question_id)
    return check_id("question_id", question_id)


def check_id(name: str, value: object, member: str | None = None) -> str:
    """Return `value` if it can be an id; `member` is at fault if that is not what `name` says.

    Raises:
        InvalidInputError: it is not 1 to 128 characters that PostgreSQL can store.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_CHARACTERS:
        raise InvalidInputError(
            f"{name} must be a string of 1 to {MAX_ID_CHARACTERS} characters.", member=member or name
        )
    check_text(name, value, member or name)
    return value


def search_words(text: str) -> list[str]:
    """The words that are looked for in names; each is a part of one.

    Raises:
        InvalidInputError: there is none, or there are more than 10.
    """
    check_text("matching", text)
    words = normalize("NFC", text).split()
    if not 1 <= len(words) <= MAX_SEARCH_WORDS:
        raise InvalidInputError(f"matching must have 1 to {MAX_SEARCH_WORDS} words.", member="matching")
    return words


def check_count(name: str, value: int | None, maximum: int = MAX_INTEGER) -> None:
    """Refuse a number that is out of range; None is accepted.

    Raises:
        InvalidInputError: `value` is not an integer from 0 to `maximum`.
    """
    if value is not None and (isinstance(value, bool) or not 0 <= value <= maximum):
        raise InvalidInputError(f"{name} must be an integer from 0 to {maximum}.", member=name)


def check_text(name: str, value: str, member: str | None = None) -> None:
    """Refuse text that jsonb or UTF-8 can't hold; `member` is at fault.

    Raises:
        InvalidInputError: `value` contains a NUL character or a lone surrogate.
    """
    if "\x00" in value:
        raise InvalidInputError(f"{name} has a NUL character, which can't be stored.", member=member)
    if not value.isascii() and _SURROGATE.search(value):
        raise InvalidInputError(f"{name} has half a surrogate pair, which is no character.", member=member)


def check_shows(name: str, value: str) -> None:
    """Refuse text in which people would see nothing.

    Raises:
        InvalidInputError: it has white space, control and format characters alone, or what the matching of
            answers leaves out.
    """
    # BRAILLE PATTERN BLANK is a symbol to Unicode.
    if is_accepted(
        "".join(each for each in value if category(each)[0] not in "CZ" and each != "\u2800"), [""]
    ):
        raise InvalidInputError(f"{name} must show something.", member=name)


def check_answers(answers: Mapping[str, Json]) -> None:
    """Refuse answers that PostgreSQL can't store unchanged, or that exceed a limit by themselves.

    Raises:
        InvalidInputError: there are no answers or too many, or PostgreSQL can't hold one as JSON.
        ContentTooLargeError: an answer has more than 64 KiB as compact UTF-8 JSON, or all of them together
            are more than a session may have, as PostgreSQL writes them.
    """
    if not answers:
        raise InvalidInputError("Send at least one answer.", member="answers")
    if len(answers) > MAX_ANSWERS:
        raise InvalidInputError(f"A session may have at most {MAX_ANSWERS} answers.", member="answers")
    size = 0
    for question, answer in answers.items():
        check_id("question_id", question, member="answers")
        try:
            # Before PostgreSQL has to write them out: 1e308 has 309 digits there.
            size += _check_answer(answer)
        except InvalidInputError as error:
            raise InvalidInputError(f"Question {question!r}: {error}", question, member="answers") from None
        except ContentTooLargeError as error:
            raise ContentTooLargeError(f"Question {question!r}: {error}", question) from None
        if size > MAX_SESSION_BYTES:
            raise ContentTooLargeError(f"A session may have at most {MAX_SESSION_BYTES} bytes of answers.")


def _check_answer(answer: Json) -> int:
    """Its size, as PostgreSQL writes it."""
    check_json_value(answer)
    written = written_size(answer)
    # PostgreSQL writes no answer shorter than as compact JSON.
    if written > MAX_ANSWER_BYTES and (size := len(dump_json(answer).encode())) > MAX_ANSWER_BYTES:
        raise ContentTooLargeError(
            f"An answer may have at most {MAX_ANSWER_BYTES} bytes; this one has {size}."
        )
    return written


def check_json_value(value: Json, what: str = "An answer") -> None:
    """Refuse what is not a JSON value or would be changed by storing it; messages say of `what`.

    Raises:
        InvalidInputError: it contains a NUL character, a lone surrogate, a number that is not finite or has
            too many digits, nesting deeper than 100, or a type that JSON does not have.
        ContentTooLargeError: it has more members and items than an answer may have bytes.
    """
    found = 1
    pending: list[tuple[Iterable[Json], int]] = [((value,), 0)]
    while pending:
        items, depth = pending.pop()
        for item in items:
            if not isinstance(item, list | dict):
                _check_scalar(item, what)
                continue
            if depth == MAX_DEPTH:
                raise InvalidInputError(f"{what} is nested deeper than {MAX_DEPTH}.")
            if not item:
                continue
            found += len(item)
            if found > MAX_ANSWER_BYTES:
                raise ContentTooLargeError(f"{what} may have at most {MAX_ANSWER_BYTES} bytes.")
            if isinstance(item, dict):
                for key in item:
                    if not isinstance(key, str):
                        raise InvalidInputError(f"{what} has a key that is not a string.")
                    check_text(what, key)
            pending.append((item if isinstance(item, list) else item.values(), depth + 1))


def _check_scalar(item: Json, what: str) -> None:
    if isinstance(item, str):
        check_text(what, item)
    elif isinstance(item, float):
        if not math.isfinite(item):
            raise InvalidInputError(f"{what} has a number that is not finite.")
    elif isinstance(item, int):
        # Check the length in bits first, because Python refuses to convert an enormous integer to digits.
        if item.bit_length() > MAX_INTEGER_DIGITS * 3 and abs(item) >= 10**MAX_INTEGER_DIGITS:
            raise InvalidInputError(f"{what} has a number of more than {MAX_INTEGER_DIGITS} digits.")
    elif item is not None:
        raise InvalidInputError(f"{what} is not a JSON value.")


def check_session_size(answers: Mapping[str, Json], displaced: Sequence[Json] = ()) -> None:
    """Refuse a session whose answers would exceed a limit, `answers` being all of them.

    Of the size, `displaced` answers that wait to be recorded count as well.

    The size is that of the answers as PostgreSQL writes them, `octet_length(answers::text)`. Like
    `json.dumps`, PostgreSQL puts a space after each comma and colon; unlike it, PostgreSQL writes exponents
    out in digits.

    Raises:
        InvalidInputError: there are more than 512 answers.
        ContentTooLargeError: they have more than 1 MiB.
    """
    if len(answers) > MAX_ANSWERS:
        raise InvalidInputError(f"A session may have at most {MAX_ANSWERS} answers.", member="answers")
    if written_size([answers, *displaced] if displaced else answers) > MAX_SESSION_BYTES:
        raise ContentTooLargeError(f"A session may have at most {MAX_SESSION_BYTES} bytes of answers.")


def compact_size(value: Json) -> int:
    """The bytes of a JSON value as compact UTF-8, with its numbers written out as PostgreSQL does."""
    return len(dump_json(value).encode()) + sum(map(_written_out, _floats(value)))


def written_size(value: Any) -> int:
    """The bytes of a JSON value as PostgreSQL writes it."""
    text = json.dumps(value, ensure_ascii=False)
    size = len(text.encode())
    if _EXPONENT.search(text):
        size += sum(_written_out(number) for number in _floats(value))
    return size


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
    """How many more characters than Python PostgreSQL needs to write the number."""
    text = repr(number)
    digits, _, exponent = text.partition("e")
    if not exponent:
        return 0
    sign = text.startswith("-")
    decimals = len(digits.partition(".")[2])
    places = int(exponent)
    # A fraction has a point, and as many zeros before its digits as it takes.
    written = places + 1 if places >= decimals else 2 + decimals - places
    return sign + written - len(text)
