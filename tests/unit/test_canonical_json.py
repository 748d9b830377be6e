"""Canonical JSON, and the hash of answers over it."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.domain.canonical_json import canonical_json
from quiz_sessions.services.receipts import answers_sha256
from tests.harness.canonical_cases import CASES, Case

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | TEXT | DOUBLES | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_have_the_canonical_text_and_hash_of_the_table(case: Case) -> None:
    answers = json.loads(case.answers)
    assert canonical_json(answers) == case.canonical
    assert answers_sha256(answers) == case.sha256


@given(VALUES)
def test_a_value_has_the_text_that_another_implementation_gives_it(value: Any) -> None:
    assert canonical_json(value).encode() == rfc8785.dumps(value)


@given(DOUBLES)
def test_a_number_has_one_text_in_all_its_spellings(number: float) -> None:
    # With 17 digits, with all of them, and as jsonb gives back what was sent with an exponent.
    for text in (f"{number:.16e}", f"{number:.1100f}", f"{Decimal(repr(number)):f}"):
        assert canonical_json(json.loads(text)) == canonical_json(number)


@given(st.integers(-(10**330), 10**330))
def test_an_integer_is_its_nearest_double_as_far_as_there_is_one(number: int) -> None:
    nearest = json.loads(str(number), parse_int=float)
    expected = str(number) if math.isinf(nearest) else rfc8785.dumps(nearest).decode()
    assert canonical_json(number) == expected


@given(VALUES)
def test_the_canonical_text_is_its_own(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text
