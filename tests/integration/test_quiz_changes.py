"""Changes of a quiz that do what was meant: patches, at the revision that was read, tried beforehand."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import QuizNotFoundError
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.timestamps import from_micros, iso
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import holding
from tests.harness.papers import question
from tests.harness.service import put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, row

QUIZ = "/quizzes/quiz1"
DRY_RUN = f"{QUIZ}?dry_run=true"
RULES: dict[str, Any] = {
    "time_limit_seconds": 1800,
    "closes_at": iso(from_micros(END * 2)),
    "max_attempts": 2,
    "show_results": "never",
    "questions": {
        "0": {"points": 1, "grading": "exact", "key": {"x": 1, "y": 2}},
        "1": {"points": 2, "grading": "numeric", "key": 9.81, "tolerance": 0.01, "decimal": ","},
        "essay": {"points": 5, "content": {"text": "Why?", "options": ["a", "b"]}, "shuffle_options": True},
    },
    "access": {"password": "quiet please", "networks": ["192.0.2.0/24"]},
    "paper": {"sections": [{"questions": ["0", "1", "essay"]}]},
}
SHORTER = {"time_limit_seconds": 900}


async def registered(api: Api) -> dict[str, Any]:
    reply = await api("PUT", QUIZ, RULES)
    assert reply.status_code == 201, reply.text
    return rules_of(reply)


async def patch(api: Api, body: Any, **more: Any) -> httpx.Response:
    reply = await api("PATCH", QUIZ, body, **more)
    assert reply.status_code == 200, reply.text
    return reply


def rules_of(reply: httpx.Response) -> dict[str, Any]:
    shown: dict[str, Any] = reply.json()
    return {name: value for name, value in shown.items() if name in QuizRules.__dataclass_fields__}


def paths(reply: httpx.Response) -> list[str]:
    return [change["path"] for change in reply.json()["changed"]["fields"]]


# A patch


async def test_a_patch_leaves_alone_what_it_leaves_out(api: Api) -> None:
    before = await registered(api)
    reply = await patch(api, SHORTER)
    assert rules_of(reply) == {**before, "time_limit_seconds": 900}
    assert rules_of(await api("GET", QUIZ)) == rules_of(reply)
    assert reply.json()["revision"] == 2


async def test_a_patch_is_taken_under_either_content_type(api: Api) -> None:
    await registered(api)
    for kind in ("application/merge-patch+json", "application/json"):
        await patch(api, SHORTER, headers={"Content-Type": kind})


async def test_a_patch_of_a_member_of_a_question_leaves_its_others_alone(api: Api) -> None:
    before = (await registered(api))["questions"]
    reply = await patch(api, {"questions": {"1": {"key": 9.8}, "0": {"key": {"y": None, "z": 3}}}})
    assert reply.json()["questions"] == {
        **before,
        "0": {**before["0"], "key": {"x": 1, "z": 3}},
        "1": {**before["1"], "key": 9.8},
    }
    assert paths(reply) == ["/questions/0/key", "/questions/1/key"]


async def test_null_takes_away_what_a_patch_names(api: Api) -> None:
    await registered(api)
    reply = await patch(
        api,
        {
            "max_attempts": None,
            "show_results": None,
            "access": {"password": None},
            "questions": {"1": None, "essay": {"content": None, "shuffle_options": None}},
            "paper": None,
        },
    )
    shown = reply.json()
    assert (shown["max_attempts"], shown["show_results"], shown["paper"]) == (None, "after_end", None)
    assert shown["access"] == {"password": None, "networks": ["192.0.2.0/24"], "seb_config_keys": None}
    assert shown["questions"].keys() == {"0", "essay"}
    assert shown["questions"]["essay"] == {"points": 5}


async def test_a_question_is_graded_otherwise_by_a_patch_that_names_what_has_to_go(api: Api) -> None:
    await registered(api)
    words = {"grading": "text", "key": "g", "tolerance": None, "decimal": None}
    shown = (await patch(api, {"questions": {"1": words}})).json()
    assert shown["questions"]["1"] == {"points": 2, "grading": "text", "key": "g"}


async def test_access_is_given_to_a_quiz_without_by_a_patch(api: Api) -> None:
    await api("PUT", QUIZ, {})
    shown = (await patch(api, {"access": {"password": "p"}})).json()
    assert shown["access"] == {"password": "p", "networks": None, "seb_config_keys": None}


async def test_a_patch_that_is_sent_twice_is_the_same_twice(api: Api) -> None:
    await registered(api)
    body = {"questions": {"1": {"key": 9.8}, "2": {"points": 3}, "essay": None}, "paper": None}
    first = await patch(api, body)
    assert rules_of(await patch(api, body)) == rules_of(first)


async def test_a_quiz_that_nobody_registered_is_not_patched(api: Api, stores: Stores) -> None:
    before = stores.everything()
    for headers in ({}, {"If-Match": "*"}):
        reply = await api("PATCH", QUIZ, SHORTER, headers=headers)
        assert reply.status_code == (412 if headers else 404), reply.text
    assert stores.everything() == before


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a rule that there is not": ({"time_limit": 60}, "body.time_limit"),
    "a rule out of range": ({"time_limit_seconds": 0}, "body.time_limit_seconds"),
    "a question that is none": ({"questions": {"0": 1}}, "body.questions.0"),
    "a key that its grading can't have": ({"questions": {"1": {"key": "g"}}}, "body.questions.1"),
    "an unknown member of a question": ({"questions": {"1": {"keys": 1}}}, "body.questions.1"),
    "a question that the paper asks": ({"questions": {"1": None}}, "body.paper"),
    "a close that others need": ({"show_results": "after_close", "closes_at": None}, "body.show_results"),
    "an unknown rule of access": ({"access": {"passwort": "p"}}, "body.access.passwort"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_patch_that_makes_no_quiz_names_what_is_wrong(api: Api, stores: Stores, name: str) -> None:
    await registered(api)
    before = stores.everything()
    body, location = WRONG[name]
    reply = await api("PATCH", QUIZ, body)
    assert reply.status_code == 422, reply.text
    assert [error["location"] for error in reply.json()["errors"]] == [location]
    assert stores.everything() == before


async def test_a_slip_in_the_name_of_a_rule_is_told(api: Api) -> None:
    await registered(api)
    reply = await api("PATCH", QUIZ, {"time_limit": 60})
    assert "Did you mean time_limit_seconds?" in reply.json()["detail"]


async def test_a_patch_that_is_nested_deeply_is_refused(api: Api) -> None:
    await registered(api)
    deep: Any = {}
    for _ in range(400):
        deep = {"deeper": deep}
    reply = await api("PATCH", QUIZ, {"questions": {"essay": {"content": deep}}})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")


async def test_a_patch_weakens_no_rule_of_open_attempts_silently(
    api: Api, services: Services, stores: Stores
) -> None:
    await put_quiz(services, max_attempts=1, questions={"0": question()})
    await start(services)
    before = stores.everything()
    reply = await api("PATCH", QUIZ, {"max_attempts": None, "questions": {"0": None}}, at=LATER)
    assert (reply.status_code, reply.json()["rules"]) == (409, ["max_attempts", "questions"])
    assert stores.everything() == before
    await patch(api, {"max_attempts": None, "open_attempts": "keep"})


async def test_patches_that_meet_all_take_effect(services: Services, stores: Stores) -> None:
    await put_quiz(services)
    given: list[dict[str, Any]] = [{"grace_seconds": 5}, {"max_attempts": 3}, {"one_device": "takeover"}]
    with holding(stores, "SELECT FROM quizzes FOR UPDATE") as held:
        waiting = [
            await held.behind(services.administration.patch_quiz("quiz1", each, by=str(number), at=LATER))
            for number, each in enumerate(given)
        ]
        held.release()
        await asyncio.gather(*waiting)
    rules = (await services.administration.get_quiz("quiz1")).rules
    assert (rules.grace_seconds, rules.max_attempts, rules.one_device) == (5, 3, "takeover")


async def test_a_patch_that_meets_the_end_of_its_quiz_is_not_found(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services)
    with holding(stores, "DELETE FROM quizzes") as held:
        waiting = await held.behind(services.administration.patch_quiz("quiz1", SHORTER, at=LATER))
        held.commit()
        with pytest.raises(QuizNotFoundError):
            await waiting


# If-Match


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_of_what_was_read_is_made(api: Api, method: str) -> None:
    await registered(api)
    etag = (await api("GET", QUIZ)).headers["etag"]
    changed = await api(method, QUIZ, SHORTER, headers={"If-Match": etag})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    again = await api(method, QUIZ, SHORTER, headers={"If-Match": changed.headers["etag"]})
    assert (again.status_code, again.headers["etag"]) == (200, '"3"')


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("tag", ['"1"', 'W/"2"', '"7", "8"', '"*"'])
async def test_a_change_of_what_has_changed_since_is_412(
    api: Api, stores: Stores, method: str, tag: str
) -> None:
    await registered(api)
    await patch(api, SHORTER)
    before = stores.everything()
    reply = await api(method, QUIZ, {"grace_seconds": 5}, headers={"If-Match": tag})
    assert (reply.status_code, reply.json()["code"]) == (412, "precondition_failed")
    assert reply.json()["revision"] == 2
    assert stores.everything() == before


async def test_any_revision_is_matched_by_an_asterisk_but_there_has_to_be_one(api: Api) -> None:
    reply = await api("PUT", QUIZ, {}, headers={"If-Match": "*"})
    assert (reply.status_code, reply.json()["revision"]) == (412, None)
    await registered(api)
    assert (await api("PUT", QUIZ, RULES, headers={"If-Match": "*"})).status_code == 200


async def test_of_two_changes_of_one_revision_one_is_made(services: Services, stores: Stores) -> None:
    await put_quiz(services)

    def change(grace: int) -> Any:
        rules = QuizRules(grace_seconds=grace)
        return services.administration.put_quiz("quiz1", rules, if_match=["1"], by=str(grace), at=LATER)

    with holding(stores, "SELECT FROM quizzes FOR UPDATE") as held:
        waiting = [await held.behind(change(1)), await held.behind(change(2))]
        held.release()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each).__name__ for each in outcomes] == ["QuizWrite", "QuizChangedError"]
    assert (await services.administration.get_quiz("quiz1")).rules.grace_seconds == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_what_is_no_entity_tag_is_refused_by_name(api: Api, method: str) -> None:
    await registered(api)
    reply = await api(method, QUIZ, SHORTER, headers={"If-Match": "1"})
    assert (reply.status_code, reply.json()["errors"][0]["location"]) == (422, "header.if-match")


async def test_a_quiz_that_is_registered_again_has_another_entity_tag(api: Api) -> None:
    await registered(api)
    await api("DELETE", QUIZ)
    assert (await api("PUT", QUIZ, RULES)).headers["etag"] == '"2"'


# What a change says


async def test_a_change_says_which_fields_it_changed(api: Api) -> None:
    await registered(api)
    reply = await api("PUT", QUIZ, {**SHORTER, "questions": {"0": {}, "2": {}}})
    assert reply.json()["changed"]["count"] == len(paths(reply))
    found = {
        change["path"]: (change["before"], change["after"]) for change in reply.json()["changed"]["fields"]
    }
    assert found["/time_limit_seconds"] == (1800, 900)
    assert found["/max_attempts"] == (2, None)
    assert found["/questions/0/key"] == ({"x": 1, "y": 2}, None)
    assert found["/questions/2"] == (None, {"points": 1})
    assert found["/access"] == ({"password": "quiet please", "networks": ["192.0.2.0/24"]}, None)
    assert found["/show_results"] == ("never", "after_end")


async def test_what_is_long_is_not_listed(api: Api) -> None:
    await registered(api)
    reply = await patch(api, {"questions": {"essay": {"content": {"text": "x" * 2000}}}})
    (change,) = reply.json()["changed"]["fields"]
    assert (change["path"], change["after"], change["shortened"]) == ("/questions/essay/content", None, True)


async def test_a_change_says_which_deadlines_it_moved(
    api: Api, services: Services, database: Database
) -> None:
    await put_quiz(services, time_limit_seconds=1800)
    session_id = await start(services)
    ended = await start(services, "user2")
    await services.sessions.complete(ended, at=LATER)
    reply = await patch(api, {"time_limit_seconds": 3600}, at=LATER)
    moved = {"before": iso(from_micros(END)), "after": iso(from_micros(START + 3600 * SECOND))}
    assert reply.json()["moved"] == {"count": 1, "deadlines": [{"session_id": str(session_id), **moved}]}
    assert (reply.json()["open"], reply.json()["rescheduled"]) == (1, 1)
    reply = await patch(api, {"access": {"networks": ["192.0.2.0/24"]}, "open_attempts": "keep"}, at=LATER)
    assert (reply.json()["moved"]["count"], reply.json()["rescheduled"]) == (0, 1)
    assert iso(row(database, session_id)["expires_at"]) == moved["after"]


@pytest.mark.parametrize(
    ("body", "number"),
    [({"questions": {"0": {"key": "B"}}}, 1), ({"questions": {"1": {}}}, 1), ({"grace_seconds": 5}, 0)],
)
async def test_a_change_says_how_many_a_regrade_would_grade_otherwise(
    api: Api, services: Services, body: dict[str, Any], number: int
) -> None:
    await put_quiz(services, questions={"0": question()})
    await start(services, "user2")
    await services.sessions.complete(await start(services), {"0": "A"}, at=LATER)
    await services.sessions.abandon(await start(services, "user3"), at=LATER)
    assert (await patch(api, body, at=LATER)).json()["to_regrade"] == number
    regraded = await services.scores.regrade("quiz1", "why", at=LATER)
    assert regraded.regraded == 1


# A dry run


async def prepared(services: Services) -> None:
    """An open and an ended attempt at a quiz that has rules."""
    await put_quiz(services, max_attempts=2, questions={"0": question()})
    await services.sessions.complete(await start(services, "user2"), {"0": "A"}, at=LATER)
    await start(services)


TRIED: dict[str, tuple[str, dict[str, Any]]] = {
    "a patch": ("PATCH", {"time_limit_seconds": 900, "questions": {"0": {"key": "B"}}}),
    "a put": ("PUT", {"time_limit_seconds": 900, "open_attempts": "keep"}),
    "a put that abandons": ("PUT", {"opens_at": iso(from_micros(LATER)), "open_attempts": "abandon"}),
}


@pytest.mark.parametrize("name", TRIED)
async def test_a_dry_run_says_what_the_change_then_does(
    api: Api, services: Services, stores: Stores, name: str
) -> None:
    await prepared(services)
    method, body = TRIED[name]
    before = stores.everything()
    tried = await api(method, DRY_RUN, body, at=LATER)
    assert stores.everything() == before
    assert (tried.status_code, tried.headers["etag"], tried.json()["dry_run"]) == (200, '"1"', True)
    made = await api(method, QUIZ, body, headers={"If-Match": tried.headers["etag"]})
    assert {**made.json(), "dry_run": True} == tried.json()
    assert made.json()["changed"]["count"] > 0


REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, str], int]] = {
    "a weaker rule": ("PUT", {}, {}, 409),
    "another revision": ("PATCH", {"grace_seconds": 5}, {"If-Match": '"7"'}, 412),
    "no rule": ("PATCH", {"questions": {"0": {"grading": "numeric"}}}, {}, 422),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_dry_run_is_refused_as_the_change_is(
    api: Api, services: Services, stores: Stores, name: str
) -> None:
    await prepared(services)
    method, body, headers, status = REFUSED[name]
    before = stores.everything()
    tried = await api(method, DRY_RUN, body, at=LATER, headers=headers)
    made = await api(method, QUIZ, body, at=LATER, headers=headers)
    assert (tried.status_code, made.status_code) == (status, status)
    assert {**tried.json(), "request_id": ""} == {**made.json(), "request_id": ""}
    assert stores.everything() == before


async def test_a_dry_run_of_a_quiz_that_nobody_registered_registers_none(api: Api, stores: Stores) -> None:
    before = stores.everything()
    reply = await api("PUT", DRY_RUN, RULES)
    assert (reply.status_code, reply.json()["created"], reply.headers.get("etag")) == (200, True, None)
    assert stores.everything() == before
    assert (await api("GET", QUIZ)).status_code == 404


async def test_a_dry_run_shows_no_session_another_deadline(
    api: Api, services: Services, database: Database
) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await api("PATCH", DRY_RUN, {"time_limit_seconds": 60}, at=LATER)
    assert (await services.sessions.get_session(session_id, at=LATER)).expires_at == from_micros(END)
    assert changes(database, session_id, "rescheduled") == []


async def test_a_dry_run_is_true_or_false(api: Api) -> None:
    reply = await api("PUT", f"{QUIZ}?dry_run=maybe", {})
    assert (reply.status_code, reply.json()["errors"][0]["location"]) == (422, "query.dry_run")
    reply = await api("PUT", f"{QUIZ}?dry-run=true", {})
    assert (reply.status_code, reply.json()["detail"][-21:]) == (422, "Did you mean dry_run?")
    assert (await api("GET", QUIZ)).status_code == 404
