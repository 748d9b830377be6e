"""What matching takes from Unicode, compared with the properties that the package regex has."""

import unicodedata
from functools import cache

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.domain import matching

EVERY_CHARACTER = [chr(code) for code in range(0x110000)]
# Of newer Unicode versions than this Python's, unicodedata knows nothing.
ASSIGNED = [character for character in EVERY_CHARACTER if unicodedata.category(character) != "Cn"]


def having(pattern: str, characters: list[str] = ASSIGNED) -> set[str]:
    return set(filter(regex.compile(pattern, regex.VERSION1).match, characters))


@cache
def readings() -> dict[str, str]:
    return {character: matching._reading(character) for character in ASSIGNED}


def read_as(*wanted: str) -> set[str]:
    return {character for character, reading in readings().items() if reading in wanted}


def test_what_is_dropped_is_what_unicode_calls_default_ignorable() -> None:
    dropped = {character for character in EVERY_CHARACTER if not matching._without_ignorable(character)}
    assert dropped == having(r"\p{Default_Ignorable_Code_Point}", EVERY_CHARACTER)


def test_what_reads_as_nothing_is_that_and_white_space() -> None:
    # Python takes the four ASCII separators for white space, too.
    assert read_as("") == having(r"[\p{White_Space}\p{Default_Ignorable_Code_Point}\x1c-\x1f]")


def test_what_reads_as_a_hyphen_is_every_dash_but_superscripts_and_subscripts() -> None:
    assert read_as("-") == having(r"[\p{Dash}--[\p{dt=super}\p{dt=sub}]]")


def test_what_reads_as_a_quote_is_every_quotation_mark_but_brackets() -> None:
    apostrophes = {"\N{MODIFIER LETTER APOSTROPHE}", "\N{ARMENIAN APOSTROPHE}"}
    marks = having(r"\p{Quotation_Mark}")
    brackets = {mark for mark in marks if "CORNER BRACKET" in unicodedata.name(mark)}
    assert read_as("'", '"') == marks - brackets | apostrophes


def test_single_and_double_quotes_are_told_apart_by_name() -> None:
    assert all("DOUBLE" not in unicodedata.name(quote) for quote in read_as("'"))
    assert all("SINGLE" not in unicodedata.name(quote) for quote in read_as('"'))


@pytest.mark.parametrize("width", ["Fullwidth", "Halfwidth"])
def test_no_reading_has_another_width(width: str) -> None:
    wide = having(rf"\p{{East_Asian_Width={width}}}") - {"\N{WON SIGN}"}
    read = {matching._reading(character) for character in wide}
    assert not read & wide


def test_what_means_something_else_is_read_as_itself() -> None:
    for character in having(r"[\p{dt=super}\p{dt=sub}\p{dt=fraction}\p{dt=circle}\p{dt=square}\p{dt=font}]"):
        assert matching._reading(character) == matching.canonical(character.casefold())


@given(st.text() | st.text("aé\u0301\u0316\u0345\u0344\u0f73가\u11a8", max_size=30))
def test_canonical_is_nfd(text: str) -> None:
    assert matching.canonical(text) == unicodedata.normalize("NFD", text)


@given(st.text())
def test_a_reading_reads_as_itself(text: str) -> None:
    assert matching._reading(matching._reading(text)) == matching._reading(text)
