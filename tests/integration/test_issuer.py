"""The issuer of the development server, and how the pages are served beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest
from starlette.responses import PlainTextResponse

from development_server.issuer import CLIENT_ID, Issuer, challenge_of
from development_server.key_pair import AUDIENCE, ISSUER, KeyPair
from development_server.login import Login
from development_server.pages import HEADERS, Pages
from session_api.server.authorizer import Verifier
from session_api.server.public_keys import Jwks
from tests.harness import tokens

HOST = "http://127.0.0.1:8002"
VERIFIER = "v" * 43
PAGE = f"{HOST}/pages/student.html"
NEW_CODE = {"grant_type": "authorization_code", "client_id": CLIENT_ID, "redirect_uri": PAGE}
POLICY = "Content-Security-Policy"


class Visitor:
    """A browser without scripts at the pages of a server; `now` is its clock."""

    def __init__(self, keys: KeyPair, base_path: str = "", peer: str = "127.0.0.1") -> None:
        self.now = 1_800_000_000.0
        self.keys = keys
        issuer = Issuer(self.keys, lambda: self.now)
        pages = Pages(PlainTextResponse("service"), {}, base_path, more=issuer.routes)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(pages, client=(peer, 1)), base_url=HOST
        )
        self.base_path = base_path

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self._client.get(path, **more)

    async def authorize(self, user: str = "ada", **changes: str) -> httpx.Response:
        """What the form of the issuer leads to; a change to "" leaves a parameter out."""
        query = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": f"{HOST}{self.base_path}/pages/student.html",
            "scope": "openid",
            "state": "s1",
            "nonce": "n1",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        } | changes
        asked = {name: value for name, value in query.items() if value}
        path = f"{self.base_path}/issuer/authorize"
        return await self._client.post(path, params=asked, data={"user": user})

    async def code(self, user: str = "ada", **changes: str) -> str:
        return sent_back(await self.authorize(user, **changes))["code"]

    async def token(self, form: Mapping[str, str]) -> httpx.Response:
        return await self._client.post(f"{self.base_path}/issuer/token", data=form)

    async def tokens(self, **changes: str) -> dict[str, Any]:
        code = await self.code(**changes)
        reply = await self.token({**NEW_CODE, "code": code, "code_verifier": VERIFIER})
        assert reply.status_code == 200, reply.text
        assert reply.headers["Cache-Control"] == "no-store"
        found: dict[str, Any] = reply.json()
        return found


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return KeyPair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def visitor(keys: KeyPair) -> Visitor:
    return Visitor(keys)


def sent_back(reply: httpx.Response) -> dict[str, str]:
    """What a page is told in the query of the address to which a reply leads."""
    assert reply.status_code == 303, reply.text
    return dict(parse_qsl(urlsplit(reply.headers["Location"]).query))


async def test_a_code_gives_a_token_that_the_api_takes(visitor: Visitor) -> None:
    given = await visitor.tokens()
    verifier = Verifier(Jwks(str(visitor.keys.jwks_file)), ISSUER, AUDIENCE)
    claims = await verifier.claims(given["access_token"])
    assert claims["sub"] == "ada"
    assert "scope" not in claims
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)


async def test_the_id_token_is_for_these_pages_and_this_request(visitor: Visitor) -> None:
    given = await visitor.tokens()
    jwks = jwt.PyJWKSet.from_dict((await visitor.get("/issuer/jwks.json")).json())
    claims = jwt.decode(
        given["id_token"],
        jwks.keys[0].key,
        ["RS256"],
        audience=CLIENT_ID,
        issuer=f"{HOST}/issuer",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["sub"], claims["nonce"], claims["iat"]) == ("ada", "n1", visitor.now)


async def test_the_id_token_is_none_for_the_api(visitor: Visitor) -> None:
    given = await visitor.tokens()
    verifier = Verifier(Jwks(str(visitor.keys.jwks_file)), ISSUER, AUDIENCE)
    with pytest.raises(jwt.InvalidTokenError):
        await verifier.claims(given["id_token"])


async def test_state_and_issuer_come_back_with_the_code(visitor: Visitor) -> None:
    reply = await visitor.authorize()
    assert reply.headers["Location"].startswith(f"{PAGE}?")
    back = sent_back(reply)
    assert (back["state"], back["iss"]) == ("s1", f"{HOST}/issuer")


async def test_discovery_names_the_address_by_which_it_was_asked(visitor: Visitor) -> None:
    found = (await visitor.get("http://localhost:9/issuer/.well-known/openid-configuration")).json()
    assert found["issuer"] == "http://localhost:9/issuer"
    assert found["token_endpoint"] == "http://localhost:9/issuer/token"
    assert found["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": ""},
        {"code_challenge_method": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ],
)
async def test_without_a_challenge_by_s256_there_is_no_code(
    visitor: Visitor, changes: dict[str, str]
) -> None:
    back = sent_back(await visitor.authorize(**changes))
    assert (back["error"], back["state"]) == ("invalid_request", "s1")
    assert "code" not in back


async def test_nothing_but_a_code_is_given(visitor: Visitor) -> None:
    assert sent_back(await visitor.authorize(response_type="token"))["error"] == "unsupported_response_type"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/pages/student.html",
        f"{HOST}.evil.example/pages/student.html",
        "http://127.0.0.1:8002@evil.example/pages/student.html",
        "http://127.0.0.1:8003/pages/student.html",
        "https://127.0.0.1:8002/pages/student.html",
        f"{HOST}/sessions",
        f"{HOST}/pages/../sessions",
        f"{HOST}/pages//evil.example",
        f"{HOST}/pages/student.html#x",
        f"{HOST}/pages/student.html?x=1",
        f"{HOST}/pages/student.html\n",
        "javascript:alert(1)//pages/student.html",
        "",
    ],
)
async def test_nobody_is_sent_elsewhere(visitor: Visitor, address: str) -> None:
    for error in ({}, {"response_type": "token"}):
        reply = await visitor.authorize(redirect_uri=address, **error)
        assert reply.status_code == 400
        assert "Location" not in reply.headers
    logout = await visitor.get("/issuer/logout", params={"post_logout_redirect_uri": address})
    assert "Location" not in logout.headers


async def test_after_a_logout_its_own_page_is_shown(visitor: Visitor) -> None:
    reply = await visitor.get("/issuer/logout", params={"post_logout_redirect_uri": PAGE})
    assert (reply.status_code, reply.headers["Location"]) == (303, PAGE)


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("192.0.2.1", "127.0.0.1"),
        ("127.0.0.1", "rebound.example"),
        ("127.0.0.1", "127.0.0.1.example"),
        ("127.0.0.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "localhost"),
        ("127.0.0.1", "128.0.0.1"),
    ],
)
async def test_it_is_for_browsers_on_this_machine_alone(keys: KeyPair, peer: str, host: str) -> None:
    visitor = Visitor(keys, peer=peer)
    for path in (".well-known/openid-configuration", "authorize", "jwks.json", "logout"):
        assert (await visitor.get(f"http://{host}:8002/issuer/{path}")).status_code == 403
    assert (await visitor.get(f"http://{host}:8002/pages/")).status_code == 200


async def test_a_host_that_is_none_is_not_this_machine(visitor: Visitor) -> None:
    reply = await visitor.get("/issuer/authorize", headers={"Host": "[::1"})
    assert reply.status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "127.255.255.255", "[::1]"])
async def test_it_knows_this_machine_by_each_of_its_names(keys: KeyPair, host: str) -> None:
    visitor = Visitor(keys, peer="::1")
    found = await visitor.get(f"http://{host}:8002/issuer/.well-known/openid-configuration")
    assert found.json()["issuer"] == f"http://{host}:8002/issuer"


async def test_another_client_is_told_so(visitor: Visitor) -> None:
    assert (await visitor.authorize(client_id="other")).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": ""},
        {"code_verifier": challenge_of(VERIFIER)},
        {"redirect_uri": f"{HOST}/pages/console.html"},
        {"client_id": "other"},
        {"code": "another"},
        {"grant_type": "refresh_token"},
    ],
)
async def test_a_code_is_for_who_asked_for_it(visitor: Visitor, changes: dict[str, str]) -> None:
    form = {**NEW_CODE, "code": await visitor.code(), "code_verifier": VERIFIER}
    reply = await visitor.token(form | changes)
    assert (reply.status_code, reply.json()) == (400, {"error": "invalid_grant"})


async def test_a_code_is_good_once(visitor: Visitor) -> None:
    form = {**NEW_CODE, "code": await visitor.code(), "code_verifier": VERIFIER}
    assert [(await visitor.token(form)).status_code for _ in range(2)] == [200, 400]


async def test_a_wrong_guess_uses_a_code_up(visitor: Visitor) -> None:
    form = {**NEW_CODE, "code": await visitor.code()}
    guesses = ("w" * 43, VERIFIER)
    assert [(await visitor.token(form | {"code_verifier": guess})).status_code for guess in guesses] == [
        400,
        400,
    ]


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400)])
async def test_a_code_ends_after_a_minute(visitor: Visitor, seconds: int, status: int) -> None:
    form = {**NEW_CODE, "code": await visitor.code(), "code_verifier": VERIFIER}
    visitor.now += seconds
    assert (await visitor.token(form)).status_code == status


async def test_a_refresh_token_is_good_once_and_gives_the_next(visitor: Visitor) -> None:
    first = (await visitor.tokens(scope="openid"))["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": first}
    renewed = await visitor.token(form)
    assert renewed.status_code == 200
    assert jwt.decode(renewed.json()["access_token"], options={"verify_signature": False})["sub"] == "ada"
    assert (await visitor.token(form)).json() == {"error": "invalid_grant"}
    following = {**form, "refresh_token": renewed.json()["refresh_token"]}
    assert (await visitor.token(following)).status_code == 200


async def test_there_is_no_other_way_to_a_token(visitor: Visitor) -> None:
    for kind in ("password", "client_credentials", ""):
        reply = await visitor.token({"grant_type": kind, "client_id": CLIENT_ID, "code": ""})
        assert (reply.status_code, reply.json()) == (400, {"error": "unsupported_grant_type"})
    assert (await visitor.get("/issuer/token")).status_code == 405


@pytest.mark.parametrize("user", ["", "  ", "x" * 129, "a\x00b"])
async def test_who_is_nobody_is_asked_again(visitor: Visitor, user: str) -> None:
    reply = await visitor.authorize(user)
    assert reply.status_code == 422
    assert 'role="alert"' in reply.text


async def test_what_is_asked_can_not_become_markup(visitor: Visitor) -> None:
    hint = '"><script>alert(1)</script>'
    reply = await visitor.authorize("x" * 129, login_hint=hint)
    shown = await visitor.get(reply.request.url.raw_path.decode())
    assert "<script" not in reply.text + shown.text
    assert "&quot;&gt;&lt;script&gt;" in shown.text


async def test_the_form_is_a_page_that_says_development(visitor: Visitor) -> None:
    reply = await visitor.authorize("x" * 129)
    assert "For development only" in reply.text
    assert reply.headers[POLICY] == HEADERS[POLICY]


async def test_behind_a_base_path_it_knows_its_address(keys: KeyPair) -> None:
    visitor = Visitor(keys, "/exams")
    found = (await visitor.get("/exams/issuer/.well-known/openid-configuration")).json()
    assert found["issuer"] == f"{HOST}/exams/issuer"
    reply = await visitor.authorize()
    assert reply.headers["Location"].startswith(f"{HOST}/exams/pages/student.html?code=")


async def test_behind_a_base_path_the_pages_are_there(keys: KeyPair) -> None:
    visitor = Visitor(keys, "/exams")
    for path in ("/exams/", "/"):
        reply = await visitor.get(path)
        assert (reply.status_code, reply.headers["Location"]) == (302, "/exams/pages/")
    without_slash = await visitor.get("/exams/pages")
    assert without_slash.headers["Location"] == f"{HOST}/exams/pages/"
    for path in ("/exams/pages/", "/exams/pages/index.html", "/exams/browser/api.js"):
        assert (await visitor.get(path)).status_code == 200
    for path in ("/exams/health", "/health", "/examspages/", "/exams", "/examsx/pages/"):
        assert (await visitor.get(path)).text == "service"


async def test_only_what_pages_load_is_served(visitor: Visitor) -> None:
    served = ("pages/common/style.css", "pages/common/icon.svg", "pages/vendor/LICENSES", "browser/api.js")
    for path in served:
        assert (await visitor.get(f"/{path}")).status_code == 200, path
    others = ("pages/tsconfig.json", "browser/package.json", "browser/types.d.ts", "pages/.x", "pages/x.html")
    for path in others:
        assert (await visitor.get(f"/{path}")).status_code == 404, path


async def test_pages_may_call_the_issuer_that_is_given(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(tokens.pem(tokens.rsa_key()))
    environment = {
        "JWT_ISSUER": "https://login.example.com/pool",
        "JWT_AUDIENCE": "quiz",
        "JWT_PUBLIC_KEY_FILE": str(key),
        "LOGIN_CLIENT_ID": "the pages",
        "LOGIN_STAFF_SCOPE": "openid quiz/sessions:proctor",
        "LOGIN_ORIGINS": "https://tokens.example.com",
    }
    login = Login.by_tokens(environment, tmp_path)
    assert login.issuer is None
    assert login.config == {
        "kind": "oidc",
        "issuer": "https://login.example.com/pool",
        "clientId": "the pages",
        "scopes": {"student": "openid", "staff": "openid quiz/sessions:proctor"},
    }
    pages = Pages(PlainTextResponse(), {}, origins=login.origins)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url=HOST) as client:
        policy = (await client.get("/pages/")).headers[POLICY]
        assert (await client.get("/issuer/authorize")).text == ""
    assert "connect-src 'self' https://login.example.com https://tokens.example.com;" in policy
