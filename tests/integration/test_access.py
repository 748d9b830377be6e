"""Who may come in: passwords, networks, Safe Exam Browser; at the start and at every write."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest
import redis
from psycopg.types.json import Jsonb

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.access import (
    REFUSALS,
    Access,
    RequestSource,
    check,
    config_key_hash,
    config_key_proof,
)
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import (
    AttemptsOpenError,
    InvalidInputError,
    NetworkRefusedError,
    PasswordRequiredError,
    PasswordWrongError,
    QuizNotOpenError,
    SafeExamBrowserRefusedError,
    SafeExamBrowserRequiredError,
)
from quiz_sessions.domain.outcomes import WriteOutcome
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.timestamps import from_micros
from quiz_sessions.stores.attempts import Conditions
from tests.harness.builders import LATER, SECOND, START
from tests.harness.gateway import STAFF, Gateway
from tests.harness.proxy import Proxy
from tests.harness.service import app_of, flush_at, put_quiz, services_on, with_tokens
from tests.harness.signing_keys import BEACON_KEYS
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row
from tests.integration.contract import Store, check_problem
from tests.integration.staff import make_stale, reopen
from tests.integration.test_staff_hand_ins import hand_in

PASSWORD = "quiet please"
ROOM, HOME = RequestSource("192.0.2.7"), RequestSource("198.51.100.7")
NETWORK = ("192.0.2.0/24", "2001:db8::/32")
KEY, OTHER_KEY = "81" * 32, "82" * 32
PAGE = "https://exam.example.org/take?quiz=physics"
SEB = RequestSource(None, config_key_hash(PAGE, KEY))


async def put(services: Services, **rules: Any) -> None:
    await put_quiz(services, access=Access(**rules))


async def come(services: Services, source: RequestSource = ROOM, **options: Any) -> UUID:
    session = await services.sessions.create_session(
        options.pop("user", "user1"), "quiz1", source=source, at=options.pop("at", START), **options
    )
    return session.id


async def answer(services: Services, session_id: UUID, source: RequestSource, **options: Any) -> Any:
    at = options.pop("at", LATER)
    return await services.sessions.update_answer(session_id, 0, "A", source=source, at=at, **options)


# A password


async def test_a_start_needs_the_password(services: Services, database: Database) -> None:
    await put(services, password=PASSWORD)
    with pytest.raises(PasswordRequiredError):
        await come(services)
    for wrong in ("Quiet please", f"{PASSWORD} ", "x"):
        with pytest.raises(PasswordWrongError):
            await come(services, password=wrong)
    assert database.execute("SELECT count(*) AS n FROM quiz_attempts").fetchall() == [{"n": 0}]
    await come(services, password=PASSWORD)


async def test_writes_need_no_password(services: Services) -> None:
    await put(services, password=PASSWORD)
    session_id = await come(services, password=PASSWORD)
    await answer(services, session_id, HOME)
    await answer(services, session_id, HOME, autosave=True)


async def test_going_on_with_an_attempt_needs_the_password_too(services: Services) -> None:
    await put(services, password=PASSWORD)
    session_id = await come(services, password=PASSWORD)
    with pytest.raises(PasswordRequiredError):
        await come(services)
    assert await come(services, password=PASSWORD) == session_id


async def test_the_password_is_tried_only_from_inside(services: Services) -> None:
    await put(services, password=PASSWORD, networks=NETWORK)
    with pytest.raises(NetworkRefusedError):
        await come(services, HOME, password="x")
    with pytest.raises(PasswordWrongError):
        await come(services, ROOM, password="x")


async def test_before_it_opens_nobody_is_asked(services: Services) -> None:
    await put_quiz(services, access=Access(password=PASSWORD), opens_at=from_micros(START + SECOND))
    with pytest.raises(QuizNotOpenError):
        await come(services)


async def test_staff_start_for_a_student_without_any_of_it(services: Services) -> None:
    await put(services, password=PASSWORD, networks=NETWORK, seb_config_keys=(KEY,))
    session_id = await come(services, HOME, by="teacher")
    with pytest.raises(NetworkRefusedError):
        await answer(services, session_id, HOME)


async def test_a_new_password_is_asked_of_the_next(services: Services) -> None:
    await put(services, password=PASSWORD)
    await come(services, password=PASSWORD)
    await services.administration.put_quiz("quiz1", QuizRules(access=Access(password="another")), at=START)
    with pytest.raises(PasswordWrongError):
        await come(services, user="user2", password=PASSWORD)


# Networks


@pytest.mark.parametrize("source", [HOME, RequestSource()], ids=["elsewhere", "unknown"])
async def test_a_quiz_is_taken_in_its_networks(
    services: Services, database: Database, source: RequestSource
) -> None:
    await put(services, networks=NETWORK)
    with pytest.raises(NetworkRefusedError):
        await come(services, source)
    session_id = await come(services)
    before = contents(database)
    for options in ({}, {"autosave": True}, {"version": 0}, {"idempotency_key": "key1"}):
        with pytest.raises(NetworkRefusedError):
            await answer(services, session_id, source, **options)
    with pytest.raises(NetworkRefusedError):
        await services.sessions.complete(session_id, source=source, at=LATER)
    with pytest.raises(NetworkRefusedError):
        await services.sessions.abandon(session_id, source=source, at=LATER)
    assert contents(database) == before
    assert not (await services.stores.valkey.read(session_id)).drafts


async def test_in_the_network_all_goes_on(services: Services) -> None:
    await put(services, networks=NETWORK)
    session_id = await come(services, RequestSource("2001:db8::7"))
    await answer(services, session_id, ROOM)
    await answer(services, session_id, ROOM, autosave=True, at=LATER + 1)
    ended = await services.sessions.complete(session_id, source=ROOM, at=LATER + 2)
    assert ended.status is Status.COMPLETED
    assert (await services.audit.verify(session_id)).intact


async def test_whoever_is_elsewhere_may_read(services: Services) -> None:
    await put(services, networks=NETWORK)
    session_id = await come(services)
    assert (await services.sessions.get_session(session_id, at=LATER)).status is Status.STARTED


async def test_a_repeated_write_is_told_its_result_elsewhere(services: Services) -> None:
    await put(services, networks=NETWORK)
    session_id = await come(services)
    first = await answer(services, session_id, ROOM, idempotency_key="key1")
    assert await answer(services, session_id, HOME, idempotency_key="key1", at=LATER + 1) == first


async def test_after_the_end_nothing_is_kept_from_elsewhere(services: Services, database: Database) -> None:
    await put(services, networks=NETWORK)
    session_id = await come(services)
    await services.sessions.complete(session_id, source=ROOM, at=LATER)
    with pytest.raises(NetworkRefusedError):
        await answer(services, session_id, HOME, at=LATER + 1)
    with pytest.raises(NetworkRefusedError):
        await answer(services, session_id, HOME, at=LATER + 1, autosave=True)
    assert events(database, session_id) == ["started", "completed"]


async def test_staff_hand_in_from_anywhere(services: Services) -> None:
    await put(services, networks=NETWORK)
    assert (await hand_in(services, await come(services))).status is Status.COMPLETED


async def test_an_autosave_that_the_cache_would_refuse_is_judged_by_the_row(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    await put(services, networks=NETWORK)
    session_id = await come(services)
    stale = make_stale(valkey, session_id)
    await put_quiz(services)
    valkey.set(f"session:{session_id}", stale)
    await answer(services, session_id, HOME, autosave=True)
    assert events(database, session_id) == ["started", "rescheduled"]


async def test_without_postgresql_the_cached_rules_hold(by_proxy: Services, proxy: Proxy) -> None:
    await put(by_proxy, networks=NETWORK)
    session_id = await come(by_proxy)
    await proxy.close()
    assert (await answer(by_proxy, session_id, ROOM)).durability == "buffered"
    with pytest.raises(NetworkRefusedError):
        await answer(by_proxy, session_id, HOME)


# Safe Exam Browser


async def test_a_quiz_is_taken_in_safe_exam_browser(services: Services, database: Database) -> None:
    await put(services, seb_config_keys=(OTHER_KEY, KEY))
    wrong = replace(SEB, config_key_hash=config_key_hash(PAGE, "83" * 32))
    for source, page_url, refused in (
        (RequestSource(), PAGE, SafeExamBrowserRequiredError),
        (wrong, PAGE, SafeExamBrowserRefusedError),
        (SEB, f"{PAGE}&more", SafeExamBrowserRefusedError),
        (SEB, None, SafeExamBrowserRefusedError),
    ):
        with pytest.raises(refused):
            await come(services, source, page_url=page_url)
    session_id = await come(services, SEB, page_url=f"{PAGE}#at-the-top")
    await answer(services, session_id, SEB)
    await answer(services, session_id, SEB, autosave=True)
    for autosave in (False, True):
        with pytest.raises(SafeExamBrowserRequiredError):
            await answer(services, session_id, RequestSource(), autosave=autosave)
        with pytest.raises(SafeExamBrowserRefusedError):
            await answer(services, session_id, wrong, autosave=autosave)
    assert (await services.audit.verify(session_id)).differs == []


async def test_a_config_key_is_kept_with_its_quiz_alone(
    services: Services, stores: Stores, database: Database
) -> None:
    await put(services, seb_config_keys=(KEY,), password=PASSWORD)
    session_id = await come(services, SEB, page_url=PAGE, password=PASSWORD)
    await answer(services, session_id, SEB)
    kept = str(row(database, session_id)) + str(changes(database, session_id, "started"))
    with stores.cache() as cache:
        kept += str(cache.get(f"session:{session_id}"))
    assert KEY not in kept
    assert SEB.config_key_hash
    assert SEB.config_key_hash not in kept
    assert PASSWORD not in kept


async def test_another_page_of_the_same_browser_goes_on(services: Services, database: Database) -> None:
    await put(services, seb_config_keys=(KEY,))
    session_id = await come(services, SEB, page_url=PAGE)
    other = RequestSource(None, config_key_hash(f"{PAGE}&again", KEY))
    with pytest.raises(SafeExamBrowserRefusedError):
        await answer(services, session_id, other)
    assert await come(services, other, page_url=f"{PAGE}&again", at=LATER) == session_id
    await answer(services, session_id, other, autosave=True, at=LATER + 1)
    await answer(services, session_id, other, at=LATER + 2)
    with pytest.raises(SafeExamBrowserRefusedError):
        await answer(services, session_id, SEB, at=LATER + 3)
    assert events(database, session_id) == ["started", "page_changed", "answered"]
    assert (await services.audit.verify(session_id)).differs == []


async def test_a_start_that_finds_its_attempt_changes_nothing(services: Services, database: Database) -> None:
    await put(services, seb_config_keys=(KEY,), networks=NETWORK)
    source = RequestSource(ROOM.address, SEB.config_key_hash)
    session_id = await come(services, source, page_url=PAGE, idempotency_key="key1")
    assert await come(services, source, page_url=PAGE, idempotency_key="key1") == session_id
    assert await come(services, source, page_url=PAGE) == session_id
    assert events(database, session_id) == ["started"]


# Rules that change


async def test_open_attempts_follow_new_rules_at_once(services: Services, database: Database) -> None:
    await put_quiz(services)
    session_id = await come(services, HOME)
    await put(services, networks=NETWORK)
    for autosave in (False, True):
        with pytest.raises(NetworkRefusedError):
            await answer(services, session_id, HOME, autosave=autosave)
    await answer(services, session_id, ROOM)
    assert (await services.audit.verify(session_id)).differs == []


async def test_an_attempt_of_no_known_page_starts_again_for_safe_exam_browser(services: Services) -> None:
    await put_quiz(services)
    session_id = await come(services, HOME)
    await put(services, seb_config_keys=(KEY,))
    with pytest.raises(SafeExamBrowserRefusedError):
        await answer(services, session_id, SEB)
    assert await come(services, SEB, page_url=PAGE, at=LATER) == session_id
    await answer(services, session_id, SEB, at=LATER + 1)


async def test_new_config_keys_reach_open_attempts(services: Services) -> None:
    await put(services, seb_config_keys=(KEY,))
    session_id = await come(services, SEB, page_url=PAGE)
    await put(services, seb_config_keys=(OTHER_KEY,))
    with pytest.raises(SafeExamBrowserRefusedError):
        await answer(services, session_id, SEB)
    await answer(services, session_id, RequestSource(None, config_key_hash(PAGE, OTHER_KEY)))


async def test_a_reopened_attempt_has_the_rules_of_now(services: Services) -> None:
    await put_quiz(services)
    session_id = await come(services, HOME)
    await services.sessions.complete(session_id, source=HOME, at=LATER)
    await put(services, networks=NETWORK)
    await reopen(services, session_id, at=LATER + SECOND)
    with pytest.raises(NetworkRefusedError):
        await answer(services, session_id, HOME, at=LATER + 2 * SECOND)
    assert (await services.audit.verify(session_id)).differs == []


FULL: dict[str, Any] = {"password": PASSWORD, "networks": NETWORK, "seb_config_keys": (KEY, OTHER_KEY)}


@pytest.mark.parametrize(
    ("change", "weakens"),
    [
        ({"password": None}, True),
        ({"password": "another"}, False),
        ({"networks": None}, True),
        ({"networks": (*NETWORK, "198.51.100.0/24")}, True),
        ({"networks": ("192.0.0.0/16", "2001:db8::/32")}, True),
        ({"networks": ("192.0.2.0/25",)}, False),
        ({"seb_config_keys": None}, True),
        ({"seb_config_keys": (KEY, "83" * 32)}, True),
        ({"seb_config_keys": (KEY,)}, False),
    ],
    ids=str,
)
async def test_rules_are_weakened_for_open_attempts_only_on_purpose(
    services: Services, change: dict[str, Any], weakens: bool
) -> None:
    await put(services, **FULL)
    source = RequestSource(ROOM.address, SEB.config_key_hash)
    await come(services, source, page_url=PAGE, password=PASSWORD)
    rules = QuizRules(access=Access(**{**FULL, **change}))
    if weakens:
        with pytest.raises(AttemptsOpenError) as caught:
            await services.administration.put_quiz("quiz1", rules, at=LATER)
        assert caught.value.rules == ["access"]
    else:
        await services.administration.put_quiz("quiz1", rules, at=LATER)


async def test_all_rules_taken_away_are_weaker(services: Services) -> None:
    await put(services, networks=NETWORK)
    await come(services)
    with pytest.raises(AttemptsOpenError) as caught:
        await services.administration.put_quiz("quiz1", QuizRules(), at=LATER)
    assert caught.value.rules == ["access"]


async def test_the_record_of_rules_has_no_password(services: Services, database: Database) -> None:
    await put(services, password=PASSWORD, networks=NETWORK)
    await put(services, password="another one", networks=NETWORK)
    await services.administration.delete_quiz("quiz1", at=LATER)
    actions = database.execute("SELECT * FROM staff_actions ORDER BY id").fetchall()
    assert [action["action"] for action in actions] == ["put-quiz", "put-quiz", "delete-quiz"]
    assert [action["after"] and action["after"]["access"]["password"] for action in actions] == [
        True,
        True,
        None,
    ]
    assert PASSWORD not in str(actions)
    assert "another one" not in str(actions)


async def test_the_record_of_rules_tells_that_config_keys_were_changed(
    services: Services, database: Database
) -> None:
    await put(services, seb_config_keys=(KEY, OTHER_KEY))
    await put(services, seb_config_keys=(OTHER_KEY,))
    (_, changed) = database.execute("SELECT before, after FROM staff_actions ORDER BY id").fetchall()
    proofs = [sha256(key.encode()).hexdigest() for key in (KEY, OTHER_KEY)]
    assert changed["before"]["access"] == {"seb_config_keys": proofs}
    assert changed["after"]["access"] == {"seb_config_keys": proofs[1:]}


# The rules and the statements


async def test_the_statements_judge_as_the_rules_do(services: Services, database: Database) -> None:
    """Of a row and what a request says of itself, chance's choice."""
    await put_quiz(services)
    session_id, dice = await come(services), random.Random(1)
    addresses = [None, "192.0.2.7", "198.51.100.7", "2001:db8::7", "2001:db9::7", "0.0.0.0", "::"]
    hashes = [None, "", "0" * 64, "1" * 64]
    for at in range(150):
        access: dict[str, Any] = {}
        if dice.random() < 0.7:
            access["networks"] = dice.sample(
                ["192.0.2.0/24", "192.0.2.7/32", "2001:db8::/32", "0.0.0.0/0", "::/0"], dice.randint(1, 3)
            )
        if dice.random() < 0.5:
            access["config_key_proofs"] = dice.sample(
                [config_key_proof("0" * 64), config_key_proof("1" * 64)], dice.randint(0, 2)
            )
        database.execute("UPDATE quiz_attempts SET access = %s", [Jsonb(access)])
        source = RequestSource(dice.choice(addresses), dice.choice(hashes))
        refused = check(access, source)
        result = await services.stores.attempts.write_answers(
            session_id, {"0": at}, LATER + at, conditions=Conditions(source=source)
        )
        assert result is not None
        if refused is None:
            assert result.outcome is WriteOutcome.WRITTEN, (access, source)
        else:
            assert REFUSALS[result.outcome] is type(refused), (access, source)


# Over HTTP


@asynccontextmanager
async def from_address(app: Any, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=(address, 50_000), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


RULES = {"access": {"password": PASSWORD, "networks": list(NETWORK), "seb_config_keys": [KEY]}}
START_BODY = {"user_id": "user1", "quiz_id": "quiz1", "password": PASSWORD, "page_url": PAGE}
HEADERS = {"X-SEB-Config-Key-Hash": config_key_hash(PAGE, KEY)}
SPOOFED = {
    "X-Forwarded-For": "192.0.2.7",
    "Forwarded": "for=192.0.2.7",
    "X-Real-IP": "192.0.2.7",
    "CloudFront-Viewer-Address": "192.0.2.7:1",
    "X-Origin-Secret": "",
}


async def test_each_refusal_has_its_code(services: Services) -> None:
    app = app_of(services)
    async with from_address(app, "192.0.2.7") as inside, from_address(app, "198.51.100.7") as outside:
        assert (await inside.put("/quizzes/quiz1", json=RULES)).status_code == 201
        refused = {
            "network_refused": (outside, START_BODY, HEADERS),
            "safe_exam_browser_required": (inside, START_BODY, {}),
            "safe_exam_browser_refused": (inside, START_BODY, {"X-SEB-Config-Key-Hash": "0" * 64}),
            "password_required": (inside, {**START_BODY, "password": None}, HEADERS),
            "password_wrong": (inside, {**START_BODY, "password": "x"}, HEADERS),
        }
        assert refused.keys() == REFUSALS.keys()
        for code, (http, body, headers) in refused.items():
            check_problem(await http.post("/sessions/start", json=body, headers=headers), 403, code)
        started = await inside.post("/sessions/start", json=START_BODY, headers=HEADERS)
        assert started.status_code == 201
        path, one = f"/sessions/{started.json()['id']}", {"question_id": 0, "answer": "A"}
        check_problem(
            await outside.patch(f"{path}/progress", json=one, headers=HEADERS), 403, "network_refused"
        )
        check_problem(await inside.patch(f"{path}/progress", json=one), 403, "safe_exam_browser_required")
        assert (await inside.patch(f"{path}/progress", json=one, headers=HEADERS)).status_code == 200
        check_problem(await outside.post(f"{path}/complete", headers=HEADERS), 403, "network_refused")
        check_problem(await outside.post(f"{path}/abandon", headers=HEADERS), 403, "network_refused")
        assert (await inside.post(f"{path}/complete", headers=HEADERS)).status_code == 200


async def test_no_header_of_a_client_says_where_it_is(services: Services) -> None:
    app = app_of(services)
    async with from_address(app, "198.51.100.7") as outside:
        await outside.put("/quizzes/quiz1", json={"access": {"networks": list(NETWORK)}})
        reply = await outside.post("/sessions/start", json=START_BODY, headers=SPOOFED)
        check_problem(reply, 403, "network_refused")


async def test_a_distribution_is_believed_by_its_secret(stores: Stores) -> None:
    secret = "a-secret-of-the-distribution"
    async with (
        services_on(stores, origin_secrets=(secret,)) as services,
        from_address(app_of(services), "198.51.100.7") as edge,
    ):
        await edge.put("/quizzes/quiz1", json={"access": {"networks": list(NETWORK)}})
        for known, status in ((secret, 201), ("another", 403), (f"{secret}x", 403)):
            headers = {**SPOOFED, "X-Origin-Secret": known}
            reply = await edge.post("/sessions/start", json=START_BODY, headers=headers)
            assert reply.status_code == status, reply.text


async def test_past_the_distribution_nobody_is_served(stores: Stores) -> None:
    secret = "a-secret-of-the-distribution"
    async with (
        services_on(stores, origin_secrets=(secret,), origin_only=True) as services,
        from_address(app_of(services), "192.0.2.7") as client,
    ):
        for path in ("/sessions/start", "/sessions/of-nobody/beacon"):
            check_problem(await client.post(path, json=START_BODY, headers=SPOOFED), 403, "forbidden")
        assert (await client.get("/health")).status_code == 200
        came = await client.post("/sessions/start", json=START_BODY, headers={"X-Origin-Secret": secret})
        assert came.status_code == 201


async def test_a_beacon_brings_its_proof_in_its_token(stores: Stores) -> None:
    async with services_on(stores, beacon_keys=BEACON_KEYS) as services:
        app = app_of(services)
        async with from_address(app, "192.0.2.7") as inside, from_address(app, "198.51.100.7") as outside:
            await inside.put("/quizzes/quiz1", json=RULES)
            started = await inside.post("/sessions/start", json=START_BODY, headers=HEADERS)
            path = f"/sessions/{started.json()['id']}"

            async def beacon(http: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
                token = (await inside.post(f"{path}/beacon-token", headers=headers)).json()["token"]
                body = {"token": token, "answers": {"0": "A"}}
                return await http.post(f"{path}/beacon", json=body)

            check_problem(await beacon(inside, {}), 403, "safe_exam_browser_required")
            check_problem(await beacon(outside, HEADERS), 403, "network_refused")
            assert (await beacon(inside, HEADERS)).status_code == 204


async def test_who_may_not_write_quizzes_sees_no_rules(services: Services) -> None:
    gateway = Gateway(app_of(with_tokens(services)), at=0)
    async with from_address(gateway, "192.0.2.7") as http:
        gateway.claims = {"sub": "teacher", "scope": STAFF}
        written = await http.put("/quizzes/quiz1", json=RULES)
        assert written.json()["access"] == RULES["access"]
        assert (await http.get("/quizzes/quiz1")).json()["access"] == RULES["access"]
        for scope in ("", "sessions:proctor sessions:grade audit:read"):
            gateway.claims = {"sub": "user1", "scope": scope}
            reply = await http.get("/quizzes/quiz1")
            assert reply.json()["access"] is None
            assert PASSWORD not in reply.text
            assert KEY not in reply.text


async def test_no_reply_and_no_record_has_the_password(
    services: Services, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    async with from_address(app_of(services), "192.0.2.7") as http:
        await http.put("/quizzes/quiz1", json=RULES)
        replies = [
            await http.post("/sessions/start", json={**START_BODY, **change}, headers=HEADERS)
            for change in ({}, {"page_url": "nonsense"}, {"quiz_id": ""}, {"password": PASSWORD * 100})
        ]
        session_id = replies[0].json()["id"]
        replies += [
            await http.get(f"/sessions/{session_id}/events"),
            await http.get("/staff-actions?quiz_id=quiz1"),
        ]
    await flush_at(services)
    told = "".join(reply.text for reply in replies) + "".join(capsys.readouterr())
    assert PASSWORD not in told


@pytest.mark.parametrize(
    ("access", "place"),
    [
        ({"networks": ["192.0.2.0/24", "192.0.2.1/24"]}, "body.access.networks.1"),
        ({"networks": ["::ffff:192.0.2.0/120"]}, "body.access.networks.0"),
        ({"networks": ["192.0.2.0/24", 7]}, "body.access.networks.1"),
        ({"networks": []}, "body.access.networks"),
        ({"seb_config_keys": [KEY, "x"]}, "body.access.seb_config_keys.1"),
        ({"password": ""}, "body.access.password"),
        ({"pasword": "x"}, "body.access.pasword"),
        ("none", "body.access"),
    ],
)
async def test_what_is_wrong_with_the_rules_is_said(
    client: httpx.AsyncClient, access: Any, place: str
) -> None:
    problem = check_problem(await client.put("/quizzes/quiz1", json={"access": access}), 422, "invalid_input")
    assert [error["location"] for error in problem["errors"]] == [place]


async def test_a_library_caller_is_told_too(services: Services) -> None:
    with pytest.raises(InvalidInputError):
        await come(services, page_url="nonsense")
    with pytest.raises(InvalidInputError):
        await come(services, password="")
