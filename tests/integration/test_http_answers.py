"""Answers over HTTP: committed and autosaved, of any kind, refused, and too large."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from quiz_sessions.bootstrap import Services
from tests.integration.contract import (
    JSON_TYPE,
    MIB,
    ONE,
    SESSION_FIELDS,
    TO_START,
    Progress,
    Store,
    check_problem,
    check_session,
    lasting,
    session_of,
)

# Answering


async def test_one_answer_is_committed(session: Progress, store: Store) -> None:
    body = check_session(await session.patch(question_id="essay", answer="text"))
    assert (body["answers"], body["version"], body["status"]) == ({"essay": "text"}, 1, "in_progress")
    assert store.row(session)["answers"] == {"essay": "text"}


async def test_several_answers_are_one_version(session: Progress, store: Store) -> None:
    body = check_session(await session.patch(answers={"1": "A", "essay": "text"}))
    assert (body["answers"], body["version"]) == ({"1": "A", "essay": "text"}, 1)
    assert store.row(session)["version"] == 1


async def test_a_commit_is_recorded_with_its_answers(session: Progress, store: Store) -> None:
    await session.answer(1, "A")
    kind, changes = store.events(session)[-1]
    assert (kind, changes["answers"]) == ("answered", {"1": "A"})


async def test_a_commit_says_that_it_is_committed(session: Progress) -> None:
    body = await session.answer(1, "A")
    assert (body["durability"], body["buffered_questions"]) == ("committed", [])


async def test_a_commit_does_not_show_what_the_api_strips(session: Progress) -> None:
    assert set(await session.answer(1, "A")) == set(await session.read()) == SESSION_FIELDS


async def test_answers_are_merged(session: Progress) -> None:
    await session.answer(1, "A")
    await session.patch(answers={"2": "B", "3": "C"})
    body = await session.answer(2, "changed")
    assert (body["answers"], body["version"]) == ({"1": "A", "2": "changed", "3": "C"}, 3)


async def test_ten_simultaneous_answers_all_count(session: Progress) -> None:
    await asyncio.gather(*(session.answer(n, n) for n in range(10)))
    body = await session.read()
    assert (body["answers"], body["version"]) == ({str(n): n for n in range(10)}, 10)


@pytest.mark.parametrize(
    "question", [0, 2**31 - 1, "0", "x" * 128, "🙂" * 128, " ", "q:1", "current_question"]
)
@pytest.mark.parametrize("autosave", [False, True])
async def test_a_question_is_a_string_key_in_answers(
    session: Progress, question: int | str, autosave: bool
) -> None:
    await session.answer(question, "A", autosave=autosave)
    assert (await session.read())["answers"] == {str(question): "A"}


async def test_a_question_by_number_and_by_its_digits_is_the_same(session: Progress) -> None:
    await session.answer(7, "number")
    assert (await session.answer("7", "digits"))["answers"] == {"7": "digits"}


@pytest.mark.parametrize(
    ("body", "current"),
    [
        ({"question_id": 4, "answer": "A"}, 5),
        ({"question_id": 0, "answer": "A"}, 1),
        ({"question_id": 2**31 - 2, "answer": "A"}, 2**31 - 1),
        ({"question_id": "4", "answer": "A"}, 3),
        ({"answers": {"8": "A"}}, 3),
        ({"question_id": 4, "answer": "A", "current_question": 9}, 9),
        ({"question_id": 4, "answer": "A", "current_question": 0}, 0),
        ({"question_id": "x", "answer": "A", "current_question": 9}, 9),
        ({"answers": {"8": "A"}, "current_question": 2**31 - 1}, 2**31 - 1),
        ({"question_id": 4, "answer": "A", "current_question": None}, 5),
    ],
)
@pytest.mark.parametrize("autosave", [False, True])
async def test_current_question(
    session: Progress, body: dict[str, Any], current: int, autosave: bool
) -> None:
    await session.answer("first", "A", current_question=3)
    reply = await session.patch(**body, autosave=autosave)
    assert reply.json()["current_question"] == current
    assert (await session.read())["current_question"] == current


async def test_a_commit_beats_the_current_question_of_an_older_draft(session: Progress) -> None:
    await session.answer(1, "draft", autosave=True, current_question=5)
    await session.answer(2, "committed", current_question=9)
    assert (await session.read())["current_question"] == 9


# Autosave


async def test_an_autosave_is_buffered(session: Progress, store: Store) -> None:
    body = check_session(await session.patch(**ONE, autosave=True))
    assert (body["durability"], body["buffered_questions"]) == ("buffered", ["1"])
    assert (body["answers"], body["version"]) == ({"1": "A"}, 0)
    assert store.row(session)["answers"] == {}


async def test_a_read_shows_what_is_buffered(session: Progress) -> None:
    await session.answer(1, "A")
    await session.patch(answers={"1": "B", "x": "C"}, autosave=True)
    body = await session.read()
    assert (body["durability"], body["buffered_questions"]) == ("buffered", ["1", "x"])
    assert (body["answers"], body["version"]) == ({"1": "B", "x": "C"}, 1)


async def test_a_started_session_with_drafts_reads_as_in_progress(session: Progress, store: Store) -> None:
    assert (await session.answer(1, "A", autosave=True))["status"] == "in_progress"
    assert (await session.read())["status"] == "in_progress"
    assert store.row(session)["status"] == "started"


async def test_an_autosave_without_a_cached_session_is_buffered_too(session: Progress, store: Store) -> None:
    store.forget_cached(session)
    assert (await session.answer(1, "A", autosave=True))["durability"] == "buffered"


async def test_a_commit_drops_the_draft_it_supersedes(session: Progress) -> None:
    await session.answer(1, "draft", autosave=True)
    body = await session.answer(1, "committed")
    assert (body["durability"], body["buffered_questions"]) == ("committed", [])
    assert (await session.read())["answers"] == {"1": "committed"}


async def test_a_superseded_draft_is_gone_from_valkey(session: Progress, store: Store) -> None:
    await session.patch(answers={"1": "draft", "2": "draft"}, autosave=True)
    await session.answer(1, "committed")
    assert list(store.valkey.hgetall(f"{{session:{session.id}}}:drafts")) == [b"q:2"]


async def test_a_commit_is_committed_while_others_are_buffered(session: Progress) -> None:
    await session.answer(1, "draft", autosave=True)
    body = await session.answer(2, "committed")
    assert (body["durability"], body["buffered_questions"]) == ("committed", ["1"])
    assert body["answers"] == {"1": "draft", "2": "committed"}
    assert (await session.read())["durability"] == "buffered"


async def test_once_flushed_a_read_is_committed(session: Progress, services: Services) -> None:
    await session.answer(1, "A", autosave=True)
    await services.flusher.run()
    body = await session.read()
    assert (body["durability"], body["buffered_questions"], body["answers"]) == ("committed", [], {"1": "A"})
    assert (body["version"], body["status"]) == (0, "in_progress")


# Answers of any kind

ANSWERS: dict[str, Any] = {
    "null": None,
    "false": False,
    "true": True,
    "0": 0,
    "1": 1,
    "1.0": 1.0,
    "0.1": 0.1,
    "-0.0": -0.0,
    "2**60": 2**60,
    "2**64": 2**64,
    "-10**40": -(10**40),
    "4300 digits": 10**4300 - 1,
    "1e23": 1e23,
    "1e308": 1.7976931348623157e308,
    "5e-324": 5e-324,
    "empty text": "",
    "space": " ",
    "emoji": "👩‍🎓🙂",
    "scripts": "ÄöΩж学 \u2028 \x01\x7f\ufffe",
    "quotes": "\"'\\/\b\f\n\r\t",
    "empty list": [],
    "empty object": {},
    "empties": [[], {}, "", None, [[]]],
    "order": [3, 1, 2, [True, False, 1, 0]],
    "keys": {"b": 1, "a": {"": None, " ": [], "🙂": {"at": 1}}, "answer": 1, "revision": 7},
    "depth": json.loads("[" * 100 + "]" * 100),
    "long": "ü" * 32_767,
}


def by_value(text: str) -> object:
    """What a JSON text says: numbers exactly, by value; true is no number."""
    return tagged(json.loads(text, parse_int=Decimal, parse_float=Decimal))


def tagged(value: Any) -> object:
    if isinstance(value, dict):
        return {key: tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    return (isinstance(value, bool), value)


async def shown_answers(session: Progress) -> object:
    shown = by_value((await session.http.get(session.path)).text)
    assert isinstance(shown, dict)
    return shown["answers"]


async def by_commit(session: Progress, services: Services) -> None:
    assert (await session.patch(answers=ANSWERS)).status_code == 200


async def by_single_commits(session: Progress, services: Services) -> None:
    for question, answer in ANSWERS.items():
        await session.answer(question, answer)


async def by_autosave(session: Progress, services: Services) -> None:
    assert (await session.patch(answers=ANSWERS, autosave=True)).status_code == 200


async def by_autosave_and_flush(session: Progress, services: Services) -> None:
    await by_autosave(session, services)
    assert (await services.flusher.run()).sessions_flushed == 1


async def by_completing(session: Progress, services: Services) -> None:
    assert (await session.complete(answers=ANSWERS)).status_code == 200


async def by_autosave_and_completing(session: Progress, services: Services) -> None:
    await by_autosave(session, services)
    assert (await session.complete()).status_code == 200


async def by_autosave_and_abandoning(session: Progress, services: Services) -> None:
    await by_autosave(session, services)
    assert (await session.abandon()).status_code == 200


every_way = pytest.mark.parametrize(
    "way",
    [
        by_commit,
        by_single_commits,
        by_autosave,
        by_autosave_and_flush,
        by_completing,
        by_autosave_and_completing,
        by_autosave_and_abandoning,
    ],
)
Way = Callable[[Progress, Services], Awaitable[None]]


@every_way
async def test_any_answer_survives_through_the_cache(session: Progress, services: Services, way: Way) -> None:
    await way(session, services)
    assert await shown_answers(session) == by_value(json.dumps(ANSWERS))


@every_way
async def test_any_answer_survives_from_the_database(
    session: Progress, services: Services, store: Store, way: Way
) -> None:
    await way(session, services)
    store.forget_cached(session)
    assert await shown_answers(session) == by_value(json.dumps(ANSWERS))


@pytest.mark.parametrize("autosave", [False, True])
async def test_any_answer_is_in_the_reply(session: Progress, autosave: bool) -> None:
    reply = by_value((await session.patch(answers=ANSWERS, autosave=autosave)).text)
    assert isinstance(reply, dict)
    assert reply["answers"] == by_value(json.dumps(ANSWERS))


async def test_characters_may_come_escaped(session: Progress) -> None:
    reply = await session.send(rb'{"question_id":"\u00fc","answer":"\ud83d\ude42"}')
    assert check_session(reply)["answers"] == {"ü": "🙂"}


# What a write refuses

REFUSED_BODIES: dict[str, str | bytes] = {
    "empty": "",
    "not JSON": '{"question_id":1,"answer":secret}',
    "cut off": '{"question_id":1,"answer":"secret"',
    "no object": '["secret"]',
    "null": "null",
    "neither form": "{}",
    "no answer": '{"question_id":1}',
    "no question": '{"answer":"secret"}',
    "null question": '{"question_id":null,"answer":"secret"}',
    "both forms": '{"question_id":1,"answer":"secret","answers":{"1":"secret"}}',
    "no answers": '{"answers":{}}',
    "null answers": '{"answers":null}',
    "a list of answers": '{"answers":["secret"]}',
    "another field": '{"question_id":1,"answer":"secret","at":1}',
    "question -1": '{"question_id":-1,"answer":"secret"}',
    "question 2^31": '{"question_id":2147483648,"answer":"secret"}',
    "question 1.5": '{"question_id":1.5,"answer":"secret"}',
    "question true": '{"question_id":true,"answer":"secret"}',
    "question empty": '{"question_id":"","answer":"secret"}',
    "question of 129": '{"question_id":"' + "q" * 129 + '","answer":"secret"}',
    "question with NUL": r'{"question_id":"a\u0000","answer":"secret"}',
    "question with a surrogate": r'{"question_id":"a\ud800","answer":"secret"}',
    "questions: empty": '{"answers":{"":"secret"}}',
    "questions: of 129": '{"answers":{"' + "q" * 129 + '":"secret"}}',
    "questions: NUL": r'{"answers":{"\u0000":"secret"}}',
    "questions: a surrogate": r'{"answers":{"\udfff":"secret"}}',
    "version -1": '{"question_id":1,"answer":"secret","version":-1}',
    "version 2^31": '{"question_id":1,"answer":"secret","version":2147483648}',
    "version text": '{"question_id":1,"answer":"secret","version":"0"}',
    "version true": '{"question_id":1,"answer":"secret","version":true}',
    "version 0.5": '{"question_id":1,"answer":"secret","version":0.5}',
    "current_question -1": '{"question_id":1,"answer":"secret","current_question":-1}',
    "current_question 2^31": '{"question_id":1,"answer":"secret","current_question":2147483648}',
    "current_question text": '{"question_id":1,"answer":"secret","current_question":"2"}',
    "autosave text": '{"question_id":1,"answer":"secret","autosave":"true"}',
    "autosave 1": '{"question_id":1,"answer":"secret","autosave":1}',
    "autosave null": '{"question_id":1,"answer":"secret","autosave":null}',
    "NUL": r'{"question_id":1,"answer":"secret\u0000"}',
    "NUL in a key": r'{"question_id":1,"answer":[{"secret\u0000":1}]}',
    "a surrogate": r'{"question_id":1,"answer":"secret\ud800"}',
    "a surrogate in a key": r'{"question_id":1,"answer":{"secret\udc00":1}}',
    "surrogates the wrong way round": r'{"question_id":1,"answer":"secret\ude42\ud83d"}',
    "NaN": '{"question_id":1,"answer":["secret",NaN]}',
    "Infinity": '{"question_id":1,"answer":["secret",-Infinity]}',
    "1e400": '{"question_id":1,"answer":["secret",1e400]}',
    "4301 digits": '{"question_id":1,"answer":["secret",' + "1" * 4301 + "]}",
    "depth 101": '{"question_id":1,"answer":' + "[" * 101 + "]" * 101 + "}",
    "depth 60000": '{"question_id":1,"answer":' + "[" * 60_000 + "]" * 60_000 + "}",
    "a key twice": '{"question_id":1,"answer":"secret","answer":"secret"}',
    "an answer twice": '{"answers":{"1":"secret","1":"secret"}}',
    "a key twice in an answer": '{"question_id":1,"answer":{"secret":1,"secret":2}}',
    "latin-1": '{"question_id":1,"answer":"secret ü"}'.encode("latin-1"),
    "utf-16": '{"question_id":1,"answer":"secret"}'.encode("utf-16"),
    "513 answers": json.dumps({"answers": {str(n): "secret" for n in range(513)}}),
    "one of several": r'{"answers":{"1":"secret","2":"\u0000"}}',
}
NOT_JSON = {
    "not JSON",
    "cut off",
    "NaN",
    "Infinity",
    "4301 digits",
    "depth 60000",
    "a key twice",
    "an answer twice",
    "a key twice in an answer",
    "latin-1",
    "utf-16",
}
refused_bodies = pytest.mark.parametrize("body", REFUSED_BODIES.values(), ids=REFUSED_BODIES)


@pytest.mark.parametrize(("name", "body"), REFUSED_BODIES.items(), ids=REFUSED_BODIES)
async def test_a_write_that_cannot_be_kept_is_refused_and_stores_nothing(
    session: Progress, store: Store, name: str, body: str | bytes
) -> None:
    before = store.everything()
    refused = (400, "invalid_json") if name in NOT_JSON else (422, "invalid_input")
    check_problem(await session.send(body), *refused)
    assert store.everything() == before
    assert lasting(await session.read()) == lasting(session.started)


@refused_bodies
async def test_a_refusal_does_not_repeat_the_answer(session: Progress, body: str | bytes) -> None:
    assert "secret" not in (await session.send(body)).text


@pytest.mark.parametrize(
    "answer",
    [r"\u0000", r"\ud800", "1e400", "1" * 4301, "[" * 101 + "]" * 101],
    ids=["NUL", "surrogate", "1e400", "digits", "depth"],
)
async def test_an_autosave_refuses_the_same(session: Progress, store: Store, answer: str) -> None:
    before = store.everything()
    text = f'"{answer}"' if answer.startswith("\\") else answer
    reply = await session.send(f'{{"question_id":1,"answer":{text},"autosave":true}}')
    # More digits than Python reads are no JSON text to us.
    check_problem(reply, *((400, "invalid_json") if answer == "1" * 4301 else (422, "invalid_input")))
    assert store.everything() == before


@pytest.mark.parametrize("autosave", [False, True])
@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [("\x00", 422, "invalid_input"), ("x" * 65_536, 413, "content_too_large")],
    ids=["not storable", "too large"],
)
async def test_a_refusal_of_one_answer_of_several_names_its_question(
    session: Progress, answer: str, status: int, code: str, autosave: bool
) -> None:
    reply = await session.patch(answers={"1": "fine", "essay": answer}, autosave=autosave)
    body = check_problem(reply, status, code)
    assert body["question_id"] == "essay"
    assert "'essay'" in body["detail"]


async def test_a_body_in_an_encoding_is_415_with_what_is_accepted(session: Progress, store: Store) -> None:
    before = store.everything()
    reply = await session.http.patch(
        f"{session.path}/progress",
        content=gzip.compress(json.dumps(ONE).encode()),
        headers={**JSON_TYPE, "Content-Encoding": "gzip"},
    )
    check_problem(reply, 415, "unsupported_media_type")
    assert reply.headers["accept-encoding"] == "identity"
    assert store.everything() == before


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}]
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sessions/start", json.dumps(TO_START)),
        ("PATCH", "/sessions/{id}/progress", json.dumps(ONE)),
        ("POST", "/sessions/{id}/complete", '{"answers":{"1":"A"}}'),
    ],
)
async def test_a_body_that_does_not_say_json_is_refused(
    session: Progress, store: Store, headers: dict[str, str], method: str, path: str, body: str
) -> None:
    before = store.everything()
    reply = await session.http.request(
        method, path.format(id=session.id), content=body.encode(), headers=headers
    )
    problem = check_problem(reply, 415, "unsupported_media_type")
    assert "Content-Type" in problem["detail"]
    assert "application/json" in problem["detail"]
    assert reply.headers["accept"] == "application/json"
    assert store.everything() == before


async def test_a_type_that_ends_with_json_is_json(session: Progress) -> None:
    reply = await session.send(json.dumps(ONE), {"Content-Type": "application/merge-patch+json"})
    assert check_session(reply)["answers"] == {"1": "A"}


async def test_where_no_body_is_sent_its_type_does_not_matter(session: Progress) -> None:
    reply = await session.http.post(f"{session.path}/complete", headers={"Content-Type": "text/plain"})
    check_session(reply)


async def test_json_may_name_its_charset(session: Progress) -> None:
    reply = await session.send(json.dumps(ONE), {"Content-Type": "application/json; charset=utf-8"})
    assert check_session(reply)["answers"] == {"1": "A"}


async def test_what_is_wrong_with_a_request_is_listed(session: Progress) -> None:
    body = check_problem(
        await session.patch(question_id=1, answer=1, version="x", autosave=2), 422, "invalid_input"
    )
    assert [error["location"] for error in body["errors"]] == ["body.version", "body.autosave"]
    assert all(set(error) == {"location", "message"} for error in body["errors"])


# Limits


@pytest.mark.parametrize("answer", ["a" * 65_534, "🙂" * 16_383 + "aa"], ids=["ascii", "emoji"])
@pytest.mark.parametrize("autosave", [False, True])
async def test_an_answer_of_64_kib_is_kept(session: Progress, answer: str, autosave: bool) -> None:
    await session.answer(1, answer, autosave=autosave)
    assert (await session.read())["answers"] == {"1": answer}


@pytest.mark.parametrize("answer", ["a" * 65_535, "🙂" * 16_383 + "aaa"], ids=["ascii", "emoji"])
@pytest.mark.parametrize("autosave", [False, True])
async def test_an_answer_over_64_kib_is_413_and_not_stored(
    session: Progress, store: Store, answer: str, autosave: bool
) -> None:
    before = store.everything()
    reply = await session.patch(answers={"1": answer, "2": "small"}, autosave=autosave)
    check_problem(reply, 413, "content_too_large")
    assert store.everything() == before
    assert (await session.read())["answers"] == {}


async def test_512_answers_are_kept(session: Progress) -> None:
    body = check_session(await session.patch(answers={str(n): n for n in range(512)}))
    assert len(body["answers"]) == 512


@pytest.mark.parametrize(("filled_by_autosave", "autosave"), [(False, False), (False, True), (True, True)])
async def test_a_513th_answer_is_422_and_not_stored(
    session: Progress, store: Store, filled_by_autosave: bool, autosave: bool
) -> None:
    await session.patch(answers={str(n): n for n in range(512)}, autosave=filled_by_autosave)
    before = store.everything()
    reply = await session.patch(question_id=512, answer="one more", autosave=autosave)
    check_problem(reply, 422, "invalid_input")
    assert store.everything() == before


@pytest.mark.parametrize("autosave", [False, True])
async def test_one_of_512_answers_may_still_change(session: Progress, autosave: bool) -> None:
    await session.patch(answers={str(n): n for n in range(512)})
    assert (await session.answer(7, "changed", autosave=autosave))["answers"]["7"] == "changed"


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_session_of_1_mib_is_kept(session: Progress, autosave: bool) -> None:
    answers = session_of(MIB)
    check_session(await session.patch(answers=answers, autosave=autosave))
    assert (await session.read())["answers"] == answers


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_session_over_1_mib_is_413_and_not_stored(
    session: Progress, store: Store, autosave: bool
) -> None:
    before = store.everything()
    reply = await session.patch(answers=session_of(MIB + 1), autosave=autosave)
    check_problem(reply, 413, "content_too_large")
    assert store.everything() == before


@pytest.mark.parametrize("autosave", [False, True])
async def test_an_answer_that_makes_a_session_too_large_is_413(
    session: Progress, store: Store, autosave: bool
) -> None:
    await session.patch(answers=session_of(MIB))
    before = store.everything()
    check_problem(await session.patch(question_id=1, answer=1, autosave=autosave), 413, "content_too_large")
    assert store.everything() == before


async def test_an_autosaved_session_is_measured_as_it_will_be_stored(session: Progress, store: Store) -> None:
    # PostgreSQL writes 1e300 with 301 digits.
    before = store.everything()
    reply = await session.patch(question_id=1, answer=[1e300] * 9000, autosave=True)
    check_problem(reply, 413, "content_too_large")
    assert store.everything() == before


async def test_a_shorter_answer_makes_room(session: Progress) -> None:
    await session.patch(answers=session_of(MIB))
    await session.answer("rest", "")
    assert (await session.answer(1, "room"))["answers"]["1"] == "room"


async def test_a_body_of_4_mib_is_read(session: Progress) -> None:
    body = json.dumps(ONE).encode()
    reply = await session.send(body + b" " * (4 * MIB - len(body)))
    assert check_session(reply)["answers"] == {"1": "A"}


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), MIB):
        yield body[start : start + MIB]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sessions/start", TO_START),
        ("PATCH", "/sessions/{id}/progress", ONE),
        ("POST", "/sessions/{id}/complete", {}),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_4_mib_is_413_and_not_stored(
    session: Progress, store: Store, method: str, path: str, body: object, chunked: bool
) -> None:
    before = store.everything()
    text = json.dumps(body).encode()
    text += b" " * (4 * MIB + 1 - len(text))
    reply = await session.http.request(
        method, path.format(id=session.id), content=in_pieces(text) if chunked else text, headers=JSON_TYPE
    )
    check_problem(reply, 413, "content_too_large")
    assert store.everything() == before


async def test_a_refused_body_over_4_mib_abandons_nothing(session: Progress, store: Store) -> None:
    before = store.everything()
    reply = await session.http.post(f"{session.path}/abandon", content=b" " * (4 * MIB + 1))
    assert reply.status_code == 200 or store.everything() == before
