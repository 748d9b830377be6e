"""UUID version 7, as RFC 9562 has it."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.domain.timestamps import from_micros
from quiz_sessions.domain.uuid7 import lowest, moment_of, uuid7

MOMENTS = st.integers(0, 250_000_000_000_000_000)
RANDOM = st.binary(min_size=10, max_size=10)


def test_it_is_the_example_of_the_standard() -> None:
    """RFC 9562, A.6: rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F, 2022-02-22T19:22:22Z."""
    random = (0xCC3 << 62 | 0x18C4DC0C0C07398F) << 6
    found = uuid7(1_645_557_742_000_000, random.to_bytes(10))
    assert found == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(MOMENTS, RANDOM)
def test_it_has_its_version_and_its_moment(at: int, random: bytes) -> None:
    found = uuid7(at, random)
    assert (found.version, found.variant) == (7, RFC_4122)
    assert moment_of(found) == from_micros(at - at % 1000)


@given(MOMENTS, MOMENTS, RANDOM)
def test_ids_have_the_order_of_their_moments(one: int, other: int, random: bytes) -> None:
    assert (uuid7(one, random) >= lowest(other)) == (one // 1000 >= other // 1000)


def test_a_moment_before_1970_is_the_first_one() -> None:
    assert lowest(-5) == UUID(int=0)
