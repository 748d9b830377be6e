"""What is the case before each request that the documents show.

A scene is a heading of a document: everything begins empty there, and each step is what comes before the
request of the same place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import SessionExpiredError
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.live import Cursor, Moment
from tests.harness.builders import END, SECOND, START
from tests.harness.examples import README, Names
from tests.harness.gateway import Gateway
from tests.harness.service import app_of, client_of, with_tokens
from tests.harness.tables import Database

ADDRESS: Final = "192.0.2.7"
"""Where all requests come from: a network that a document names."""
PHYSICS: Final = MappingProxyType(
    {
        "time_limit_seconds": 3600,
        "grace_seconds": 30,
        "questions": {
            "0": {"points": 1, "grading": "exact", "key": "B"},
            "1": {"points": 2, "grading": "numeric", "key": 9.81, "tolerance": 0.01},
            "essay": {"points": 5},
        },
    }
)
EXAM: Final = MappingProxyType(
    {
        **PHYSICS,
        "max_attempts": 1,
        "opens_at": "2027-01-15T08:00:00Z",
        "closes_at": "2027-01-15T12:00:00Z",
        "show_results": "after_close",
    }
)
ONE_QUESTION: Final = MappingProxyType(
    {"time_limit_seconds": 1800, "questions": {"0": {"grading": "exact", "key": "B"}}}
)
RIGHT: Final = MappingProxyType({"0": "B", "1": 9.81, "essay": "It was a dark and stormy night."})
PROCTOR: Final = ("proctor1", "sessions:proctor")
GRADER: Final = ("teacher1", "sessions:grade")
AUTHOR: Final = ("author1", "quizzes:write")


class World:
    """The service as a step finds it: what is there, what time it is, and who asks."""

    def __init__(self, services: Services, database: Database) -> None:
        self.services = services
        self.database = database
        self.names = Names()
        self.at = START
        # Whose token a request has; none where callers are not known.
        self.caller: tuple[str, str] | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> httpx.Response:
        """One request, `body` as JSON or `content` as it is."""
        services = with_tokens(self.services, self.caller is not None)
        subject, scope = self.caller or (None, "")
        gateway = Gateway(_from(app_of(services), ADDRESS), at=self.at, subject=subject, scope=scope)
        async with client_of(gateway) as http:
            if content is not None:
                headers = {"Content-Type": "application/json", **headers}
                return await http.request(method, path, content=content, headers=headers)
            return await http.request(method, path, json=body, headers=headers)

    async def do(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A request that succeeds, and its reply; headers have underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = await self.ask(method, path, None if body is None else dict(body), headers=named)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    async def start(self, name: str = "", user: str = "user1", quiz: str = "physics", **more: Any) -> UUID:
        """A session, which the document calls `name`."""
        session = await self.services.sessions.create_session(user, quiz, at=self.at, **more)
        if name:
            self.names.known[f"{name}-…"] = str(session.id)
        return session.id

    async def start_many(self, count: int, name: str = "", quiz: str = "physics") -> list[UUID]:
        return [await self.start("" if n else name, f"user{n + 1}", quiz) for n in range(count)]

    async def answer(self, session_id: UUID, answers: Mapping[str, Any]) -> None:
        await self.services.sessions.update_answers(session_id, dict(answers), at=self.at)

    async def hand_in(self, session_id: UUID, answers: Mapping[str, Any] | None = None) -> None:
        await self.services.sessions.complete(session_id, dict(answers) if answers else None, at=self.at)


def _from(app: ASGIApp, address: str) -> ASGIApp:
    async def moved(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": (address, 50_000)}, receive, send)

    return moved


Step = Callable[[World], Awaitable[None]]


async def nothing(world: World) -> None:
    """The request follows from the one before."""


# README.md


async def five_seconds_pass(world: World) -> None:
    world.at += 5 * SECOND


# docs/api.md


async def one_takes_an_exam_and_one_has_handed_in(world: World) -> None:
    await world.do("PUT", "/quizzes/physics", EXAM)
    await world.start()
    await world.hand_in(await world.start(user="user2"), RIGHT)


async def twelve_take_an_exam(world: World) -> None:
    await world.do("PUT", "/quizzes/physics", EXAM)
    await world.start_many(12)


async def there_is_physics(world: World) -> None:
    await world.do("PUT", "/quizzes/physics", PHYSICS)


async def two_seconds_pass(world: World) -> None:
    world.at += 2 * SECOND


async def another_tab_writes_an_essay(world: World) -> None:
    await there_is_physics(world)
    session_id = await world.start("31bb95d0")
    world.at = START + 602 * SECOND
    await world.do(
        "PATCH",
        f"/sessions/{session_id}/progress",
        {"answers": {"essay": "It was the age"}, "autosave": True},
        X_Client_Id="tab-1",
    )
    world.at += SECOND


async def another_session_has_an_answer(world: World) -> None:
    await world.answer(await world.start("31bb95d0", "user2"), {"0": "A"})


async def it_was_handed_in(world: World) -> None:
    await world.hand_in(await world.start("31bb95d0", "user3"), {"essay": "an end"})


async def it_has_an_answer(world: World) -> None:
    await there_is_physics(world)
    session_id = await world.start("31bb95d0")
    world.at += 183_000
    await world.answer(session_id, {"0": "A"})


async def fifteen_minutes_were_given(world: World) -> None:
    await world.do("PUT", "/quizzes/short", {"time_limit_seconds": 1800})
    world.at = START
    session_id = await world.start("4f046a48", quiz="short")
    await world.do("POST", f"/sessions/{session_id}/extend", {"seconds": 900, "reason": "a power failure"})
    world.at = END - 3 * SECOND


async def physics_is_being_taken(world: World) -> None:
    await there_is_physics(world)
    await world.start("31bb95d0")


async def two_take_a_short_quiz(world: World) -> None:
    await world.do("PUT", "/quizzes/short", {"time_limit_seconds": 1800})
    await world.start_many(2, quiz="short")


async def one_of_them_hands_in(world: World) -> None:
    session_id = UUID(world.names.known["f6644701-…"])
    await world.answer(session_id, {"0": "A"})
    await world.hand_in(session_id)
    world.at = START + 600 * SECOND + 400_000


async def an_answer_came_too_late(world: World) -> None:
    await world.do("PUT", "/quizzes/short", ONE_QUESTION)
    session_id = await world.start("f6644701", quiz="short")
    world.at = END + 1_553_000
    with suppress(SessionExpiredError):
        await world.answer(session_id, {"0": "B"})


async def most_is_right_and_the_essay_unread(world: World) -> None:
    await physics_is_being_taken(world)
    await world.hand_in(UUID(world.names.known["31bb95d0-…"]), RIGHT)


async def somebody_changed_the_audit_log(world: World) -> None:
    session_id = await world.start("31bb95d0")
    for question in range(4):
        await world.answer(session_id, {str(question): "A"})
    world.database.execute(
        "UPDATE attempt_events SET changes = jsonb_set(changes, '{answers,2}', '\"B\"')"
        " WHERE attempt_id = %s AND revision = 3",
        [session_id],
    )


async def an_answer_was_receipted(world: World) -> None:
    session_id = await world.start("d352f0d4")
    written = await world.do("PATCH", f"/sessions/{session_id}/progress", {"question_id": 0, "answer": "A"})
    world.names.known["eyJhbGciOiJFZERTQSIs…"] = written["receipt"]


async def the_essay_is_long(world: World) -> None:
    await physics_is_being_taken(world)
    world.names.known["…64 KiB and more…"] = "x" * 70_000


# docs/room.md


async def thirty_take_physics(world: World) -> None:
    await there_is_physics(world)
    await world.start("31bb95d0", "user0")
    # Lists are in the order in which sessions were started.
    world.at += SECOND
    for session_id in (await world.start_many(29))[-2:]:
        await world.hand_in(session_id)
    world.caller = PROCTOR


async def they_are_paused(world: World) -> None:
    await there_is_physics(world)
    await world.start_many(28)
    world.caller = PROCTOR
    await world.do("POST", "/quizzes/physics/pause", {"reason": "the fire alarm"})


async def three_take_a_long_quiz_and_one_goes_on(world: World) -> None:
    questions: dict[str, Any] = {str(number): {} for number in range(20)}
    await world.do("PUT", "/quizzes/physics", {"time_limit_seconds": 1800, "questions": questions})
    first, _, third = await world.start_many(3)
    path = f"/sessions/{first}/progress"
    await world.do("PATCH", path, {"answers": {"0": 1, "1": 2}}, X_Client_Id="laptop")
    await world.hand_in(third)
    # As if they had been looked at some seconds later: what changed shortly before is shown again.
    looked = current_micros()
    after = Moment(looked, looked)
    world.names.known["MTc5NTgxNjI1Mjc5NDYzNyAxNzk1ODE2MjU2ODE2OTc3"] = str(Cursor(after))
    world.at = START + 14 * SECOND
    await world.do(
        "PATCH", path, {"answers": {"2": 1, "3": 2, "4": 3}, "autosave": True}, X_Client_Id="tablet"
    )
    world.caller = PROCTOR


async def three_are_in_the_room(world: World) -> None:
    await world.do("PUT", "/quizzes/physics", {"time_limit_seconds": 1800})
    ids = await world.start_many(3, "31bb95d0")
    await world.hand_in(ids[2])
    world.caller = PROCTOR
    world.at = START + 600 * SECOND


async def a_deadline_moves_and_the_student_looks(world: World) -> None:
    session_id = UUID(world.names.known["31bb95d0-…"])
    await world.answer(session_id, {"0": "A"})
    world.at += 120 * SECOND
    await world.do("POST", f"/sessions/{session_id}/extend", {"seconds": 600, "reason": "the erratum"})
    world.caller = ("user1", "")


async def the_student_reads_the_other_one_too(world: World) -> None:
    await world.do("POST", f"/sessions/{world.names.known['31bb95d0-…']}/notices/2/read")
    world.caller = PROCTOR
    # A message to a quiz has the number of the action.
    (last,) = world.database.execute("SELECT max(id) AS id FROM staff_actions WHERE session_id IS NULL")
    world.names.numbers[3] = last["id"]


async def a_student_writes(world: World) -> None:
    session_id = await world.start("31bb95d0")
    for question in "01":
        await world.answer(session_id, {question: "A"})
    world.caller = ("user1", "")


async def a_proctor_looks(world: World) -> None:
    world.caller = PROCTOR


async def it_is_in_a_room(world: World) -> None:
    await world.do("PUT", "/quizzes/physics", {"time_limit_seconds": 3600})
    started = await world.do(
        "POST",
        "/sessions/start",
        {
            "user_id": "user1",
            "quiz_id": "physics",
            "group": "Room 12",
            "label": "Physics, second term",
            "metadata": {"seat": 4},
        },
    )
    world.names.known["31bb95d0-…"] = started["id"]
    world.caller = PROCTOR


async def it_was_changed_twice_and_is_taken(world: World) -> None:
    world.caller = None
    rules = {"time_limit_seconds": 3600, "closes_at": "2027-01-15T12:00:00Z"}
    for _ in range(2):
        await world.do("PUT", "/quizzes/physics", rules)
    await world.start_many(28)
    world.caller = PROCTOR


async def an_author_writes(world: World) -> None:
    world.caller = AUTHOR


async def a_student_comes(world: World) -> None:
    world.caller = ("user1", "")


async def a_student_has_a_laptop(world: World) -> None:
    await world.do("PUT", "/quizzes/physics", {"one_device": "takeover"})
    world.caller = ("user1", "")
    started = await world.do("POST", "/sessions/start", {"quiz_id": "physics"}, X_Client_Id="laptop")
    world.names.known["31bb95d0-…"] = started["id"]
    body = {"question_id": 0, "answer": "A"}
    await world.do("PATCH", f"/sessions/{started['id']}/progress", body, X_Client_Id="laptop")


async def a_student_comes_five_minutes_early(world: World) -> None:
    # Whose place is 41 seconds after the door opens.
    world.caller = ("student59", "")
    world.at = START - 300 * SECOND


# docs/papers.md, docs/marking.md, docs/data.md


async def a_paper_is_drawn(world: World) -> None:
    options = ["A", "B"]
    warm_up = {"title": "Warm-up", "questions": ["0", "1"], "pick": 1, "shuffle": True}
    writing = {"title": "Writing", "questions": ["essay"], "time_limit_seconds": 1200}
    rules = {
        "time_limit_seconds": 3600,
        "questions": {
            "0": {
                "grading": "exact",
                "key": "B",
                "content": {"text": "How heavy?", "options": options},
                "shuffle_options": True,
            },
            "1": {"grading": "exact", "key": "A", "content": {"text": "How far?"}},
            "essay": {"points": 5, "content": "Why?"},
        },
        "paper": {"sections": [warm_up, writing]},
    }
    await world.do("PUT", "/quizzes/physics", rules)
    # Until one is given the question of the document with its options in that order.
    for number in range(200):
        session_id = await world.start("31bb95d0", f"user{number}")
        paper = await world.do("GET", f"/sessions/{session_id}/paper")
        (drawn,) = paper["sections"][0]["questions"]
        if drawn["id"] == "0" and drawn["content"]["options"] == ["B", "A"]:
            break
    world.at = START + 600 * SECOND


async def the_paper_is_taken(world: World) -> None:
    await a_paper_is_drawn(world)


async def an_essay_waits(world: World) -> None:
    await most_is_right_and_the_essay_unread(world)
    world.caller = GRADER


async def twelve_essays_wait(world: World) -> None:
    await there_is_physics(world)
    for session_id in await world.start_many(12):
        await world.hand_in(session_id, RIGHT)
    world.caller = ("teacher2", "sessions:grade")
    await world.do("POST", "/quizzes/physics/grading/next", {"question": "essay"})
    world.caller = GRADER


async def a_key_was_corrected(world: World) -> None:
    wrong = {**ONE_QUESTION, "questions": {"0": {"grading": "exact", "key": "A"}}}
    await world.do("PUT", "/quizzes/short", wrong)
    await world.hand_in(await world.start(quiz="short"), {"0": "B"})
    await world.do("PUT", "/quizzes/short", ONE_QUESTION)
    world.caller = GRADER


async def eight_have_written(world: World) -> None:
    await there_is_physics(world)
    for number, session_id in enumerate(await world.start_many(8)):
        world.at = START + (60 + 15 * number) * SECOND
        wrong = {"0": "C" if number % 2 else "A"}
        answers = dict(RIGHT) if number < 5 else {**RIGHT, **wrong} if number < 7 else {"1": 10}
        await world.hand_in(session_id, answers)
        if number < 7:
            await world.do("PUT", f"/sessions/{session_id}/grades", {"essay": {"points": 5 - number / 2}})
    world.caller = GRADER


async def they_are_exported(world: World) -> None:
    await eight_have_written(world)


async def the_export_is_made(world: World) -> None:
    assert world.services.exporter is not None
    await world.services.exporter.run(UUID(world.names.known["0f2b91c4-…"]))
    # Files are kept for a week from when they were made, which no gateway said.
    world.at = current_micros()


SCENES: Final[Mapping[str, Mapping[str, Sequence[Step]]]] = MappingProxyType(
    {
        README: {
            "A first session": [
                nothing,
                five_seconds_pass,
                five_seconds_pass,
                five_seconds_pass,
                five_seconds_pass,
            ]
        },
        "api.md": {
            "Quizzes": [nothing],
            "Changing a quiz": [one_takes_an_exam_and_one_has_handed_in],
            "While attempts are open": [twelve_take_an_exam],
            "Starting under rules": [there_is_physics, two_seconds_pass],
            "Two copies of a session": [
                another_tab_writes_an_essay,
                another_session_has_an_answer,
                nothing,
                it_was_handed_in,
            ],
            "The deadline": [it_has_an_answer, fifteen_minutes_were_given],
            "Extra time": [
                physics_is_being_taken,
                two_take_a_short_quiz,
                nothing,
                nothing,
                one_of_them_hands_in,
            ],
            "Late answers": [an_answer_came_too_late, nothing],
            "Scores": [most_is_right_and_the_essay_unread],
            "Looking things up": [somebody_changed_the_audit_log],
            "Receipts": [an_answer_was_receipted],
            "Browsers and other clients": [the_essay_is_long],
        },
        "room.md": {
            "Stop the clock": [thirty_take_physics],
            "Let it run again": [they_are_paused],
            "Hand in for them": [thirty_take_physics, nothing],
            "The live view": [three_take_a_long_quiz_and_one_goes_on],
            "Notices": [
                three_are_in_the_room,
                nothing,
                a_deadline_moves_and_the_student_looks,
                nothing,
                the_student_reads_the_other_one_too,
            ],
            "Incidents": [a_student_writes, a_proctor_looks],
            "Extra time for a person": [a_proctor_looks],
            "Rooms and the platform's own ids": [it_is_in_a_room, it_was_changed_twice_and_is_taken],
            "Who may come in": [an_author_writes, a_student_comes],
            "One device": [a_student_has_a_laptop, a_proctor_looks],
            "Doors": [an_author_writes, a_student_comes_five_minutes_early],
        },
        "papers.md": {
            "Writing one": [nothing],
            "Taking it": [a_paper_is_drawn],
            "Sections with a time limit": [the_paper_is_taken],
        },
        "marking.md": {
            "Giving marks": [an_essay_waits],
            "The queue": [twelve_essays_wait, nothing],
            "Regrading": [a_key_was_corrected],
        },
        "data.md": {
            "Statistics": [eight_have_written],
            "Exports": [they_are_exported, the_export_is_made],
        },
    }
)
"""Document -> heading -> what comes before each of its requests."""
