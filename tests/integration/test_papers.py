"""Papers: drawn at the start, shown when it is time, locked and timed by the statement that writes."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.access import UNKNOWN_SOURCE, Access, RequestSource
from quiz_sessions.domain.attempts import Attempt, Staff, Status
from quiz_sessions.domain.errors import (
    DatabaseUnavailableError,
    NetworkRefusedError,
    NoPaperError,
    QuestionLockedError,
    SectionExpiredError,
    SectionNotFoundError,
    SessionClosedError,
    SessionExpiredError,
    SessionPausedError,
    UnknownQuestionError,
)
from quiz_sessions.domain.papers import Content, Paper, Section, draw
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros, to_micros
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.papers import FORWARD, LIMIT, PAPER, TIMED, put_paper, question
from tests.harness.proxy import Proxy
from tests.harness.service import flush_at, put_quiz, start
from tests.harness.tables import Database, changes, events
from tests.integration.staff import WHY, extend, give, reopen

NEXT = LATER + SECOND
OVER = LATER + (LIMIT + 1) * SECOND
"""After the time of a section that was entered at LATER."""


@pytest.fixture
async def session_id(services: Services) -> UUID:
    """A session with the paper of the harness."""
    await put_paper(services)
    return await start(services)


async def save(services: Services, session_id: UUID, at: Micros = LATER, **answers: str) -> Session:
    return await services.sessions.update_answers(session_id, answers, at=at)


async def autosave(services: Services, session_id: UUID, at: Micros = LATER, **answers: str) -> Session:
    return await services.sessions.update_answers(session_id, answers, autosave=True, at=at)


async def hand_in(services: Services, session_id: UUID, at: Micros = LATER, **answers: str) -> Session:
    return await services.sessions.complete(session_id, answers, at=at)


async def attempt_of(services: Services, session_id: UUID) -> Attempt:
    (attempt,) = await services.stores.attempts.get([session_id])
    return attempt


async def until(services: Services, session_id: UUID, section: int = 2, at: Micros = LATER) -> int:
    """Seconds from LATER to the end of a section, as everybody is told it."""
    shown = (await services.sessions.get_session(session_id, at=at)).sections or []
    (told,) = [each.expires_at for each in shown if each.section == section]
    deadline = await services.sessions.get_deadline(session_id, at=at)
    assert told in [each.expires_at for each in deadline.sections]
    paper = await services.papers.paper(session_id, at=at)
    assert paper.sections[section].expires_at == told
    assert told is not None
    return (to_micros(told) - LATER) // SECOND


# Drawing


async def test_an_attempt_is_given_the_questions_of_the_paper(services: Services, session_id: UUID) -> None:
    attempt = await attempt_of(services, session_id)
    assert attempt.question_ids == ["a", "b", "c", "d", "e", "f", "g", "h"]
    assert attempt.paper is not None
    assert attempt.paper["sections"] == draw(PAPER, attempt.paper["seed"])


@pytest.mark.parametrize("pick", [None, 1, 5, 12])
@pytest.mark.parametrize("shuffle", [True, False])
async def test_the_statement_draws_as_the_rule_says(
    services: Services, pick: int | None, shuffle: bool
) -> None:
    names = tuple(f"q{number}é" for number in range(12))
    paper = Paper((Section(questions=("x",)), Section(questions=names, pick=pick, shuffle=shuffle)))
    await put_paper(services, paper)
    seeds = set()
    for user in range(20):
        attempt = await attempt_of(services, await start(services, f"user{user}"))
        assert attempt.paper is not None
        seeds.add(attempt.paper["seed"])
        assert attempt.paper["sections"] == draw(paper, attempt.paper["seed"])
    assert len(seeds) == 20


async def test_a_quiz_without_a_paper_draws_none(services: Services) -> None:
    await put_quiz(services, questions={"a": question()})
    session_id = await start(services)
    assert (await attempt_of(services, session_id)).paper is None
    assert (await services.sessions.get_session(session_id, at=LATER)).sections is None
    with pytest.raises(NoPaperError):
        await services.papers.paper(session_id, at=LATER)
    with pytest.raises(NoPaperError):
        await services.papers.enter(session_id, 0, at=LATER)


async def test_a_question_that_was_not_drawn_takes_no_answer(services: Services) -> None:
    await put_paper(services, Paper((Section(questions=("a", "b"), pick=1),)))
    session_id = await start(services)
    drawn = (await attempt_of(services, session_id)).question_ids
    (other,) = {"a", "b"} - set(drawn or ())
    for write in (save, autosave):
        with pytest.raises(UnknownQuestionError):
            await write(services, session_id, LATER, **{other: "A"})


async def test_a_change_of_the_quiz_leaves_papers_that_are_out(services: Services, session_id: UUID) -> None:
    before = await services.papers.paper(session_id, at=LATER)
    await put_paper(services, Paper((Section(questions=("z",)),)), LATER, contents={"z": Content("new")})
    assert (await services.papers.paper(session_id, at=LATER)).sections[0].questions[0].content == {
        "text": "What is a?"
    }
    after = await services.papers.paper(session_id, at=LATER)
    assert [s.title for s in after.sections] == [s.title for s in before.sections]
    assert after.sections[0].questions[0].points is None
    other = await services.papers.paper(await start(services, "user2", at=LATER), at=LATER)
    assert [q.content for q in other.sections[0].questions] == ["new"]


async def test_options_are_shuffled_alike_at_every_look(services: Services) -> None:
    content = Content({"options": list(range(10)), "text": "?"}, shuffle_options=True)
    await put_paper(services, Paper((Section(questions=("a",)),)), contents={"a": content})
    orders = []
    for user in range(8):
        session_id = await start(services, f"user{user}")
        looks = [await services.papers.paper(session_id, at=LATER) for _ in range(2)]
        first, second = (look.sections[0].questions[0].content for look in looks)
        assert first == second
        assert first["text"] == "?"
        assert sorted(first["options"]) == list(range(10))
        orders.append(tuple(first["options"]))
    assert len(set(orders)) > 1


# What is shown, and when


async def test_a_section_with_a_limit_is_shown_from_its_entry_on(
    services: Services, session_id: UUID
) -> None:
    before = await services.papers.paper(session_id, owner="user1", at=LATER)
    assert [section.shown for section in before.sections] == [True, True, False]
    assert [q.content for q in before.sections[2].questions] == [None, None]
    entered = await services.papers.enter(session_id, 2, owner="user1", at=LATER)
    assert [q.content for q in entered.sections[2].questions] == [
        {"text": "What is g?"},
        {"text": "What is h?"},
    ]
    assert await services.papers.paper(session_id, owner="user1", at=LATER) == entered


async def test_nothing_is_shown_before_a_common_start(services: Services) -> None:
    await put_paper(services, opens_at=from_micros(START), admission_seconds=60, common_start=True)
    session_id = await start(services)
    await services.papers.enter(session_id, 2, at=START)
    early = await services.papers.paper(session_id, at=START + 60 * SECOND - 1)
    assert [section.shown for section in early.sections] == [False] * 3
    assert {q.content for section in early.sections for q in section.questions} == {None}
    then = await services.papers.paper(session_id, at=START + 60 * SECOND)
    assert [section.shown for section in then.sections] == [True] * 3
    # Its time began with everybody's.
    assert then.sections[2].expires_at == from_micros(START + (60 + LIMIT) * SECOND)


async def test_staff_are_shown_all_of_others_and_no_more_of_their_own(
    services: Services, session_id: UUID
) -> None:
    others = await services.papers.paper(session_id, owner=Staff("teacher"), at=LATER)
    assert all(section.shown for section in others.sections)
    own = await services.papers.paper(session_id, owner=Staff("user1"), at=LATER)
    assert [section.shown for section in own.sections] == [True, True, False]


async def test_who_is_not_let_in_is_shown_no_question(services: Services) -> None:
    await put_paper(services, access=Access(networks=("192.0.2.0/24",)))
    inside, outside = RequestSource("192.0.2.7"), RequestSource("198.51.100.7")
    session_id = (await services.sessions.create_session("user1", "quiz1", source=inside, at=START)).id
    assert (await services.papers.paper(session_id, owner="user1", source=inside, at=LATER)).sections
    for source in (outside, UNKNOWN_SOURCE):
        with pytest.raises(NetworkRefusedError):
            await services.papers.paper(session_id, owner="user1", source=source, at=LATER)
        with pytest.raises(NetworkRefusedError):
            await services.papers.enter(session_id, 2, owner="user1", source=source, at=LATER)
        assert (
            await services.papers.paper(session_id, owner=Staff("teacher"), source=source, at=LATER)
        ).sections


# Sections that go forward


@pytest.mark.parametrize("write", [save, autosave])
async def test_an_answer_locks_the_questions_before_it(
    services: Services, session_id: UUID, write: Any
) -> None:
    assert (await write(services, session_id, e="A")).durability == "committed"
    for again in (save, autosave):
        with pytest.raises(QuestionLockedError) as refused:
            await again(services, session_id, NEXT, d="late")
        assert refused.value.question == "d"
        assert (refused.value.session.sections or [])[0].locked == ["d"]
    assert (await services.sessions.get_session(session_id, at=NEXT)).answers == {"e": "A"}


async def test_the_furthest_question_and_those_behind_it_stay_open(
    services: Services, session_id: UUID
) -> None:
    await save(services, session_id, e="A")
    assert (await autosave(services, session_id, NEXT, e="B")).durability == "buffered"
    await save(services, session_id, NEXT, f="C")
    with pytest.raises(QuestionLockedError):
        await save(services, session_id, NEXT + SECOND, e="D")


async def test_answers_of_one_write_do_not_lock_one_another(services: Services, session_id: UUID) -> None:
    shown = await save(services, session_id, d="A", e="B", f="C")
    assert shown.answers == {"d": "A", "e": "B", "f": "C"}
    assert (shown.sections or [])[0].locked == ["d", "e"]


async def test_a_write_with_one_locked_question_keeps_nothing(services: Services, session_id: UUID) -> None:
    await save(services, session_id, e="A")
    for write in (save, autosave):
        with pytest.raises(QuestionLockedError):
            await write(services, session_id, NEXT, a="free", d="locked")
    assert (await services.sessions.get_session(session_id, at=NEXT)).answers == {"e": "A"}


async def test_a_draft_from_before_the_lock_counts(services: Services, session_id: UUID) -> None:
    await autosave(services, session_id, LATER, d="draft")
    shown = await save(services, session_id, NEXT, e="A")
    assert shown.answers == {"d": "draft", "e": "A"}
    await flush_at(services, NEXT + SECOND)
    assert (await attempt_of(services, session_id)).answers == {"d": "draft", "e": "A"}


async def test_a_write_that_came_before_the_lock_counts(services: Services, session_id: UUID) -> None:
    await save(services, session_id, NEXT, e="A")
    assert (await save(services, session_id, LATER, d="held up")).answers == {"d": "held up", "e": "A"}


@pytest.mark.parametrize("write", [save, autosave, hand_in])
async def test_what_is_held_may_be_sent_again_and_stays_as_it_is(
    services: Services, session_id: UUID, database: Database, write: Any
) -> None:
    held = {"d": "A", "e": "B", "g": "C"}
    for name, answer in held.items():
        await services.sessions.update_answers(session_id, {name: answer}, at=LATER)
    session = await write(services, session_id, OVER, **held, a="new")
    assert session.answers == {**held, "a": "new"}
    await flush_at(services, OVER + SECOND)
    attempt = await attempt_of(services, session_id)
    assert attempt.answers == session.answers
    assert [attempt.answered_at(name) for name in "dga"] == [LATER, LATER, OVER]
    assert changes(database, session_id, "late_answer") == []
    assert (await services.audit.verify(session_id)).intact


async def test_a_hand_in_may_have_a_draft_that_was_locked_since(services: Services, session_id: UUID) -> None:
    await autosave(services, session_id, d="A")
    await save(services, session_id, NEXT, e="B")
    with pytest.raises(QuestionLockedError):
        await hand_in(services, session_id, OVER, d="another")
    assert (await hand_in(services, session_id, OVER, d="A", e="B")).answers == {"d": "A", "e": "B"}


async def test_of_what_comes_after_a_section_only_what_is_new_is_kept_as_late(
    services: Services, session_id: UUID, database: Database
) -> None:
    await save(services, session_id, g="A", h="B")
    with pytest.raises(SectionExpiredError):
        await hand_in(services, session_id, OVER, g="A", h="C")
    (late,) = changes(database, session_id, "late_answer")
    assert {name: each["answer"] for name, each in late["late_answers"].items()} == {"h": "C"}


async def test_a_draft_on_a_stale_cache_becomes_a_late_answer(
    services: Services, session_id: UUID, database: Database
) -> None:
    await autosave(services, session_id, LATER, d="draft")
    # The row is locked, and the cache not told.
    await services.stores.attempts.write_answers(session_id, {"e": "A"}, NEXT)
    told = await autosave(services, session_id, NEXT + SECOND, d="after the lock", a="free")
    assert told.durability == "buffered"
    await flush_at(services, NEXT + 2 * SECOND)
    await flush_at(services, NEXT + 3 * SECOND)
    assert (await attempt_of(services, session_id)).answers == {"e": "A", "a": "free"}
    (late,) = changes(database, session_id, "late_answer")
    assert late["late_answers"]["d"]["answer"] == "after the lock"
    assert (await services.sessions.get_session(session_id, at=NEXT + 4 * SECOND)).buffered_questions == []


async def test_without_postgresql_nothing_is_locked_or_entered_and_the_rest_is_buffered(
    by_proxy: Services, proxy: Proxy
) -> None:
    await put_paper(by_proxy)
    session_id = await start(by_proxy)
    await proxy.close()
    for write in (save, autosave):
        for name in ("e", "g"):
            with pytest.raises(DatabaseUnavailableError):
                await write(by_proxy, session_id, LATER, **{name: "A"})
        assert (await write(by_proxy, session_id, LATER, d="A")).durability == "buffered"


async def test_twenty_at_once_lock_once(services: Services, session_id: UUID) -> None:
    async def write(name: str, at: Micros) -> str:
        try:
            await save(services, session_id, at, **{name: str(at)})
        except QuestionLockedError:
            return "locked"
        return "written"

    moments = [LATER + number * SECOND for number in range(20)]
    outcomes = await asyncio.gather(*(write("d" if n % 2 else "f", at) for n, at in enumerate(moments)))
    attempt = await attempt_of(services, session_id)
    lock = attempt.progress["locked"]["d"]
    assert attempt.answered_at("d") <= lock
    assert outcomes.count("written") >= 10


# Sections with a limit


@pytest.mark.parametrize("write", [save, autosave])
async def test_the_first_answer_enters_a_section(services: Services, session_id: UUID, write: Any) -> None:
    assert (await write(services, session_id, g="A")).durability == "committed"
    assert await until(services, session_id) == LIMIT
    assert (await autosave(services, session_id, NEXT, h="B")).durability == "buffered"


async def test_a_section_is_entered_once(services: Services, session_id: UUID, database: Database) -> None:
    await services.papers.enter(session_id, 2, at=LATER)
    await services.papers.enter(session_id, 2, at=NEXT)
    await save(services, session_id, NEXT, g="A")
    assert await until(services, session_id) == LIMIT
    assert events(database, session_id) == ["started", "section_entered", "answered"]
    assert (await services.audit.verify(session_id)).intact


async def test_twenty_at_once_enter_once(services: Services, session_id: UUID, database: Database) -> None:
    await asyncio.gather(*(services.papers.enter(session_id, 2, at=LATER + n) for n in range(20)))
    assert events(database, session_id).count("section_entered") == 1


async def test_a_section_without_a_limit_is_entered_without_a_trace(
    services: Services, session_id: UUID, database: Database
) -> None:
    await services.papers.enter(session_id, 0, at=LATER)
    assert events(database, session_id) == ["started"]
    with pytest.raises(SectionNotFoundError):
        await services.papers.enter(session_id, 3, at=LATER)


@pytest.mark.parametrize("write", [save, autosave])
async def test_after_its_time_a_section_takes_no_answer_and_keeps_it_as_late(
    services: Services, session_id: UUID, database: Database, write: Any
) -> None:
    await save(services, session_id, g="in time")
    with pytest.raises(SectionExpiredError) as refused:
        await write(services, session_id, OVER, g="too late", a="free")
    assert refused.value.question == "g"
    attempt = await attempt_of(services, session_id)
    assert (attempt.answers, attempt.status) == ({"g": "in time"}, Status.IN_PROGRESS)
    (late,) = changes(database, session_id, "late_answer")
    assert {question: each["answer"] for question, each in late["late_answers"].items()} == {"g": "too late"}
    assert (await save(services, session_id, OVER, a="free")).durability == "committed"


@pytest.mark.parametrize("write", [save, autosave])
async def test_the_last_moment_of_a_section_is_in_time(
    services: Services, session_id: UUID, write: Any
) -> None:
    await save(services, session_id, g="A")
    await write(services, session_id, LATER + LIMIT * SECOND, g="B")
    with pytest.raises(SectionExpiredError):
        await write(services, session_id, LATER + LIMIT * SECOND + 1, g="C")


async def test_a_section_has_the_grace_of_the_session(services: Services) -> None:
    await put_paper(services, grace_seconds=30)
    session_id = await start(services)
    await save(services, session_id, g="A")
    await save(services, session_id, LATER + (LIMIT + 30) * SECOND, g="B")
    with pytest.raises(SectionExpiredError):
        await save(services, session_id, LATER + (LIMIT + 30) * SECOND + 1, g="C")


async def test_a_draft_from_within_the_section_counts_after_it(services: Services, session_id: UUID) -> None:
    await save(services, session_id, g="A")
    await autosave(services, session_id, NEXT, h="draft")
    await flush_at(services, OVER)
    assert (await attempt_of(services, session_id)).answers == {"g": "A", "h": "draft"}


async def test_a_late_answer_of_a_section_can_be_accepted(services: Services, session_id: UUID) -> None:
    await save(services, session_id, g="in time")
    with pytest.raises(SectionExpiredError):
        await save(services, session_id, OVER, g="too late")
    page = await services.administration.late_answers(session_id)
    await services.administration.accept_late_answer(
        session_id, page.late_answers[0].event, WHY, by="teacher", at=OVER
    )
    assert (await attempt_of(services, session_id)).answers == {"g": "too late"}
    assert (await services.audit.verify(session_id)).intact


async def test_a_refused_answer_is_kept_once(
    services: Services, session_id: UUID, database: Database
) -> None:
    await save(services, session_id, g="in time")
    for _ in range(3):
        with pytest.raises(SectionExpiredError):
            await save(services, session_id, OVER, g="too late")
    assert len(changes(database, session_id, "late_answer")) == 1


async def test_a_hand_in_merges_the_drafts_that_count(
    services: Services, session_id: UUID, database: Database
) -> None:
    await save(services, session_id, g="A", e="A")
    await autosave(services, session_id, NEXT, h="draft")
    await services.stores.attempts.write_answers(session_id, {"f": "A"}, NEXT + SECOND)
    await autosave(services, session_id, NEXT + 2 * SECOND, e="after its lock")
    ended = await services.sessions.complete(session_id, at=OVER)
    assert ended.answers == {"e": "A", "f": "A", "g": "A", "h": "draft"}
    await flush_at(services, OVER + SECOND)
    (late,) = changes(database, session_id, "late_answer")
    assert list(late["late_answers"]) == ["e"]
    assert (await services.audit.verify(session_id)).intact


async def test_a_hand_in_with_answers_that_came_too_late_is_refused(
    services: Services, session_id: UUID, database: Database
) -> None:
    await save(services, session_id, g="A", e="A")
    with pytest.raises(SectionExpiredError):
        await services.sessions.complete(session_id, {"g": "too late"}, at=OVER)
    with pytest.raises(QuestionLockedError):
        await services.sessions.complete(session_id, {"d": "locked"}, at=OVER)
    assert (await services.sessions.complete(session_id, {"a": "free"}, at=OVER)).answers == {
        "a": "free",
        "e": "A",
        "g": "A",
    }
    assert len(changes(database, session_id, "late_answer")) == 1


async def test_a_second_hand_in_is_recorded_by_question(
    services: Services, session_id: UUID, database: Database
) -> None:
    await save(services, session_id, LATER, e="A")
    await services.sessions.complete(session_id, at=OVER)
    # Both come from before the end; one of them after its lock.
    with pytest.raises(SessionClosedError):
        await services.sessions.complete(session_id, {"a": "free", "d": "locked"}, at=OVER - SECOND)
    assert (await attempt_of(services, session_id)).answers == {"a": "free", "e": "A"}
    (late,) = changes(database, session_id, "late_answer")
    assert list(late["late_answers"]) == ["d"]


async def test_what_is_brought_after_an_expiry_is_recorded_by_question(
    services: Services, session_id: UUID, database: Database
) -> None:
    await save(services, session_id, LATER, e="A")
    await flush_at(services, END + SECOND)
    shown = await services.sessions.update_answers(session_id, {"a": "free", "d": "locked"}, at=END - SECOND)
    assert shown.answers == {"a": "free", "e": "A"}
    (late,) = changes(database, session_id, "late_answer")
    assert list(late["late_answers"]) == ["d"]


async def test_a_hand_in_locks_for_a_session_that_is_opened_again(
    services: Services, session_id: UUID
) -> None:
    await services.sessions.complete(session_id, {"f": "A"}, at=LATER)
    await reopen(services, session_id, at=NEXT)
    with pytest.raises(QuestionLockedError):
        await save(services, session_id, NEXT + SECOND, d="B")


async def test_an_ended_session_is_not_entered(services: Services, session_id: UUID) -> None:
    other = await start(services, "user2")
    await services.sessions.complete(session_id, at=LATER)
    with pytest.raises(SessionClosedError):
        await services.papers.enter(session_id, 2, at=NEXT)
    with pytest.raises(SessionExpiredError):
        await services.papers.enter(other, 2, at=END + SECOND)


# Its time, and the session's


async def test_no_section_lasts_longer_than_the_session(services: Services, session_id: UUID) -> None:
    await services.papers.enter(session_id, 2, at=END - 100 * SECOND)
    assert await until(services, session_id, at=END - 100 * SECOND) == (END - LATER) // SECOND


async def test_an_accommodation_holds_for_sections_in_proportion(services: Services) -> None:
    await put_paper(services)
    await give(services, 900)
    session_id = await start(services)
    await save(services, session_id, g="A")
    # 1800 seconds have become 2700, and so 600 become 900.
    assert await until(services, session_id) == 900
    (section,) = (await services.sessions.get_deadline(session_id, at=LATER)).sections
    assert (section.time_limit_seconds, section.accommodation_seconds, section.moved_seconds) == (600, 300, 0)


async def test_an_accommodation_reaches_a_section_that_runs(services: Services, session_id: UUID) -> None:
    await save(services, session_id, g="A")
    await give(services, 900, at=NEXT)
    assert await until(services, session_id, at=NEXT) == 900
    await give(services, 0, at=LATER + 700 * SECOND)
    # No time that was used is taken away.
    assert await until(services, session_id, at=LATER + 700 * SECOND) == 700
    assert (await services.audit.verify(session_id)).intact


async def test_an_extension_moves_the_section_that_runs(services: Services, session_id: UUID) -> None:
    await save(services, session_id, g="A")
    moved = await extend(services, session_id, 60, at=NEXT)
    assert await until(services, session_id, at=NEXT) == LIMIT + 60
    assert moved.unread_notices == 1
    await extend(services, session_id, -30, at=NEXT)
    assert await until(services, session_id, at=NEXT) == LIMIT + 30
    (section,) = (await services.sessions.get_deadline(session_id, at=NEXT)).sections
    assert section.moved_seconds == 30
    assert (await services.audit.verify(session_id)).intact


async def test_an_extension_leaves_a_section_that_is_over_and_one_not_entered(
    services: Services, session_id: UUID
) -> None:
    await save(services, session_id, g="A")
    await extend(services, session_id, 60, at=OVER)
    assert await until(services, session_id, at=OVER) == LIMIT
    other = await start(services, "user2")
    await extend(services, other, 60, at=LATER)
    await save(services, other, g="A")
    assert await until(services, other) == LIMIT


async def test_an_extension_that_the_close_cuts_off_still_moves_a_section(services: Services) -> None:
    await put_paper(services, closes_at=from_micros(END))
    session_id = await start(services)
    await save(services, session_id, g="A")
    await extend(services, session_id, 60, at=NEXT)
    assert await until(services, session_id, at=NEXT) == LIMIT + 60
    report = await services.administration.extend_quiz("quiz1", 60, WHY, by="teacher", at=NEXT)
    assert report.changed == [session_id]
    assert await until(services, session_id, at=NEXT) == LIMIT + 120


async def test_a_pause_stops_the_time_of_a_section(services: Services, session_id: UUID) -> None:
    await save(services, session_id, g="A")
    await services.room.pause(session_id, WHY, by="teacher", at=NEXT)
    paused = await services.sessions.get_session(session_id, at=OVER)
    assert [each.time_remaining for each in paused.sections or ()] == [LIMIT - 1]
    with pytest.raises(SessionPausedError):
        await save(services, session_id, OVER, g="B")
    with pytest.raises(SessionPausedError):
        await services.papers.enter(await paused_other(services), 2, at=OVER)
    await services.room.resume(session_id, WHY, by="teacher", at=OVER)
    assert await until(services, session_id, at=OVER) == LIMIT + (OVER - NEXT) // SECOND
    await save(services, session_id, OVER + (LIMIT - 1) * SECOND, g="C")
    with pytest.raises(SectionExpiredError):
        await save(services, session_id, OVER + (LIMIT - 1) * SECOND + 1, g="D")
    assert (await services.audit.verify(session_id)).intact


async def paused_other(services: Services) -> UUID:
    other = await start(services, "user2", at=NEXT)
    await services.room.pause(other, WHY, by="teacher", at=NEXT)
    return other


async def test_a_section_that_was_over_before_a_pause_stays_so(services: Services, session_id: UUID) -> None:
    await save(services, session_id, g="A")
    await services.room.pause(session_id, WHY, by="teacher", at=OVER)
    await services.room.resume(session_id, WHY, by="teacher", at=OVER + 60 * SECOND)
    assert await until(services, session_id, at=OVER + 60 * SECOND) == LIMIT


async def test_the_end_of_an_attempt_ends_the_pause_of_its_sections(
    services: Services, session_id: UUID
) -> None:
    await save(services, session_id, g="A")
    await services.room.pause(session_id, WHY, by="teacher", at=NEXT)
    await services.sessions.complete(session_id, at=NEXT + 60 * SECOND)
    assert await until(services, session_id, at=NEXT + 60 * SECOND) == LIMIT + 60
    assert (await services.audit.verify(session_id)).intact


async def test_a_session_opened_again_goes_on_with_the_section_that_ran(
    services: Services, session_id: UUID
) -> None:
    await save(services, session_id, g="A")
    await services.sessions.complete(session_id, at=NEXT)
    await reopen(services, session_id, 60, at=OVER)
    # As long as was left.
    assert await until(services, session_id, at=OVER) == (OVER - LATER) // SECOND + 60
    await save(services, session_id, OVER + 60 * SECOND, g="B")
    assert (await services.audit.verify(session_id)).intact


async def test_a_session_opened_again_after_its_sections_goes_on_with_the_last(
    services: Services, session_id: UUID
) -> None:
    await save(services, session_id, g="A")
    await flush_at(services, END + SECOND)
    await reopen(services, session_id, 60, at=END + SECOND)
    await save(services, session_id, END + 61 * SECOND, g="B")
    with pytest.raises(SessionExpiredError):
        await save(services, session_id, END + 61 * SECOND + 1, g="C")


# The record


async def test_the_trail_tells_the_paper_and_how_far_it_was(
    services: Services, session_id: UUID, database: Database
) -> None:
    await save(services, session_id, e="A")
    await save(services, session_id, NEXT, g="A")
    attempt = await attempt_of(services, session_id)
    (begun,) = changes(database, session_id, "started")
    assert begun["paper"] == attempt.paper
    first, second = changes(database, session_id, "answered")
    assert first["progress"] == {"locked": {"d": LATER}}
    assert second["progress"] == attempt.progress
    verification = await services.audit.verify(session_id)
    assert (verification.intact, verification.paper_as_drawn) == (True, True)


async def test_an_earlier_version_shows_its_locks(services: Services, session_id: UUID) -> None:
    await save(services, session_id, e="A")
    await save(services, session_id, NEXT, g="A")
    earlier = await services.audit.at_version(session_id, 1, at=NEXT)
    assert [(each.section, each.locked) for each in earlier.sections or ()] == [(1, ["d"])]


async def test_a_paper_that_was_swapped_is_found(
    services: Services, session_id: UUID, database: Database
) -> None:
    database.execute(
        'UPDATE quiz_revisions SET paper = jsonb_set(paper, \'{sections,0,questions}\', \'["c","b","a"]\')'
    )
    verification = await services.audit.verify(session_id)
    assert (verification.intact, verification.paper_as_drawn) == (False, False)


async def test_the_live_view_tells_the_section(services: Services, session_id: UUID) -> None:
    async def section() -> int | None:
        (row,) = (await services.live.view("quiz1", at=NEXT)).rows
        return row.section

    assert await section() is None
    await save(services, session_id, LATER, a="A")
    assert await section() == 0
    await services.papers.enter(session_id, 2, at=NEXT)
    assert await section() == 2
    await save(services, session_id, NEXT + 1, d="A")
    assert await section() == 1


async def test_a_paper_is_graded_on_its_own_questions(services: Services) -> None:
    names = tuple("abcdefgh")
    await put_paper(services, Paper((Section(questions=names, pick=3),)))
    session_id = await start(services)
    drawn = (await attempt_of(services, session_id)).question_ids or []
    ended = await services.sessions.complete(session_id, {drawn[0]: "A", drawn[1]: "B"}, at=LATER)
    assert (ended.score, ended.max_score) == (1.0, 3.0)


async def test_the_sections_of_the_harness_are_what_these_tests_think() -> None:
    assert (PAPER.sections[1], PAPER.sections[2]) == (FORWARD, TIMED)


async def test_over_http_the_time_of_a_section_runs(services: Services, session_id: UUID, api: Api) -> None:
    path = f"/sessions/{session_id}"
    assert (await api("POST", f"{path}/sections/2/enter", at=LATER)).status_code == 200
    for seconds in (0, 1, LIMIT, LIMIT + 5):
        shown = (await api("GET", path, at=LATER + seconds * SECOND)).json()
        assert [each["time_remaining"] for each in shown["sections"]] == [max(0, LIMIT - seconds)]


async def test_over_http_a_page_takes_its_paper(services: Services, session_id: UUID, api: Api) -> None:
    path = f"/sessions/{session_id}"
    paper = (await api("GET", f"{path}/paper", at=LATER)).json()
    assert [section["title"] for section in paper["sections"]] == ["Free", "Forward", "Timed"]
    assert paper["sections"][0]["questions"][0] == {
        "id": "a",
        "points": 1.0,
        "content": {"text": "What is a?"},
    }
    written = await api("PATCH", f"{path}/progress", {"answers": {"e": "A"}, "autosave": True}, at=LATER)
    assert (written.json()["durability"], written.json()["sections"]) == (
        "committed",
        [{"section": 1, "entered_at": None, "expires_at": None, "time_remaining": None, "locked": ["d"]}],
    )
    locked = await api("PATCH", f"{path}/progress", {"question_id": "d", "answer": "B"}, at=NEXT)
    assert (locked.status_code, locked.json()["code"], locked.json()["question_id"]) == (
        409,
        "question_locked",
        "d",
    )
    assert (await api("POST", f"{path}/sections/2/enter", at=NEXT)).json()["sections"][2][
        "time_remaining"
    ] == LIMIT
    over = await api("PATCH", f"{path}/progress", {"answers": {"h": "B"}}, at=OVER + SECOND)
    assert (over.status_code, over.json()["code"], over.json()["question_id"]) == (
        410,
        "section_expired",
        "h",
    )
    assert over.json()["session"]["sections"][1]["time_remaining"] == 0
    assert (await api("POST", f"{path}/sections/9/enter", at=NEXT)).json()["code"] == "section_not_found"
