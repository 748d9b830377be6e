"""The timeline of a session: what events tell, what nobody knows, and how it reads as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from one_machine.story import line
from quiz_sessions.domain.errors import AuditLogDamagedError
from quiz_sessions.domain.refusals import Gap, Watched, gaps
from quiz_sessions.domain.timeline import KINDS, Moment, TimelineEvent, in_order, moments_of
from quiz_sessions.domain.timestamps import from_micros
from session_api.schemas.timeline import Kind
from tests.harness.builders import LATER, START

NOW = from_micros(LATER)


def event(kind: str, erased_by: int | None = None, **told: Any) -> TimelineEvent:
    return TimelineEvent(
        revision=3, version=1, type=kind, at=NOW, recorded_at=NOW, erased_by=erased_by, told=told
    )


def test_answers_of_one_request_are_one_moment() -> None:
    tags = {"b": f"{START}.aaaaaaaaaaaa", "a": f"{START}.aaaaaaaaaaaa", "c": f"{LATER}.-"}
    found = moments_of(event("merged", answers=["a", "b", "c"], answer_tags=tags))
    assert [(each.kind, each.at, each.questions, each.device) for each in found] == [
        ("autosaved", from_micros(START), ["a", "b"], "aaaaaaaaaaaa"),
        ("autosaved", NOW, ["c"], None),
    ]


def test_a_bookmark_alone_is_told_too() -> None:
    (found,) = moments_of(event("merged", answers=[]))
    assert (found.kind, found.questions) == ("merged", [])


def test_what_is_displaced_beside_a_merge_is_told_with_it() -> None:
    lost = [{"question": "a", "at": START, "writer": "bbbbbbbbbbbb"}]
    tags = {"a": f"{LATER}.-"}
    found = moments_of(event("merged", answers=["a"], answer_tags=tags, displaced=lost))
    assert [each.kind for each in found] == ["autosaved", "displaced"]


def test_an_erased_event_tells_its_type_alone() -> None:
    (found,) = moments_of(event("answered", erased_by=7))
    assert (found.kind, found.detail) == ("erased", {"type": "answered", "erased_by": 7})


@pytest.mark.parametrize(
    "told",
    [{"answer_tags": {"a": "soon"}}, {"answer_tags": [1]}, {"late_answers": [{"at": 1}]}, {"displaced": [1]},
     {"answer_tags": {"a": f"{10**30}.-"}}, {"answers": 1}, {"answers": [[]]}],
)  # fmt: skip
def test_what_makes_no_sense_is_damage(told: dict[str, Any]) -> None:
    with pytest.raises(AuditLogDamagedError):
        moments_of(event("merged", **told))


def test_moments_of_one_time_are_in_order_of_revision() -> None:
    moments = [Moment(at=NOW, kind="refused"), *(Moment(at=NOW, kind="x", revision=n) for n in (4, 0, 3))]
    assert [each.revision for each in in_order(moments)] == [0, 3, 4, None]


def test_the_document_has_every_kind() -> None:
    assert set(get_args(Kind)) == set(KINDS)


# What nobody knows


def minute(number: float) -> datetime:
    return datetime(2027, 1, 15, 8, tzinfo=UTC) + timedelta(minutes=number)


GAPS = [
    ([], [(0, 10, "not_recorded")]),
    ([(0, 10, False)], []),
    ([(-5, 20, False)], []),
    ([(2, 4, False), (5, 10, False)], [(0, 2, "not_recorded"), (4, 5, "not_recorded")]),
    ([(0, 4, False), (4, 6, True), (6, 10, False)], [(4, 6, "cache_away")]),
    ([(-5, -1, False), (11, 12, False)], [(0, 10, "not_recorded")]),
    ([(0, 8, False), (3, 5, True), (8, 10, False)], []),
    ([(0, 4, False), (2, 12, False)], []),
]


@pytest.mark.parametrize(("watched", "unknown"), GAPS)
def test_what_was_not_watched_is_a_gap(
    watched: list[tuple[float, float, bool]], unknown: list[tuple[float, float, str]]
) -> None:
    looks = [Watched(minute(began), minute(until), away) for began, until, away in watched]
    assert gaps(looks, minute(0), minute(10)) == [
        Gap(minute(began), minute(until), cause) for began, until, cause in unknown
    ]


# As text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words(kind: str) -> None:
    text = line(Moment(at=NOW, kind=kind, detail={"incident": {"type": "blur", "source": "client"}}))
    assert text.startswith("2027-01-15T08:00:10.000+00:00  ")
    assert not text.endswith(f"  {kind}") or kind == "marked"


def test_a_refusal_says_how_often_and_which_request() -> None:
    detail = {
        "operation": "saveProgress",
        "status": 409,
        "code": "answer_conflict",
        "count": 2,
        "request_id": "r1",
    }
    until = NOW + timedelta(seconds=4)
    text = line(Moment(at=NOW, kind="refused", until=until, questions=["essay"], detail=detail))
    assert text == (
        "2027-01-15T08:00:10.000+00:00  REFUSED saveProgress: 409 answer_conflict | essay | "
        "2 times, last 2027-01-15T08:00:14.000+00:00 | request r1"
    )


def test_a_text_can_not_leave_its_line() -> None:
    text = line(Moment(at=NOW, kind="notified", detail={"text": "one\ntwo\x1b[2J"}))
    assert text.isprintable()
    assert "\\n" in text
