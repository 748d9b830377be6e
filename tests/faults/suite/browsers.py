"""Students at browsers: Chromium with the client library in a page, and a record of what it showed."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, BrowserType, Page, async_playwright
from playwright.async_api import Error as BrowserError

from tests.browser.conftest import COMMAND, MISSING, OPTIONS
from tests.browser.killed import kill, unlock
from tests.browser.pages import served_folder
from tests.browser.students import LIBRARY, client_site

from .history import Ledger, Shown, Typed
from .network import Network
from .students import QUESTIONS, SHORT_SECONDS, Classroom

QUIZZES = ("long", "graded", "room", "short", "paper", "hidden")
"""In turn; each browser begins at another one."""
DEVICES = 3
"""Of so many browsers the last one is another device of the student before."""
SETTLE_SECONDS = 90
LAUNCH_SECONDS = 20
"""One that is killed while it starts says nothing."""
OPENS = """async ([options, all]) => {
  const session = await open_(options);
  const say = (id) =>
    tell(session, id, quiz.stateOf(id), quiz.answer(id) ?? null, Date.now()).catch(() => {});
  quiz.on("state", ({ questions }) => questions.forEach(say));
  quiz.on("ended", () => (window.isOver = true));
  quiz.on("conflict", ({ question }) => quiz.resolve(question, "mine"));
  window.isOver = !["started", "in_progress"].includes(quiz.session.status);
  all.forEach(say);
  return session;
}"""
SETS = "([question, value]) => quiz.set(question, value).then(() => true, () => false)"
COMMITS = """([question, value]) => {
  const session = quiz.session.id;
  const told = ({ durability }) => promise(session, question, value, durability, Date.now());
  quiz.commit(question, value).then(told).catch(() => {});
}"""
HANDS_IN = "void quiz.handIn().catch(() => {})"
LOOKS_AGAIN = "void dispatchEvent(new Event('online'))"
"""As where the network has come back: whatever the page waits for, it asks how things stand."""


class BrowserStudent:
    """One student with a browser, at one session after the other; whatever ends it, they open it again.

    Args:
        name: two of one student have the same, and come to the same sessions.
        device: no two have the same.
    """

    def __init__(
        self, name: str, device: str, room: Classroom, seed: str, network: Network, chromium: Chromium
    ) -> None:
        self.name = name
        self.device = device
        self.network = network
        self._room = room
        self._dice = random.Random(f"{seed}/{device}")
        self._first = random.Random(f"{seed}/{name}").randrange(len(QUIZZES))
        self._chromium = chromium
        self._profile = chromium.folder / device
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        self._quiz = ""
        self._ledgers: dict[str, Ledger] = {}
        self._ledger: Ledger | None = None
        self._written = 0
        # The page says when by the machine's clock.
        self._offset = time.monotonic() - time.time()

    # What the student does

    async def attend(self, until: float) -> None:
        """Take quizzes until then; the last one stays open."""
        number = self._first
        while time.monotonic() < until:
            quiz = QUIZZES[number % len(QUIZZES)]
            number += 1
            if quiz == "short" and until - time.monotonic() < SHORT_SECONDS + 1:
                continue
            self.choose(quiz)
            await self._take(until)

    def choose(self, quiz: str) -> None:
        """The quiz that is taken from now on."""
        self._quiz = quiz

    async def _take(self, until: float) -> None:
        left = self._dice.choice((5, 15, 40))
        while time.monotonic() < until:
            try:
                page = await self._opened(in_new_tab=self._dice.random() < 0.05)
                if await page.evaluate("isOver"):
                    self._quiz, self._page = "", None
                    return
                await self._answer()
                left -= 1
                if left <= 0:
                    await page.evaluate(HANDS_IN)
                    left = self._dice.choice((1, 4))
                await asyncio.sleep(self._dice.choice((0.05, 0.2, 0.2, 0.8, 1.5)))
            except BrowserError:
                # Killed, reloaded, closed, or without network where nothing is known of the session.
                self._page = None
                await asyncio.sleep(self._dice.uniform(0.0, 0.5))

    async def _answer(self) -> None:
        question = self._dice.choice(QUESTIONS)
        if self._dice.random() < 0.3:
            page, typed = await self._opened(), self._typed(question)
            # The page may be gone before it is committed; nobody waits for that.
            await page.evaluate(COMMITS, [question, typed.value])
        else:
            for _ in range(self._dice.randint(1, 5)):
                await self.type(question)

    async def type(self, question: str) -> None:
        """Type an answer that is no other's, and wait until the device has it."""
        page, typed = await self._opened(), self._typed(question)
        typed.kept = await page.evaluate(SETS, [question, typed.value])

    def _typed(self, question: str) -> Typed:
        assert self._ledger is not None
        self._written += 1
        value = {"by": self.device, "session": self._ledger.session, "n": self._written}
        typed = Typed(question=question, value=value)
        self._ledger.typed.append(typed)
        return typed

    async def see(self, question: str) -> None:
        """Wait until the page shows that the server has it."""
        page = await self._opened()
        await page.wait_for_function(f"['buffered', 'committed'].includes(quiz.stateOf({question!r}))")

    async def settle(self) -> None:
        """Once all is whole: open what was killed, and wait until all is committed, or the session over."""
        until = time.monotonic() + SETTLE_SECONDS
        states: list[str] = []
        while self._quiz:
            try:
                page = await self._opened()
                states = await page.evaluate("(all) => all.map((one) => quiz.stateOf(one))", QUESTIONS)
                if await page.evaluate("isOver") or set(states) <= {"committed", "refused"}:
                    return
                if not {"unsent", "conflict"} & set(states):
                    await page.evaluate(LOOKS_AGAIN)
            except BrowserError:
                self._page = None
            if time.monotonic() > until:
                assert self._ledger is not None, f"{self.name} never came to a session"
                self._ledger.unsettled = f"{states} after {SETTLE_SECONDS} s"
                return
            await asyncio.sleep(0.5)

    # The browser

    async def _opened(self, *, in_new_tab: bool = False) -> Page:
        """The page with the quiz, opened again if it is gone, or once more beside the other."""
        if self._page is None or in_new_tab:
            page = await self._new_page(in_new_tab=in_new_tab)
            await page.goto(self._chromium.page)
            await page.wait_for_function("window.ready")
            options = {"baseUrl": self.network.address, "quizId": self._quiz, "again": True}
            session = await page.evaluate(OPENS, [options, QUESTIONS])
            self._ledger = self._ledger_of(session)
            self._page = page
        return self._page

    async def _new_page(self, *, in_new_tab: bool) -> Page:
        if self._context is not None:
            with suppress(BrowserError):
                pages = self._context.pages
                if len(pages) == 1 and in_new_tab:
                    pages = []
                return pages[0] if pages else await self._context.new_page()
            await self.close()
        self._context = await self._chromium.launch(self._profile)
        await self._context.expose_function("tell", self._hear)
        await self._context.expose_function("promise", self._hear_of_commit)
        return self._context.pages[0]

    def _hear(self, session: str, question: str, state: str, value: Any, at: float) -> None:
        shown = Shown(question=question, state=state, value=value, at=at / 1000 + self._offset)
        self._ledger_of(session).shown.append(shown)

    def _hear_of_commit(self, session: str, question: str, value: Any, durability: str, at: float) -> None:
        typed = next(one for one in self._ledger_of(session).typed if one.value == value)
        # It was on the device before it was sent.
        typed.kept, typed.promised, typed.promised_at = True, durability, at / 1000 + self._offset

    def _ledger_of(self, session: str) -> Ledger:
        if session not in self._ledgers:
            self._ledgers[session] = Ledger(session=session)
            self._room.ledgers.append(self._ledgers[session])
        return self._ledgers[session]

    async def kill(self) -> None:
        """SIGKILL to all of its processes; the student opens it again."""
        await asyncio.to_thread(_kill, self._profile)

    async def reload(self) -> None:
        if self._page is not None:
            with suppress(BrowserError):
                await self._page.evaluate("location.reload()")

    async def close_page(self, after: float) -> None:
        """Type something, and close the page so many seconds later."""
        page = self._page
        if page is not None:
            with suppress(BrowserError):
                await self.type(self._dice.choice(QUESTIONS))
                await asyncio.sleep(after)
                await page.close()

    async def close(self) -> None:
        context, self._context, self._page = self._context, None, None
        if context is not None:
            with suppress(BrowserError):
                await context.close()


class Chromium:
    """How browsers are launched; `folder` has their profiles, `page` is what they open."""

    def __init__(self, browser: BrowserType, executable: str, folder: Path, page: str) -> None:
        self.folder = folder
        self.page = page
        self._browser = browser
        self._executable = executable

    async def launch(self, profile: Path) -> BrowserContext:
        await asyncio.to_thread(unlock, profile)
        return await self._browser.launch_persistent_context(
            profile, executable_path=self._executable, args=OPTIONS, timeout=LAUNCH_SECONDS * 1000
        )


def _kill(profile: Path) -> None:
    while kill(profile):
        time.sleep(0.01)


def is_here() -> bool:
    """Whether there is a Chromium."""
    return shutil.which(COMMAND) is not None


@asynccontextmanager
async def browsers_of(
    room: Classroom, seed: str, number: int, library: Path = LIBRARY
) -> AsyncIterator[Sequence[BrowserStudent]]:
    """So many browsers with their students, each with a network of its own."""
    if not number:
        yield []
        return
    executable = shutil.which(COMMAND)
    assert executable is not None, MISSING
    async with AsyncExitStack() as stack:
        name = tempfile.TemporaryDirectory(prefix="quiz-browsers-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(name))
        origin = stack.enter_context(served_folder(client_site(folder, library)))
        playwright = await stack.enter_async_context(async_playwright())
        chromium = Chromium(playwright.chromium, executable, folder, f"{origin}/client.html")
        found = []
        for each in range(number):
            device = f"browser{each}"
            student = f"browser{each - 1}" if each % DEVICES == DEVICES - 1 else device
            network = await stack.enter_async_context(Network(student, room, f"{seed}/{device}").running())
            browser = BrowserStudent(student, device, room, seed, network, chromium)
            stack.push_async_callback(browser.close)
            found.append(browser)
        yield found
