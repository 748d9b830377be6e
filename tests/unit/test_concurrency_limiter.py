"""Requests that wait their turn in front of the app."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from starlette.types import Message, Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.runtime.telemetry import Telemetry
from session_api.middleware import RequestMiddleware
from session_api.server.concurrency_limiter import ConcurrencyLimiter


@dataclass
class App:
    """An app whose requests end when the test says so."""

    entered: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    bodies: dict[str, Message] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)
    ends: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"]
        self.entered.append(name)
        self.inside.append(name)
        self.at[name] = scope["state"]["at"]
        self.bodies[name] = await receive()
        self.ends[name] = asyncio.get_running_loop().create_future()
        try:
            await self.ends[name]
        finally:
            self.inside.remove(name)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


async def _ignore(message: Message) -> None:
    pass


def _no_services() -> Services:
    raise AssertionError("not asked for")


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _gone() -> Message:
    return {"type": "http.disconnect"}


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Crowd:
    """Requests that were sent, by name."""

    def __init__(self, app: App, at_once: int) -> None:
        self.limiter = ConcurrencyLimiter(app, at_once)
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def send(self, *names: str) -> None:
        for name in names:
            scope = {"type": "http", "method": "GET", "path": name, "headers": []}
            self.tasks[name] = asyncio.create_task(self.serve(scope, _no_body))
        await settle()

    async def serve(self, scope: Scope, receive: Receive, send: Send = _ignore) -> None:
        await self.limiter(scope, receive, send)

    async def leave(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def test_no_more_than_so_many_are_inside_and_the_others_enter_in_their_order() -> None:
    app = App()
    crowd = Crowd(app, 2)
    names = [str(n) for n in range(6)]
    await crowd.send(*names)
    seen = []
    for name in names:
        seen.append(list(app.inside))
        app.ends[name].set_result(None)
        await settle()
    assert seen == [["0", "1"], ["1", "2"], ["2", "3"], ["3", "4"], ["4", "5"], ["5"]]
    assert all(task.done() for task in crowd.tasks.values())


async def test_one_that_comes_later_does_not_overtake_those_that_wait() -> None:
    app = App()
    crowd = Crowd(app, 1)
    await crowd.send("first", "waiting")
    # In the same turn of the loop.
    app.ends["first"].set_result(None)
    await crowd.send("latecomer")
    assert app.entered == ["first", "waiting"]
    await crowd.leave()


async def test_a_request_was_received_when_it_came_and_not_when_its_turn_came() -> None:
    app = App()
    crowd = Crowd(app, 1)
    await crowd.send("first", "second")
    its_turn = current_micros()
    app.ends["first"].set_result(None)
    await settle()
    assert app.at["first"] <= app.at["second"] <= its_turn
    await crowd.leave()


@pytest.mark.parametrize("end", ["fails", "is cancelled"])
async def test_a_request_that_ends_badly_makes_room_for_the_next(end: str) -> None:
    app = App()
    crowd = Crowd(app, 1)
    await crowd.send("first", "second")
    if end == "fails":
        app.ends["first"].set_exception(RuntimeError("a fault of the app"))
    else:
        crowd.tasks["first"].cancel()
    await settle()
    assert app.inside == ["second"]
    await crowd.leave()


async def test_one_that_goes_away_while_it_waits_takes_nobodys_turn() -> None:
    app = App()
    crowd = Crowd(app, 1)
    await crowd.send("first", "gone", "third")
    crowd.tasks["gone"].cancel()
    app.ends["first"].set_result(None)
    await settle()
    assert app.entered == ["first", "third"]
    await crowd.leave()


async def test_the_service_goes_by_the_time_that_was_noted_on_arrival() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["state"]["at"])

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "state": {"at": 7}}
    await RequestMiddleware(app, Telemetry, _no_services)(scope, _no_body, _ignore)
    assert seen == [7]


class SlowBody:
    """A request whose body comes when the test says so."""

    def __init__(self) -> None:
        self._parts: asyncio.Queue[Message] = asyncio.Queue()
        self.receive = self._parts.get

    def send(self, body: bytes, *, more: bool) -> None:
        self._parts.put_nowait({"type": "http.request", "body": body, "more_body": more})


def a_post(name: str) -> Scope:
    return {"type": "http", "method": "POST", "path": name, "headers": []}


async def test_bodies_that_are_still_coming_hold_up_nobody() -> None:
    app = App()
    crowd = Crowd(app, 1)
    slow = [SlowBody() for _ in range(20)]
    for number, body in enumerate(slow):
        body.send(b"{", more=True)
        crowd.tasks[f"slow{number}"] = asyncio.create_task(crowd.serve(a_post(f"slow{number}"), body.receive))
    await settle()
    await crowd.send("quick")
    assert app.entered == ["quick"]
    await crowd.leave()


async def test_a_request_was_received_when_its_last_byte_was() -> None:
    app = App()
    crowd = Crowd(app, 1)
    body = SlowBody()
    body.send(b"{", more=True)
    crowd.tasks["slow"] = asyncio.create_task(crowd.serve(a_post("slow"), body.receive))
    await settle()
    held_back_until = current_micros()
    body.send(b"}", more=False)
    await settle()
    assert app.at["slow"] >= held_back_until
    await crowd.leave()


async def test_the_app_gets_the_body_in_one() -> None:
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        received.extend([await receive(), await receive()])

    body = SlowBody()
    body.send(b"{", more=True)
    body.send(b"}", more=False)
    # What comes behind a request, such as the end of its connection, comes from the server itself.
    body.send(b"later", more=False)
    await ConcurrencyLimiter(app, 1)(a_post("one"), body.receive, _ignore)
    assert [message["body"] for message in received] == [b"{}", b"later"]


async def test_of_a_body_that_is_too_large_no_more_is_taken_than_shows_it() -> None:
    app = App()
    crowd = Crowd(app, 1)
    body = SlowBody()
    for _ in range(5):
        body.send(b"x" * 1024 * 1024, more=True)
    crowd.tasks["large"] = asyncio.create_task(crowd.serve(a_post("large"), body.receive))
    await settle()
    assert app.entered == ["large"]
    assert app.bodies["large"]["more_body"]
    await crowd.leave()


async def test_who_left_before_the_end_of_a_request_is_not_served() -> None:
    app = App()
    crowd = Crowd(app, 1)
    await crowd.serve(a_post("gone"), _gone)
    assert app.entered == []


async def test_a_client_that_does_not_read_its_reply_holds_up_nobody() -> None:
    app = App()
    crowd = Crowd(app, 1)
    reads = asyncio.Event()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        await reads.wait()
        sent.append(message)

    crowd.tasks["slow"] = asyncio.create_task(crowd.serve(a_post("slow"), _no_body, send))
    await settle()
    app.ends["slow"].set_result(None)
    await crowd.send("next")
    assert app.entered == ["slow", "next"]
    reads.set()
    await settle()
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    await crowd.leave()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("base_path", "health"),
    [("", "/health"), ("/exams", "/exams/health"), ("/exams", "/health")],
    ids=["without front", "with front", "of a balancer that knows no front"],
)
async def test_the_health_of_the_process_is_told_while_all_places_are_taken(
    method: str, base_path: str, health: str
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.append(scope["path"])
        if not scope["path"].endswith("/health"):
            await asyncio.Event().wait()

    told: list[str] = []
    limiter = ConcurrencyLimiter(app, 1, base_path=base_path)
    tasks = []
    for path in ("/busy", health):
        scope = {**a_post(path), "method": method}
        tasks.append(asyncio.create_task(limiter(scope, _no_body, _ignore)))
        await settle()
    assert told == ["/busy", health]
    for task in tasks:
        task.cancel()


@pytest.mark.parametrize(("method", "path"), [("PUT", "/health"), ("GET", "/quizzes/health")])
async def test_nothing_else_is_served_without_a_place(method: str, path: str) -> None:
    app = App()
    crowd = Crowd(app, 1)
    await crowd.send("first")
    crowd.tasks["other"] = asyncio.create_task(crowd.serve({**a_post(path), "method": method}, _no_body))
    await settle()
    assert app.entered == ["first"]
    await crowd.leave()


async def test_it_tells_how_many_are_inside() -> None:
    app = App()
    crowd = Crowd(app, 2)
    told = [crowd.limiter.under_way]
    await crowd.send("first", "second", "third")
    told.append(crowd.limiter.under_way)
    app.ends["first"].set_result(None)
    await settle()
    told.append(crowd.limiter.under_way)
    await crowd.leave()
    assert [*told, crowd.limiter.under_way] == [0, 2, 2, 0]
