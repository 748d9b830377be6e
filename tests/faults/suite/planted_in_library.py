"""Bugs to plant into a copy of the browser library, each with the scenario that brings it out."""

from __future__ import annotations

import asyncio
import math
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.browser.students import LIBRARY

from .browsers import BrowserStudent, browsers_of
from .history import Span
from .processes import Stage
from .run import check
from .students import Classroom

Scenario = Callable[[Stage, BrowserStudent], Awaitable[None]]


async def valkey_loses_what_was_buffered(stage: Stage, student: BrowserStudent) -> None:
    await student.type("0")
    await student.see("0")
    with stage.servers.cache() as cache:
        cache.flushall()
    stage.weather.losses.append(Span(-math.inf, time.monotonic()))
    # So that it looks at once, and does not wait until it may autosave again.
    await student.reload()


async def a_browser_without_network_is_killed(stage: Stage, student: BrowserStudent) -> None:
    await student.type("0")
    await student.see("0")
    student.network.down = True
    await student.type("0")
    await student.kill()
    student.network.down = False
    await student.close()


@dataclass(frozen=True)
class LibraryBug:
    """A piece of the library's source that keeps its word, and what takes its place."""

    name: str
    scenario: Scenario
    file: str
    old: str
    new: str

    def plant(self, folder: Path) -> Path:
        """A copy of the library with the bug."""
        library = folder / "library"
        shutil.copytree(LIBRARY, library)
        file = library / self.file
        text = file.read_text()
        assert text.count(self.old) == 1, f"{self.name}: where is {self.old!r}?"
        file.write_text(text.replace(self.old, self.new))
        return library


BUGS = (
    LibraryBug(
        "an answer is forgotten although it is only buffered",
        valkey_loses_what_was_buffered,
        "answers.js",
        'return isBuffered ? { ...known, state: "buffered"',
        'return false ? { ...known, state: "buffered"',
    ),
    LibraryBug(
        "an answer is shown as committed although it is only buffered",
        valkey_loses_what_was_buffered,
        "answers.js",
        "return this.#entries.get(question)?.state ??",
        'return this.#entries.get(question)?.state.replace("buffered", "committed") ??',
    ),
    LibraryBug(
        "an answer is not kept on the device before it is sent",
        a_browser_without_network_is_killed,
        "device.js",
        "all.put(changed, key)",
        'key.startsWith("answer") ? all.count() : all.put(changed, key)',
    ),
)


async def perform(stage: Stage, scenario: Scenario, library: Path = LIBRARY) -> list[str]:
    """Play one scenario on empty stores with this library; what the checker finds."""
    stage.clear()
    room = Classroom(stage)
    await room.register_quizzes()
    async with browsers_of(room, "1", 1, library) as (student,):
        student.choose("long")
        await scenario(stage, student)
        flushing = asyncio.create_task(_flush(stage))
        await student.settle()
        flushing.cancel()
    return await check(stage, room)


async def _flush(stage: Stage) -> None:
    while True:
        await stage.flush(stage.flushers[0])
        await asyncio.sleep(0.2)
