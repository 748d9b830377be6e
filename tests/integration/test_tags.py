"""Two copies of one session: nothing that a writer has not seen is replaced under `based_on` or If-Match."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.errors import BusyError, SessionClosedError, SessionNotFoundError
from quiz_sessions.domain.tags import Tag, writer_of
from quiz_sessions.domain.timestamps import to_micros
from tests.harness.service import services_on
from tests.harness.stores import Stores
from tests.integration.contract import Progress, Store, check_problem, check_session, lasting
from tests.integration.staff import reopen

A, B = {"X-Client-Id": "client-a"}, {"X-Client-Id": "client-b"}
CONFLICT = ("conflicts", "session")
KEY = {"Idempotency-Key": "k1"}


async def write(session: Progress, client: dict[str, str], essay: Any, **more: Any) -> dict[str, Any]:
    return check_session(await session.patch(client, question_id="essay", answer=essay, **more))


async def refused(session: Progress, client: dict[str, str], essay: Any, **more: Any) -> dict[str, Any]:
    reply = await session.patch(client, question_id="essay", answer=essay, **more)
    return check_problem(reply, 409, "answer_conflict", *CONFLICT)


async def tags(session: Progress) -> dict[str, str]:
    found: dict[str, str] = (await session.read())["answer_tags"]
    return found


async def flush(services: Services) -> None:
    assert (await services.flusher.run()).flush_failures == 0


def displaced(store: Store, session: Progress) -> list[Any]:
    """The answers that lost their place, in the order of the audit log."""
    return [lost["answer"] for _, changes in store.events(session) for lost in changes.get("displaced", [])]


# based_on


@pytest.mark.parametrize("theirs", [False, True], ids=["committed", "autosaved"])
@pytest.mark.parametrize("mine", [False, True], ids=["commit", "autosave"])
async def test_an_answer_that_was_not_seen_is_a_conflict(
    session: Progress, store: Store, theirs: bool, mine: bool
) -> None:
    await session.http.get(session.path, headers=A)
    shown = await write(session, B, "B's text", autosave=theirs)
    before = store.everything()
    problem = await refused(session, A, "A's text", based_on={"essay": None}, autosave=mine)
    (conflict,) = problem["conflicts"].values()
    assert (conflict["answer"], conflict["durability"]) == ("B's text", shown["durability"])
    assert problem["session"]["answer_tags"] == shown["answer_tags"]
    assert store.everything() == before


@pytest.mark.parametrize("autosave", [False, True])
async def test_an_answer_based_on_the_one_before_takes_its_place(session: Progress, autosave: bool) -> None:
    await write(session, B, "B's text", autosave=autosave)
    body = await write(session, A, "A's text", autosave=autosave, based_on=await tags(session))
    assert body["answers"] == {"essay": "A's text"}


async def test_based_on_an_older_answer_is_a_conflict(session: Progress) -> None:
    known = (await write(session, B, "one"))["answer_tags"]
    await write(session, B, "two", autosave=True)
    await refused(session, A, "mine", based_on=known)


async def test_the_same_answer_conflicts_with_nothing(session: Progress) -> None:
    await write(session, B, {"a": 1, "b": [1.0]})
    await write(session, A, {"b": [1], "a": 1}, based_on={"essay": None})
    await write(session, A, {"b": [1], "a": 1}, based_on={"essay": None}, autosave=True)


async def test_true_is_not_one(session: Progress) -> None:
    await write(session, B, True, autosave=True)
    await refused(session, A, 1, based_on={"essay": None})


async def test_other_questions_never_conflict(session: Progress) -> None:
    await session.patch(B, question_id=1, answer="theirs")
    body = await write(session, A, "mine", based_on={"essay": None})
    assert body["answers"] == {"1": "theirs", "essay": "mine"}


async def test_a_reply_about_another_question_covers_nothing(session: Progress) -> None:
    await write(session, B, "not seen", autosave=True)
    theirs = (await write(session, B, "not seen", autosave=True))["answer_tags"]["essay"]
    await session.patch(B, question_id=1, answer="seen")
    known = {"essay": None, "1": (await tags(session))["1"]}
    assert theirs < known["1"]
    reply = await session.patch(A, answers={"essay": "mine", "1": "mine"}, based_on=known)
    assert list(check_problem(reply, 409, "answer_conflict", *CONFLICT)["conflicts"]) == ["essay"]


async def test_one_conflict_keeps_nothing_of_the_write(session: Progress, store: Store) -> None:
    await session.http.get(session.path, headers=A)
    await write(session, B, "theirs")
    before = store.everything()
    for autosave in (False, True):
        known = {"essay": None, "1": None}
        sent = {"answers": {"essay": "mine", "1": "mine"}, "based_on": known, "autosave": autosave}
        check_problem(await session.patch(A, **sent), 409, "answer_conflict", *CONFLICT)
    assert store.everything() == before


async def test_a_question_that_based_on_leaves_out_is_not_compared(session: Progress) -> None:
    await write(session, B, "theirs")
    body = check_session(await session.patch(A, answers={"essay": "mine", "1": "A"}, based_on={"1": None}))
    assert body["answers"]["essay"] == "mine"


@pytest.mark.parametrize("autosave", [False, True])
async def test_the_writers_own_answer_is_no_conflict(session: Progress, autosave: bool) -> None:
    # The reply to the first was lost.
    await write(session, A, "mine", autosave=autosave, based_on={"essay": None})
    for later in (False, True):
        await write(session, A, "mine, and more", autosave=later, based_on={"essay": None})


async def test_tabs_that_share_an_id_share_their_answers(session: Progress) -> None:
    await write(session, A, "one tab", autosave=True, based_on={"essay": None})
    body = await write(session, A, "the other", based_on={"essay": None})
    assert body["answers"] == {"essay": "the other"}


async def test_an_answer_without_a_client_id_is_anothers(session: Progress) -> None:
    await session.answer("essay", "somebody's")
    await refused(session, A, "mine", based_on={"essay": None})


async def test_based_on_needs_a_client_id(session: Progress) -> None:
    reply = await session.patch(question_id="essay", answer="mine", based_on={"essay": None})
    assert "X-Client-Id" in check_problem(reply, 422, "invalid_input")["detail"]


@pytest.mark.parametrize("tag", ["", "1", "1.-.2", "x.-", "1.zz", "1800000000000000.9F86D081884C", "-1.-"])
async def test_a_tag_that_is_none_is_refused(session: Progress, tag: str) -> None:
    reply = await session.patch(A, question_id="essay", answer="mine", based_on={"essay": tag})
    assert check_problem(reply, 422, "invalid_input")["question_id"] == "essay"


async def test_based_on_is_about_what_is_sent(session: Progress) -> None:
    reply = await session.patch(A, question_id="essay", answer="mine", based_on={"1": None})
    assert check_problem(reply, 422, "invalid_input")["question_id"] == "1"


@pytest.mark.parametrize("client_id", ["a b", "", "x" * 65, "a.b", "a/b"])
async def test_a_client_id_that_is_none_is_refused(session: Progress, client_id: str) -> None:
    reply = await session.patch({"X-Client-Id": client_id}, question_id=1, answer="A")
    check_problem(reply, 422, "invalid_input")


async def test_a_flush_leaves_the_tags(session: Progress, services: Services) -> None:
    shown = await write(session, B, "theirs", autosave=True)
    await flush(services)
    assert await tags(session) == shown["answer_tags"]
    await refused(session, A, "mine", based_on={"essay": None})
    await write(session, A, "mine", based_on=shown["answer_tags"])


async def test_a_write_to_an_evicted_session_is_judged_by_its_row(session: Progress, store: Store) -> None:
    await write(session, B, "theirs")
    store.forget_cached(session)
    await refused(session, A, "mine", autosave=True, based_on={"essay": None})
    await write(session, A, "mine", autosave=True, based_on=await tags(session))


async def test_a_version_does_not_see_drafts_but_leaves_a_record_of_them(
    session: Progress, store: Store, services: Services
) -> None:
    await write(session, B, "B's text", autosave=True)
    await write(session, A, "A's text", version=0)
    await flush(services)
    assert (store.row(session)["answers"], displaced(store, session)) == ({"essay": "A's text"}, ["B's text"])


async def test_a_commit_at_a_version_is_later_than_what_it_replaces(
    services: Services, session: Progress
) -> None:
    # By a gateway whose clock is behind.
    shown = await write(session, A, "first")
    at = int(shown["answer_tags"]["essay"].partition(".")[0])
    replaced = await services.sessions.update_answers(
        session.id, {"essay": "second"}, version=1, client_id="client-a", at=at - 1000
    )
    assert replaced.answer_tags["essay"] == f"{at + 1}.{writer_of('client-a')}"
    await refused(session, B, "mine", based_on=shown["answer_tags"])


async def test_a_reopened_session_keeps_its_tags(services: Services, session: Progress) -> None:
    shown = await write(session, B, "theirs")
    deadline = (await services.sessions.get_session(session.id)).expires_at
    await services.sessions.get_session(session.id, at=to_micros(deadline) + 1)
    await reopen(services, UUID(session.id), 600, at=to_micros(deadline) + 2)
    assert await tags(session) == shown["answer_tags"]


# What loses its place


async def test_of_two_writers_drafts_the_one_that_gives_way_is_recorded(
    session: Progress, store: Store, services: Services
) -> None:
    await write(session, B, "B's text", autosave=True)
    await write(session, A, "A's text", autosave=True)
    await flush(services)
    assert (store.row(session)["answers"], displaced(store, session)) == ({"essay": "A's text"}, ["B's text"])
    await flush(services)
    assert displaced(store, session) == ["B's text"]


async def test_a_slow_draft_of_another_writer_is_recorded(
    session: Progress, store: Store, services: Services
) -> None:
    body = await write(session, A, "A's text", autosave=True)
    at = int(body["answer_tags"]["essay"].partition(".")[0])
    slow = Drafts({"essay": Draft("slow", at - 1, writer_of("client-b"))})
    await services.stores.valkey.put_drafts(UUID(session.id), slow)
    assert (await session.read())["answers"] == {"essay": "A's text"}
    await flush(services)
    assert displaced(store, session) == ["slow"]


async def test_the_writers_own_older_draft_is_not_recorded(
    session: Progress, store: Store, services: Services
) -> None:
    for text in ("o", "on", "one"):
        await write(session, A, text, autosave=True)
    await flush(services)
    assert displaced(store, session) == []


async def test_a_draft_that_a_completion_overrides_is_recorded(
    session: Progress, store: Store, services: Services
) -> None:
    await write(session, B, "B's text", autosave=True)
    await session.http.post(f"{session.path}/complete", json={"answers": {"essay": "A's"}}, headers=A)
    await flush(services)
    assert (store.row(session)["answers"], displaced(store, session)) == ({"essay": "A's"}, ["B's text"])


async def test_displaced_drafts_count_into_the_size_of_the_session(session: Progress) -> None:
    text = "x" * 60_000
    statuses = []
    for number in range(18):
        reply = await session.patch(
            (A, B)[number % 2], question_id=1, answer=f"{number}{text}", autosave=True
        )
        statuses.append(reply.status_code)
    assert statuses == [200] * 17 + [413]


async def test_a_read_shows_no_displaced_draft(session: Progress) -> None:
    await write(session, B, "B's text", autosave=True)
    body = await write(session, A, "A's text", autosave=True)
    assert (body["answers"], body["buffered_questions"]) == ({"essay": "A's text"}, ["essay"])
    assert lasting(await session.read()) == lasting(body)


# Entity tags


async def etag(session: Progress) -> str:
    return str((await session.http.get(session.path)).headers["etag"])


async def test_the_etag_moves_with_every_change_that_is_shown(session: Progress, services: Services) -> None:
    seen = [await etag(session)]
    await session.answer(1, "A")
    seen.append(await etag(session))
    await session.answer(1, "B", autosave=True)
    seen.append(await etag(session))
    await flush(services)
    seen.append(await etag(session))
    await session.complete()
    seen.append(await etag(session))
    assert len(set(seen)) == 5


async def test_a_reply_to_a_write_has_the_etag_of_a_read(session: Progress, services: Services) -> None:
    for autosave in (False, True, True, False):
        reply = await session.patch(question_id=1, answer="A", autosave=autosave)
        assert reply.headers["etag"] == await etag(session)


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_write_if_nothing_has_changed(session: Progress, autosave: bool) -> None:
    await session.answer(1, "A")
    await session.answer(2, "B", autosave=True)
    tag = await etag(session)
    body = check_session(await session.patch({"If-Match": tag}, question_id=3, answer="C", autosave=autosave))
    assert body["answers"]["3"] == "C"


@pytest.mark.parametrize("autosave", [False, True])
@pytest.mark.parametrize("theirs", [False, True], ids=["committed", "autosaved"])
async def test_a_write_after_a_change_fails(
    session: Progress, store: Store, theirs: bool, autosave: bool
) -> None:
    tag = await etag(session)
    await session.answer(2, "B", autosave=theirs)
    before = store.everything()
    reply = await session.patch({"If-Match": tag}, question_id=3, answer="C", autosave=autosave)
    body = check_problem(reply, 412, "precondition_failed", "session")
    assert lasting(body["session"]) == lasting(await session.read())
    assert store.everything() == before


async def test_a_hand_in_after_a_change_fails(session: Progress, store: Store) -> None:
    tag = await etag(session)
    await session.answer(2, "B", autosave=True)
    before = store.everything()
    reply = await session.http.post(f"{session.path}/complete", json={}, headers={"If-Match": tag})
    check_problem(reply, 412, "precondition_failed", "session")
    assert store.everything() == before


async def test_a_repeat_under_if_match_is_told_its_first_result(session: Progress, store: Store) -> None:
    tag = await etag(session)
    first = check_session(await session.patch({"If-Match": tag, **A}, question_id=1, answer="A"))
    await session.answer(2, "B")
    before = store.everything()
    again = check_session(await session.patch({"If-Match": tag, **A}, question_id=1, answer="A"))
    assert (again["answers"], first["version"]) == ({"1": "A", "2": "B"}, 1)
    assert store.everything() == before


async def test_anothers_same_write_is_no_repeat(session: Progress) -> None:
    tag = await etag(session)
    check_session(await session.patch({"If-Match": tag, **A}, question_id=1, answer="A"))
    reply = await session.patch({"If-Match": tag, **B}, question_id=1, answer="A")
    check_problem(reply, 412, "precondition_failed", "session")


@pytest.mark.parametrize("others", ['"x", {}', '{}, W/"1"', ", {} ,"])
async def test_one_of_several_tags_is_enough(session: Progress, others: str) -> None:
    listed = others.format(await etag(session))
    check_session(await session.patch({"If-Match": listed}, question_id=1, answer="A"))


async def test_a_weak_tag_matches_nothing(session: Progress) -> None:
    reply = await session.patch({"If-Match": f"W/{await etag(session)}"}, question_id=1, answer="A")
    check_problem(reply, 412, "precondition_failed", "session")


async def test_version_is_judged_before_if_match(session: Progress) -> None:
    tag = await etag(session)
    await session.answer(2, "B")
    reply = await session.patch({"If-Match": tag}, question_id=1, answer="A", version=0)
    check_problem(reply, 409, "version_conflict", "current_version", "changed_questions", "session")


async def test_a_commit_that_sees_a_flush_has_the_etag_of_what_it_shows(
    services: Services, session: Progress
) -> None:
    await session.answer(1, "A", autosave=True)
    written = await services.stores.attempts.write_answers(
        UUID(session.id), {"2": "B"}, to_micros((await services.sessions.get_session(session.id)).started_at)
    )
    assert written is not None
    await flush(services)
    shown, drafts, *_ = await services.stores.valkey.put_committed(written.attempt, ["2"])
    assert (shown.revision, shown.version, drafts.answers) == (2, 1, {})


# If-None-Match


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
@pytest.mark.parametrize("path", ["", "?at_version=0"])
async def test_an_unchanged_session_is_not_sent_again(session: Progress, form: str, path: str) -> None:
    await session.answer(1, "A", autosave=True)
    tag = (await session.http.get(session.path + path)).headers["etag"]
    reply = await session.http.get(session.path + path, headers={"If-None-Match": form.format(tag)})
    assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", tag)
    assert "content-type" not in reply.headers


async def test_a_changed_session_is_sent_again(session: Progress) -> None:
    tag = await etag(session)
    await session.answer(1, "A", autosave=True)
    reply = await session.http.get(session.path, headers={"If-None-Match": tag})
    assert check_session(reply)["answers"] == {"1": "A"}


async def test_the_current_session_is_not_sent_again(session: Progress) -> None:
    path = "/sessions/current?quiz_id=quiz1&user_id=user1"
    tag = (await session.http.get(path)).headers["etag"]
    assert (await session.http.get(path, headers={"If-None-Match": tag})).status_code == 304


# Keys of writes


async def test_a_write_with_a_key_is_made_once(session: Progress, store: Store) -> None:
    await session.patch(KEY, question_id=1, answer="A")
    await session.answer(1, "B")
    before = store.everything()
    body = check_session(await session.patch(KEY, question_id=1, answer="A"))
    assert (body["answers"], body["version"]) == ({"1": "B"}, 2)
    assert store.everything() == before


async def test_an_autosave_with_a_key_is_made_once(session: Progress) -> None:
    await session.patch(KEY, question_id=1, answer="A", autosave=True)
    await session.answer(1, "B", autosave=True)
    body = check_session(await session.patch(KEY, question_id=1, answer="A", autosave=True))
    assert body["answers"] == {"1": "B"}


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_repeat_is_recognised_before_it_is_in_conflict(session: Progress, autosave: bool) -> None:
    mine = {"question_id": 1, "answer": "A", "autosave": autosave, "based_on": {"1": None}}
    check_session(await session.patch(A | KEY, **mine))
    await session.patch(B, question_id=1, answer="B", autosave=True)
    body = check_session(await session.patch(A | KEY, **mine))
    assert body["answers"] == {"1": "B"}
    reply = await session.patch(A | KEY, **mine | {"answer": "C"})
    check_problem(reply, 422, "idempotency_key_reused")


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_repeat_is_recognised_after_the_end(session: Progress, store: Store, autosave: bool) -> None:
    await session.patch(KEY, question_id=1, answer="A", autosave=autosave)
    ended = check_session(await session.complete())
    before = store.everything()
    body = check_session(await session.patch(KEY, question_id=1, answer="A", autosave=autosave))
    assert lasting(body) == lasting(ended)
    reply = await session.patch(KEY, question_id=1, answer="B", autosave=autosave)
    check_problem(reply, 422, "idempotency_key_reused")
    assert store.everything() == before


async def test_a_repeat_after_the_deadline_is_no_late_answer(services: Services, session: Progress) -> None:
    saved: dict[str, Any] = {"answers": {"1": "A"}, "autosave": True, "idempotency_key": "k1"}
    await services.sessions.update_answers(session.id, **saved)
    end = to_micros((await services.sessions.get_session(session.id)).expires_at)
    again = await services.sessions.update_answers(session.id, **saved, at=end + 1)
    assert (again.status, again.answers, again.durability) == ("expired", {"1": "A"}, "committed")
    assert (await services.administration.late_answers(UUID(session.id))).late_answers == []


async def test_a_repeat_of_someone_elses_write_reveals_nothing(services: Services, session: Progress) -> None:
    saved: dict[str, Any] = {"answers": {"1": "A"}, "autosave": True, "idempotency_key": "k1"}
    await services.sessions.update_answers(session.id, **saved)
    for answer in "AB":
        with pytest.raises(SessionNotFoundError):
            await services.sessions.update_answers(
                session.id, **saved | {"answers": {"1": answer}}, owner="user2"
            )


async def test_a_key_is_good_for_one_operation(session: Progress, client: httpx.AsyncClient) -> None:
    await session.patch(KEY, answers={"1": "A"})
    reply = await client.post(f"{session.path}/complete", json={"answers": {"1": "A"}}, headers=KEY)
    check_problem(reply, 422, "idempotency_key_reused")
    await session.patch({"Idempotency-Key": "k2"}, answers={"1": "A"}, autosave=True)
    reply = await session.patch({"Idempotency-Key": "k2"}, answers={"1": "A"})
    check_problem(reply, 422, "idempotency_key_reused")


async def test_a_write_that_was_buffered_is_not_committed_again(
    services: Services, stores: Stores, session: Progress
) -> None:
    write: dict[str, Any] = {"answers": {"1": "A"}, "idempotency_key": "k1"}
    async with services_on(stores, database_url="postgresql://127.0.0.1:1/quiz") as without:
        assert (await without.sessions.update_answers(session.id, **write)).durability == "buffered"
        await session.patch(question_id=1, answer="B", autosave=True)
        for known in (without, services):
            again = await known.sessions.update_answers(session.id, **write)
            assert (again.answers, again.version) == ({"1": "B"}, 0)


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_key_of_another_write_is_refused(session: Progress, autosave: bool) -> None:
    body = check_session(await session.patch(KEY, question_id=1, answer="A", autosave=autosave))
    reply = await session.patch(KEY, question_id=1, answer="B", autosave=autosave)
    check_problem(reply, 422, "idempotency_key_reused")
    assert (await session.read())["answer_tags"] == body["answer_tags"]


async def test_a_hand_in_with_a_key_is_made_once(session: Progress, client: httpx.AsyncClient) -> None:
    path = f"{session.path}/complete"
    first = check_session(await client.post(path, json={"answers": {"1": "A"}}, headers=KEY))
    again = check_session(await client.post(path, json={"answers": {"1": "A"}}, headers=KEY))
    assert lasting(again) == lasting(first)
    other = await client.post(path, json={"answers": {"1": "B"}}, headers=KEY)
    check_problem(other, 422, "idempotency_key_reused")


# A second hand-in


async def test_a_second_hand_in_with_other_answers_is_refused_and_recorded(
    session: Progress, store: Store
) -> None:
    await session.complete(answers={"1": "A"})
    reply = await session.complete(answers={"1": "A", "2": "B"})
    assert check_problem(reply, 409, "session_closed", "session")["session"]["answers"] == {"1": "A"}
    kind, changes = store.events(session)[-1]
    assert (kind, list(changes["late_answers"])) == ("late_answer", ["2"])


async def test_a_second_hand_in_of_what_is_held_is_a_repeat(session: Progress, store: Store) -> None:
    done = lasting(check_session(await session.complete(answers={"1": "A", "2": {"a": 1.0}})))
    before = store.everything()
    assert lasting(check_session(await session.complete(answers={"2": {"a": 1}}))) == done
    assert store.everything() == before


async def test_a_hand_in_that_comes_behind_a_later_answer_is_recorded(
    services: Services, session: Progress, store: Store
) -> None:
    shown = await session.answer("q", "c")
    at = int(shown["answer_tags"]["q"].partition(".")[0]) - 1
    for _ in range(2):
        done = await services.sessions.complete(session.id, {"q": "a"}, at=at)
        assert (done.status, done.answers) == ("completed", {"q": "c"})
    assert store.events(session)[-1][1]["outdated"] == {"q": "a"}


async def test_hand_ins_that_come_behind_at_once_are_each_recorded_or_asked_for_again(
    services: Services, session: Progress, store: Store
) -> None:
    shown = await session.answer("q", "latest")
    await session.complete()
    at = int(shown["answer_tags"]["q"].partition(".")[0])
    brought = [f"answer {number}" for number in range(1, 9)]

    async def hand_in(number: int) -> str | None:
        try:
            await services.sessions.complete(session.id, {"q": brought[number]}, at=at - 8 + number)
        except SessionClosedError:
            return brought[number]
        except BusyError:
            return None
        raise AssertionError("it ended with another answer")

    told = {answer for answer in await asyncio.gather(*map(hand_in, range(8))) if answer is not None}
    assert told
    assert told <= set(displaced(store, session))


async def test_a_second_hand_in_from_before_the_end_counts(services: Services, session: Progress) -> None:
    first = await services.sessions.complete(session.id, {"1": "A"})
    at = to_micros(first.started_at) + 1
    second = await services.sessions.complete(session.id, {"2": "B"}, at=at)
    assert (second.status, second.answers) == ("completed", {"1": "A", "2": "B"})


def test_a_tag_reads_as_time_and_writer() -> None:
    assert str(Tag(12, writer_of(None))) == "12.-"
