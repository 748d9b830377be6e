"""Whole exams on a real server; `make exam` runs longer ones with more students, for their figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.launch import QUIET, DevelopmentServer, development_server

from .paper import paper
from .room import room
from .scenarios import all_end_at_once, all_start_at_once, exam

CROWD = 250


@pytest.fixture
def server(folder: Path) -> Iterator[DevelopmentServer]:
    with development_server(folder, "--flush-every", "2", environment=QUIET) as server:
        yield server


async def test_a_crowd_starts_in_the_same_moment(server: DevelopmentServer) -> None:
    figures = await all_start_at_once(server, CROWD)
    assert figures.failed() == 0
    print(*figures.lines(), sep="\n")


async def test_a_crowd_ends_in_the_same_moment(server: DevelopmentServer) -> None:
    figures = await all_end_at_once(server, CROWD, seed=1)
    assert figures.failed() == 0
    print(*figures.lines(), sep="\n")


async def test_an_exam_of_two_hundred_students_through_a_dead_database(server: DevelopmentServer) -> None:
    figures = await exam(server, 200, seconds=24, seed=1)
    print(*figures.lines(), sep="\n")


async def test_a_room_of_two_hundred_from_its_doors_to_its_last_hand_in(server: DevelopmentServer) -> None:
    figures = await room(server, 200, seconds=24, seed=1)
    print(*figures.lines(), sep="\n")


async def test_an_exam_of_two_hundred_with_a_paper_and_two_markers(server: DevelopmentServer) -> None:
    figures = await paper(server, 200, seconds=40, seed=1)
    print(*figures.lines(), sep="\n")
