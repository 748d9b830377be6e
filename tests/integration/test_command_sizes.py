"""No command to Valkey has more words than ElastiCache Serverless takes, however much there is to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.drafts import Drafts
from quiz_sessions.domain.validation import MAX_ANSWERS
from quiz_sessions.stores.valkey import COMMAND_WORDS, DIRTY, FAILURES, SET_ASIDE
from tests.harness.builders import LATER, attempt
from tests.harness.service import flush_at, start
from tests.harness.stores import Stores

PAIRS = 1997
"""How many fields with a value go into one command."""
COMMITTED = 1329
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
    ids = [UUID(int=number) for number in range(marks)]
    valkey.zadd(DIRTY.format(0), {str(session_id): 1 for session_id in ids})
    valkey.hset(FAILURES, mapping={str(session_id): 1 for session_id in ids})
    await services.stores.valkey.put_settled([], [], {}, dict.fromkeys(ids, 1.0))
    assert (valkey.exists(DIRTY.format(0)), valkey.exists(FAILURES)) == (0, 0)
    assert len([size for size in log.sizes("acknowledge") if size > 4]) == calls
    assert log.sizes("acknowledge")[0] <= COMMAND_WORDS
    assert log.sizes("HDEL")[0] <= COMMAND_WORDS


@pytest.mark.parametrize(("failures", "calls"), [(2 * PAIRS, 1), (2 * PAIRS + 1, 2)])
async def test_failures_are_forgotten(services: Services, log: Log, failures: int, calls: int) -> None:
    ids = [UUID(int=number) for number in range(failures)]
    await services.stores.valkey.put_settled([], [], {}, dict.fromkeys(ids, 1.0))
    assert len(log.sizes("HDEL")) == calls
    assert log.sizes("HDEL")[0] <= COMMAND_WORDS


@pytest.mark.parametrize(("fields", "calls"), [(PAIRS, 1), (PAIRS + 1, 2), (3 * PAIRS, 3)])
async def test_the_drafts_of_one_session_are_cleared(
    services: Services, valkey: redis.Redis, log: Log, fields: int, calls: int
) -> None:
    session_id = UUID(int=1)
    drafts = {f"q:{number}".encode(): b"{}" for number in range(fields)}
    key = f"{{session:{session_id}}}:drafts"
    for first in range(0, fields, 1000):
        valkey.hset(key, mapping=dict(list(drafts.items())[first : first + 1000]))
    await services.stores.valkey.put_settled([], [], {session_id: drafts}, {})
    assert valkey.exists(key) == 0
    sizes = log.sizes("clear_drafts")
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
    await services.stores.valkey.put_settled(rows, [], {}, {})
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
    assert await services.stores.valkey.put_committed(row, names) == (row, Drafts())
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
