"""Small exams in which everything can happen: who does what, and what goes wrong meanwhile."""

from __future__ import annotations

from typing import Any

from .explorer import Scenario
from .model import NEVER, Rule, Write
from .promises import Gap, Promise

Request = tuple[Any, ...]


def commit(
    value: str, at: int, question: int = 0, version: int | None = None, name: str = "", **more: Any
) -> Request:
    return ("commit", Write(name or value, at, ((question, value),), version, **more))


def autosave(value: str, at: int, question: int = 0, version: int | None = None, **more: Any) -> Request:
    return ("autosave", Write(value, at, ((question, value),), version, **more))


def complete(at: int, *answers: tuple[int, str], name: str = "end", **more: Any) -> Request:
    return ("complete", Write(name, at, answers, **more))


def from_a(**more: Any) -> dict[str, Any]:
    """Of the writer A, which was shown nothing yet, or what `more` says."""
    return {"writer": "A", "based_on": ((0, None),), **more}


B: dict[str, Any] = {"writer": "B"}


def read(at: int = 0) -> Request:
    return ("read", at)


def flush(now: int = 0) -> Request:
    return ("flush", now)


def expire(now: int) -> Request:
    return ("expire", now)


def results(at: int) -> Request:
    return ("results", at)


def pause(at: int) -> Request:
    return ("stop", at)


def resume(at: int) -> Request:
    return ("go_on", at)


def take_over(at: int, writer: str) -> Request:
    return ("take_over", at, writer)


def mark_next(marker: str, points: int, at: int) -> Request:
    return ("mark_next", marker, points, at)


def mark_it(marker: str, points: int, at: int) -> Request:
    return ("mark_it", marker, points, at)


def forge(value: str, at: int) -> Request:
    return ("forge", Write(value, at, ((0, value),)))


REGRADE: Request = ("regrade",)
HEAL: Request = ("heal",)


def play(
    name: str,
    actors: dict[str, list[Request]],
    faults: str = "",
    deadline: int = NEVER,
    cached: bool = True,
    device: str | None = None,
    started: int = 0,
    forward: bool = False,
    section: int = NEVER,
) -> list[Scenario]:
    """Without faults, and with each of them; "crash+lose" are both in one scenario."""
    found = []
    for each in ("", *faults.split()):
        kinds = each.split("+") if each else []
        title = ", ".join(filter(None, (name, " and ".join(kinds))))
        counts = {kind: kinds.count(kind) for kind in kinds}
        found.append(Scenario(title, actors, counts, deadline, cached, device, started, forward, section))
    return found


ALL = "crash lose repeat valkey database"
SHORT = [
    *play(
        "two tabs commit",
        {"tab 1": [commit("a", 2)], "tab 2": [commit("b", 1)], "reader": [read()]},
        f"{ALL} skip",
    ),
    *play(
        "a commit overtakes an autosave",
        {"tab 1": [autosave("a", 1)], "tab 2": [commit("b", 2)], "flusher": [flush()]},
        ALL,
    ),
    *play(
        "a commit overtakes an autosave, and is read",
        {"tab 1": [autosave("a", 1)], "tab 2": [commit("b", 2)], "reader": [read()]},
    ),
    *play(
        "an autosave after the other",
        {"tab": [autosave("a", 1), autosave("b", 2)], "flusher": [flush()]},
        f"{ALL} empty restore+restore",
    ),
    *play(
        "an autosave overtakes another",
        {"tab 1": [autosave("a", 1)], "tab 2": [autosave("b", 2)], "flusher": [flush()]},
        "crash repeat database",
    ),
    *play(
        "an autosave that insists on a version",
        {"tab 1": [commit("a", 1)], "tab 2": [autosave("b", 2, version=1)]},
        "crash lose restore+restore",
    ),
    *play(
        "an autosave, read and flushed",
        {"tab": [autosave("a", 1)], "reader": [read(), read()], "flusher": [flush()]},
        "crash lose skip evict empty restore+restore database",
    ),
    *play(
        "two flushers",
        {"tab": [autosave("a", 1), autosave("b", 2)], "one": [flush()], "two": [flush()]},
        "skip",
    ),
    *play(
        "a commit beside a flush of another answer",
        {"tab 1": [autosave("a", 1)], "tab 2": [commit("b", 2, 1)], "flusher": [flush()]},
        "crash",
    ),
    *play(
        "a completion beside an autosave",
        {"tab 1": [autosave("a", 1)], "tab 2": [complete(2)], "flusher": [flush()]},
        "crash valkey database empty",
    ),
    *play(
        "a completion and an autosave", {"tab 1": [autosave("a", 1)], "tab 2": [complete(2)]}, "lose repeat"
    ),
    *play(
        "autosaves before and after the end",
        {"tab 1": [autosave("a", 1), autosave("b", 3)], "tab 2": [complete(2)], "flusher": [flush()]},
    ),
    *play(
        "a commit of one of two answers beside a flush",
        {"tab 1": [autosave("a", 1), autosave("b", 2, 1)], "tab 2": [commit("c", 3)], "flusher": [flush()]},
    ),
    *play(
        "autosaves of two answers before and after the end",
        {"tab 1": [autosave("a", 1), autosave("b", 3, 1)], "tab 2": [complete(2)], "flusher": [flush()]},
    ),
    *play(
        "a commit beside a completion with answers",
        {"tab 1": [autosave("a", 1), commit("b", 3)], "tab 2": [complete(2, (0, "c"))]},
        "crash valkey database",
    ),
    *play(
        "two completions",
        {"tab 1": [complete(1, (0, "a"), name="end 1")], "tab 2": [complete(2, (0, "b"), name="end 2")]},
        ALL,
    ),
    *play(
        "an expiry beside an autosave",
        {"tab": [autosave("a", 1)], "reader": [read(9)], "expirer": [expire(9)]},
        "crash skip",
        deadline=2,
    ),
    *play(
        "a commit that is brought after an expiry",
        {"tab": [commit("b", 2), read()], "expirer": [expire(9)]},
        ALL,
        deadline=2,
    ),
    *play(
        "a commit past the deadline",
        {"tab": [autosave("a", 1), commit("b", 3)]},
        "crash lose skip",
        deadline=2,
    ),
    *play(
        "a commit and a read past the deadline",
        {"tab": [autosave("a", 1), commit("b", 3)], "reader": [read(9)]},
        deadline=2,
    ),
    *play(
        "two tabs that insist on a version",
        {
            "tab 1": [commit("a", 1, version=0), commit("a", 3, version=0, name="a again")],
            "tab 2": [commit("b", 2, version=0)],
        },
        "crash lose crash+database",
    ),
    *play(
        "two tabs that send the same answer over one version",
        {
            "tab 1": [commit("a", 1, version=0)],
            "tab 2": [("commit", Write("a and b", 2, ((0, "a"), (1, "b")), 0))],
        },
        "crash lose",
    ),
    *play(
        "an older request that insists on its version",
        {"tab 1": [commit("a", 3), commit("b", 1, version=1)], "tab 2": [autosave("c", 2)]},
        "crash",
    ),
    *play(
        "a commit, read through its own process and another",
        {"tab": [commit("a", 1), read()], "reader": [read()]},
        f"{ALL} evict",
    ),
    *play(
        "a commit that has not seen a commit",
        {"tab A": [commit("a", 2, **from_a())], "tab B": [commit("b", 1, **B)]},
        ALL,
    ),
    *play(
        "a commit that has not seen an autosave",
        {"tab A": [commit("a", 2, **from_a())], "tab B": [autosave("b", 1, **B)], "flusher": [flush()]},
        "crash lose valkey",
    ),
    *play(
        "an autosave that has not seen an autosave",
        {"tab A": [autosave("a", 2, **from_a())], "tab B": [autosave("b", 1, **B)], "flusher": [flush()]},
        "crash lose database evict",
    ),
    *play(
        "an autosave that has not seen a commit",
        {"tab A": [autosave("a", 2, **from_a())], "tab B": [commit("b", 1, **B)]},
        "crash lose",
    ),
    *play(
        "a completion that has not seen a commit",
        {"tab A": [complete(2, (0, "a"), **from_a())], "tab B": [commit("b", 1, **B)]},
        "crash lose",
    ),
    *play(
        "a reply about another question",
        {
            "tab B": [autosave("b", 1, **B)],
            "tab A": [("commit", Write("a", 3, ((0, "a"), (1, "a")), None, "A", ((0, None), (1, (2, "B")))))],
        },
    ),
    *play(
        "a tab that lost the reply to its own",
        {
            "tab A": [commit("a", 1, **from_a()), commit("c", 2, **from_a())],
            "tab B": [autosave("b", 1, 1, **B)],
        },
        "crash lose",
    ),
    *play(
        "a commit beside its own autosave",
        {
            "tab A": [autosave("a", 1, **from_a())],
            "its timer": [commit("c", 2, **from_a())],
            "flusher": [flush()],
        },
        "crash",
    ),
    *play(
        "a commit by a clock that is behind",
        {
            "tab A": [commit("a", 3, writer="A"), commit("c", 1, version=1, writer="A")],
            "tab B": [commit("b", 4, **{**B, "based_on": ((0, (3, "A")),)})],
        },
    ),
    *play(
        "two writers of one answer",
        {"tab A": [autosave("a", 2, writer="A")], "tab B": [autosave("b", 1, **B)], "flusher": [flush()]},
        "crash lose repeat skip database",
    ),
    *play(
        "two writers of one answer, flushed twice",
        {
            "tab A": [autosave("a", 2, writer="A")],
            "tab B": [autosave("b", 1, **B)],
            "flusher": [flush(), flush()],
        },
        "crash",
    ),
    *play(
        "a commit over the draft of another",
        {"tab A": [commit("a", 2, writer="A")], "tab B": [autosave("b", 1, **B)], "flusher": [flush()]},
        "crash lose skip",
    ),
    *play(
        "a completion over the draft of another",
        {
            "tab A": [complete(2, (0, "a"), writer="A")],
            "tab B": [autosave("b", 1, **B)],
            "flusher": [flush()],
        },
        "crash",
    ),
    *play(
        "a hand-in that comes behind a commit",
        {"tab A": [complete(2, (0, "a"), writer="A")], "tab B": [commit("b", 3, **B)]},
        "crash lose",
    ),
    *play(
        "a commit if nothing has changed",
        {
            "tab A": [commit("a", 2, writer="A", match=(0, (None, None)))],
            "tab B": [commit("b", 1, 1, **B)],
        },
        "crash lose",
    ),
    *play(
        "a commit if nothing has changed, not even a draft",
        {
            "tab A": [commit("a", 2, writer="A", match=(0, (None, None)))],
            "tab B": [autosave("b", 1, **B)],
        },
        "crash",
    ),
    *play(
        "a commit if nothing has changed, sent again",
        {
            "tab A": [
                commit("a", 1, writer="A", match=(0, (None, None))),
                commit("a", 2, writer="A", match=(0, (None, None)), name="a again"),
            ],
        },
        "crash lose",
    ),
    *play(
        "results beside an autosave",
        {"tab 1": [autosave("a", 1)], "tab 2": [complete(2), results(3)], "flusher": [flush()]},
        "crash lose",
    ),
    *play(
        "results of a completion without the drafts",
        {"tab 1": [autosave("a", 1)], "tab 2": [complete(2), results(3)]},
        "valkey evict",
    ),
    *play(
        "a hand-in after results",
        {
            "tab 1": [complete(2, (0, "b"), name="end 1"), results(3)],
            "tab 2": [complete(1, (0, "a"), (1, "a"), name="end 2")],
        },
        "crash",
    ),
    *play(
        "results, and a draft that somebody puts into Valkey",
        {"tab": [complete(2), results(3)], "intruder": [forge("x", 1)], "flusher": [flush()]},
    ),
    *play(
        "a pause beside a commit",
        {"tab": [commit("a", 2)], "proctor": [pause(1)]},
        "crash lose valkey",
    ),
    *play(
        "a pause beside an autosave that is flushed",
        {"tab": [autosave("a", 2)], "proctor": [pause(1), resume(4)], "flusher": [flush(5)]},
        "crash lose",
        deadline=3,
    ),
    *play(
        "a pause beside an expiry",
        {"tab": [autosave("a", 1)], "proctor": [pause(2), resume(9)], "expirer": [expire(5)]},
        "lose valkey",
        deadline=3,
    ),
    *play(
        "a pause beside a completion",
        {"tab": [autosave("a", 1), complete(3)], "proctor": [pause(2)]},
        "lose",
        deadline=4,
    ),
    *play(
        "a pause before the start",
        {"tab": [autosave("a", 1)], "proctor": [pause(2), resume(4)], "expirer": [expire(9)]},
        deadline=8,
        started=5,
    ),
    *play(
        "a takeover beside a commit",
        {"tab A": [commit("a", 3, writer="A")], "tab B": [take_over(2, "B")]},
        "crash lose valkey",
        device="A",
    ),
    *play(
        "a takeover beside an autosave that is flushed",
        {
            "tab A": [autosave("a", 5, writer="A")],
            "tab B": [take_over(2, "B"), autosave("b", 4, **B)],
            "flusher": [flush()],
        },
        "crash lose",
        device="A",
    ),
    *play(
        "a takeover beside two autosaves of one answer",
        {"tab A": [autosave("a", 1, writer="A"), autosave("b", 5, writer="A")], "tab B": [take_over(2, "B")]},
        "crash lose valkey",
        device="A",
    ),
    *play(
        "a takeover beside an autosave, and a completion",
        {"tab A": [autosave("a", 3, writer="A")], "tab B": [take_over(2, "B"), complete(4, **B)]},
        "lose valkey",
        device="A",
    ),
    *play(
        "a commit, readers and a comparison",
        {"tab": [commit("a", 1)], "reader": [read(), read()], "flusher": [HEAL]},
        "crash evict lose valkey age",
        cached=False,
    ),
    *play(
        "an answer behind another beside an autosave",
        {
            "tab 1": [commit("b", 2, question=1)],
            "tab 2": [autosave("a", 1), autosave("c", 3)],
            "flusher": [flush()],
        },
        "crash valkey",
        forward=True,
    ),
    *play(
        "an autosave behind another, and one before it",
        {"tab": [autosave("b", 1, question=1), commit("a", 2)]},
        "database valkey",
        forward=True,
    ),
    *play(
        "an answer behind another beside a commit, and a completion",
        {"tab 1": [commit("b", 2, question=1)], "tab 2": [autosave("c", 3)], "tab 3": [complete(4)]},
        forward=True,
    ),
    *play(
        "a section's clock beside an autosave that is flushed",
        {"tab": [autosave("a", 2, question=1), autosave("b", 4, question=1)], "flusher": [flush(5)]},
        "crash lose database",
        section=3,
    ),
    *play(
        "a section's clock beside a commit that is brought late",
        {"tab 1": [commit("a", 2, question=1)], "tab 2": [commit("b", 4, question=1)]},
        "crash database",
        section=3,
    ),
    *play(
        "a draft that somebody puts into Valkey after its section",
        {"somebody": [("forge", Write("a", 4, ((1, "a"),)))], "flusher": [flush(5)]},
        section=3,
    ),
    *play(
        "two markers",
        {"marker 1": [mark_next("m1", 2, 1)], "marker 2": [mark_next("m2", 3, 2)]},
        "lose database",
    ),
    *play(
        "a marker beside one who did not ask",
        {"marker 1": [mark_next("m1", 2, 1)], "marker 2": [mark_it("m2", 3, 2)]},
    ),
    *play(
        "a marker whose time is over",
        {"marker 1": [mark_next("m1", 2, 1)], "marker 2": [mark_next("m2", 3, 12)]},
    ),
    *play(
        "a regrade beside a marker",
        {"marker": [mark_next("m1", 2, 1)], "teacher": [REGRADE]},
        "crash lose",
    ),
]
MORE = (
    f"{ALL} evict empty restore+restore skip age "
    "crash+crash crash+lose lose+lose crash+database crash+valkey lose+valkey lose+database database+valkey "
    "crash+evict lose+evict crash+empty skip+crash skip+lose repeat+crash repeat+lose crash+restore+restore"
)
LONG = [
    scenario
    for short in SHORT
    if not short.faults
    for scenario in play(short.name, short.actors, MORE, short.deadline, short.cached, short.device)
    if scenario not in SHORT
] + play(
    "everybody",
    {
        "tab 1": [autosave("a", 1)],
        "tab 2": [commit("b", 2)],
        "flusher 1": [flush(9)],
        "flusher 2": [flush(9)],
        "expirer": [expire(9)],
        "reader": [read(9)],
    },
    deadline=3,
)
"""Each with every fault, and with two at once: some would take minutes and gigabytes, and are cut off."""


def named(name: str) -> Scenario:
    return next(scenario for scenario in SHORT if scenario.name == name)


TAKEN_OUT: dict[Rule, tuple[str, Promise, int]] = {
    Rule.CACHE_PUT_COMPARES: ("two tabs commit", Promise.READS, 9),
    Rule.DRAFTS_READ_FIRST: ("an autosave, read and flushed", Promise.READS, 12),
    Rule.READ_COMPARES_AT: ("a commit overtakes an autosave, and is read", Promise.READS, 8),
    Rule.COMMIT_SEES_FLUSH: ("a commit beside a flush of another answer", Promise.READS, 15),
    Rule.UNWRITTEN_DELETED: ("a commit, read through its own process and another, valkey", Promise.READS, 6),
    Rule.HEAL: ("two tabs commit, crash", Promise.READS, 1),
    Rule.DRAFT_PUT_COMPARES_AT: ("an autosave overtakes another", Promise.BUFFERED, 7),
    Rule.DROP_COMPARES_AT: ("an autosave that insists on a version", Promise.BUFFERED, 7),
    Rule.MARK_AFTER_DRAFT: ("an autosave after the other", Promise.BUFFERED, 9),
    Rule.MARK_COMPARED: ("an autosave after the other", Promise.BUFFERED, 15),
    Rule.MARK_KEPT_FOR_REST: ("autosaves of two answers before and after the end", Promise.BUFFERED, 11),
    Rule.SKIPPED_IS_LEFT: ("an autosave, read and flushed, skip", Promise.BUFFERED, 9),
    Rule.CLEAR_COMPARES_VALUE: ("an autosave after the other", Promise.BUFFERED, 14),
    Rule.CLEAR_AFTER_ROW: ("an autosave, read and flushed, lose", Promise.READS, 15),
    Rule.CACHE_SETTLED: ("a commit that is brought after an expiry, lose", Promise.READS, 14),
    Rule.EVICTION_SPARES_DRAFTS: ("an autosave, read and flushed, evict", Promise.BUFFERED, 5),
    Rule.ROW_LOCKED: ("two tabs commit", Promise.VERSIONS, 4),
    Rule.EVENT_IN_STATEMENT: ("two tabs commit, crash", Promise.VERSIONS, 1),
    Rule.WRITE_ID: ("two tabs commit, lose", Promise.VERSIONS, 3),
    Rule.SKIPPED_IS_SENT_AGAIN: ("two tabs commit, skip", Promise.REFUSALS, 1),
    Rule.WRITE_ID_UNIQUE: ("two tabs commit, lose", Promise.VERSIONS, 4),
    Rule.VERSION_IN_STATEMENT: ("two tabs that insist on a version", Promise.VERSIONS, 6),
    Rule.REPEAT_RECOGNISED: ("two tabs that insist on a version, crash", Promise.REFUSALS, 7),
    Rule.REPEAT_IS_WHOLE: ("two tabs that send the same answer over one version", Promise.COMMITTED, 6),
    Rule.REFUSED_BY_POSTGRES: (
        "an autosave that insists on a version, restore and restore",
        Promise.REFUSALS,
        9,
    ),
    Rule.COMMITTED_IS_IN_ROW: ("two tabs commit, database", Promise.COMMITTED, 6),
    Rule.COMMIT_COMPARES_AT: ("two tabs commit", Promise.COMMITTED, 6),
    Rule.AT_NEVER_LOWERED: ("an older request that insists on its version", Promise.READS, 10),
    Rule.SETTLE_COMPARES_AT: ("a commit overtakes an autosave, lose", Promise.COMMITTED, 10),
    Rule.FINISH_COMPARES_AT: ("a commit beside a completion with answers, valkey", Promise.COMMITTED, 10),
    Rule.FINISH_MERGES_DRAFTS: ("a completion beside an autosave", Promise.ENDED, 11),
    Rule.FIRST_END_WINS: ("two completions", Promise.ENDED, 6),
    Rule.END_BOUNDS_WRITES: ("a commit past the deadline", Promise.ENDED, 5),
    Rule.END_BOUNDS_DRAFTS: ("autosaves before and after the end", Promise.ENDED, 10),
    Rule.LATE_MERGE: ("a completion beside an autosave", Promise.BUFFERED, 7),
    Rule.LATE_IS_RECORDED: ("autosaves before and after the end", Promise.BUFFERED, 11),
    Rule.TRAIL_OF_THE_ROW: ("a commit past the deadline, lose", Promise.ENDED, 17),
    Rule.LATE_RECORDED_ONCE: ("a commit past the deadline, lose", Promise.ENDED, 19),
    Rule.BASED_ON_IN_STATEMENT: ("a commit that has not seen a commit", Promise.UNSEEN, 12),
    Rule.BASED_ON_SEES_DRAFTS: ("a commit that has not seen an autosave", Promise.UNSEEN, 9),
    Rule.BASED_ON_EACH: ("a reply about another question", Promise.UNSEEN, 11),
    Rule.BASED_ON_SPARES_OWN: ("a commit beside its own autosave", Promise.REFUSALS, 8),
    Rule.PUT_AS_JUDGED: ("an autosave that has not seen an autosave", Promise.UNSEEN, 7),
    Rule.FORCED_IS_LATER: ("a commit by a clock that is behind", Promise.UNSEEN, 10),
    Rule.DISPLACED_IS_KEPT: ("two writers of one answer", Promise.RECORDED, 7),
    Rule.DROPS_OWN: ("a commit over the draft of another", Promise.RECORDED, 7),
    Rule.DISPLACED_IS_RECORDED: ("a commit over the draft of another", Promise.RECORDED, 5),
    Rule.DISPLACED_ONCE: ("two writers of one answer, flushed twice, crash", Promise.RECORDED, 16),
    Rule.OUTDATED_IS_RECORDED: ("a hand-in that comes behind a commit, lose", Promise.RECORDED, 5),
    Rule.HAND_IN_IS_HELD: ("two completions, valkey", Promise.RECORDED, 6),
    Rule.SECOND_HAND_IN_RECORDED: ("two completions", Promise.RECORDED, 12),
    Rule.PUT_BESIDE_OPEN: ("results beside an autosave", Promise.BUFFERED, 16),
    Rule.RESULTS_WAIT: ("results of a completion without the drafts, valkey", Promise.BUFFERED, 12),
    Rule.RESULTS_END_IT: (
        "results, and a draft that somebody puts into Valkey",
        Promise.SHOWN,
        18,
    ),
    Rule.MATCH_IN_STATEMENT: ("a commit if nothing has changed", Promise.UNSEEN, 8),
    Rule.MATCH_SEES_DRAFTS: ("a commit if nothing has changed, not even a draft", Promise.UNSEEN, 11),
    Rule.MATCH_REPEATED: ("a commit if nothing has changed, lose", Promise.REFUSALS, 10),
    Rule.PAUSE_STOPS_WRITES: ("a pause beside a commit", Promise.PAUSED, 2),
    Rule.PAUSE_FROM_THE_START: ("a pause before the start", Promise.PAUSED, 1),
    Rule.PAUSE_STOPS_EXPIRY: ("a pause beside an expiry", Promise.PAUSED, 4),
    Rule.DEVICE_STOPS_WRITES: ("a takeover beside a commit", Promise.DEVICE, 3),
    Rule.DEVICE_STOPS_DRAFTS: ("a takeover beside an autosave that is flushed, lose", Promise.DEVICE, 10),
    Rule.DEVICE_STOPS_MERGES: ("a takeover beside an autosave, and a completion, lose", Promise.DEVICE, 12),
    Rule.DEVICE_AS_JUDGED: ("a takeover beside an autosave that is flushed, lose", Promise.BUFFERED, 13),
    Rule.DEVICE_GIVES_WAY: ("a takeover beside an autosave that is flushed, lose", Promise.BUFFERED, 13),
    Rule.TAKEOVER_HOLDS_OFF: ("a takeover beside two autosaves of one answer", Promise.BUFFERED, 9),
    Rule.TAKEOVER_AFTER_DRAFTS: ("a takeover beside two autosaves of one answer", Promise.BUFFERED, 9),
    Rule.LOCK_STOPS_WRITES: ("a section's clock beside a commit that is brought late", Promise.PAPER, 1),
    Rule.LOCK_STOPS_DRAFTS: ("an answer behind another beside an autosave", Promise.PAPER, 12),
    Rule.SECTION_STOPS_DRAFTS: ("a section's clock beside a commit that is brought late", Promise.PAPER, 5),
    Rule.LOCK_STOPS_MERGES: ("an answer behind another beside a commit, and a completion", Promise.PAPER, 7),
    Rule.PASSING_IS_COMMITTED: ("an autosave behind another, and one before it", Promise.PAPER, 9),
    Rule.LATE_IN_OPEN: ("a section's clock beside a commit that is brought late", Promise.RECORDED, 9),
    Rule.MARK_IN_STATEMENT: ("a marker beside one who did not ask", Promise.MARKS, 4),
    Rule.MARK_HELD: ("a marker beside one who did not ask", Promise.MARKS, 3),
    Rule.CLAIM_ONCE: ("two markers", Promise.MARKS, 2),
    Rule.SCORE_COMPARES: ("a regrade beside a marker", Promise.MARKS, 4),
    Rule.CHAIN_HEAD_MOVES: ("two tabs commit", Promise.CHAIN, 1),
    Rule.CHAIN_HEAD_OF_ROW: ("two tabs commit", Promise.CHAIN, 4),
}
"""Rule -> a scenario in which a promise is broken without it, which promise, and in how many steps."""

NOT_PROMISED: dict[Gap, tuple[str, Promise, int]] = {
    Gap.LOST_WITH_VALKEY: ("an autosave after the other, empty", Promise.BUFFERED, 5),
    Gap.END_WITHOUT_DRAFTS: ("a completion beside an autosave, valkey", Promise.ENDED, 8),
    Gap.WITHOUT_DRAFTS: ("an autosave, read and flushed, lose", Promise.READS, 7),
    Gap.OVERTAKEN_END: ("autosaves before and after the end", Promise.BUFFERED, 10),
    Gap.UNHELD_DEVICE: ("a takeover beside two autosaves of one answer, lose", Promise.BUFFERED, 9),
    Gap.UNMARKED_DRAFT: ("an autosave after the other, crash", Promise.REST, 3),
    Gap.STALE_UNTIL_HEALED: (
        "a commit, read through its own process and another, lose",
        Promise.READS,
        4,
    ),
    Gap.SLOW_READER: ("a commit, readers and a comparison, lose", Promise.READS, 10),
    Gap.OLD_ROW: ("a commit, readers and a comparison, age", Promise.READS, 6),
    Gap.CONFLICT_FROM_CACHE: (
        "two tabs that insist on a version, crash and database",
        Promise.REFUSALS,
        7,
    ),
}
"""The same for what is not promised, as if it were."""
