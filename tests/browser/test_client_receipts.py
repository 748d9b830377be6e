"""The client library: receipts are verified by the browser alone."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.harness.canonical_cases import CASES
from tests.harness.signing_keys import ed25519_key, public_part, signed

from .conftest import NEEDS_CHROMIUM
from .students import Student

pytestmark = NEEDS_CHROMIUM

HEADER = {"alg": "EdDSA", "kid": "k1", "typ": "receipt+jws"}
JWKS = {"keys": [public_part(ed25519_key())]}
VERIFY = """async ([receipt, answers, jwks]) => {
  const found = await client.verifyReceipt(receipt, JSON.parse(answers), jwks);
  return [found.genuine, found.answersMatch];
}"""


def receipt_of(answers_sha256: str) -> str:
    payload = {
        "session_id": "s",
        "version": 3,
        "revision": 4,
        "answers_sha256": answers_sha256,
        "committed_at": 1.5,
    }
    return signed(HEADER, payload)


def without_network(student: Student) -> Page:
    page = student.page()
    student.context.set_offline(True)
    return page


def test_a_browser_finds_what_the_table_has_without_network(student: Student) -> None:
    page = without_network(student)
    found = {
        case.name: page.evaluate(VERIFY, [receipt_of(case.sha256), case.answers, JWKS]) for case in CASES
    }
    assert found == {case.name: [True, True if case.javascript else None] for case in CASES}


def test_what_was_changed_is_noticed(student: Student) -> None:
    page = without_network(student)
    receipt = receipt_of(CASES[0].sha256)
    assert page.evaluate(VERIFY, [receipt, '{"0": "another"}', JWKS]) == [True, False]
    assert page.evaluate(VERIFY, [receipt[:-4] + "AAAA", CASES[0].answers, JWKS]) == [False, None]
    assert page.evaluate(VERIFY, [receipt, CASES[0].answers, {"keys": []}]) == [False, None]
    assert page.evaluate(VERIFY, ["none", CASES[0].answers, JWKS]) == [False, None]


def test_a_browser_that_can_not_tell_says_so_and_not_that_it_is_forged(student: Student) -> None:
    page = without_network(student)
    page.evaluate(
        "void (crypto.subtle.importKey = () => Promise.reject(new DOMException('', 'NotSupportedError')))"
    )
    script = f"(given) => ({VERIFY})(given).catch(({{ name }}) => name)"
    assert page.evaluate(script, [receipt_of(CASES[0].sha256), CASES[0].answers, JWKS]) == "NotSupportedError"


def test_what_a_receipt_says_is_shown(student: Student) -> None:
    page = without_network(student)
    script = "([receipt, answers, jwks]) => client.verifyReceipt(receipt, JSON.parse(answers), jwks)"
    assert page.evaluate(script, [receipt_of(CASES[0].sha256), CASES[0].answers, JWKS]) == {
        "genuine": True,
        "answersMatch": True,
        "sessionId": "s",
        "version": 3,
        "committedAt": "1970-01-01T00:00:01.500Z",
    }
