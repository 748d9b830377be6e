"""Small exams in which everything can happen: who does what, and what goes wrong meanwhile."""

from __future__ import annotations

from typing import Any

from .explorer import Scenario
from .model import NEVER, Rule, Write
from .promises import Promise

Request = tuple[Any, ...]
Actors = dict[str, list[Request]]


def commit(value: str, at: int, question: int = 0, version: int | None = None, name: str = "") -> Request:
    return ("commit", Write(name or value, at, ((question, value),), version))


def autosave(value: str, at: int, question: int = 0, version: int | None = None) -> Request:
    return ("autosave", Write(value, at, ((question, value),), version))


def complete(at: int, *answers: tuple[int, str], name: str = "end") -> Request:
    return ("complete", Write(name, at, answers))


def read(at: int = 0) -> Request:
    return ("read", at)


def flush(now: int = 0) -> Request:
    return ("flush", now)


def expire(now: int) -> Request:
    return ("expire", now)


HEAL: Request = ("heal",)


def scenarios(
    name: str, actors: Actors, *faults: str, deadline: int = NEVER, cached: bool = True
) -> list[Scenario]:
    """One without faults and one with each of them; "lose crash" are two at once."""
    return [
        Scenario(
            f"{name}, {each}" if each else name,
            actors,
            {kind: each.split().count(kind) for kind in each.split()},
            deadline,
            cached,
        )
        for each in ("", *faults)
    ]


ALL = ("crash", "lose", "repeat", "valkey", "database")
SHORT = [
    *scenarios(
        "two tabs commit",
        {"tab 1": [commit("a", 2)], "tab 2": [commit("b", 1)], "reader": [read()]},
        *ALL,
    ),
    *scenarios(
        "a commit overtakes an autosave",
        {"tab 1": [autosave("a", 1)], "tab 2": [commit("b", 2)], "flusher": [flush()]},
        *ALL,
    ),
    *scenarios(
        "an autosave after the other",
        {"tab": [autosave("a", 1), autosave("b", 2)], "flusher": [flush()]},
        *ALL,
        "crash lose",
        "empty",
        "restore",
    ),
    *scenarios(
        "an autosave overtakes another",
        {"tab 1": [autosave("a", 1)], "tab 2": [autosave("b", 2)], "flusher": [flush()]},
        *ALL,
    ),
    *scenarios(
        "a commit overtakes an autosave, and is read",
        {"tab 1": [autosave("a", 1)], "tab 2": [commit("b", 2)], "reader": [read()]},
    ),
    *scenarios(
        "an autosave that insists on a version",
        {"tab 1": [commit("a", 1)], "tab 2": [autosave("b", 2, version=1)]},
        "crash",
        "lose",
        "restore restore",
    ),
    *scenarios(
        "an autosave, read and flushed",
        {"tab": [autosave("a", 1)], "reader": [read()], "flusher": [flush()]},
        "skip",
        "evict",
        "empty",
    ),
    *scenarios(
        "two flushers",
        {"tab": [autosave("a", 1), autosave("b", 2)], "one": [flush()], "two": [flush()]},
        "crash",
        "skip",
    ),
    *scenarios(
        "a reader beside a flush",
        {"tab": [autosave("a", 1)], "flusher": [flush()], "reader": [read(), read()]},
        "crash",
        "lose",
        "evict",
        "database",
    ),
    *scenarios(
        "a commit beside a flush of another answer",
        {"tab 1": [autosave("a", 1)], "tab 2": [commit("b", 2, 1)], "flusher": [flush()]},
        "crash",
        "lose",
    ),
    *scenarios(
        "a completion beside an autosave",
        {"tab 1": [autosave("a", 1)], "tab 2": [complete(2)], "flusher": [flush()]},
        *ALL,
    ),
    *scenarios(
        "an autosave after a completion",
        {"tab 1": [autosave("a", 1), autosave("b", 3)], "tab 2": [complete(2)], "flusher": [flush()]},
        "crash",
    ),
    *scenarios(
        "drafts before and after the end",
        {"tab 1": [autosave("a", 1), autosave("b", 3, 1)], "tab 2": [complete(2)], "flusher": [flush()]},
        "crash",
    ),
    *scenarios(
        "a commit beside a completion with answers",
        {"tab 1": [autosave("a", 1), commit("b", 3)], "tab 2": [complete(2, (0, "c"))]},
        *ALL,
    ),
    *scenarios(
        "two completions",
        {"tab 1": [complete(1, (0, "a"), name="end 1")], "tab 2": [complete(2, (0, "b"), name="end 2")]},
        *ALL,
    ),
    *scenarios(
        "an expiry beside an autosave",
        {"tab": [autosave("a", 1)], "reader": [read(9)], "flusher": [expire(9)]},
        "crash",
        "skip",
        deadline=2,
    ),
    *scenarios(
        "a commit that is brought after an expiry",
        {"tab": [commit("b", 2), read()], "flusher": [expire(9)]},
        *ALL,
        deadline=2,
    ),
    *scenarios(
        "a read past the deadline",
        {"tab": [autosave("a", 1), commit("b", 3)], "reader": [read(9)]},
        "crash",
        "lose",
        deadline=2,
    ),
    *scenarios(
        "two tabs that insist on a version",
        {
            "tab 1": [commit("a", 1, version=0), commit("a", 3, version=0, name="a again")],
            "tab 2": [commit("b", 2, version=0)],
        },
        "crash",
        "lose",
    ),
    *scenarios(
        "an older request that insists on its version",
        {"tab 1": [commit("a", 3), commit("b", 1, version=1)], "tab 2": [autosave("c", 2)]},
        "crash",
    ),
    *scenarios(
        "a commit, read through its own process and another",
        {"tab": [commit("a", 1), read()], "reader": [read()]},
        *ALL,
        "evict",
    ),
    *scenarios(
        "commits, readers and a comparison",
        {"tab": [commit("a", 1)], "reader": [read(), read()], "flusher": [HEAL]},
        "crash",
        "evict",
        "lose",
        "valkey",
        "restore",
        "age",
        "restore age",
        cached=False,
    ),
]
LONG: list[Scenario] = []


def named(name: str) -> Scenario:
    return next(scenario for scenario in SHORT if scenario.name == name)


TAKEN_OUT: dict[Rule, tuple[str, Promise, int]] = {
    Rule.CACHE_PUT_COMPARES: ("two tabs commit", Promise.READS, 9),
    Rule.DRAFTS_READ_FIRST: ("a reader beside a flush", Promise.READS, 11),
    Rule.READ_COMPARES_AT: ("a commit overtakes an autosave, and is read", Promise.READS, 8),
    Rule.COMMIT_SEES_FLUSH: ("a commit beside a flush of another answer", Promise.READS, 14),
    Rule.UNWRITTEN_DELETED: (
        "a commit, read through its own process and another, valkey",
        Promise.READS,
        6,
    ),
    Rule.HEAL: ("two tabs commit, crash", Promise.READS, 1),
    Rule.DRAFT_PUT_COMPARES_AT: ("an autosave overtakes another", Promise.BUFFERED, 7),
    Rule.DROP_COMPARES_AT: ("an autosave that insists on a version", Promise.BUFFERED, 7),
    Rule.MARK_AFTER_DRAFT: ("an autosave after the other", Promise.BUFFERED, 8),
    Rule.MARK_READ_FIRST: ("an autosave after the other", Promise.BUFFERED, 8),
    Rule.MARK_COMPARED: ("an autosave after the other", Promise.BUFFERED, 14),
    Rule.MARK_KEPT_FOR_REST: ("drafts before and after the end", Promise.BUFFERED, 11),
    Rule.SKIPPED_IS_LEFT: ("an autosave, read and flushed, skip", Promise.BUFFERED, 8),
    Rule.CLEAR_COMPARES_VALUE: ("an autosave after the other", Promise.BUFFERED, 13),
    Rule.CLEAR_AFTER_ROW: ("a reader beside a flush, lose", Promise.READS, 12),
    Rule.CACHE_SETTLED: ("a commit that is brought after an expiry, lose", Promise.READS, 12),
    Rule.EVICTION_SPARES_DRAFTS: ("an autosave, read and flushed, evict", Promise.BUFFERED, 5),
    Rule.ROW_LOCKED: ("two tabs commit", Promise.VERSIONS, 4),
    Rule.EVENT_IN_STATEMENT: ("two tabs commit, crash", Promise.VERSIONS, 1),
    Rule.WRITE_ID: ("two tabs commit, lose", Promise.VERSIONS, 3),
    Rule.WRITE_ID_UNIQUE: ("two tabs commit, lose", Promise.VERSIONS, 4),
    Rule.VERSION_IN_STATEMENT: ("two tabs that insist on a version", Promise.VERSIONS, 6),
    Rule.REPEAT_RECOGNISED: ("two tabs that insist on a version, crash", Promise.REFUSALS, 7),
    Rule.REFUSED_BY_POSTGRES: (
        "an autosave that insists on a version, restore restore",
        Promise.REFUSALS,
        9,
    ),
    Rule.COMMITTED_IS_IN_ROW: ("two tabs commit, database", Promise.COMMITTED, 6),
    Rule.COMMIT_COMPARES_AT: ("two tabs commit", Promise.COMMITTED, 6),
    Rule.AT_NEVER_LOWERED: ("an older request that insists on its version", Promise.READS, 10),
    Rule.SETTLE_COMPARES_AT: ("a commit overtakes an autosave, lose", Promise.COMMITTED, 9),
    Rule.FINISH_COMPARES_AT: (
        "a commit beside a completion with answers, lose",
        Promise.COMMITTED,
        9,
    ),
    Rule.FINISH_MERGES_DRAFTS: ("a completion beside an autosave", Promise.ENDED, 11),
    Rule.FIRST_END_WINS: ("two completions", Promise.ENDED, 6),
    Rule.END_BOUNDS_WRITES: ("a read past the deadline", Promise.ENDED, 5),
    Rule.END_BOUNDS_DRAFTS: ("an autosave after a completion", Promise.ENDED, 10),
    Rule.LATE_MERGE: ("a completion beside an autosave", Promise.BUFFERED, 7),
    Rule.LATE_IS_RECORDED: ("an autosave after a completion", Promise.BUFFERED, 11),
    Rule.LATE_RECORDED_ONCE: ("a read past the deadline, lose", Promise.ENDED, 15),
}
"""Rule -> a scenario in which a promise is broken without it, which promise, and in how many steps."""
