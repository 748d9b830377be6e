"""Whether an answer is the same as a key: as a JSON value, as a number, or as a text.

Strings that Unicode calls canonically equivalent, as é and an e with an accent after it, are the same in all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, TypeGuard

# Unambiguous, so it never backtracks: a 64 KiB answer that almost is a number must not take a second.
_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:[eE]([+-]?)(\d+))?")

# They are nothing else anywhere.
_MINUS_SIGN = "\u2212"
_ARABIC_DECIMAL_SEPARATOR = "\u066b"

# Enough digits to round nothing, from an integer of 4300 digits down to 5e-324.
_EXACT = Context(prec=5000)
_MAX_EXPONENT = 999_999_999

# Unicode's Stream-Safe Text Format (UAX #15) allows a letter 30 marks, more than any language needs.
_TOO_MANY_MARKS = b"\x01" * 31

# Unicode's Default_Ignorable_Code_Point, which unicodedata lacks and nothing in it adds up to. Unicode has
# set code points aside for it, so new versions hardly change it. The package regex has it, but would add 3 MB
# to the layer and 15 ms to a cold start; a test compares these ranges with it instead.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_JOINER = "\u200d"
_NO_TAGS = re.compile("[^\U000e0020-\U000e007f]")

# How Unicode tags the decomposition of a character that is another one in a certain form. Its other tags are
# for what means something else: <super>, <sub>, <fraction>, <circle>, <square>, <font> and <compat>.
_FORMS = frozenset(
    {
        "<wide>",
        "<narrow>",
        "<small>",
        "<vertical>",
        "<noBreak>",
        "<initial>",
        "<medial>",
        "<final>",
        "<isolated>",
    }
)

# Unicode's property Dash is the category Pd, these (SWUNG DASH, MINUS SIGN), and superscripts and subscripts.
_DASHES_BESIDE_PD = "\u2053\u2212"
# MODIFIER LETTER APOSTROPHE is no punctuation, but the apostrophe that the case folding of ŉ contains.
_LETTER_APOSTROPHE = "\u02bc"


# JSON values


def canonical(text: str) -> str:
    """NFD, which is the same for two strings exactly when they are canonically equivalent.

    A text with more than 30 marks on one letter is equivalent to itself alone: ordering 64 KiB of marks would
    take seconds.
    """
    if unicodedata.is_normalized("NFD", text) or _TOO_MANY_MARKS in bytes(map(_is_mark, text)):
        return text
    return unicodedata.normalize("NFD", text)


@lru_cache(4096)
def _is_mark(character: str) -> bool:
    # Some marks of class 0 are made of marks of other classes.
    return unicodedata.combining(unicodedata.normalize("NFD", character)[0]) > 0


def identity(value: Any, spelling: Callable[[str], str] = canonical) -> Hashable:
    """A hashable form, equal for two values exactly when they are the same JSON value.

    It is a flat sequence in which each container is followed by its contents, so that no depth of nesting can
    exhaust the stack. `spelling` gives the form in which strings and names are compared.
    """
    tokens: list[tuple[str, Any]] = []
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            members = sorted((spelling(name), name) for name in item)
            tokens.append(("object", tuple(spelled for spelled, _ in members)))
            pending.extend(item[name] for _, name in members)
        elif isinstance(item, list):
            tokens.append(("list", len(item)))
            pending.extend(item)
        elif isinstance(item, bool):
            # In Python, True == 1.
            tokens.append(("bool", item))
        elif isinstance(item, str):
            tokens.append(("string", spelling(item)))
        else:
            tokens.append(("scalar", _exactly(item) if isinstance(item, float) else item))
    return tuple(tokens)


# Numbers


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether `value` is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_near(answer: Any, key: int | float, tolerance: int | float, decimal: str) -> bool:
    """Whether `answer` is, or holds, a number at most `tolerance` from `key`, in exact decimal arithmetic."""
    number = _read_number(answer, decimal)
    if number is None:
        return False
    middle, reach = _exactly(key), _exactly(tolerance)
    # Compare with the bounds: Decimals compare without being written out, while a difference of two numbers
    # would be written out to as many digits as a huge exponent demands.
    return _EXACT.subtract(middle, reach) <= number <= _EXACT.add(middle, reach)


def _exactly(number: int | float) -> Decimal:
    # A float stands for its decimal notation, not for its exact binary value: PostgreSQL returns 1e23 as an
    # integer, and an answer may be graded both before and after it was stored.
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def _read_number(answer: Any, decimal: str) -> Decimal | None:
    if is_number(answer):
        return _exactly(answer)
    if not isinstance(answer, str):
        return None
    text = "".join(map(_plain_form, _without_ignorable(answer))).strip()
    if decimal == ",":
        # 1.500 may be meant as 1.5 or, with a separator of thousands, as 1500.
        if "." in text:
            return None
        text = text.replace(",", ".")
    text = text.replace(_MINUS_SIGN, "-").replace(_ARABIC_DECIMAL_SEPARATOR, ".")
    match = _NUMBER.fullmatch(text)
    # The ten digits of a script follow each other in Unicode.
    if match is None or len({ord(digit) - int(digit) for digit in filter(str.isdecimal, text)}) > 1:
        return None
    coefficient, sign, exponent = match.groups(default="")
    # Decimal accepts no larger exponent. With at most 64 Ki digits before it, 10^999999999 is just as far
    # from every key.
    return Decimal(f"{coefficient}e{sign}{min(Decimal(exponent or 0), _MAX_EXPONENT)}")


# Texts


def is_accepted(answer: Any, texts: Iterable[str]) -> bool:
    """Whether `answer` is a string that reads as one of `texts`."""
    if not isinstance(answer, str):
        return False
    accepted = {_reading(text) for text in texts}
    words = " ".join(_without_ignorable(answer).split())
    # A reading is no shorter than its words, and would take milliseconds for 64 KiB that can't be right.
    return len(words) <= max(map(len, accepted)) and _reading(words) in accepted


def _reading(text: str) -> str:
    """A form that is the same for texts that differ in case, form, white space, quotes and dashes alone.

    Case is folded as in Unicode's canonical caseless matching (3.13, D145).
    """
    folded = canonical(_without_ignorable(text)).casefold()
    return " ".join(canonical("".join(map(_plain_character, folded))).split())


def _without_ignorable(text: str) -> str:
    return text if text.isascii() else _IGNORABLE.sub(_what_makes_another_emoji, text)


def _what_makes_another_emoji(ignorable: re.Match[str]) -> str:
    # Between two symbols a joiner makes one of them, as of a man and a laptop a programmer. Tags after a flag
    # make it that of Scotland or of Wales.
    text, (start, end) = ignorable.string, ignorable.span()
    if not _is_symbol(text[start - 1 : start]):
        return ""
    joined = _JOINER in ignorable[0] and _is_symbol(text[end : end + 1])
    return _NO_TAGS.sub("", ignorable[0]) + (_JOINER if joined else "")


def _is_symbol(character: str) -> bool:
    return character != "" and unicodedata.category(character).startswith("S")


@lru_cache(4096)
def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Pd" or character in _DASHES_BESIDE_PD:
        return "-"
    if category.startswith("P") or character == _LETTER_APOSTROPHE:
        # Unicode's property Quotation_Mark, and the names that tell which of them are single; the Japanese
        # brackets that have it too are neither.
        name = unicodedata.name(character)
        if name.endswith(("QUOTATION MARK", "APOSTROPHE")):
            return "'" if "SINGLE" in name or "APOSTROPHE" in name else '"'
        # An ellipsis is three full stops, as word processors replace them.
        if unicodedata.decomposition(character).startswith("<compat>"):
            return unicodedata.normalize("NFKD", character)
    plain = _plain_form(character)
    return plain if plain == character else "".join(map(_plain_character, plain))


@lru_cache(4096)
def _plain_form(character: str) -> str:
    form, _, codes = unicodedata.decomposition(character).partition(" ")
    return "".join(chr(int(code, 16)) for code in codes.split()) if form in _FORMS else character
