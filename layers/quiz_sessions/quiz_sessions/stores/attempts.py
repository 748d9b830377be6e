"""Attempts in PostgreSQL, which alone decides what an attempt holds.

Each change is one statement that judges the row, changes it and writes its audit event. So a change is never
half done, and no transaction spans two round trips.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from psycopg import errors
from psycopg.rows import DictRow
from psycopg_pool import PoolTimeout

from ..domain.access import NO_ENTRY, UNKNOWN_SOURCE, Entry, RequestSource
from ..domain.attempts import Attempt, Owner, Staff, Status
from ..domain.drafts import NO_DRAFTS, Draft, Drafts
from ..domain.errors import BusyError, PoisonedError, StatementFailedError
from ..domain.json_values import Json, dump_json
from ..domain.labels import NO_LABELS, Labels
from ..domain.outcomes import (
    Flushed,
    Settled,
    Settlement,
    Start,
    StartOutcome,
    WriteOutcome,
    WriteResult,
)
from ..domain.pace import NO_PACE, Pace
from ..domain.quizzes import StaffAction, cohort_hash, request_hash
from ..domain.tags import ANYBODY, BasedOn
from ..domain.timestamps import EPOCH, Micros, from_micros
from ..domain.uuid7 import uuid7
from .batching import Alone, Batcher
from .postgres import Postgres
from .statements import load

_CREATE: Final = load("stored/create_attempts")
_START_OF_KEY: Final = load("start_of_key")
_WRITE_ANSWERS: Final = load("stored/write_answers")
_FINISH: Final = load("stored/finish_attempt")
_SETTLE: Final = load("stored/settle_attempts")
_FLUSH: Final = load("stored/flush_sessions")
_GET: Final = load("get_attempts")
_OPEN_ATTEMPTS: Final = load("open_attempts")
_OVERDUE: Final = load("overdue_attempts")
_RECENT_CHANGES: Final = load("recent_changes")

LOWEST: Final = str(UUID(int=0))
MOST_TOGETHER: Final = 50
"""Writes in one statement."""
BYTES_TOGETHER: Final = 1024 * 1024
LANES: Final = 2
"""Statements of many writes under way: while one waits for the disk, the other computes."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Who writes, and what the session must be for it.

    Attributes:
        writer: see `tags`.
        based_on: what the writer was shown.
        drafts: the drafts of the session when the statement is sent.
        revision: the revision that If-Match names.
        moved: whether the session differs from the one that If-Match names in something else.
        key: the caller's name for this write, which is made once.
        payload: a hash of what `key` stands for.
        pace: how fast the caller may write.
        source: where the request comes from.
    """

    writer: str = ANYBODY
    based_on: BasedOn = field(default_factory=dict)
    drafts: Drafts = NO_DRAFTS
    revision: int | None = None
    moved: bool = False
    key: str | None = None
    payload: str | None = None
    pace: Pace = NO_PACE
    source: RequestSource = UNKNOWN_SOURCE

    @property
    def shown(self) -> dict[str, Json]:
        """`based_on` as statements take it."""
        return {question: tag and tag._asdict() for question, tag in self.based_on.items()}


NO_CONDITIONS: Final = Conditions()


@dataclass(frozen=True, slots=True)
class _Request:
    """A start or a write of answers, as the statement takes it in its list."""

    session_id: UUID
    text: str


_T = TypeVar("_T")


class AttemptStore:
    """What requests and the flush do with attempts. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._writes = _together(self._write_together, self._write_alone, postgres.pool_size)
        self._starts = _together(self._start_together, self._start_alone, postgres.pool_size)

    # Requests

    async def create(
        self,
        user_id: str,
        quiz_id: str,
        at: Micros,
        time_limit: int,
        idempotency_key: str | None,
        *,
        by: str | None = None,
        refuse_unknown: bool = False,
        entry: Entry = NO_ENTRY,
        labels: Labels = NO_LABELS,
        keeps_group: bool = False,
    ) -> Start:
        """Start an attempt under the rules of its quiz, or find the existing one that is returned instead.

        Args:
            time_limit: that of a quiz that sets none.
            by: who starts it for the user; None for the user. A key is good for one of them.
            refuse_unknown: whether the quiz has to be registered.
            entry: what the user brings to be let in; who starts it for a user needs nothing.
            labels: what an attempt that is created gets.
            keeps_group: whether it gets the group of the user's latest attempt at the quiz, if none is given.
        """
        columns = labels.to_columns()
        session_id = uuid7(at, os.urandom(10))
        text = dump_json(
            {
                "id": str(session_id),
                "user_id": user_id,
                "quiz_id": quiz_id,
                "key": idempotency_key,
                "at_time": from_micros(at).isoformat(),
                "time_limit": time_limit,
                "by": by,
                "refuse_unknown": refuse_unknown,
                "writer": entry.writer,
                "seed": os.urandom(16).hex(),
                "address": entry.source.address,
                "config_key_hash": entry.source.config_key_hash,
                "page_url": entry.page_url,
                "password_sha256": entry.password_sha256,
                **columns,
                "keeps_group": keeps_group,
                "payload": None if idempotency_key is None else request_hash([quiz_id, columns]),
            }
        )
        return await self._starts(_Request(session_id, text), (user_id, quiz_id), len(text))

    async def _start_together(self, requests: Sequence[_Request]) -> list[Start | Exception]:
        try:
            starts = await self._start(requests)
        except errors.UniqueViolation:
            # One of their keys has started an attempt meanwhile.
            return [Alone() for _ in requests]
        return [Alone() if start.outcome is StartOutcome.EXHAUSTED else start for start in starts]

    async def _start_alone(self, request: _Request) -> Start:
        # With others it was sent before. A start with the same key, or of the one open attempt that the quiz
        # allows, may have committed while that one waited for the counter, and may have used the last number.
        # Only a new statement sees it.
        (start,) = await self._start([request])
        return start

    async def _start(self, requests: Sequence[_Request]) -> list[Start]:
        rows = await self._postgres.fetch(_CREATE, {"batch": _listed(requests)})
        starts = {row.pop("own_id"): row for row in rows}
        return [_started(request.session_id, starts[request.session_id]) for request in requests]

    async def was_started(self, user_id: str, by: str | None, idempotency_key: str) -> bool:
        """Whether this key has started an attempt."""
        return bool(
            await self._postgres.fetch(_START_OF_KEY, {"user_id": user_id, "by": by, "key": idempotency_key})
        )

    async def count_open(self) -> int:
        """How many attempts go on."""
        (row,) = await self._postgres.fetch(_OPEN_ATTEMPTS, {})
        return int(row["count"])

    async def get(self, session_ids: Sequence[UUID | str]) -> list[Attempt]:
        """The attempts that exist, in no order."""
        rows = await self._postgres.fetch(_GET, {"ids": [str(each) for each in session_ids]})
        return [attempt_of(row) for row in rows]

    async def write_answers(
        self,
        session_id: UUID,
        answers: Mapping[str, Json],
        at: Micros,
        *,
        owner: str | None = None,
        version: int | None = None,
        current_question: int | None = None,
        conditions: Conditions = NO_CONDITIONS,
    ) -> WriteResult | None:
        """Commit answers; None if there is no such attempt, or it is not `owner`'s.

        Without a version, a question keeps an answer that has a later `at`. With one, the write is a
        repetition if the row is one version ahead because of these very answers. If the statement is sent
        again after a lost reply, it finds its own event by `write_id`.
        """
        text = request_text(
            session_id,
            answers,
            at,
            owner=owner,
            version=version,
            current_question=current_question,
            conditions=conditions,
        )
        return await self._writes(_Request(session_id, text), session_id, len(text))

    async def _write_together(self, requests: Sequence[_Request]) -> list[WriteResult | Exception | None]:
        """Commit the answers of requests that came together, as far as nobody else holds their rows."""
        parameters = {"batch": _listed(requests), "wait": False, "resent": False}
        try:
            # The sending whose reply was lost may hold the rows until it is committed.
            again = {"resent": True, "wait": True}
            rows = await self._postgres.fetch(_WRITE_ANSWERS, parameters, resend=again)
        except errors.UniqueViolation:
            # One of them was sent before.
            return [Alone() for _ in requests]
        results = {row["id"]: _write(row) for row in rows}
        found = (results.get(request.session_id) for request in requests)
        # rule: what was skipped is sent again, alone
        return [Alone() if each is None or each.outcome is WriteOutcome.MOVED else each for each in found]

    async def _write_alone(self, request: _Request) -> WriteResult | None:
        """Commit the answers of one request, waiting for whoever holds its row."""
        # With others it may have been sent, and be under way still.
        parameters = {"batch": _listed([request]), "wait": True, "resent": True}
        try:
            rows = await self._postgres.fetch(_WRITE_ANSWERS, parameters)
        except errors.UniqueViolation:
            # The statement was sent twice; this sending has waited for the other one to commit.
            rows = await self._postgres.fetch(_WRITE_ANSWERS, parameters)
        if rows and rows[0]["outcome"] == WriteOutcome.MOVED:
            # If the same write was committed while this one waited, only a new statement sees its event.
            rows = await self._postgres.fetch(_WRITE_ANSWERS, parameters)
        return _write(rows[0]) if rows else None

    async def finish(
        self,
        session_id: UUID,
        status: Status,
        drafts: Drafts,
        answers: Mapping[str, Json],
        at: Micros,
        *,
        owner: str | None = None,
        version: int | None = None,
        deadline: datetime | None = None,
        conditions: Conditions = NO_CONDITIONS,
        by: str | None = None,
        reason: str | None = None,
        action: StaffAction | None = None,
        named: Sequence[UUID] | None = None,
    ) -> WriteResult | None:
        """Complete or abandon an attempt, merging its drafts and then `answers`.

        None if there is no such attempt. An attempt that already has this status, and holds `answers` or
        recorded them as outdated when it got it, is returned as it is; one whose deadline is later than
        `deadline` is left open. `by` and `reason` are of staff who do it; an `action` of theirs has both, and
        is recorded; `named` are the sessions that it is asked for, if not for one or for all of a quiz.
        """
        key, payload = conditions.key, conditions.payload
        write_id = None if key is None else f"key:{key}"
        if action is not None:
            by, reason, write_id = action.by, action.reason, action.key
            payload = cohort_hash(named, action.reason)
        parameters = {
            "writer": conditions.writer,
            "based_on": dump_json(conditions.shown),
            "revision": conditions.revision,
            "moved": conditions.moved,
            "payload": payload,
            "write_id": write_id,
            "action": action and action.kind,
            "key": action and action.named,
            "id": session_id,
            "owner": owner,
            "deadline": deadline,
            "status": status.value,
            "by": by,
            "reason": reason,
            "answers": dump_json(answers),
            "at": at,
            "at_time": from_micros(at),
            "version": version,
            "address": conditions.source.address,
            "config_key_hash": conditions.source.config_key_hash,
        }
        held = _parameters_of(drafts)
        try:
            rows = await self._postgres.fetch(_FINISH, parameters | held)
            is_final = not rows or rows[0]["outcome"] not in (WriteOutcome.MOVED, WriteOutcome.CLOSED)
        except errors.UniqueViolation:
            is_final = False
        if not is_final:
            # If the same request was committed while this one waited, only a new statement sees its event.
            rows = await self._postgres.fetch(_FINISH, parameters | held)
        return _write(rows[0]) if rows else None

    # The flush

    async def settle(
        self,
        drafts: Mapping[UUID, Drafts],
        now: Micros,
        *,
        wait: bool = False,
        late_bytes: int | None = None,
    ) -> list[Settled]:
        """Merge drafts into their rows, and expire the rows that are overdue at `now`.

        A draft counts if it is later than the committed answer and not after the end. If the row has ended
        already, drafts up to its end make a late_merge event and drafts after it a late_answer event; all of
        them do that once the owner has read results, or the row has been ended for 15 minutes. A call
        writes one event a row, so it does the first of these that applies. Drafts that lost their place to
        another writer's answer are recorded in that event, or in one of their own. It skips rows that others
        hold, unless it is to `wait`; rows that change while it runs; and ids without a row. It records no
        late or displaced answers beyond `late_bytes` of each, counting an event for MIN_REFUSED_BYTES at
        least.

        Raises:
            PoisonedError: PostgreSQL refuses the data of one of the sessions.
        """
        texts = [drafts_text(session_id, held) for session_id, held in drafts.items()]
        parameters = _settle_parameters(texts, now, wait=wait, late_bytes=late_bytes)
        rows = await self._postgres.fetch(_SETTLE, parameters)
        if wait and not rows:
            # Whoever held the row has changed it. A new statement sees the change.
            rows = await self._postgres.fetch(_SETTLE, parameters)
        return [_settled(row) for row in rows]

    async def flush(self, drafts: Sequence[str], now: Micros) -> list[Flushed]:
        """Settle sessions as `settle` does, without waiting; `drafts` are `drafts_text` of each.

        Raises:
            PoisonedError: PostgreSQL refuses the data of one of the sessions.
        """
        rows = await self._postgres.fetch(_FLUSH, _settle_parameters(drafts, now))
        return [_flushed(row) for row in rows]

    async def overdue(
        self, now: Micros, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[datetime, str]]:
        """Open attempts that are overdue at `now`, after `after`: accepts_until and id, in that order."""
        deadline, session_id = after or (EPOCH, LOWEST)
        rows = await self._postgres.fetch(
            _OVERDUE, {"now": from_micros(now), "deadline": deadline, "id": session_id, "limit": limit}
        )
        return [(row["accepts_until"], row["id"]) for row in rows]

    async def recent_changes(
        self, seconds: int, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[datetime, str, int]]:
        """Events of the last `seconds` by the server's clock, after `after`: when, whose and revision.

        Statements commit in another order than they record; `seconds` has to be more than one may take.
        """
        recorded, session_id = after or (None, LOWEST)
        rows = await self._postgres.fetch(
            _RECENT_CHANGES, {"seconds": seconds, "recorded": recorded, "id": session_id, "limit": limit}
        )
        return [(row["recorded_at"], row["attempt_id"], row["revision"]) for row in rows]


def request_text(
    session_id: UUID,
    answers: Mapping[str, Json],
    at: Micros,
    *,
    owner: str | None = None,
    version: int | None = None,
    current_question: int | None = None,
    conditions: Conditions = NO_CONDITIONS,
) -> str:
    """A write of answers as the statement takes it in its list."""
    return dump_json(
        {
            "session_id": str(session_id),
            "owner": owner,
            "sent": answers,
            "at": at,
            "at_time": from_micros(at).isoformat(),
            "writer": conditions.writer,
            "known_version": version,
            "question": current_question,
            "write_id": uuid4().hex if conditions.key is None else f"key:{conditions.key}",
            "named": conditions.key is not None,
            "payload": conditions.payload,
            "based_on": conditions.shown,
            "drafts": _drafts_in(conditions.based_on, conditions.drafts),
            "known_revision": conditions.revision,
            "moved": conditions.moved,
            "pace_interval": conditions.pace.interval,
            "pace_burst": conditions.pace.burst,
            "address": conditions.source.address,
            "config_key_hash": conditions.source.config_key_hash,
        }
    )


def attempt_of(row: DictRow) -> Attempt:
    """Build an attempt from a row of its columns."""
    row["status"] = Status(row["status"])
    return Attempt(**row)


def _started(own_id: UUID, row: DictRow) -> Start:
    outcome = StartOutcome(row.pop("outcome"))
    opens_at, closes_at = row.pop("quiz_opens_at"), row.pop("quiz_closes_at")
    admission_seconds = row.pop("quiz_admission_seconds")
    if outcome is StartOutcome.REPLAYED and row["id"] == own_id:
        # The first sending of this statement created it; its reply was lost.
        outcome = StartOutcome.CREATED
    attempt = attempt_of(row) if row["id"] is not None else None
    return Start(outcome, attempt, opens_at, closes_at, admission_seconds)


def _write(row: DictRow) -> WriteResult:
    outcome, unseen, barred = WriteOutcome(row.pop("outcome")), row.pop("unseen"), row.pop("barred")
    changed, answered_at = row.pop("changed", 0), row.pop("answered_at", None)
    return WriteResult(outcome, attempt_of(row), unseen or (), sorted(barred or ()), changed, answered_at)


def _together(
    send: Callable[[Sequence[_Request]], Awaitable[Sequence[_T | Exception]]],
    alone: Callable[[_Request], Awaitable[_T]],
    connections: int,
) -> Batcher[_Request, _T]:
    return Batcher(
        send,
        most=MOST_TOGETHER,
        most_weight=BYTES_TOGETHER,
        lanes=min(LANES, connections),
        alone=alone,
        most_alone=max(1, connections // 2),
        splits=_is_of_one,
    )


def _listed(requests: Iterable[_Request]) -> str:
    return f"[{','.join(request.text for request in requests)}]"


def _is_of_one(error: Exception) -> bool:
    """Whether an error of a statement may be due to one of its requests alone."""
    # That no connection was free is nobody's fault.
    return isinstance(
        error, (PoisonedError, BusyError, StatementFailedError, errors.IntegrityError)
    ) and not isinstance(error.__cause__, PoolTimeout)


def _settled(row: DictRow) -> Settled:
    settlement, is_final = Settlement(row.pop("settlement")), row.pop("is_final")
    return Settled(
        late=frozenset(row.pop("recorded") or ()),
        settlement=settlement,
        is_final=is_final,
        attempt=attempt_of(row),
    )


def _flushed(row: DictRow) -> Flushed:
    return Flushed(
        row["session_id"],
        Settlement(row["settlement"]),
        row["session"],
        row["dealt_with"],
        row["left_over"] or (),
    )


def _drafts_in(questions: Iterable[str], drafts: Drafts) -> dict[str, Json]:
    held = drafts.answers
    return {question: _json_form(held[question]) for question in questions if question in held}


def _json_form(draft: Draft) -> dict[str, Json]:
    return {"answer": draft.value, "at": draft.at, "writer": draft.writer}


def _parameters_of(drafts: Drafts) -> dict[str, Any]:
    current = drafts.current_question
    return {
        "drafts": dump_json(_all_in(drafts)),
        "current_question": None if current is None else current.value,
        "current_question_at": -1 if current is None else current.at,
    }


def seen_by(owner: Owner) -> dict[str, Any]:
    """Parameters of statements that show scores: `owner`, and whether those of others are shown (`staff`)."""
    return {
        "owner": owner.subject if isinstance(owner, Staff) else owner,
        "staff": not isinstance(owner, str),
    }


def _all_in(drafts: Drafts) -> dict[str, Json]:
    return {question: _json_form(draft) for question, draft in drafts.answers.items()}


def drafts_text(session_id: UUID | str, drafts: Drafts) -> str:
    """The drafts of a session as statements take them; `hand_over` in Valkey writes the same."""
    current = drafts.current_question
    return dump_json(
        {
            "id": str(session_id),
            "fields": len(drafts.answers) + len(drafts.displaced) + (current is not None),
            "drafts": _all_in(drafts),
            "displaced": [
                {"question": question, **_json_form(draft)} for question, draft in drafts.displaced
            ],
            "current": None if current is None else _json_form(current),
        }
    )


def _settle_parameters(
    drafts: Sequence[str], now: Micros, *, wait: bool = False, late_bytes: int | None = None
) -> dict[str, Any]:
    return {
        "list": f"[{','.join(drafts)}]",
        "sessions": len(drafts),
        "now": from_micros(now),
        "wait": wait,
        "late_bytes": late_bytes,
    }
