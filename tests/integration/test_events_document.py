"""docs/events.md, held against what is sent: its schemas are taken out of the text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, Registry, meta

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.drafts import NO_DRAFTS
from quiz_sessions.domain.errors import SessionExpiredError
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.json_values import dump_json
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.stores.event_bus import SCHEMA_VERSION, detail_of
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.tables import Database

DOCUMENT = (Path(__file__).parents[2] / "docs/events.md").read_text()


def blocks(text: str) -> list[dict[str, Any]]:
    return [
        json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]


SECTIONS = dict(re.findall(r"^## (session\.\w+)\n(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE))
(COMMON,) = blocks(DOCUMENT.partition("\n## session.")[0])
EXAMPLES = {kind: blocks(text)[0] for kind, text in SECTIONS.items()}
SCHEMAS = {kind: blocks(text)[1] for kind, text in SECTIONS.items()}


def members(kind: str) -> set[str]:
    return {*COMMON["properties"], *SCHEMAS[kind].get("properties", {})}


def is_valid(kind: str, detail: object) -> bool:
    registry = Registry([(COMMON["$id"], COMMON)])
    return Draft202012Validator(SCHEMAS[kind], registry=registry, validate_formats=True).is_valid(detail)


async def sent(services: Services) -> list[tuple[str, dict[str, Any]]]:
    """What goes to the bus when everything has happened, by kind of the row."""
    manager, exams = services.sessions, services.administration
    rules = QuizRules(grace_seconds=30, questions=parse_questions({"0": {"grading": "exact", "key": "A"}}))
    await exams.put_quiz("keyed", rules, at=START)
    late = await manager.create_session("user1", "keyed", at=START)
    await exams.extend(late.id, -60, "too much", at=LATER)
    await exams.put_accommodation("user1", "keyed", 60, "a broken arm", at=LATER)
    await manager.complete(late.id, {"0": "A"}, at=END + SECOND + 1)
    over = await manager.create_session("ü\u2028", "keyed", at=START)
    with pytest.raises(SessionExpiredError):
        await manager.update_answer(over.id, 0, "A", at=END + 31 * SECOND)
    await exams.reopen(over.id, 60, "the network was down", at=END + 32 * SECOND)
    await manager.abandon(over.id, at=END + 33 * SECOND)
    scored = await manager.create_session("user1", "unregistered", at=START + 1)
    await manager.complete(scored.id, at=LATER)
    await services.scores.set_score(scored.id, 7.5, 10, "read", at=LATER)
    stopped = await manager.create_session("user2", "unregistered", at=START)
    await services.room.pause(stopped.id, "the fire alarm", at=LATER)
    await services.room.resume(stopped.id, "it is over", at=LATER + SECOND)
    waiting = await services.stores.outbox.messages(1000)
    return [(event.type, json.loads(dump_json(detail_of(event)))) for event in waiting]


KIND = {"rescheduled": "session.extended"}


def kind_of(row_type: str) -> str:
    return KIND.get(row_type, f"session.{row_type}")


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_schema_is_one_and_its_example_is_valid(kind: str) -> None:
    assert meta.is_valid(SCHEMAS[kind])
    assert meta.is_valid(COMMON)
    assert SCHEMAS[kind]["$id"] == f"urn:quiz-sessions:{kind}:{SCHEMA_VERSION}"
    assert is_valid(kind, EXAMPLES[kind])
    assert EXAMPLES[kind].keys() == members(kind)


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_schema_asks_for_every_member_in_its_form(kind: str) -> None:
    for name in members(kind):
        assert not is_valid(kind, {key: value for key, value in EXAMPLES[kind].items() if key != name})
        assert not is_valid(kind, {**EXAMPLES[kind], name: ["of no such type"]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schema_version", 2), ("event_id", 4711), ("session_id", "11111111"), ("user_id", ""),
        ("at", "2027-01-15 08:00"), ("at", "2027-01-15T08:00:00+00:00"), ("hash", "5feceb66"),
        ("sequence", -1),
    ],
)  # fmt: skip
def test_a_schema_refuses_what_is_not_so(name: str, value: object) -> None:
    kind = "session.started"
    assert not is_valid(kind, {**EXAMPLES[kind], name: value})


async def test_everything_that_is_sent_is_documented_and_the_other_way_round(services: Services) -> None:
    found = await sent(services)
    assert {kind_of(row_type) for row_type, _ in found} == SECTIONS.keys()
    assert {row_type for row_type, _ in found} >= {"extended", "rescheduled"}
    for row_type, detail in found:
        kind = kind_of(row_type)
        assert is_valid(kind, detail), detail
        assert detail.keys() == members(kind)


async def test_an_event_of_a_session_says_what_happened_to_it(services: Services) -> None:
    found = [(row_type, detail) for row_type, detail in await sent(services) if detail["quiz_id"] == "keyed"]
    late = {row_type: detail for row_type, detail in found if detail["user_id"] == "user1"}
    assert late["started"]["expires_at"] == "2027-01-15T08:30:00Z"
    assert late["extended"]["expires_at"] == "2027-01-15T08:29:00Z"
    assert late["rescheduled"]["expires_at"] == "2027-01-15T08:30:00Z"
    assert (late["completed"]["late_ms"], late["completed"]["at"]) == (1001, "2027-01-15T08:30:01.000001Z")
    assert (late["graded"]["score"], late["graded"]["max_score"]) == (1, 1)


async def test_the_hash_is_that_of_the_trail(services: Services) -> None:
    for _, detail in await sent(services):
        trail = (await services.audit.events(detail["session_id"])).events
        assert trail[detail["sequence"]].hash.hex() == detail["hash"]


async def test_a_time_is_in_utc_wherever_the_server_is(services: Services, database: Database) -> None:
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    database.execute(
        """
        INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
        VALUES (%s, 1, 0, 'extended', '{"expires_at": "2027-01-15T14:05:00.5+05:30"}', now())""",
        [session.id],
    )
    _, event = await services.stores.outbox.messages(10)
    assert detail_of(event)["expires_at"] == "2027-01-15T08:35:00.500000Z"


async def test_a_completion_from_before_the_grace_is_as_documented(
    services: Services, database: Database
) -> None:
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    database.execute(
        """
        INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
        VALUES (%s, 1, 1, 'completed', '{"answers": {}}', now())""",
        [session.id],
    )
    _, event = await services.stores.outbox.messages(10)
    assert is_valid("session.completed", json.loads(dump_json(detail_of(event))))


async def test_a_quiz_that_lost_its_key_is_as_documented(services: Services) -> None:
    rules = QuizRules(questions=parse_questions({"0": {"grading": "exact", "key": "A"}}))
    await services.administration.put_quiz("quiz1", rules, at=START)
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    await services.stores.attempts.settle({session.id: NO_DRAFTS}, END + 1)
    await services.administration.delete_quiz("quiz1")
    await services.flusher.run()
    *_, event = await services.stores.outbox.messages(10)
    detail = json.loads(dump_json(detail_of(event)))
    assert (event.type, detail["score"], detail["max_score"]) == ("graded", None, None)
    assert is_valid("session.graded", detail)
