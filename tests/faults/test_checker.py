"""The checker on made-up evidence: a session as it should be, and one thing wrong with it at a time."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.suite.checker import Event, Evidence, Row, violations
from tests.faults.suite.history import Span, Try, Weather
from tests.harness.signing_keys import ed25519_key, public_part, signed
from tests.harness.students import Kind

SEED = bytes(32)
S = "session-1"


def answer(number: int, by: str = "ann") -> dict[str, Any]:
    return {"by": by, "session": S, "n": number}


def receipt(version: int, revision: int, answers: dict[str, Any], seed: bytes = SEED) -> str:
    text = json.dumps(answers, separators=(",", ":"), sort_keys=True)
    says = {
        "session_id": S,
        "version": version,
        "revision": revision,
        "answers_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    return signed({"alg": "EdDSA"}, says, seed)


def told(
    kind: Kind, moment: int, version: int, shown: dict[str, Any], durability: str = "committed", **more: Any
) -> Try:
    """A request of this second, sent with this `at`, and answered within the same second."""
    body = {
        "id": S,
        "user_id": "ann",
        "status": "in_progress",
        "version": version,
        "durability": durability,
        "answers": shown,
        "receipt": None,
        **more.pop("body", {}),
    }
    fields = {"at": moment, "sent": moment, "replied": moment + 0.5, "status": 200, "body": body, **more}
    return Try(student="ann", session=S, kind=kind, process="api1", **fields)


ONE, TWO, THREE = answer(1), answer(2), answer(3)


def evidence() -> Evidence:
    """Question 0 was committed, 1 autosaved and merged, then both were read, and it was completed."""
    after = {"0": ONE, "1": TWO}
    last = {**after, "2": THREE}
    return Evidence(
        tries=[
            told(Kind.START, 1, 0, {}, answers={"quiz": "long"}, key="k"),
            told(
                Kind.COMMIT, 2, 1, {"0": ONE}, answers={"0": ONE}, body={"receipt": receipt(1, 1, {"0": ONE})}
            ),
            told(Kind.AUTOSAVE, 3, 1, after, "buffered", answers={"1": TWO}),
            told(Kind.READ, 5, 1, after),
            told(
                Kind.COMPLETE,
                6,
                2,
                last,
                answers={"2": THREE},
                body={"status": "completed", "receipt": receipt(2, 3, last)},
            ),
        ],
        weather=Weather(),
        rows={
            S: Row(
                "ann",
                "completed",
                2,
                3,
                last,
                {"0": {"version": 1, "at": 2}, "1": {"version": 1, "at": 3}, "2": {"version": 2, "at": 6}},
                ended_at=6,
            )
        },
        trails={
            S: [
                Event(0, 0, "started", 1),
                Event(1, 1, "answered", 2, {"answers": {"0": ONE}}),
                Event(2, 1, "merged", 4, {"answers": {"1": TWO}}),
                Event(3, 2, "completed", 6, {"answers": {"2": THREE}}),
            ]
        },
        verified={S: {"intact": True}},
        read={S: [{"answers": last, "version": 2, "status": "completed"}]},
        receipt_key=public_part(ed25519_key(seed=SEED)),
        cached={S: 3},
    )


def with_try(found: Evidence, index: int, **fields: Any) -> Evidence:
    tries = list(found.tries)
    tries[index] = replace(tries[index], **fields)
    return replace(found, tries=tries)


def with_body(found: Evidence, index: int, **fields: Any) -> Evidence:
    return with_try(found, index, body={**(found.tries[index].body or {}), **fields})


def with_row(found: Evidence, **fields: Any) -> Evidence:
    return replace(found, rows={S: replace(found.rows[S], **fields)})


def with_event(found: Evidence, index: int, **fields: Any) -> Evidence:
    trail = list(found.trails[S])
    trail[index] = replace(trail[index], **fields)
    return replace(found, trails={S: trail})


def also(found: Evidence, *tries: Try) -> Evidence:
    return replace(found, tries=[*found.tries, *tries])


def unanswered(number: int) -> Try:
    """A commit of question 0 whose reply was lost."""
    return Try(
        student="ann",
        session=S,
        kind=Kind.COMMIT,
        process="api1",
        at=number,
        sent=2.5,
        answers={"0": answer(number)},
    )


def test_a_session_as_it_should_be_has_no_violation() -> None:
    assert violations(evidence()) == []


WRONG: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "a session that is gone": (lambda e: replace(e, rows={}), "no such session"),
    "a committed answer that is not in the trail": (
        lambda e: also(e, told(Kind.COMMIT, 4, 1, {}, answers={"3": answer(9)})),
        "not in the trail",
    ),
    "a committed answer that is not in its event": (
        lambda e: with_try(e, 1, answers={"0": ONE, "4": answer(9)}),
        "committed without the answer",
    ),
    "a committed answer in the trail and not in the row": (
        lambda e: with_row(e, answers={"1": TWO, "2": THREE}),
        "not those of its trail",
    ),
    "a buffered answer that is nowhere": (
        lambda e: also(e, told(Kind.AUTOSAVE, 4, 1, {}, "buffered", answers={"3": answer(9)})),
        "acknowledged as buffered, and lost",
    ),
    "an answer of somebody else": (
        lambda e: with_body(e, 3, answers={"0": answer(1, by="bob")}),
        "nobody gave",
    ),
    "another student's session": (
        lambda e: also(e, replace(told(Kind.TRESPASS, 4, 1, {}), student="bob")),
        "was shown",
    ),
    "a failure that is no 503": (
        lambda e: also(e, replace(unanswered(7), status=500, replied=2.6)),
        "no 503",
    ),
    "a session that is said not to be there": (
        lambda e: also(e, replace(unanswered(7), status=404, replied=2.6)),
        "no such session",
    ),
    "a gap in the revisions": (lambda e: with_event(e, 2, revision=4), "was to come"),
    "a version given out twice": (lambda e: with_event(e, 3, version=1), "has version 1 instead of 2"),
    "another version than was committed": (lambda e: with_body(e, 1, version=2), "committed as 1"),
    "a version that was insisted on and is not the one before": (
        lambda e: with_try(e, 1, version=5),
        "insisted on version 5",
    ),
    "a trail that is not intact": (lambda e: replace(e, verified={S: {"intact": False}}), "verify"),
    "a trail that is other when recomputed": (
        lambda e: replace(e, audited={S: ["revision 1 has another digest"]}),
        "revision 1 has another digest",
    ),
    "a trail that ends before the row": (lambda e: with_row(e, revision=4), "its trail has 4 events"),
    "a forged receipt": (
        lambda e: with_body(e, 1, receipt=receipt(1, 1, {"0": ONE}, b"x" * 32)),
        "not signed by the key",
    ),
    "a receipt for other answers": (
        lambda e: with_body(e, 1, receipt=receipt(1, 1, {"0": TWO})),
        "not those of revision 1",
    ),
    "no receipt": (lambda e: with_body(e, 1, receipt=None), "no receipt"),
    "a read of an older version": (lambda e: with_body(e, 3, version=0), "version 1 had been told before"),
    "a read without an acknowledged answer": (
        lambda e: with_body(e, 3, answers={"0": ONE}),
        "a newer answer to 1 had been acknowledged",
    ),
    "a completion without an acknowledged answer": (
        lambda e: replace(
            e,
            trails={
                S: [
                    *e.trails[S][:2],
                    Event(2, 2, "completed", 6, {"answers": {"2": THREE}}),
                    Event(3, 2, "late_merge", 7, {"answers": {"1": TWO}}),
                ]
            },
        ),
        "completed without an answer to 1",
    ),
    "a completed session that is open again": (
        lambda e: also(e, told(Kind.READ, 8, 2, {"0": ONE, "1": TWO, "2": THREE})),
        "had been told to be",
    ),
    "a dirty mark that stays": (lambda e: replace(e, dirty={S}), "still dirty"),
    "a draft that stays": (
        lambda e: replace(e, drafts={S: {"1": {"at": 3, "answer": TWO}}}),
        "still in Valkey",
    ),
    "a cache that is behind": (lambda e: replace(e, cached={S: 2}), "the cache has revision 2"),
    "a read at the end that is not the row": (
        lambda e: replace(e, read={S: [{"answers": {}, "version": 2, "status": "completed"}]}),
        "a read at the end shows",
    ),
    "an answer with another request's time": (
        lambda e: with_row(e, answer_meta={**e.rows[S].answer_meta, "0": {"version": 1, "at": 3}}),
        "time",
    ),
    "a refused answer that was committed": (
        lambda e: with_try(e, 1, status=409, body=None),
        "refused, and committed",
    ),
    "an answer that came too late and was not kept": (
        lambda e: with_try(e, 2, status=410, body=None, answers={"1": answer(9)}),
        "came too late, and recorded nowhere",
    ),
    "an answer that was held back and counts": (
        lambda e: with_try(e, 1, status=None, body=None, held=True),
        "lets count what came after the end",
    ),
    "an answer that was held back and acknowledged": (
        lambda e: with_try(e, 2, held=True),
        "came whole after the end",
    ),
    "one key for two sessions": (
        lambda e: also(e, replace(told(Kind.START, 1, 0, {}, key="k"), session="session-2")),
        "has started two sessions",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_checker_names(name: str) -> None:
    spoil, words = WRONG[name]
    assert any(words in text for text in violations(spoil(evidence())))


def test_one_request_has_one_version() -> None:
    found = evidence()
    trail = [*found.trails[S][:2], Event(2, 2, "answered", 2, {"answers": {"0": ONE}})]
    assert any("repeats a request" in text for text in violations(replace(found, trails={S: trail})))


def test_an_older_answer_is_not_put_over_a_newer_one() -> None:
    found = also(evidence(), unanswered(1))
    merged = with_event(found, 2, changes={"answers": {"1": TWO, "0": answer(1) | {"n": 1}}})
    older = also(merged, replace(unanswered(1), answers={"0": answer(8)}))
    spoilt = with_event(older, 2, changes={"answers": {"1": TWO, "0": answer(8)}})
    assert any("over a newer" in text for text in violations(spoilt))


def test_what_valkey_lost_is_excused() -> None:
    shown = {"0": ONE, "1": TWO, "3": answer(9)}
    draft = told(Kind.AUTOSAVE, 4, 1, shown, "buffered", answers={"3": answer(9)})
    found = also(evidence(), draft)
    found.weather.losses.append(Span(-math.inf, 4.2))
    assert violations(found) == []


def test_what_valkey_was_given_before_and_after_its_loss_is_not_excused() -> None:
    shown = {"0": ONE, "1": TWO, "3": answer(9)}
    draft = told(Kind.AUTOSAVE, 4, 1, shown, "buffered", answers={"3": answer(9)})
    found = also(evidence(), draft)
    found.weather.losses += [Span(3.0, 3.9), Span(4.6, 5.0)]
    assert any("buffered, and lost" in text for text in violations(found))


def test_an_answer_without_a_reply_may_count_or_not() -> None:
    assert violations(also(evidence(), unanswered(7))) == []


def test_a_read_in_trouble_may_be_older() -> None:
    found = with_body(evidence(), 3, version=0)
    found.weather.cache_trouble.append(Span(4.0, 5.1))
    assert violations(found) == []


def test_calm_begins_with_the_first_clean_flush_after_the_trouble() -> None:
    weather = Weather(cache_trouble=[Span(10, 12)], flushes=[Span(11, 13), Span(14, 15)])
    assert weather.calm() == [Span(-math.inf, 10), Span(15, math.inf)]


def test_it_is_not_calm_without_a_flush_between_two_troubles() -> None:
    weather = Weather(cache_trouble=[Span(10, 12), Span(14, 16)], flushes=[Span(17, 18)])
    assert weather.calm() == [Span(-math.inf, 10), Span(18, math.inf)]
