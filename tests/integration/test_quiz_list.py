"""The list of quizzes."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.timestamps import from_micros, iso
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.administration import QuizPage
from quiz_sessions.stores.administration import AdministrationStore
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api, api_of
from tests.harness.service import start
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.integration.test_records import Explaining

NAMES = ["A", "a", "a%b", "a_", "ab", "aü", "b", "z", "ü", "üü", "\U0010ffffz"]
"""In the order of their bytes."""


async def register(services: Services, *names: str, **rules: Any) -> None:
    for name in names:
        await services.administration.put_quiz(name, QuizRules(**rules), at=START)


async def listed(services: Services, **filters: Any) -> list[str]:
    page: QuizPage = await services.administration.list_quizzes(at=LATER, **filters)
    return [quiz.quiz_id for quiz in page.quizzes]


async def test_quizzes_are_listed_in_the_order_of_their_bytes(services: Services) -> None:
    await register(services, *reversed(NAMES))
    assert await listed(services) == NAMES


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("a", ["a", "a%b", "a_", "ab", "aü"]),
        ("a%", ["a%b"]),
        ("a_", ["a_"]),
        ("ü", ["ü", "üü"]),
        ("\U0010ffff", ["\U0010ffffz"]),
        ("ab", ["ab"]),
        ("abc", []),
    ],
)
async def test_a_prefix_is_taken_as_it_is(services: Services, prefix: str, found: list[str]) -> None:
    await register(services, *NAMES)
    assert await listed(services, prefix=prefix) == found


async def test_the_pages_follow_each_other(services: Services) -> None:
    await register(services, *NAMES)
    pages: list[list[str]] = []
    after = None
    while not pages or after is not None:
        page = await services.administration.list_quizzes(prefix="a", after=after, limit=2, at=LATER)
        pages.append([quiz.quiz_id for quiz in page.quizzes])
        after = page.next_after
    assert pages == [["a", "a%b"], ["a_", "ab"], ["aü"]]
    assert (await services.administration.list_quizzes(prefix="a", limit=5, at=LATER)).next_after is None


async def test_a_quiz_is_told_with_how_many_of_its_sessions_are_open(services: Services, api: Api) -> None:
    await register(services, "quiz1", opens_at=from_micros(START), closes_at=from_micros(END * 2))
    await register(services, "quiz2")
    opened = [await start(services, f"user{number}") for number in range(4)]
    await services.sessions.complete(opened[0], at=LATER)
    await services.room.pause(opened[1], "why", at=LATER)
    await start(services, "overdue", quiz="quiz2")
    await services.room.pause_quiz("quiz1", "why", at=LATER)
    reply = await api("GET", "/quizzes?prefix=quiz", at=END + SECOND)
    assert reply.status_code == 200
    assert reply.json() == {
        "quizzes": [
            {
                "quiz_id": "quiz1",
                "revision": 1,
                "opens_at": iso(from_micros(START)),
                "closes_at": iso(from_micros(END * 2)),
                "paused_at": iso(from_micros(LATER)),
                "open": 3,
            },
            {
                "quiz_id": "quiz2",
                "revision": 1,
                "opens_at": None,
                "closes_at": None,
                "paused_at": None,
                # Its time is over, whether or not its row says so.
                "open": 0,
            },
        ],
        "next_after": None,
    }


@pytest.mark.parametrize(("limit", "status"), [(0, 422), (1, 200), (200, 200), (201, 422)])
async def test_a_page_has_a_limit(api: Api, limit: int, status: int) -> None:
    assert (await api("GET", f"/quizzes?limit={limit}")).status_code == status


@pytest.mark.parametrize(
    ("scope", "status"),
    [("", 403), ("quizzes:write", 200), ("sessions:proctor", 200), ("sessions:grade", 200)],
)
async def test_staff_list_quizzes(services: Services, scope: str, status: int) -> None:
    async with api_of(services, jwt=True) as api:
        api.be("somebody", scope)
        assert (await api("GET", "/quizzes")).status_code == status


async def test_a_page_reads_no_more_than_it_shows(stores: Stores, database: Database) -> None:
    database.execute(
        """
        INSERT INTO quizzes (quiz_id, revision, grace_seconds, when_active, show_results, unknown_questions,
            questions, gradable, one_device, admission_seconds, common_start, updated_at)
        SELECT 'quiz' || number, 1, 0, 'new', 'never', 'accept', '{}', false, 'off', 0, false, now()
        FROM generate_series(1, 20000) AS number"""
    )
    database.execute("ANALYZE quizzes")

    async def conninfo() -> str:
        return stores.database_url

    for prefix, after in (("quiz12", None), (None, "quiz12"), ("quiz12", "quiz123"), (None, None)):
        postgres = Explaining(conninfo, 1, lambda: None, Telemetry())
        await AdministrationStore(postgres).quiz_page(prefix, after, LATER, 51)
        await postgres.close()
        (plan,) = postgres.plans
        assert "quizzes_in_order" in plan, plan
        assert "Seq Scan" not in plan, plan
        bounds = plan.partition("quizzes_in_order")[2].partition("SubPlan")[0]
        assert ("Index Cond" in bounds) == bool(prefix or after), plan
        assert ("<" in bounds) == bool(prefix), plan
