"""Extensions of one session and of a whole quiz: once and no more, also as it ends."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import (
    DeadlineMovedError,
    InvalidInputError,
    NoTimeLeftError,
    QuizClosesFirstError,
    SessionClosedError,
    SessionNotFoundError,
    SessionStateError,
)
from quiz_sessions.domain.outcomes import CohortExtension, Counted
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros, iso, to_micros
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import row_held
from tests.harness.proxy import Loss, Proxy
from tests.harness.service import flush_at, put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row
from tests.integration.staff import TWENTY, WHY, deadline_of, extend, extend_all, give, reopen

# Extending one session


@pytest.mark.parametrize("seconds", [1, 600, MAX_CHANGE_SECONDS])
async def test_an_extension_moves_the_deadline(services: Services, database: Database, seconds: int) -> None:
    session_id = await start(services)
    session = await extend(services, session_id, seconds)
    assert to_micros(session.expires_at) == END + seconds * SECOND
    assert session.time_remaining == 1790 + seconds
    (change,) = changes(database, session_id, "extended")
    assert {name: change[name] for name in ("seconds", "extension_seconds", "by", "reason")} == {
        "seconds": seconds,
        "extension_seconds": seconds,
        "by": "teacher",
        "reason": WHY,
    }
    assert await deadline_of(services, session_id) == END + seconds * SECOND


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, END - SECOND),
        (-1789, START + 11 * SECOND),
        (-1790, LATER),
        (-1791, LATER),
        (-MAX_CHANGE_SECONDS, LATER),
    ],
)
async def test_a_negative_extension_goes_back_to_now_at_most(
    services: Services, seconds: int, expected: Micros
) -> None:
    session_id = await start(services)
    session = await extend(services, session_id, seconds)
    assert to_micros(session.expires_at) == expected
    assert await deadline_of(services, session_id) == expected


async def test_now_is_rounded_up_to_a_whole_second_after_the_start(services: Services) -> None:
    session_id = await start(services)
    session = await extend(services, session_id, -1800, at=LATER + 1)
    assert to_micros(session.expires_at) == LATER + SECOND
    assert (await services.sessions.update_answer(session_id, 0, "A", at=LATER + SECOND)).version == 1


async def test_time_taken_away_can_be_given_back(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, -MAX_CHANGE_SECONDS)
    session = await extend(services, session_id, 60)
    assert to_micros(session.expires_at) == LATER + 60 * SECOND


async def test_a_negative_extension_in_the_grace_takes_no_used_time(services: Services) -> None:
    await put_quiz(services, grace_seconds=60)
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=END + 30 * SECOND)
    with pytest.raises(NoTimeLeftError):
        await extend(services, session_id, -600, at=END + 30 * SECOND)
    assert await deadline_of(services, session_id, END + 30 * SECOND) == END
    assert (await services.sessions.get_session(session_id, at=END + 31 * SECOND)).answers == {"0": "A"}


async def test_an_extension_does_not_pass_the_close(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(END + SECOND))
    session_id = await start(services)
    assert to_micros((await extend(services, session_id, 600)).expires_at) == END + SECOND
    await put_quiz(services, at=LATER)
    assert await deadline_of(services, session_id) == END + 600 * SECOND


@pytest.mark.parametrize("seconds", [600, -60])
async def test_an_extension_that_the_close_swallows_is_refused_and_changes_nothing(
    services: Services, database: Database, seconds: int
) -> None:
    await put_quiz(services, time_limit_seconds=3600, closes_at=from_micros(END))
    session_id = await start(services)
    before = contents(database)
    for _ in range(2):
        with pytest.raises(QuizClosesFirstError) as refused:
            await extend(services, session_id, seconds, key="k")
        assert refused.value.closes_at == from_micros(END)
    assert contents(database) == before
    await put_quiz(services, at=LATER, time_limit_seconds=3600, closes_at=from_micros(END + 3600 * SECOND))
    await extend(services, session_id, seconds, key="k")
    assert await deadline_of(services, session_id) == START + (3600 + seconds) * SECOND


async def test_an_extension_that_the_close_cuts_says_by_how_much(api: Api) -> None:
    await api("PUT", "/quizzes/quiz1", {"closes_at": iso(from_micros(END + 400 * SECOND - 1))})
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    path = f"/sessions/{session['id']}"
    whole = (await api("POST", f"{path}/extend", {"seconds": 60, "reason": WHY})).json()
    assert (whole["binding"], whole["cut_seconds"]) == ("time_limit", 0)
    cut = (await api("POST", f"{path}/extend", {"seconds": 600, "reason": WHY}, key="k")).json()
    assert (cut["binding"], cut["cut_seconds"]) == ("closes_at", 261)
    assert cut["expires_at"] == cut["closes_at"] == iso(from_micros(END + 400 * SECOND - 1))
    told = (await api("GET", f"{path}/deadline")).json()
    assert {name: told[name] for name in ("binding", "closes_at", "cut_seconds")} == {
        name: cut[name] for name in ("binding", "closes_at", "cut_seconds")
    }
    again = await api("POST", f"{path}/extend", {"seconds": 600, "reason": WHY}, key="k")
    assert (again.status_code, again.json()["cut_seconds"]) == (200, 261)
    refused = await api("POST", f"{path}/extend", {"seconds": 600, "reason": WHY})
    assert (refused.status_code, refused.json()["code"]) == (409, "quiz_closes_first")
    assert refused.json()["closes_at"] == cut["closes_at"]


async def test_time_that_is_not_there_is_not_taken(api: Api, database: Database) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    path = f"/sessions/{session['id']}/extend"
    await api("POST", path, {"seconds": -3600, "reason": WHY}, at=LATER)
    before = contents(database)
    refused = await api("POST", path, {"seconds": -3600, "reason": WHY}, at=LATER)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_time_left")
    assert contents(database) == before


@pytest.mark.parametrize(
    "seconds", [0, MAX_CHANGE_SECONDS + 1, -MAX_CHANGE_SECONDS - 1, 1.5, True, "60", None]
)
async def test_an_extension_past_a_limit_moves_nothing(api: Api, database: Database, seconds: object) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    before = contents(database)
    for path in (f"/sessions/{session['id']}", "/quizzes/quiz1"):
        reply = await api("POST", f"{path}/extend", {"seconds": seconds, "reason": WHY})
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")
    assert contents(database) == before


@pytest.mark.parametrize("reason", ["", "x" * 1001, "\x00", None, 1])
async def test_whatever_needs_a_reason_is_not_done_without(
    api: Api, database: Database, reason: object
) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    path = f"/sessions/{session['id']}"
    before = contents(database)
    for method, to, more in (
        ("POST", f"{path}/extend", {"seconds": 60}),
        ("POST", f"{path}/reopen", {"seconds": 60}),
        ("POST", f"{path}/late-answers/1/accept", {}),
        ("POST", f"{path}/score", {"score": 1, "max_score": 1}),
        ("POST", "/quizzes/quiz1/extend", {"seconds": 60}),
        ("POST", "/quizzes/quiz1/regrade", {}),
        ("PUT", "/quizzes/quiz1/accommodations/user1", {"extra_seconds": 60}),
    ):
        for body in (more, {**more, "reason": reason}):
            assert (await api(method, to, body)).status_code in (
                (422,) if "regrade" not in to else (422, 404)
            )
    assert contents(database) == before


async def test_a_reason_has_a_thousand_characters_at_most(services: Services) -> None:
    session_id = await start(services)
    await services.administration.extend(session_id, 60, "é" * 1000, at=LATER)
    with pytest.raises(InvalidInputError):
        await services.administration.extend(session_id, 60, "é" * 1001, at=LATER)


async def test_an_ended_session_is_not_extended(services: Services, database: Database) -> None:
    completed, abandoned, overdue, expired = [await start(services, f"user{i}") for i in range(4)]
    await services.sessions.complete(completed, at=LATER)
    await services.sessions.abandon(abandoned, at=LATER)
    await services.sessions.get_session(expired, at=END + 1)
    before = contents(database)
    for session_id in (completed, abandoned):
        with pytest.raises(SessionClosedError):
            await extend(services, session_id, 60, at=END)
    for session_id in (overdue, expired):
        with pytest.raises(SessionStateError):
            await extend(services, session_id, 60, at=END + 1)
    with pytest.raises(SessionNotFoundError):
        await extend(services, uuid4(), 60)
    assert contents(database) == before


async def test_a_session_is_extended_to_its_last_microsecond(services: Services) -> None:
    await put_quiz(services, grace_seconds=5)
    session_id = await start(services)
    session = await extend(services, session_id, 60, at=END + 5 * SECOND)
    assert to_micros(session.expires_at) == END + 60 * SECOND


async def test_refused_changes_over_http(api: Api) -> None:
    session = (
        await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"}, at=START)
    ).json()
    path = f"/sessions/{session['id']}"
    body = {"seconds": 60, "reason": WHY}
    opened = await api("POST", f"{path}/reopen", body)
    assert (opened.status_code, opened.json()["code"]) == (409, "session_state")
    over = await api("POST", f"{path}/extend", body, at=END + 1000)
    assert (over.status_code, over.json()["code"]) == (409, "session_state")
    await api("POST", f"{path}/complete", at=END)
    closed = await api("POST", f"{path}/extend", body)
    assert (closed.status_code, closed.json()["code"]) == (409, "session_closed")
    assert closed.json()["session"]["id"] == session["id"]
    for change in ("extend", "reopen"):
        unknown = await api("POST", f"/sessions/{uuid4()}/{change}", body)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "session_not_found")


# Once and no more


async def test_a_repeated_extension_moves_once(services: Services, database: Database) -> None:
    session_id = await start(services)
    first = await extend(services, session_id, 600, key="k")
    again = await extend(services, session_id, 600, key="k")
    assert first.expires_at == again.expires_at == from_micros(END + 600 * SECOND)
    assert events(database, session_id) == ["started", "extended"]


async def test_twenty_simultaneous_extensions_with_one_key_move_once(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    moved = await asyncio.gather(*(extend(services, session_id, 600, key="k") for _ in TWENTY))
    assert {session.expires_at for session in moved} == {from_micros(END + 600 * SECOND)}
    assert events(database, session_id) == ["started", "extended"]


async def test_extensions_with_one_key_that_wait_for_each_other_move_once(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        waiting = [await held.behind(extend(services, session_id, 600, key="k")) for _ in range(4)]
        held.release()
        moved = await asyncio.gather(*waiting)
    assert {session.expires_at for session in moved} == {from_micros(END + 600 * SECOND)}
    assert events(database, session_id) == ["started", "extended"]


async def test_twenty_simultaneous_extensions_all_count(services: Services) -> None:
    session_id = await start(services)
    await asyncio.gather(
        *(extend(services, session_id, 1 + i, key=str(i) if i % 2 else None) for i in TWENTY)
    )
    assert await deadline_of(services, session_id) == END + 210 * SECOND


async def test_a_repeat_is_told_what_became_of_the_session(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, 600, key="k")
    await services.sessions.complete(session_id, at=LATER)
    assert (await extend(services, session_id, 600, key="k")).status is Status.COMPLETED


async def test_one_key_is_a_key_of_its_own_for_each_session_and_kind(services: Services) -> None:
    one, other = await start(services), await start(services, "user2")
    await extend(services, one, 60, key="k")
    await extend(services, other, 60, key="k")
    await extend_all(services, 60, key="k")
    assert await deadline_of(services, one) == await deadline_of(services, other) == END + 120 * SECOND


@pytest.mark.parametrize("key", ["k" * 128, "k" * 129])
async def test_a_key_has_128_characters_at_most(api: Api, key: str) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    body = {"seconds": 60, "reason": WHY}
    for path in (f"/sessions/{session['id']}/extend", "/quizzes/quiz1/extend"):
        reply = await api("POST", path, body, key=key)
        assert reply.status_code == (200 if len(key) == 128 else 422)


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("loss", Loss)
async def test_an_extension_whose_connection_breaks_moves_once(
    by_proxy: Services, proxy: Proxy, database: Database, loss: Loss, key: str | None
) -> None:
    session_id = await start(by_proxy)
    proxy.lose(b"UPDATE quiz_attempts", loss)
    session = await extend(by_proxy, session_id, 600, key=key)
    assert proxy.rules == []
    assert to_micros(session.expires_at) == END + 600 * SECOND
    assert events(database, session_id) == ["started", "extended"]


@pytest.mark.parametrize("loss", Loss)
async def test_a_cohort_whose_extension_loses_its_connection_moves_once_and_is_told(
    by_proxy: Services, proxy: Proxy, database: Database, loss: Loss
) -> None:
    ids = {await start(by_proxy, f"user{i}") for i in range(3)}
    proxy.lose(b"UPDATE quiz_attempts", loss)
    extension = await extend_all(by_proxy, 600)
    assert proxy.rules == []
    assert (set(extension.changed), extension.unchanged) == (ids, {})
    for session_id in ids:
        assert events(database, session_id) == ["started", "extended"]


@pytest.mark.parametrize(
    ("marker", "loss"),
    [(b"'reopened'", Loss.STATEMENT), (b"COMMIT", Loss.STATEMENT), (b"COMMIT", Loss.REPLY)],
)
async def test_a_reopening_whose_connection_breaks_happens_once(
    by_proxy: Services, proxy: Proxy, database: Database, marker: bytes, loss: Loss
) -> None:
    session_id = await start(by_proxy)
    await by_proxy.sessions.get_session(session_id, at=END + 1)
    proxy.lose(marker, loss)
    session = await reopen(by_proxy, session_id)
    assert proxy.rules == []
    assert session.status is Status.STARTED
    assert events(database, session_id) == ["started", "expired", "reopened"]


# Extending a whole quiz


async def test_a_cohort_is_told_who_moved_who_did_not_and_why(services: Services, api: Api) -> None:
    names = ("moved", "also", "completed", "abandoned", "expired", "overdue", "repeated")
    ids = {name: await start(services, name) for name in names if name != "overdue"}
    ids["overdue"] = await start(services, "overdue", at=LATER - 1801 * SECOND)
    await services.administration.put_accommodation("expired", "quiz1", 0, WHY, at=START)
    await services.sessions.complete(ids["completed"], at=LATER)
    await services.sessions.abandon(ids["abandoned"], at=LATER)
    await extend(services, ids["expired"], -MAX_CHANGE_SECONDS, at=START)
    await services.sessions.get_session(ids["expired"], at=LATER)
    await services.sessions.complete(ids["repeated"], at=LATER)
    reply = await api("POST", "/quizzes/quiz1/extend", {"seconds": 600, "reason": WHY}, at=LATER, key="alarm")
    assert reply.status_code == 200
    body = reply.json()
    assert body["extended"] == 2
    assert {each["reason"]: (each["count"], set(each["session_ids"])) for each in body["unchanged"]} == {
        "abandoned": (1, {str(ids["abandoned"])}),
        "completed": (2, {str(ids["completed"]), str(ids["repeated"])}),
        "expired": (2, {str(ids["expired"]), str(ids["overdue"])}),
    }
    again = await api("POST", "/quizzes/quiz1/extend", {"seconds": 600, "reason": WHY}, key="alarm")
    assert again.json()["extended"] == 0
    (already,) = [each for each in again.json()["unchanged"] if each["reason"] == "extended already"]
    assert set(already["session_ids"]) == {str(ids["moved"]), str(ids["also"])}
    assert await deadline_of(services, ids["moved"]) == END + 600 * SECOND


async def test_some_sessions_of_a_quiz_are_extended_alone(services: Services, api: Api) -> None:
    named, ended, other = [await start(services, user) for user in ("user1", "user2", "user3")]
    await services.sessions.complete(ended, at=LATER)
    elsewhere = (await services.sessions.create_session("user1", "quiz2", at=LATER)).id
    body = {"seconds": 600, "reason": WHY, "session_ids": [str(each) for each in (named, ended, elsewhere)]}
    reply = await api("POST", "/quizzes/quiz1/extend", body, at=LATER, key="k")
    assert reply.json() == {
        "extended": 1,
        "cut": {"count": 0, "session_ids": []},
        "unchanged": [
            {"reason": "completed", "count": 1, "session_ids": [str(ended)]},
            {"reason": "not found", "count": 1, "session_ids": [str(elsewhere)]},
        ],
    }
    assert await deadline_of(services, named) == END + 600 * SECOND
    assert await deadline_of(services, other) == END
    refused = await api("POST", "/quizzes/quiz1/extend", {**body, "session_ids": [str(other)]}, key="k")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert await deadline_of(services, other) == END


async def test_a_cohort_at_its_close_does_not_move_and_is_told(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(END))
    session_id = await start(services)
    extension = await extend_all(services, 600)
    assert (extension.changed, extension.unchanged) == ([], {"closes_at": (1, [session_id])})
    assert await deadline_of(services, session_id) == END


async def test_a_cohort_that_the_close_cuts_is_told_of_whom(services: Services, api: Api) -> None:
    await put_quiz(services, closes_at=from_micros(END + 300 * SECOND))
    whole = await start(services, at=START - 600 * SECOND)
    cut = await start(services, "user2")
    at_the_close = await start(services, "user3", at=START + 300 * SECOND)
    reply = await api("POST", "/quizzes/quiz1/extend", {"seconds": 600, "reason": WHY}, at=LATER + SECOND)
    assert reply.json() == {
        "extended": 2,
        "cut": {"count": 1, "session_ids": [str(cut)]},
        "unchanged": [{"reason": "closes_at", "count": 1, "session_ids": [str(at_the_close)]}],
    }
    assert await deadline_of(services, whole) == END
    assert await deadline_of(services, cut) == END + 300 * SECOND


@pytest.mark.parametrize("loss", Loss)
async def test_a_cohort_that_the_close_cuts_is_told_also_after_a_lost_reply(
    by_proxy: Services, proxy: Proxy, loss: Loss
) -> None:
    await put_quiz(by_proxy, closes_at=from_micros(END + SECOND))
    session_id = await start(by_proxy)
    proxy.lose(b"UPDATE quiz_attempts", loss)
    assert await extend_all(by_proxy, 600) == CohortExtension([session_id], Counted(1, [session_id]), {})


async def test_a_cohort_without_time_left_does_not_move_and_is_told(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, -MAX_CHANGE_SECONDS)
    extension = await extend_all(services, -60)
    assert (extension.changed, extension.unchanged) == ([], {"no time left": (1, [session_id])})


async def test_what_a_cohort_extension_keeps_back_is_explained_at_once(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(END))
    session_id = await start(services)
    await extend_all(services, 600)
    assert (await services.sessions.get_deadline(session_id, at=LATER)).extension_seconds == 600


async def test_a_cohort_goes_back_to_now_at_most(services: Services) -> None:
    early, late = await start(services), await start(services, "user2", at=LATER)
    extension = await extend_all(services, -1790 - 5, at=LATER + 5 * SECOND)
    assert set(extension.changed) == {early, late}
    assert await deadline_of(services, early) == LATER + 5 * SECOND
    assert await deadline_of(services, late) == LATER + 5 * SECOND


async def test_a_large_cohort_is_extended_also_before_postgres_knows_how_large_it_is(
    services: Services, database: Database
) -> None:
    database.execute("ALTER TABLE quiz_attempts SET (autovacuum_enabled = false)")
    database.execute(
        """
        INSERT INTO quiz_attempts (id, user_id, quiz_id, attempt_no, status, time_remaining,
            time_limit_seconds, started_at, expires_at)
        SELECT gen_random_uuid(), 'user' || number, 'quiz1', 1, 'started', 1800, 1800, %s, %s
        FROM generate_series(1, 1000) AS number""",
        [from_micros(START), from_micros(END)],
    )
    extension = await extend_all(services, 600)
    database.execute("ALTER TABLE quiz_attempts RESET (autovacuum_enabled)")
    assert len(extension.changed) == 1000


async def test_a_quiz_that_nobody_takes_has_nobody_to_extend(services: Services) -> None:
    assert await extend_all(services, 60) == CohortExtension([], Counted(0, []), {})


async def test_other_quizzes_do_not_move(services: Services) -> None:
    other = (await services.sessions.create_session("user1", "quiz2", at=START)).id
    await start(services)
    assert len((await extend_all(services, 60)).changed) == 1
    assert await deadline_of(services, other) == END


async def test_twenty_simultaneous_cohort_extensions_with_one_key_move_once(
    services: Services, database: Database
) -> None:
    ids = [await start(services, f"user{i}") for i in range(30)]
    extensions = await asyncio.gather(*(extend_all(services, 600, key="k") for _ in TWENTY))
    assert sorted(len(each.changed) for each in extensions) == [0] * 19 + [30]
    assert sum(each.unchanged.get("extended already", (0, []))[0] for each in extensions) == 19 * 30
    assert {row(database, each)["expires_at"] for each in ids} == {from_micros(END + 600 * SECOND)}


async def test_cohort_extensions_accommodations_and_quiz_changes_at_once_do_no_harm(
    services: Services, database: Database
) -> None:
    ids = [await start(services, f"user{i}") for i in range(10)]
    await put_quiz(services, time_limit_seconds=1800)
    await asyncio.gather(
        *(extend_all(services, 10) for _ in range(3)),
        *(put_quiz(services, time_limit_seconds=2000, at=LATER) for _ in range(2)),
        *(give(services, 100, user=f"user{i}") for i in range(10)),
        *(extend(services, each, 1) for each in ids),
        *(services.sessions.update_answer(each, 0, "A", at=LATER) for each in ids),
        flush_at(services, LATER),
    )
    assert {row(database, each)["expires_at"] for each in ids} == {
        from_micros(START + (2000 + 100 + 30 + 1) * SECOND)
    }
    for each in ids:
        assert (await services.audit.verify(each)).intact


async def test_a_session_that_ends_while_its_cohort_is_extended_is_told(
    services: Services, stores: Stores
) -> None:
    ending, other = await start(services), await start(services, "user2")
    with row_held(stores, ending) as held:
        completing = await held.behind(services.sessions.complete(ending, at=LATER))
        extending = await held.behind(extend_all(services, 600))
        held.release()
        assert (await completing).status is Status.COMPLETED
        extension = await extending
    assert extension == CohortExtension([other], Counted(0, []), {"completed": Counted(1, [ending])})


# An extension racing the end


async def test_an_extension_before_the_completion_of_an_old_tab_wins(
    services: Services, stores: Stores
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        extending = await held.behind(extend(services, session_id, 600))
        completing = await held.behind(
            services.sessions.complete(session_id, deadline=from_micros(END), at=END)
        )
        held.release()
        await extending
        with pytest.raises(DeadlineMovedError):
            await completing
    assert (await services.sessions.get_session(session_id, at=END)).status is Status.STARTED


async def test_an_extension_after_the_completion_comes_too_late(services: Services, stores: Stores) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        completing = await held.behind(
            services.sessions.complete(session_id, deadline=from_micros(END), at=END)
        )
        extending = await held.behind(extend(services, session_id, 600))
        held.release()
        await completing
        with pytest.raises(SessionClosedError):
            await extending
    assert await deadline_of(services, session_id) == END


async def test_an_extension_in_time_keeps_a_later_write_from_being_late(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        extending = await held.behind(extend(services, session_id, 600, at=END))
        writing = await held.behind(services.sessions.update_answer(session_id, 0, "A", at=END + SECOND))
        held.release()
        await extending
        assert (await writing).status is Status.IN_PROGRESS
    assert events(database, session_id) == ["started", "extended", "answered"]


async def test_a_flush_does_not_expire_a_session_that_is_being_extended(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        extending = await held.behind(extend(services, session_id, 600, at=END))
        report = await flush_at(services, END + SECOND)
        held.release()
        await extending
    assert report.sessions_expired == 0
    assert (await flush_at(services, END + SECOND)).sessions_expired == 0
    assert events(database, session_id) == ["started", "extended"]


async def test_of_an_extension_and_an_expiry_at_once_one_happens(
    services: Services, database: Database
) -> None:
    ids = [await start(services, f"user{i}") for i in range(10)]
    _, *extended = await asyncio.gather(
        flush_at(services, END + 1),
        *(extend(services, each, 600, at=END) for each in ids),
        return_exceptions=True,
    )
    for session_id, outcome in zip(ids, extended, strict=True):
        if isinstance(outcome, Session):
            assert events(database, session_id) == ["started", "extended"]
        else:
            assert isinstance(outcome, SessionStateError)
            assert events(database, session_id) == ["started", "expired"]


async def test_of_an_extension_and_a_completion_at_once_the_trail_tells_the_order(
    services: Services, database: Database
) -> None:
    ids = [await start(services, f"user{i}") for i in range(10)]
    found = await asyncio.gather(
        *(extend(services, each, 600) for each in ids),
        *(services.sessions.complete(each, deadline=from_micros(END), at=LATER) for each in ids),
        return_exceptions=True,
    )
    for session_id, extended, completed in zip(ids, found[:10], found[10:], strict=True):
        if isinstance(extended, Session):
            assert isinstance(completed, DeadlineMovedError)
            assert events(database, session_id) == ["started", "extended"]
        else:
            assert isinstance(extended, SessionClosedError)
            assert isinstance(completed, Session)
            assert events(database, session_id) == ["started", "completed"]
