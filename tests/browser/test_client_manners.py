"""The client library: how often it asks, of a service that a page makes up and a clock that it sets."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise

import pytest
from playwright.sync_api import Page

from .conftest import NEEDS_CHROMIUM
from .students import Student

pytestmark = NEEDS_CHROMIUM

CLIENTS = 10_000
SERVICE = """
window.asked = [];
let version = 0;
const answers = {}, buffered_questions = [], answer_tags = {};
const at = () => new Date(Date.now()).toISOString();
window.fetch = async (url, { method, body }) => {
  asked.push([performance.now(), method, new URL(url).pathname]);
  const id = url.match(/sessions\\/([^/]+)/)[1].replace("start", `session-${asked.length}`);
  Object.assign(answers, JSON.parse(body ?? "{}").answers);
  for (const question of Object.keys(answers)) answer_tags[question] = `${Date.now()}.w`;
  const session = {
    id, version, status: "started", answers, answer_tags, buffered_questions, paused: false,
    server_time: at(), started_at: at(), expires_at: new Date(Date.now() + 3600_000).toISOString(),
    time_remaining: 3600, next_autosave_after_ms: 5_000, unread_notices: 0,
  };
  return new Response(JSON.stringify(session), { headers: { "Content-Type": "application/json" } });
};
"""


@pytest.fixture
def alone(student: Student) -> Page:
    """A page without a service, at a moment that goes on where it is told."""
    page = student.context.new_page()
    page.clock.install()
    return made_up(student, page)


def made_up(student: Student, page: Page) -> Page:
    page.goto(f"{student.site}/client.html")
    page.wait_for_function("window.ready")
    page.evaluate(f"() => {{ {SERVICE} }}")
    return page


def opens(page: Page, count: int = 1) -> None:
    page.evaluate(
        """async (count) => {
          const options = { baseUrl: "http://service", quizId: "quiz", token: () => "", storage: "memory" };
          for (let n = 0; n < count; n += 1) {
            window.quiz = await client.openQuiz({ ...options, userId: `student-${n}` });
          }
        }""",
        count,
    )


def asked(page: Page, method: str) -> list[float]:
    """When, in milliseconds."""
    return [at for at, each, _ in page.evaluate("asked") if each == method]


def test_ten_thousand_idle_clients_ask_at_most_once_each_in_thirty_seconds(student: Student) -> None:
    page = made_up(student, student.context.new_page())
    opens(page, CLIENTS)
    begun = page.evaluate("performance.now()")
    time.sleep(31)
    paths = Counter(path for at, _, path in page.evaluate("asked") if begun < at < begun + 30_000)
    assert len(asked(page, "POST")) == CLIENTS
    assert max(paths.values(), default=0) <= 1


def test_an_idle_page_asks_once_in_half_a_minute(alone: Page) -> None:
    opens(alone)
    alone.clock.run_for(301_000)
    times = asked(alone, "GET")
    assert all(30_000 <= later - earlier <= 34_000 for earlier, later in pairwise(times))
    assert len(times) in (9, 10)


def types_on(page: Page, seconds: int) -> None:
    """Ten characters a second."""
    for number in range(seconds * 10):
        page.evaluate("(n) => void quiz.set('essay', 'x'.repeat(n + 1))", number)
        page.clock.run_for(100)


def test_who_types_on_saves_when_the_service_wants_it(alone: Page) -> None:
    opens(alone)
    types_on(alone, 21)
    times = asked(alone, "PATCH")
    assert all(later - earlier >= 5_000 for earlier, later in pairwise(times))
    assert 2 <= len(times) <= 5


def test_nothing_is_sent_where_nothing_has_changed(alone: Page) -> None:
    opens(alone)
    types_on(alone, 1)
    alone.clock.run_for(10_000)
    assert len(asked(alone, "PATCH")) == 1
    alone.clock.run_for(60_000)
    assert len(asked(alone, "PATCH")) == 1
