"""Keycloak and Amazon Cognito as docs/login.md sets them up, with issuers that are played."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import jwt
import pytest

from development_server.login import Login
from quiz_sessions.bootstrap import Services
from quiz_sessions.runtime.settings import Settings
from session_api.server.authorizer import Authorizer, Verifier
from session_api.server.public_keys import Jwks
from session_api.server.token_refusals import OtherAudienceError, UnknownKeyError
from tests.harness import tokens
from tests.harness.issuers import COGNITO, DISCOVERY, JWKS, KEYCLOAK, Played, played_issuers
from tests.harness.launch import development_server
from tests.harness.service import app_of, client_of, services_on, start_over_http
from tests.harness.stores import Stores

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/login.md").read_text()
HEADINGS = {KEYCLOAK: "Keycloak", COGNITO: "Amazon Cognito"}
EACH = pytest.mark.parametrize("issuer", HEADINGS, ids=HEADINGS.values())
ENDED = 3600


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with played_issuers() as found:
        yield found


@pytest.fixture
def issuers(played: Played) -> Played:
    played.begin_anew()
    return played


def documented(issuer: str) -> dict[str, str]:
    """The settings that the document has for an issuer."""
    section = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)
    (text,) = (each for each in section if each.startswith(f"{HEADINGS[issuer]}\n"))
    (block,) = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    pairs = (word.partition("=") for word in shlex.split(block))
    return {name: value for name, _, value in pairs}


def settings_of(issuers: Played, issuer: str) -> dict[str, str]:
    """The same, for the issuers that are played."""
    found = documented(issuer) | {"JWT_ISSUER": issuers.address + issuer}
    return found | ({"LOGIN_ORIGINS": issuers.other} if "LOGIN_ORIGINS" in found else {})


def token_of(issuers: Played, issuer: str, *roles: str, **changes: object) -> str:
    """A token of somebody with these roles, for the service as it is documented."""
    issuers.roles = roles
    audience = documented(issuer)["JWT_AUDIENCE"]
    meant: Mapping[str, object] = (
        {"client_id": audience} if issuer == COGNITO else {"aud": [audience, "account"]}
    )
    return issuers.access_token(issuer, {**meant, **changes})


@asynccontextmanager
async def served(
    stores: Stores, issuers: Played, issuer: str, folder: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
    """The API by the settings of the document."""
    environment = settings_of(issuers, issuer)
    rules = Settings.from_environment({"DATABASE_URL": "postgresql://x", **environment}).scope_rules
    login = await asyncio.to_thread(Login.by_tokens, environment, folder)
    assert login.verifier is not None
    async with (
        services_on(stores, jwt=True, scope_rules=rules) as services,
        client_of(Authorizer(app_of(services), login.verifier)) as http,
    ):
        yield http, services


async def verifier(issuers: Played, issuer: str, clock: Clock) -> Verifier:
    found = await asyncio.to_thread(Jwks.of_issuer, issuers.address + issuer, clock)
    return Verifier(found, issuers.address + issuer, documented(issuer)["JWT_AUDIENCE"])


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@EACH
async def test_who_has_no_role_has_their_own_sessions_alone(
    stores: Stores, issuers: Played, folder: Path, issuer: str
) -> None:
    async with served(stores, issuers, issuer, folder) as (http, services):
        others = (await services.sessions.create_session("somebody", "quiz1")).id
        token = token_of(issuers, issuer)
        http.headers["Authorization"] = f"Bearer {token}"
        mine = await http.post("/sessions/start", json={"quiz_id": "quiz1"})
        sub = jwt.decode(token, options={"verify_signature": False})["sub"]
        assert (mine.status_code, mine.json()["user_id"]) == (201, sub)
        assert (await http.get(f"/sessions/{others}")).status_code == 404
        assert (await http.get("/accommodations")).status_code == 403
        assert (await http.get("/staff-actions")).status_code == 403


@EACH
async def test_roles_give_what_the_map_says_on_every_path(
    stores: Stores, issuers: Played, folder: Path, issuer: str
) -> None:
    async with served(stores, issuers, issuer, folder) as (http, _):
        http.headers["Authorization"] = f"Bearer {token_of(issuers, issuer, 'students', 'proctors')}"
        # A plain start, a read that the cache serves, and a route of the app.
        session = await start_over_http(http, user="somebody")
        assert (await http.get(f"/sessions/{session['id']}")).status_code == 200
        assert (await http.get("/accommodations")).status_code == 200
        assert (await http.get("/staff-actions")).status_code == 403
        assert (await http.put("/quizzes/physics", json={})).status_code == 403


@EACH
async def test_several_roles_give_what_each_gives(
    stores: Stores, issuers: Played, folder: Path, issuer: str
) -> None:
    async with served(stores, issuers, issuer, folder) as (http, _):
        http.headers["Authorization"] = f"Bearer {token_of(issuers, issuer, 'teachers', 'auditors')}"
        assert (await http.get("/staff-actions")).status_code == 200
        assert (await http.put("/quizzes/physics", json={})).is_success
        assert (await http.get("/accommodations")).status_code == 403


@EACH
async def test_a_scope_that_a_client_asked_for_makes_nobody_staff(
    stores: Stores, issuers: Played, folder: Path, issuer: str
) -> None:
    async with served(stores, issuers, issuer, folder) as (http, _):
        asked = token_of(issuers, issuer, scope="openid sessions:proctor")
        http.headers["Authorization"] = f"Bearer {asked}"
        assert (await http.get("/accommodations")).status_code == 403


@EACH
async def test_keys_are_found_where_the_issuer_says(issuers: Played, issuer: str) -> None:
    good = await verifier(issuers, issuer, Clock())
    assert await good.claims(token_of(issuers, issuer))
    assert [path for path, _ in issuers.asked] == [f"{issuer}{DISCOVERY}", JWKS[issuer]]


@EACH
async def test_a_new_key_is_taken_beside_the_old_one(issuers: Played, issuer: str) -> None:
    clock = Clock()
    good = await verifier(issuers, issuer, clock)
    old = token_of(issuers, issuer)
    issuers.keys = {**issuers.keys, "second": tokens.rsa_key("second")}
    clock.seconds += 30
    assert await good.claims(token_of(issuers, issuer))
    assert await good.claims(old)


@EACH
async def test_while_the_issuer_is_away_its_tokens_are_good(issuers: Played, issuer: str) -> None:
    clock = Clock()
    good = await verifier(issuers, issuer, clock)
    issuers.status = 503
    clock.seconds += 24 * 3600
    assert await good.claims(token_of(issuers, issuer))


@EACH
async def test_a_clock_of_the_issuer_may_be_ten_seconds_ahead(
    issuers: Played, folder: Path, issuer: str
) -> None:
    login = await asyncio.to_thread(Login.by_tokens, settings_of(issuers, issuer), folder)
    assert login.verifier is not None
    assert await login.verifier.claims(token_of(issuers, issuer, iat=now() + 8, nbf=now() + 8))
    with pytest.raises(jwt.ImmatureSignatureError):
        await login.verifier.claims(token_of(issuers, issuer, iat=now() + 60))


def now() -> int:
    return int(tokens.claims()["iat"])


async def test_the_key_for_encryption_verifies_nothing(issuers: Played) -> None:
    keys = await asyncio.to_thread(Jwks.of_issuer, issuers.address + KEYCLOAK)
    assert await keys.find("enc") is None


@pytest.mark.parametrize(
    ("issuer", "changes", "found"),
    [
        # Without the mapper for the audience; an id token; another client of the pool.
        (KEYCLOAK, {"aud": "account"}, "account"),
        (KEYCLOAK, {"aud": "quiz-pages", "typ": "ID"}, "quiz-pages"),
        (COGNITO, {"client_id": "another"}, "another"),
    ],
)
async def test_a_token_for_another_client_is_refused(
    issuers: Played, issuer: str, changes: dict[str, object], found: str
) -> None:
    good = await verifier(issuers, issuer, Clock())
    with pytest.raises(OtherAudienceError) as refused:
        await good.claims(token_of(issuers, issuer, **changes))
    assert refused.value.found == found


async def test_a_key_of_another_realm_is_refused(issuers: Played) -> None:
    good = await verifier(issuers, KEYCLOAK, Clock())
    issuers.keys = {"elsewhere": tokens.rsa_key("second")}
    with pytest.raises(UnknownKeyError):
        await good.claims(token_of(issuers, KEYCLOAK))


async def test_a_token_without_sub_says_what_it_lacks(stores: Stores, issuers: Played, folder: Path) -> None:
    async with served(stores, issuers, KEYCLOAK, folder) as (http, _):
        http.headers["Authorization"] = f"Bearer {token_of(issuers, KEYCLOAK, sub=None)}"
        reply = await http.get("/sessions")
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert "no sub that can be the id of a user" in reply.headers["WWW-Authenticate"]


@EACH
async def test_the_pages_are_told_the_same_issuer(issuers: Played, folder: Path, issuer: str) -> None:
    environment = settings_of(issuers, issuer)
    login = await asyncio.to_thread(Login.by_tokens, environment, folder)
    assert login.config["issuer"] == environment["JWT_ISSUER"]
    assert login.config["clientId"] == environment["LOGIN_CLIENT_ID"]
    assert login.config["scopes"]["staff"] == environment["LOGIN_STAFF_SCOPE"]
    assert login.origins == (issuers.address, *([issuers.other] if issuer == COGNITO else []))


@EACH
def test_make_run_takes_the_documented_settings(issuers: Played, folder: Path, issuer: str) -> None:
    with development_server(folder, environment=settings_of(issuers, issuer)) as server:
        for roles, status in (((), 403), (("proctors",), 200)):
            token = token_of(issuers, issuer, *roles)
            reply = httpx.get(
                f"{server.address}/accommodations", headers={"Authorization": f"Bearer {token}"}
            )
            assert reply.status_code == status
        refused = httpx.get(f"{server.address}/accommodations", headers={"Authorization": "Bearer x"})
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        shown = httpx.get(f"{server.address}/pages/config.json").json()["login"]
        assert shown["issuer"] == issuers.address + issuer


async def test_the_document_shows_a_refusal_as_it_is(stores: Stores, issuers: Played, folder: Path) -> None:
    async with served(stores, issuers, KEYCLOAK, folder) as (http, _):
        http.headers["Authorization"] = f"Bearer {token_of(issuers, KEYCLOAK, exp=now() - ENDED)}"
        reply = await http.get("/sessions")
    assert f"WWW-Authenticate: {reply.headers['WWW-Authenticate']}\n" in DOCUMENT


def test_the_document_has_every_setting_of_tokens() -> None:
    sources = [
        ROOT / "layers/quiz_sessions/quiz_sessions/runtime/settings.py",
        ROOT / "functions/session_api/server/settings.py",
        ROOT / "infra/local/development_server/login.py",
    ]
    read = {name for path in sources for name in re.findall('"((?:JWT|LOGIN)_[A-Z_]+)"', path.read_text())}
    (table,) = re.findall(r"^## Settings\n\n(.*?)\n\n", DOCUMENT, re.DOTALL | re.MULTILINE)
    firsts = " ".join(row.split("|")[1] for row in table.splitlines()[2:])
    assert set(re.findall("`([A-Z_]+)`", firsts)) == read
