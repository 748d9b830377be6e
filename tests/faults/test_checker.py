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
from tests.faults.suite.history import Act, Action, Ledger, Shown, Span, Try, Typed, Weather
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
        "paused": False,
        "buffered_questions": list(more.get("answers", ())) if durability == "buffered" else [],
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


def act(action: Action, moment: int, at: int) -> Act:
    """What staff did in this second; the first letter of it is its key."""
    return Act(
        action=action,
        quiz="long",
        session=S,
        key=action[0],
        sent=moment,
        at=[at],
        statuses=[200],
        replied=moment + 0.5,
        body={},
    )


def paused() -> Evidence:
    """Question 0 was autosaved, the clock stood for a part of a second, and staff handed it in."""
    answers = {"0": ONE}
    return Evidence(
        tries=[
            told(Kind.START, 1, 0, {}, answers={"quiz": "long"}),
            told(Kind.AUTOSAVE, 2, 0, answers, "buffered", answers=answers),
            told(Kind.READ, 5, 0, answers, "buffered", body={"paused": True}),
        ],
        weather=Weather(),
        rows={
            S: Row(
                "ann",
                "completed",
                1,
                3,
                answers,
                {"0": {"version": 1, "at": 2}},
                ended_at=9,
                pause_seconds=1,
                later_seconds=1,
            )
        },
        trails={
            S: [
                Event(0, 0, "started", 1),
                Event(1, 0, "paused", 4, {"session_paused": True, "write_id": "pause:p"}),
                Event(2, 0, "resumed", 8, {"session_paused": False, "write_id": "resume:r"}),
                Event(3, 1, "completed", 9, {"answers": answers, "write_id": "complete:c"}),
            ]
        },
        verified={S: {"intact": True}},
        read={S: [{"answers": answers, "version": 1, "status": "completed"}]},
        receipt_key=public_part(ed25519_key(seed=SEED)),
        acts=[act(Action.PAUSE, 4, 4), act(Action.RESUME, 8, 8), act(Action.HAND_IN, 9, 9)],
        actions={("p", S): 1, ("r", S): 1, ("c", S): 1},
    )


def taken_over() -> Evidence:
    """Question 0 was autosaved by a device from which another one had taken the session over."""
    return Evidence(
        tries=[
            told(Kind.START, 1, 0, {}, answers={"quiz": "long"}, client="tab-b"),
            told(Kind.AUTOSAVE, 4, 0, {"0": ONE}, "buffered", answers={"0": ONE}, client="tab-b"),
            told(Kind.TAKEOVER, 3, 0, {}, client="tab-a", sent=5, replied=6),
        ],
        weather=Weather(),
        rows={S: Row("ann", "started", 0, 2, {}, {})},
        trails={
            S: [
                Event(0, 0, "started", 1, {"device": "b", "device_since": 1}),
                Event(1, 0, "device_changed", 3, {"device": "a", "device_since": 3}),
                Event(2, 0, "displaced", 7, {"displaced": [{"question": "0", "answer": ONE}]}),
            ]
        },
        verified={S: {"intact": True}},
        read={S: [{"answers": {}, "version": 0, "status": "started"}]},
        receipt_key=public_part(ed25519_key(seed=SEED)),
    )


@pytest.mark.parametrize("found", [paused(), taken_over()], ids=["paused", "taken over"])
def test_a_session_of_an_exam_room_as_it_should_be_has_no_violation(found: Evidence) -> None:
    assert violations(found) == []


WRONG_IN_A_ROOM: dict[str, tuple[Evidence, str]] = {
    "a deadline that has not moved": (with_row(paused(), later_seconds=0), "by its trail the clock stood"),
    "a pause that is not explained": (with_row(paused(), pause_seconds=2), "by its trail the clock stood"),
    "a clock that still stands": (with_row(paused(), paused_at=4), "by its trail the clock stood"),
    "an end by time in a pause": (
        with_event(paused(), 2, type="expired"),
        "lets it expire while its clock stood",
    ),
    "an answer that was committed in a pause": (
        also(with_event(paused(), 2, type="answered"), replace(unanswered(8), at=8)),
        "has answers from when its clock stood",
    ),
    "an answer that was buffered in a pause": (
        also(paused(), told(Kind.AUTOSAVE, 6, 0, {"0": ONE}, "buffered", answers={"1": TWO})),
        "buffered while the clock stood",
    ),
    "an answer that was refused in a pause and recorded": (
        with_try(paused(), 1, status=409, body=None, code="session_paused"),
        "recorded all the same",
    ),
    "a pause that is not shown": (with_body(paused(), 2, paused=False), "shown as if its clock ran"),
    "a pause that was acknowledged and not made": (
        replace(
            paused(),
            trails={S: [Event(0, 0, "started", 1), Event(1, 1, "completed", 9, {"answers": {"0": ONE}})]},
        ),
        "acknowledged, and never done",
    ),
    "a resumption that was made twice": (
        replace(
            with_event(paused(), 1, type="resumed", changes={"write_id": "resume:r"}),
            acts=[replace(act(Action.RESUME, 8, 8), at=[4, 8])],
        ),
        "it was done 2 times",
    ),
    "a pause that is not in the list of staff actions": (
        replace(paused(), actions={("r", S): 1, ("c", S): 1}),
        "is 0 times in the list of staff actions",
    ),
    "a failure of what staff do": (
        replace(paused(), acts=[replace(act(Action.PAUSE, 4, 4), statuses=[500, 200])]),
        "a failure that is no 503",
    ),
    "a hand-in without what was buffered": (
        with_event(paused(), 3, changes={"answers": {}, "write_id": "complete:c"}),
        "completed without an answer to 0",
    ),
    "a hand-in that was acknowledged and not made": (
        with_row(paused(), status="in_progress"),
        "acknowledged as completed",
    ),
    "a takeover that was acknowledged and not made": (
        with_try(taken_over(), 2, client="tab-c", at=2),
        "that device never had it",
    ),
    "an answer of a former device that counts": (
        with_event(taken_over(), 2, type="merged", changes={"answers": {"0": ONE}}),
        "lets an answer of a former device count",
    ),
    "an answer of a former device that is gone": (
        with_event(taken_over(), 2, changes={}),
        "acknowledged as buffered, and lost",
    ),
    "an answer that was refused to a former device and is gone": (
        with_event(with_try(taken_over(), 1, status=409, body=None, code="other_device"), 2, changes={}),
        "told that another device has it, and recorded nowhere",
    ),
}


NINE = answer(9)


def typed(question: str, value: Any, **more: Any) -> Typed:
    return Typed(question=question, value=value, **{"kept": True, **more})


def shown(question: str, state: str, value: Any, at: float) -> Shown:
    return Shown(question=question, state=state, value=value, at=at)


def at_browser(found: Evidence, *entries: Typed | Shown, unsettled: str | None = None) -> Evidence:
    """The student was at a browser."""
    ledger = Ledger(
        session=S,
        typed=[one for one in entries if isinstance(one, Typed)],
        shown=[one for one in entries if isinstance(one, Shown)],
        unsettled=unsettled,
    )
    return replace(found, ledgers=[ledger])


def locked(value: Any) -> Try:
    """A commit that was refused for a lock."""
    return replace(unanswered(7), answers={"3": value}, status=409, replied=7.5, code="question_locked")


def replaced() -> Evidence:
    """Question 0 has another answer in the end."""
    last = {"0": NINE, "1": TWO, "2": THREE}
    found = with_try(evidence(), 4, answers={"0": NINE, "2": THREE})
    found = with_body(found, 4, answers=last, receipt=receipt(2, 3, last))
    found = with_event(found, 3, changes={"answers": {"0": NINE, "2": THREE}})
    meta = {**found.rows[S].answer_meta, "0": {"version": 2, "at": 6}}
    found = with_row(found, answers=last, answer_meta=meta)
    return replace(found, read={S: [{"answers": last, "version": 2, "status": "completed"}]})


LATE = {"late_answers": {"3": {"at": 7, "answer": NINE}}}
RIGHT_AT_A_BROWSER: dict[str, Evidence] = {
    "what is on the server": at_browser(evidence(), typed("0", NINE), typed("0", ONE), typed("1", TWO)),
    "what the device may not have had": at_browser(evidence(), typed("0", ONE), typed("0", NINE, kept=False)),
    "what was typed after what the device had": at_browser(
        evidence(), typed("0", NINE), typed("0", ONE, kept=False)
    ),
    "what came too late": at_browser(with_event(evidence(), 0, changes=LATE), typed("3", NINE)),
    "what was refused for a lock": at_browser(also(evidence(), locked(NINE)), typed("3", NINE)),
    "what another device replaced": at_browser(replaced(), typed("0", ONE)),
    "a commit that ended with its reply": at_browser(
        evidence(), typed("0", ONE, promised="committed", promised_at=2.5)
    ),
    "a commit that ended with what was typed over it": at_browser(
        evidence(), typed("1", NINE, promised="buffered", promised_at=3.5), typed("1", TWO)
    ),
    "what it was": at_browser(
        evidence(),
        shown("0", "unsent", NINE, 1.0),
        shown("0", "committed", ONE, 2.5),
        shown("1", "buffered", TWO, 3.5),
        shown("1", "committed", TWO, 5.5),
        shown("4", "committed", None, 1.0),
    ),
}
WRONG_AT_A_BROWSER: dict[str, tuple[Evidence, str]] = {
    "an answer that never came": (
        at_browser(evidence(), typed("3", NINE)),
        "typed last at a browser, and lost",
    ),
    "an older answer in its place": (
        at_browser(evidence(), typed("0", ONE), typed("0", NINE)),
        "typed last at a browser, and lost",
    ),
    "another device's answer in its place, and it is nowhere": (
        at_browser(replaced(), typed("0", answer(8))),
        "typed last at a browser, and lost",
    ),
    "its own earlier answer, which was committed later": (
        at_browser(replaced(), typed("0", NINE), typed("0", ONE)),
        "typed last at a browser, and lost",
    ),
    "a draft that is shown as committed": (
        at_browser(evidence(), shown("1", "committed", TWO, 3.5)),
        "shown as committed at a browser, and no reply",
    ),
    "what no reply has said yet": (
        at_browser(evidence(), shown("0", "committed", ONE, 2.4)),
        "shown as committed at a browser, and no reply",
    ),
    "what nobody was told is buffered": (
        at_browser(evidence(), shown("3", "buffered", NINE, 5.5)),
        "shown as buffered at a browser, and no reply",
    ),
    "what a reply said, and is not so": (
        at_browser(with_body(evidence(), 3, answers={"3": NINE}), shown("3", "committed", NINE, 5.5)),
        "and not in the trail",
    ),
    "a commit that ends before its reply": (
        at_browser(evidence(), typed("0", ONE, promised="committed", promised_at=2.4)),
        "promised to be committed",
    ),
    "a commit that is only buffered": (
        at_browser(evidence(), typed("1", TWO, promised="committed", promised_at=3.5)),
        "promised to be committed",
    ),
    "what stays on the device": (at_browser(evidence(), unsettled="['unsent']"), "never got rid of"),
}


@pytest.mark.parametrize("name", RIGHT_AT_A_BROWSER)
def test_a_student_at_a_browser_may_have_typed_or_been_shown(name: str) -> None:
    assert violations(RIGHT_AT_A_BROWSER[name]) == []


@pytest.mark.parametrize("name", WRONG_AT_A_BROWSER)
def test_the_checker_names_what_is_wrong_at_a_browser(name: str) -> None:
    found, words = WRONG_AT_A_BROWSER[name]
    assert any(words in text for text in violations(found))


@pytest.mark.parametrize("name", WRONG_IN_A_ROOM)
def test_the_checker_names_what_is_wrong_in_an_exam_room(name: str) -> None:
    found, words = WRONG_IN_A_ROOM[name]
    assert any(words in text for text in violations(found))


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


def test_an_answer_that_is_sent_both_ways_is_merged_with_the_time_of_its_draft() -> None:
    """As by a browser, which sends it until it is told, and from a page that goes."""
    sent = [replace(unanswered(at), answers={"0": NINE}) for at in (3, 4, 5, 7)]
    sent.append(replace(unanswered(8), answers={"0": NINE}, kind=Kind.COMPLETE))
    sent.append(replace(unanswered(9), answers={"0": NINE}, status=409, code="answer_conflict", replied=9.5))
    trail = [
        Event(0, 0, "started", 1),
        Event(1, 1, "answered", 3, {"answers": {"0": NINE}}),
        Event(2, 1, "merged", 6, {"answers": {"0": NINE}}),
        Event(3, 2, "answered", 5, {"answers": {"0": NINE}}),
        Event(4, 3, "answered", 7, {"answers": {"0": NINE}}),
    ]
    row = Row("ann", "in_progress", 3, 4, {"0": NINE}, {"0": {"version": 3, "at": 7}})
    start = evidence().tries[0]
    found = replace(
        evidence(), tries=[start, *sent], trails={S: trail}, rows={S: row}, read={S: []}, cached={}
    )
    assert violations(found) == []


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
