"""Rules that change while attempts are open: what would be unfair to them has to be said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import AttemptsOpenError
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import OpenAttempts, QuizRules, ShowResults, UnknownQuestions, WhenActive
from quiz_sessions.domain.timestamps import from_micros
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import holding
from tests.harness.service import autosave, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row

KEYED = {"0": {"grading": "exact", "key": "A"}, "essay": {"points": 5}}
FULL: dict[str, Any] = {
    "time_limit_seconds": 1800,
    "opens_at": from_micros(START),
    "closes_at": from_micros(END),
    "max_attempts": 2,
    "when_active": WhenActive.RESUME,
    "show_results": ShowResults.NEVER,
    "questions": parse_questions(KEYED),
}


async def put(services: Services, open_attempts: OpenAttempts | None = None, **rules: Any) -> Any:
    return await services.administration.put_quiz(
        "quiz1", QuizRules(**rules), open_attempts=open_attempts, by="author", at=LATER
    )


WEAKER: dict[str, dict[str, Any]] = {
    "opens_at": {"opens_at": None},
    "closes_at": {"closes_at": None},
    "time_limit_seconds": {"time_limit_seconds": None},
    "max_attempts": {"max_attempts": None},
    "more attempts": {"max_attempts": 3},
    "when_active": {"when_active": WhenActive.NEW},
    "show_results": {"show_results": ShowResults.AFTER_END},
    "shown after the close": {"show_results": ShowResults.AFTER_CLOSE},
    "unknown_questions": {"unknown_questions": UnknownQuestions.ACCEPT},
    "a question": {"questions": parse_questions({"essay": {"points": 5}})},
    "a key": {"questions": parse_questions({**KEYED, "0": {}})},
}
RULE = {"more attempts": "max_attempts", "shown after the close": "show_results"}
FAIR: dict[str, dict[str, Any]] = {
    "more time": {"time_limit_seconds": 3600},
    "less time": {"time_limit_seconds": 60},
    "a later close": {"closes_at": from_micros(END + 3600 * SECOND)},
    "an earlier close": {"closes_at": from_micros(LATER + SECOND)},
    "grace": {"grace_seconds": 60},
    "a corrected key": {"questions": parse_questions({**KEYED, "0": {"grading": "exact", "key": "B"}})},
    "another question": {"questions": parse_questions({**KEYED, "1": {}})},
    "points": {"questions": parse_questions({**KEYED, "essay": {"points": 1}})},
}


@pytest.mark.parametrize("name", WEAKER)
async def test_a_rule_that_open_attempts_go_by_is_not_weakened_silently(
    services: Services, database: Database, name: str
) -> None:
    await put(services, **FULL)
    await start(services)
    before = contents(database)
    with pytest.raises(AttemptsOpenError) as refused:
        await put(services, **{**FULL, **WEAKER[name]})
    expected = RULE.get(name, "questions" if name.startswith("a ") else name)
    assert (refused.value.attempts, refused.value.rules) == (1, [expected])
    assert contents(database) == before
    await put(services, OpenAttempts.KEEP, **{**FULL, **WEAKER[name]})


@pytest.mark.parametrize("name", WEAKER)
async def test_without_open_attempts_a_rule_may_be_weakened(services: Services, name: str) -> None:
    await put(services, **FULL)
    await services.sessions.complete(await start(services), at=LATER)
    await put(services, **{**FULL, **WEAKER[name]})


@pytest.mark.parametrize("name", FAIR)
async def test_what_is_fair_to_open_attempts_needs_no_word(services: Services, name: str) -> None:
    await put(services, **FULL)
    await start(services)
    await put(services, **{**FULL, **FAIR[name]})


# What would have refused an open attempt

REFUSING: dict[str, dict[str, Any]] = {
    "a later opening": {"opens_at": from_micros(LATER)},
    "fewer attempts": {"max_attempts": 1},
    "one at a time": {"when_active": WhenActive.RESUME},
}


async def two_open(services: Services, **rules: Any) -> list[Any]:
    """Two open attempts of one user."""
    await put(services, when_active=WhenActive.NEW, **rules)
    return [await start(services), await start(services)]


@pytest.mark.parametrize(
    ("name", "number"), [("a later opening", 2), ("fewer attempts", 1), ("one at a time", 1)]
)
async def test_a_rule_that_would_have_refused_open_attempts_is_refused_with_their_number(
    services: Services, database: Database, name: str, number: int
) -> None:
    await two_open(services)
    before = contents(database)
    with pytest.raises(AttemptsOpenError) as refused:
        await put(services, None, **({"when_active": WhenActive.NEW} | REFUSING[name]))
    assert (refused.value.attempts, refused.value.rules) == (number, [])
    assert contents(database) == before


async def test_attempts_that_began_before_a_quiz_was_registered_are_no_exception(services: Services) -> None:
    await start(services)
    with pytest.raises(AttemptsOpenError):
        await put(services, opens_at=from_micros(LATER))
    await put(services, OpenAttempts.KEEP, opens_at=from_micros(LATER))


async def test_attempts_that_are_kept_go_on(services: Services, database: Database) -> None:
    ids = await two_open(services)
    await put(services, OpenAttempts.KEEP, max_attempts=1, when_active=WhenActive.NEW)
    for session_id in ids:
        await services.sessions.update_answer(session_id, 0, "A", at=LATER + SECOND)


async def test_attempts_that_would_have_been_refused_are_abandoned_with_their_drafts(
    services: Services, database: Database
) -> None:
    first, second = await two_open(services)
    await autosave(services, second, "A")
    written = await put(services, OpenAttempts.ABANDON, max_attempts=1, when_active=WhenActive.NEW)
    assert written.abandoned == 1
    assert (row(database, first)["status"], row(database, second)["status"]) == ("started", "abandoned")
    assert row(database, second)["answers"] == {"0": "A"}
    (change,) = changes(database, second, "abandoned")
    assert (change["by"], change["reason"]) == ("author", "the quiz was changed")
    session = await services.sessions.get_session(second, at=LATER)
    assert session.status is Status.ABANDONED
    assert (await services.audit.verify(second)).intact


async def test_a_second_put_abandons_what_the_first_one_left(services: Services, database: Database) -> None:
    _, second = await two_open(services)
    await put(services, OpenAttempts.KEEP, max_attempts=1, when_active=WhenActive.NEW)
    for expected in (1, 0):
        written = await put(services, OpenAttempts.ABANDON, max_attempts=1, when_active=WhenActive.NEW)
        assert written.abandoned == expected
    assert events(database, second) == ["started", "abandoned"]


async def test_a_start_under_way_is_seen(services: Services, stores: Stores) -> None:
    await put(services, max_attempts=2)
    with holding(stores, "SELECT FROM quizzes FOR SHARE") as held:
        changing = await held.behind(put(services, opens_at=from_micros(LATER), max_attempts=2))
        await start(services)
        held.release()
        with pytest.raises(AttemptsOpenError):
            await asyncio.wait_for(changing, 10)


async def test_an_overdue_attempt_is_not_open(services: Services) -> None:
    await start(services, at=START - 3600 * SECOND)
    await put(services, opens_at=from_micros(LATER))


async def test_it_is_said_over_http(services: Services, api: Api) -> None:
    await api("PUT", "/quizzes/quiz1", {"max_attempts": 2})
    await start(services)
    refused = await api("PUT", "/quizzes/quiz1", {}, at=LATER)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "attempts_open")
    assert (problem["attempts"], problem["rules"]) == (1, ["max_attempts"])
    changed = await api("PUT", "/quizzes/quiz1", {"open_attempts": "keep"}, at=LATER)
    assert (changed.status_code, changed.json()["abandoned"]) == (200, 0)
    other = await api("PUT", "/quizzes/quiz1", {"open_attempts": "forget"}, at=LATER)
    assert (other.status_code, other.json()["errors"][0]["location"]) == (422, "body.open_attempts")
