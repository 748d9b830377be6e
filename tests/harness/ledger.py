"""What students were told of their attempts, held against the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.harness.stores import Stores

Questions = Mapping[str, Mapping[str, Any]]
"""As the API takes them; those with a key are graded, and "exact"."""


@dataclass(slots=True)
class Ledger:
    """What a student knows of an attempt.

    Attributes:
        answers: question -> the last answer that was acknowledged.
        in_doubt: question -> answers sent after that one, of which it is not known whether they count.
        ended: the status that was acknowledged at its end; None where it was left alone.
        end_in_doubt: it was to end, and it is not known whether it did.
        receipt: the last one, with the answers that it is for.
        acknowledged: how many answers were.
    """

    session_id: UUID
    quiz: str
    user: str
    answers: dict[str, Any] = field(default_factory=dict)
    in_doubt: dict[str, list[Any]] = field(default_factory=dict)
    ended: str | None = None
    end_in_doubt: bool = False
    receipt: tuple[str, dict[str, Any]] | None = None
    acknowledged: int = 0

    def acknowledge(self, answers: Mapping[str, Any], session: Mapping[str, Any]) -> None:
        """The service said with `session` that it keeps them."""
        self.answers.update(answers)
        for question in answers:
            self.in_doubt.pop(question, None)
        self.acknowledged += len(answers)
        # A receipt is of what is committed, and a session shows what is buffered as well.
        if session["receipt"] and not session["buffered_questions"]:
            self.receipt = session["receipt"], session["answers"]

    def doubt(self, answers: Mapping[str, Any]) -> None:
        for question, answer in answers.items():
            self.in_doubt.setdefault(question, []).append(answer)

    def contradicted_by(self, answers: Mapping[str, Any], questions: Iterable[str]) -> list[str]:
        """Those questions to which they hold no answer that is possible; None is that to no answer."""
        return [
            question
            for question in questions
            if answers.get(question) not in (self.answers.get(question), *self.in_doubt.get(question, ()))
        ]


def check(
    stores: Stores, ledgers: Iterable[Ledger], questions: Questions, over: Collection[str]
) -> Counter[str]:
    """How much is wrong, by kind; `over` are the quizzes whose attempts have run out of time by now."""
    return Counter(kind for kind, _ in wrong(stores, ledgers, questions, over))


def wrong(
    stores: Stores, ledgers: Iterable[Ledger], questions: Questions, over: Collection[str]
) -> Iterator[tuple[str, object]]:
    """Everything that is, with what shows it."""
    # An event for each revision from the first, each hash made from the one before.
    broken = stores.query(
        """
        SELECT attempt.id FROM quiz_attempts AS attempt JOIN LATERAL (
            SELECT count(*) AS events, max(event.revision) AS last,
                count(*) FILTER (WHERE event.type IN ('answered', 'completed', 'abandoned')) AS versions,
                bool_and(event.hash = attempt_event_hash(
                    previous.hash, event.attempt_id, event.revision, event.version, event.type,
                    event.digest, event.at
                ) AND event.digest = attempt_event_digest(event.nonce, event.changes)) AS holds,
                max(event.hash) FILTER (WHERE event.revision = attempt.revision) AS head
            FROM attempt_events AS event LEFT JOIN attempt_events AS previous
                ON previous.attempt_id = event.attempt_id AND previous.revision = event.revision - 1
            WHERE event.attempt_id = attempt.id
        ) AS trail ON true
        WHERE NOT (events = attempt.revision + 1 AND last = attempt.revision
            AND versions = attempt.version AND holds AND head = attempt.chain_head)"""
    )
    yield from (("trails broken", row["id"]) for row in broken)
    rows = stores.query(
        """
        SELECT id, user_id, status, answers, score, max_score, needs_grading, ended_at, completed_at,
            accepts_until, expires_at = least(closes_at + make_interval(
                secs => closes_later_seconds + pause_seconds
            ), started_at + make_interval(
                secs => time_limit_seconds + accommodation_seconds + extension_seconds + pause_seconds
            )) AS deadline_holds
        FROM quiz_attempts"""
    )
    by_id = {row["id"]: row for row in rows}
    for ledger in ledgers:
        row = by_id.get(ledger.session_id)
        kinds = ["attempts lost"] if row is None else _of_an_attempt(ledger, row, questions, over)
        yield from ((kind, (ledger, row)) for kind in kinds)


def _of_an_attempt(
    ledger: Ledger, row: Mapping[str, Any], questions: Questions, over: Collection[str]
) -> Iterator[str]:
    status: str = row["status"]
    answered = {*ledger.answers, *ledger.in_doubt, *row["answers"]}
    for question in ledger.contradicted_by(row["answers"], answered):
        yield "answers lost" if question in ledger.answers else "answers that nobody gave"
    if row["user_id"] != ledger.user:
        yield "attempts of somebody else"
    if not row["deadline_holds"]:
        yield "deadlines wrong"
    if ledger.ended not in (None, status):
        yield "ends lost"
    elif (row["ended_at"] is None) is (status in ("completed", "expired", "abandoned")) or (
        row["completed_at"] is not None
    ) is not (status == "completed" and row["completed_at"] <= row["accepts_until"]):
        yield "ends without their time"
    if ledger.ended is None:
        possible = {"expired"} if ledger.quiz in over else {"started", "in_progress"}
        if ledger.end_in_doubt:
            possible |= {"completed", "abandoned"}
        if status not in possible:
            yield f"{ledger.quiz} attempts left alone that are {status}"
    if status in ("completed", "expired") and (
        (row["score"], row["max_score"]) != score_of(questions, row["answers"]) or row["needs_grading"]
    ):
        yield "scores missing or wrong"


def score_of(questions: Questions, answers: Mapping[str, Any]) -> tuple[float, float]:
    """Points by the keys alone, and how many there are."""
    points = {number: question.get("points", 1) for number, question in questions.items()}
    right = [
        number
        for number, question in questions.items()
        if "key" in question and answers.get(number) == question["key"]
    ]
    return sum(points[number] for number in right), sum(points.values())
