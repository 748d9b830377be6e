"""The client library: devices that keep nothing, or hang, and what is left on them."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from .conftest import NAME, NEEDS_CHROMIUM
from .students import TEXT, Student, eventually, is_safe, put, types

pytestmark = NEEDS_CHROMIUM

KEPT = """() => new Promise((resolve) => {
  const opening = indexedDB.open("quiz-sessions", 1);
  opening.onsuccess = () => {
    const asked = opening.result.transaction("kept").objectStore("kept").getAllKeys();
    asked.onsuccess = () => resolve(asked.result);
  };
  opening.onupgradeneeded = () => opening.transaction.abort();
  opening.onerror = () => resolve([]);
})"""


def kept(page: Page) -> set[str]:
    """The kinds of what is on the device."""
    return {key.split()[0] for key in page.evaluate(KEPT)}


@pytest.mark.parametrize(
    "broken",
    [
        "indexedDB.__proto__.open = () => { throw new DOMException('', 'SecurityError') }",
        "IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError') }",
        "indexedDB.__proto__.open = () => ({})",
    ],
    ids=["forbidden", "full", "hanging"],
)
def test_where_the_device_keeps_nothing_it_says_so_and_goes_on(student: Student, broken: str) -> None:
    page = student.opens(student.page(broken))
    types(page, "essay", TEXT)
    assert page.evaluate("quiz.isDurable") is False
    eventually(lambda: is_safe(page))
    assert page.evaluate("quiz.handIn().then(({ status }) => status)") == "completed"
    assert student.held() == {"essay": TEXT}


def test_once_the_device_has_room_again_it_is_durable(student: Student) -> None:
    page = student.opens(
        student.page(
            """
            const put = IDBObjectStore.prototype.put;
            IDBObjectStore.prototype.put = function (...given) {
              if (window.full) throw new DOMException("", "QuotaExceededError");
              return put.apply(this, given);
            };"""
        )
    )
    put(page, "essay", "there was room")
    page.evaluate("window.full = true")
    put(page, "essay", "there is none")
    assert page.evaluate("quiz.isDurable") is False
    page.evaluate("window.full = false")
    put(page, "essay", TEXT)
    eventually(lambda: page.evaluate("quiz.isDurable"))
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


def test_a_device_that_fails_to_forget_what_is_saved_and_does_so_later_is_durable(student: Student) -> None:
    page = student.opens(
        student.page(
            """
            const forget = IDBObjectStore.prototype.delete;
            let left = 2; // one and its repetition
            IDBObjectStore.prototype.delete = function (...given) {
              if (left-- > 0) throw new DOMException("", "UnknownError");
              return forget.apply(this, given);
            };"""
        )
    )
    page.evaluate("quiz.commit('a', 1)")
    assert page.evaluate("quiz.isDurable") is True


def test_what_a_full_device_did_not_take_is_not_outdone_by_what_it_had(student: Student) -> None:
    page = student.opens()
    page.evaluate("void (window.fetch = () => Promise.reject(new TypeError('no network')))")
    put(page, "essay", "there was room")
    page.evaluate(
        "void (IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError') })"
    )
    put(page, "essay", TEXT)
    page.reload()
    page.wait_for_function("window.ready")
    student.opens(page)
    # It was asked for before the page went that was the only one to have it.
    assert page.evaluate("quiz.answer('essay') ?? null") is None


def test_a_page_that_has_the_only_copy_asks_before_it_closes(student: Student) -> None:
    page = student.opens(storage="memory")
    asked = (
        "(() => { const e = new Event('beforeunload', { cancelable: true }); return !dispatchEvent(e); })()"
    )
    assert page.evaluate(asked) is False
    page.evaluate("void (window.fetch = () => Promise.reject(new TypeError('no network')))")
    put(page, "essay", TEXT)
    assert page.evaluate(asked) is True


def test_in_memory_nothing_is_left_on_the_device(student: Student) -> None:
    page = student.opens(storage="memory")
    put(page, "essay", TEXT)
    eventually(lambda: is_safe(page))
    assert kept(page) == set()


@pytest.mark.parametrize(
    ("storage", "left"), [("keep", {"client", "open", "receipts"}), ("wipe", {"client"})]
)
def test_after_the_end_receipts_are_kept_unless_it_is_wiped(
    student: Student, storage: str, left: set[str]
) -> None:
    page = student.opens(storage=storage)
    page.evaluate("quiz.commit('a', 1)")
    put(page, "essay", TEXT)
    page.evaluate("quiz.handIn()")
    assert kept(page) == left


def test_a_page_that_came_by_plain_http_works(student: Student) -> None:
    # Such a page has neither locks nor crypto.subtle.
    student.site = f"http://{NAME}:{urlsplit(student.site).port}"
    page = student.opens()
    assert page.evaluate("isSecureContext") is False
    types(page, "essay", TEXT)
    eventually(lambda: is_safe(page))
    assert page.evaluate("quiz.handIn().then(({ status }) => status)") == "completed"
    assert student.held() == {"essay": TEXT}
