"""How a session ends over HTTP, and that it stays so."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.integration.contract import (
    JSON_TYPE,
    MIB,
    ONE,
    SESSION_FIELDS,
    Progress,
    Store,
    check_problem,
    check_session,
    lasting,
    session_of,
)

# Completing


async def test_completing(session: Progress, store: Store) -> None:
    await session.answer(1, "A")
    body = check_session(await session.complete())
    assert (body["status"], body["version"], body["answers"]) == ("completed", 2, {"1": "A"})
    assert body["completed_at"].endswith("Z")
    assert store.row(session)["status"] == "completed"
    assert store.events(session)[-1][0] == "completed"


async def test_completing_needs_no_body(session: Progress) -> None:
    assert check_session(await session.http.post(f"{session.path}/complete"))["status"] == "completed"


async def test_completing_at_once_is_possible(session: Progress) -> None:
    body = check_session(await session.complete())
    assert (body["answers"], body["version"]) == ({}, 1)


async def test_completing_takes_last_answers(session: Progress) -> None:
    await session.answer(1, "A")
    body = check_session(await session.complete(answers={"1": "changed", "x": "last"}, version=1))
    assert body["answers"] == {"1": "changed", "x": "last"}


async def test_completing_merges_drafts(session: Progress, store: Store) -> None:
    await session.answer(1, "committed")
    await session.patch(answers={"1": "draft", "2": "draft", "3": "draft"}, autosave=True)
    body = check_session(await session.complete(answers={"3": "last"}))
    assert body["answers"] == {"1": "draft", "2": "draft", "3": "last"}
    assert (body["durability"], body["buffered_questions"]) == ("committed", [])
    assert store.row(session)["answers"] == body["answers"]


async def test_completing_merges_drafts_without_their_mark(session: Progress, store: Store) -> None:
    await session.answer(1, "draft", autosave=True)
    store.valkey.delete("dirty:0")
    assert check_session(await session.complete())["answers"] == {"1": "draft"}


def unmoved(session: dict[str, Any]) -> dict[str, Any]:
    """A session that has ended, without the moment at which it is shown."""
    return {name: value for name, value in session.items() if name != "server_time"}


def at_rest(reply: httpx.Response) -> dict[str, Any]:
    return unmoved(check_session(reply))


async def test_a_completed_session_reads_as_its_record(session: Progress, store: Store) -> None:
    done = at_rest(await session.complete(answers={"1": "A"}))
    assert unmoved(await session.read()) == done
    store.forget_cached(session)
    assert unmoved(await session.read()) == done


@pytest.mark.parametrize("body", [{}, {"answers": {"1": "A"}}, {"version": 0}, {"version": 77}])
async def test_completing_again_is_the_same_result(
    session: Progress, store: Store, body: dict[str, Any]
) -> None:
    done = at_rest(await session.complete(answers={"1": "A"}))
    before = store.everything()
    assert at_rest(await session.complete(**body)) == done
    assert store.everything() == before


async def test_completing_simultaneously_happens_once(session: Progress, store: Store) -> None:
    replies = await asyncio.gather(*(session.complete() for _ in range(5)))
    assert {reply.status_code for reply in replies} == {200}
    assert [kind for kind, _ in store.events(session)] == ["started", "completed"]


async def test_completing_at_a_stale_version_is_a_conflict(session: Progress, store: Store) -> None:
    await session.answer(1, "A")
    await session.answer(2, "B")
    before = store.everything()
    reply = await session.http.post(f"{session.path}/complete", json={"version": 1})
    body = check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")
    assert (body["current_version"], body["changed_questions"]) == (2, ["2"])
    assert set(body["session"]) == SESSION_FIELDS
    assert body["session"]["next_autosave_after_ms"] > 0
    assert store.everything() == before


@pytest.mark.parametrize(
    "text",
    [
        '{"answers":{"1":"\\u0000"}}',
        '{"answers":{"":1}}',
        '{"answers":[]}',
        '{"version":-1}',
        '{"version":"1"}',
        '{"version":2147483648}',
        '{"surprise":1}',
        '{"question_id":1,"answer":1}',
        "[]",
        "{",
        json.dumps({"answers": {str(n): n for n in range(513)}}),
    ],
)
async def test_completing_with_what_cannot_be_kept_is_refused(
    session: Progress, store: Store, text: str
) -> None:
    before = store.everything()
    reply = await session.http.post(f"{session.path}/complete", content=text, headers=JSON_TYPE)
    check_problem(reply, *((400, "invalid_json") if text == "{" else (422, "invalid_input")))
    assert store.everything() == before


@pytest.mark.parametrize(
    "answers",
    [{"1": "a" * 65_535}, session_of(MIB + 1)],
    ids=["an answer over 64 KiB", "a session over 1 MiB"],
)
async def test_completing_over_a_limit_is_413(
    session: Progress, store: Store, answers: dict[str, Any]
) -> None:
    before = store.everything()
    check_problem(await session.complete(answers=answers), 413, "content_too_large")
    assert store.everything() == before


async def test_completing_with_a_513th_answer_is_refused(session: Progress, store: Store) -> None:
    await session.patch(answers={str(n): n for n in range(512)})
    before = store.everything()
    check_problem(await session.complete(answers={"one more": 1}), 422, "invalid_input")
    assert store.everything() == before


# Abandoning


async def test_abandoning(session: Progress, store: Store) -> None:
    await session.answer(1, "A")
    body = check_session(await session.abandon())
    assert (body["status"], body["version"], body["answers"]) == ("abandoned", 2, {"1": "A"})
    assert (body["completed_at"], body["score"], body["max_score"]) == (None, None, None)
    assert body["grading"] is None
    assert store.row(session)["status"] == "abandoned"
    assert store.events(session)[-1][0] == "abandoned"


async def test_abandoning_keeps_drafts_as_answers(session: Progress, store: Store) -> None:
    await session.answer(1, "draft", autosave=True)
    body = check_session(await session.abandon())
    assert (body["answers"], body["durability"]) == ({"1": "draft"}, "committed")
    assert store.row(session)["answers"] == {"1": "draft"}


async def test_abandoning_again_is_the_same_result(session: Progress, store: Store) -> None:
    done = at_rest(await session.abandon())
    before = store.everything()
    assert at_rest(await session.abandon()) == done
    assert store.everything() == before


# Closed sessions


@pytest.mark.parametrize("end", ["complete", "abandon"])
@pytest.mark.parametrize(
    "body", [ONE, {**ONE, "autosave": True}, {**ONE, "version": 1}, {**ONE, "version": 0}]
)
async def test_a_closed_session_takes_no_answer(
    session: Progress, store: Store, end: str, body: dict[str, Any]
) -> None:
    await session.http.post(f"{session.path}/{end}")
    before = store.everything()
    problem = check_problem(await session.patch(**body), 409, "session_closed", "session")
    assert lasting(problem["session"]) == lasting(await session.read())
    assert store.everything() == before


@pytest.mark.parametrize(("first", "second"), [("complete", "abandon"), ("abandon", "complete")])
async def test_the_first_end_wins(session: Progress, store: Store, first: str, second: str) -> None:
    await session.http.post(f"{session.path}/{first}")
    before = store.everything()
    reply = await session.http.post(f"{session.path}/{second}")
    problem = check_problem(reply, 409, "session_closed", "session")
    assert lasting(problem["session"]) == lasting(await session.read())
    assert store.everything() == before
