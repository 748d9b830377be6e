"""Requests that wait their turn in front of the development server's app."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from starlette.types import Message, Receive, Scope, Send

from development_server.concurrency_limiter import ConcurrencyLimiter
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.runtime.telemetry import Telemetry
from session_api.middleware import RequestMiddleware


@dataclass
class App:
    """An app whose requests end when the test says so."""

    entered: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)
    ends: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"]
        self.entered.append(name)
        self.inside.append(name)
        self.at[name] = scope["state"]["at"]
        self.ends[name] = asyncio.get_running_loop().create_future()
        try:
            await self.ends[name]
        finally:
            self.inside.remove(name)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _ignore(message: Message) -> None:
    pass


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Crowd:
    """Requests that were sent, by name."""

    def __init__(self, app: App, at_once: int) -> None:
        self._admission = ConcurrencyLimiter(app, at_once)
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def send(self, *names: str) -> None:
        for name in names:
            scope = {"type": "http", "method": "GET", "path": name, "headers": []}
            self.tasks[name] = asyncio.create_task(self._admission(scope, _nothing, _ignore))
        await settle()

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
    await RequestMiddleware(app, Telemetry)(scope, _nothing, _ignore)
    assert seen == [7]
