"""No command to Valkey has more words than ElastiCache Serverless takes, however much there is to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.drafts import Drafts
from quiz_sessions.domain.outcomes import Flushed, Settlement
from quiz_sessions.domain.validation import MAX_ANSWERS
from quiz_sessions.stores.valkey import COMMAND_WORDS, DIRTY, FAILURES, SET_ASIDE
from tests.harness.builders import LATER, attempt
from tests.harness.service import flush_at, start
from tests.harness.stores import Stores

PAIRS = 1997
"""How many fields with a value go into one command."""
COMMITTED = 1328
"""How many answers do, beside the row; the current question makes one more."""


class Log:
    """What Valkey was sent, by Valkey's own log of commands."""

    def __init__(self, valkey: redis.Redis) -> None:
        self._valkey = valkey

    def sizes(self, what: str = "") -> list[int]:
        """How many words each of the commands had that contain `what`, longest first."""
        # redis-py gives `execute_command` no types.
        entries = self._valkey.execute_command("COMMANDLOG", "GET", -1, "slow")  # type: ignore[no-untyped-call]  # redis-py does not type it
        return sorted(
            (words(entry[3]) for entry in entries if what.encode() in b" ".join(entry[3][:2])), reverse=True
        )


def words(logged: list[bytes]) -> int:
    """The log has 32 words of a command at most; the last one says how many it left out."""
    more = re.fullmatch(rb"\.\.\. \((\d+) more arguments\)", logged[-1])
    return len(logged) if more is None else len(logged) - 1 + int(more[1])


@pytest.fixture
def log(stores: Stores) -> Iterator[Log]:
    with stores.cache() as valkey:
        kept = valkey.config_get("slowlog-*")
        valkey.config_set("slowlog-max-len", 100_000)
        valkey.config_set("slowlog-log-slower-than", 0)
        valkey.slowlog_reset()
        yield Log(valkey)
        for name, value in kept.items():
            valkey.config_set(name, value)
        valkey.slowlog_reset()


@pytest.mark.parametrize(("marks", "calls"), [(PAIRS, 1), (PAIRS + 1, 2), (3 * PAIRS, 3)])
async def test_marks_are_taken_away(
    services: Services, valkey: redis.Redis, log: Log, marks: int, calls: int
) -> None:
    ids = [str(UUID(int=number)) for number in range(marks)]
    valkey.zadd(DIRTY.format(0), dict.fromkeys(ids, 1))
    valkey.hset(FAILURES, mapping=dict.fromkeys(ids, 1))
    await services.stores.valkey.acknowledge(dict.fromkeys(ids, 1.0))
    assert (valkey.exists(DIRTY.format(0)), valkey.exists(FAILURES)) == (0, 0)
    assert len([size for size in log.sizes("acknowledge") if size > 4]) == calls
    assert log.sizes("acknowledge")[0] <= COMMAND_WORDS
    assert log.sizes("HDEL")[0] <= COMMAND_WORDS


@pytest.mark.parametrize(("failures", "calls"), [(2 * PAIRS, 1), (2 * PAIRS + 1, 2)])
async def test_failures_are_forgotten(services: Services, log: Log, failures: int, calls: int) -> None:
    ids = [str(UUID(int=number)) for number in range(failures)]
    await services.stores.valkey.acknowledge(dict.fromkeys(ids, 1.0))
    assert len(log.sizes("HDEL")) == calls
    assert log.sizes("HDEL")[0] <= COMMAND_WORDS


@pytest.mark.parametrize(("sessions", "calls"), [(570, 1), (571, 2), (1500, 3)])
async def test_settled_sessions_are_put(
    services: Services,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    sessions: int,
    calls: int,
) -> None:
    monkeypatch.setattr("quiz_sessions.stores.valkey.SCRIPT_BYTES", 1 << 30)
    ids = [str(UUID(int=number)) for number in range(sessions)]
    handed = await services.stores.valkey.hand_over(ids, 1 << 30)
    settled = [(each, Flushed(each.session_id, Settlement.UNCHANGED, None, 0)) for each in handed]
    assert (await services.stores.valkey.put_settled(settled)).cleared == {*ids}
    sizes = log.sizes("put_settled")
    assert (len(sizes), sizes[0] <= COMMAND_WORDS) == (calls, True)


@pytest.mark.parametrize(("sessions", "calls"), [(64, 1), (65, 2)])
async def test_drafts_are_handed_over(services: Services, log: Log, sessions: int, calls: int) -> None:
    ids = [str(UUID(int=number)) for number in range(sessions)]
    assert len(await services.stores.valkey.hand_over(ids, 1 << 30)) == sessions
    sizes = log.sizes("hand_over")
    assert (len(sizes), sizes[0] <= COMMAND_WORDS) == (calls, True)


@pytest.mark.parametrize(("changes", "calls"), [(PAIRS, 1), (PAIRS + 1, 2)])
async def test_changes_are_compared(services: Services, log: Log, changes: int, calls: int) -> None:
    revisions = [(str(UUID(int=number)), 1) for number in range(changes)]
    assert await services.stores.valkey.find_behind(revisions) == []
    sizes = log.sizes("find_behind")
    assert (len(sizes), sizes[0] <= COMMAND_WORDS) == (calls, True)


@pytest.mark.parametrize(("sessions", "calls"), [(998, 1), (999, 2), (2000, 3)])
async def test_rows_are_cached(
    services: Services,
    valkey: redis.Redis,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    sessions: int,
    calls: int,
) -> None:
    monkeypatch.setattr("quiz_sessions.stores.valkey.SCRIPT_BYTES", 1 << 30)
    rows = [attempt(id=UUID(int=number)) for number in range(sessions)]
    await services.stores.valkey.put_changed(rows)
    assert valkey.dbsize() == sessions
    sizes = log.sizes("put_session")
    assert (len(sizes), sizes[0] <= COMMAND_WORDS) == (calls, True)


@pytest.mark.parametrize(("questions", "calls"), [(COMMITTED, 1), (COMMITTED + 1, 2)])
async def test_superseded_drafts_are_dropped(
    services: Services, valkey: redis.Redis, log: Log, questions: int, calls: int
) -> None:
    names = [str(number) for number in range(questions)]
    meta = {"version": 1, "at": LATER, "writer": "-"}
    row = attempt(answers=dict.fromkeys(names, "B"), answer_meta=dict.fromkeys(names, meta))
    valkey.hset(f"{{session:{row.id}}}:drafts", f"q:{names[-1]}", '{"at":0,"writer":"-","answer":"A"}')
    put = await services.stores.valkey.put_committed(row, names)
    assert (put.attempt, put.drafts, put.dropped) == (row, Drafts(), True)
    sizes = log.sizes("put_committed")
    assert (len(sizes), sizes[0] <= COMMAND_WORDS) == (calls, True)


@pytest.mark.parametrize(("members", "calls"), [(2 * PAIRS, 1), (2 * PAIRS + 1, 2)])
async def test_members_that_are_no_sessions_are_set_aside(
    services: Services, valkey: redis.Redis, log: Log, members: int, calls: int
) -> None:
    key = DIRTY.format(0)
    for first in range(0, members, 1000):
        valkey.zadd(key, {f"none {n}": 1 for n in range(first, min(first + 1000, members))})
    assert await services.stores.valkey.dirty(0, 0, 2 * members) == []
    assert (valkey.zcard(key), valkey.scard(SET_ASIDE)) == (0, members)
    for command in ("SADD", "ZREM"):
        sizes = log.sizes(command)
        assert (len(sizes), sizes[0] <= COMMAND_WORDS) == (calls, True), command


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_write_of_all_the_answers_of_a_session(services: Services, log: Log, autosave: bool) -> None:
    session_id = await start(services)
    answers = {f"question {number}": f"answer {number}" for number in range(MAX_ANSWERS)}
    sessions = services.sessions
    saved = await sessions.update_answers(
        session_id, answers, current_question=1, autosave=autosave, at=LATER
    )
    assert saved.answers == answers
    assert (await flush_at(services, LATER)).flush_failures == 0
    done = await sessions.complete(session_id, dict.fromkeys(answers, "B"), at=LATER + 1)
    assert done.answers == dict.fromkeys(answers, "B")
    assert max(log.sizes()) <= COMMAND_WORDS
    # Drafts are kept in one step: a read has all of them or none.
    assert len(log.sizes("put_drafts")) == autosave


def test_the_log_is_read_right() -> None:
    assert words([b"GET", b"key"]) == 2
    assert words([b"EVAL"] * 31 + [b"... (10 more arguments)"]) == 41
