"""Which tokens are taken where there is no gateway, and what the app gets to know of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import Receive, Scope, Send

from session_api.front import Front
from session_api.server.authorizer import READINESS, Authorizer, Verifier
from session_api.server.public_keys import Jwks, KeysError, PublicKeyFile
from session_api.server.token_refusals import REASONS, OtherAudienceError, UnknownKeyError, reason_of
from tests.harness import tokens

HOUR = 3600


def verifier(folder: Path, **keys: tokens.PrivateKey) -> Verifier:
    """One that knows these keys, or else the first."""
    jwks = tokens.write_jwks(folder / "jwks.json", **(keys or {"first": tokens.rsa_key()}))
    return Verifier(Jwks(jwks), tokens.ISSUER, tokens.AUDIENCE)


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def signed_with_the_public_key_as_secret() -> str:
    """Made by hand: libraries refuse to."""
    header = {"alg": "HS256", "typ": "JWT", "kid": "first"}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, tokens.claims()))
    secret = tokens.pem(tokens.rsa_key())
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def with_other_claims() -> str:
    """The signature of one token under the claims of another."""
    header, _, signature = tokens.token().split(".")
    return ".".join([header, tokens.token(tokens.claims(sub="teacher")).split(".")[1], signature])


def nested(depth: int) -> str:
    return ".".join([encoded(b"[" * depth), encoded(b"{}"), encoded(b"x")])


def from_now(seconds: int) -> int:
    return int(time.time()) + seconds


BAD_TOKENS: dict[str, tuple[type[jwt.PyJWTError], Callable[[], str]]] = {
    "none at all": (jwt.DecodeError, lambda: ""),
    "no token": (jwt.DecodeError, lambda: "secret"),
    "three dots": (jwt.DecodeError, lambda: "..."),
    "beyond ASCII": (jwt.DecodeError, lambda: "ü.ü.ü"),
    "nested without end": (jwt.DecodeError, lambda: nested(20_000)),
    "two tokens": (jwt.DecodeError, lambda: f"{tokens.token()},{tokens.token()}"),
    "alg none": (jwt.InvalidAlgorithmError, lambda: tokens.token(key="", algorithm="none")),
    "signature cut off": (jwt.InvalidSignatureError, lambda: tokens.token().rpartition(".")[0] + "."),
    "HS256 by the public key": (jwt.InvalidAlgorithmError, signed_with_the_public_key_as_secret),
    "HS256": (jwt.InvalidAlgorithmError, lambda: tokens.token(key=b"s" * 32, algorithm="HS256")),
    "PS256": (jwt.InvalidAlgorithmError, lambda: tokens.token(algorithm="PS256")),
    "ES256": (jwt.InvalidAlgorithmError, lambda: tokens.token(key=tokens.ec_key(), algorithm="ES256")),
    "another's key": (jwt.InvalidSignatureError, lambda: tokens.token(key=tokens.rsa_key("another's"))),
    "another's claims": (jwt.InvalidSignatureError, with_other_claims),
    "unknown kid": (UnknownKeyError, lambda: tokens.token(kid="unknown")),
    "no kid": (UnknownKeyError, lambda: tokens.token(kid=None)),
    "empty kid": (UnknownKeyError, lambda: tokens.token(kid="")),
}


@pytest.mark.parametrize(("error", "make"), BAD_TOKENS.values(), ids=BAD_TOKENS)
async def test_a_bad_token_is_refused(
    tmp_path: Path, error: type[jwt.PyJWTError], make: Callable[[], str]
) -> None:
    with pytest.raises(error):
        await verifier(tmp_path).claims(make())


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (jwt.InvalidIssuerError, {"iss": "https://login.example.org/"}),
        (jwt.InvalidIssuerError, {"iss": tokens.ISSUER.rstrip("/")}),
        (jwt.MissingRequiredClaimError, {"iss": None}),
        (jwt.InvalidAudienceError, {"aud": "shop"}),
        (jwt.InvalidAudienceError, {"aud": tokens.AUDIENCE[:2]}),
        (jwt.InvalidAudienceError, {"aud": f"{tokens.AUDIENCE} shop"}),
        (jwt.InvalidAudienceError, {"aud": ["shop", "bank"]}),
        (jwt.InvalidAudienceError, {"aud": {tokens.AUDIENCE: 1}}),
        (jwt.InvalidAudienceError, {"aud": None}),
        (jwt.InvalidAudienceError, {"aud": None, "client_id": "shop"}),
        (jwt.InvalidAudienceError, {"aud": "shop", "client_id": tokens.AUDIENCE}),
        (jwt.InvalidAudienceError, {"aud": [], "client_id": tokens.AUDIENCE}),
        (jwt.ExpiredSignatureError, {"exp": from_now(0)}),
        (jwt.ExpiredSignatureError, {"iat": from_now(-2 * HOUR), "exp": from_now(-HOUR)}),
        (jwt.MissingRequiredClaimError, {"exp": None}),
        (jwt.DecodeError, {"exp": "tomorrow"}),
        (jwt.DecodeError, {"exp": float("inf")}),
        (jwt.ImmatureSignatureError, {"nbf": from_now(HOUR)}),
        (jwt.DecodeError, {"nbf": {}}),
        (jwt.ImmatureSignatureError, {"iat": from_now(HOUR)}),
    ],
)
async def test_a_token_with_bad_claims_is_refused(
    tmp_path: Path, error: type[jwt.PyJWTError], changes: dict[str, object]
) -> None:
    with pytest.raises(error):
        await verifier(tmp_path).claims(tokens.token(tokens.claims(**changes)))


async def test_a_token_replayed_after_its_end_is_refused(tmp_path: Path) -> None:
    verify = verifier(tmp_path).claims
    end = from_now(2)
    good = tokens.token(tokens.claims(exp=end))
    while time.time() < end:
        try:
            await verify(good)
        except jwt.ExpiredSignatureError:
            # Between the look at the clock and the verifier's.
            break
        time.sleep(0.1)  # noqa: ASYNC251  (nothing else runs)
    with pytest.raises(jwt.ExpiredSignatureError):
        await verify(good)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
async def test_rsa_signatures_are_taken(tmp_path: Path, algorithm: str) -> None:
    claims = await verifier(tmp_path).claims(tokens.token(algorithm=algorithm))
    assert claims["sub"] == "student1"


async def test_es256_signatures_are_taken(tmp_path: Path) -> None:
    verify = verifier(tmp_path, curve=tokens.ec_key()).claims
    good = tokens.token(key=tokens.ec_key(), algorithm="ES256", kid="curve")
    assert (await verify(good))["sub"] == "student1"


async def test_a_token_is_held_against_the_key_that_it_names(tmp_path: Path) -> None:
    verify = verifier(tmp_path, first=tokens.rsa_key(), second=tokens.rsa_key("second")).claims
    assert await verify(tokens.token(key=tokens.rsa_key("second"), kid="second"))
    with pytest.raises(jwt.InvalidSignatureError):
        await verify(tokens.token(key=tokens.rsa_key("second"), kid="first"))


async def test_the_audience_may_be_one_of_several(tmp_path: Path) -> None:
    several = tokens.claims(aud=["shop", tokens.AUDIENCE])
    assert (await verifier(tmp_path).claims(tokens.token(several)))["aud"] == f"[shop {tokens.AUDIENCE}]"


async def test_client_id_stands_in_for_a_missing_audience(tmp_path: Path) -> None:
    claims = tokens.claims(aud=None, client_id=tokens.AUDIENCE)
    assert (await verifier(tmp_path).claims(tokens.token(claims)))["client_id"] == tokens.AUDIENCE


@pytest.mark.parametrize("changes", [{"exp": -8}, {"nbf": 8}, {"iat": 8}], ids=str)
async def test_clocks_may_differ_by_so_much_and_no_more(tmp_path: Path, changes: dict[str, int]) -> None:
    token = tokens.token(tokens.claims(**{name: from_now(seconds) for name, seconds in changes.items()}))
    keys = Jwks(tokens.write_jwks(tmp_path / "jwks.json", first=tokens.rsa_key()))
    assert await Verifier(keys, tokens.ISSUER, tokens.AUDIENCE, 10).claims(token)
    with pytest.raises((jwt.ExpiredSignatureError, jwt.ImmatureSignatureError)):
        await Verifier(keys, tokens.ISSUER, tokens.AUDIENCE, 5).claims(token)


async def test_nbf_may_be_now(tmp_path: Path) -> None:
    assert await verifier(tmp_path).claims(tokens.token(tokens.claims(nbf=from_now(0))))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("sessions:proctor quizzes:write", "sessions:proctor quizzes:write"),
        ("", ""),
        (1753700000, "1753700000"),
        (-1, "-1"),
        (0.5, "0.5"),
        (True, "true"),
        (False, "false"),
        (["a", "b"], "[a b]"),
        ([], "[]"),
        ([1, True, "x"], "[1 true x]"),
        ({"roles": ["a", "b"]}, "map[roles:[a b]]"),
        ({"b": {"c": []}, "a": 1}, "map[a:1 b:map[c:[]]]"),
    ],
)
async def test_claims_are_strings_as_the_gateway_writes_them(
    tmp_path: Path, value: object, text: str
) -> None:
    claims = await verifier(tmp_path).claims(tokens.token(tokens.claims(extra=value)))
    assert claims["extra"] == text


async def test_a_claim_that_is_null_is_left_out(tmp_path: Path) -> None:
    claims = await verifier(tmp_path).claims(tokens.token({**tokens.claims(), "extra": None}))
    assert "extra" not in claims


async def test_a_pem_verifies_whichever_key_a_token_names(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(tokens.pem(tokens.rsa_key()))
    verify = Verifier(PublicKeyFile(file), tokens.ISSUER, tokens.AUDIENCE).claims
    for kid in ("first", "unknown", None):
        assert await verify(tokens.token(kid=kid))


@pytest.mark.parametrize("name", ["HS256 by the public key", "alg none"])
async def test_a_pem_is_no_secret(tmp_path: Path, name: str) -> None:
    _, make = BAD_TOKENS[name]
    file = tmp_path / "key.pem"
    file.write_bytes(tokens.pem(tokens.rsa_key()))
    with pytest.raises(jwt.InvalidAlgorithmError):
        await Verifier(PublicKeyFile(file), tokens.ISSUER, tokens.AUDIENCE).claims(make())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no public key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key in PEM"),
        (tokens.pem(tokens.ec_key(ec.SECP384R1)), "neither RSA nor P-256"),
    ],
)
def test_a_file_without_a_fitting_public_key_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(KeysError, match=f"the keys in .*key.pem: {reason}"):
        PublicKeyFile(file)


def write_jwks(folder: Path, *keys: object) -> str:
    file = folder / "jwks.json"
    file.write_text(json.dumps({"keys": keys}))
    return str(file)


@pytest.mark.parametrize(
    "fields",
    [
        {"use": "enc"},
        {"alg": "PS256"},
        {"alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "unknown"},
        {"n": "AQ"},
        {"n": None},
    ],
)
async def test_a_key_that_signs_no_tokens_is_passed_over(tmp_path: Path, fields: dict[str, object]) -> None:
    other = tokens.jwk(tokens.rsa_key(), kid="other") | fields
    keys = Jwks(write_jwks(tmp_path, other, tokens.jwk(tokens.rsa_key(), kid="first")))
    assert await keys.find("other") is None
    assert await keys.find("first") is not None


async def test_a_key_of_one_algorithm_takes_no_other(tmp_path: Path) -> None:
    keys = Jwks(write_jwks(tmp_path, tokens.jwk(tokens.rsa_key(), kid="first", alg="RS512")))
    verify = Verifier(keys, tokens.ISSUER, tokens.AUDIENCE).claims
    assert await verify(tokens.token(algorithm="RS512"))
    with pytest.raises(jwt.InvalidAlgorithmError):
        await verify(tokens.token(algorithm="RS256"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JWKS document"),
        ("[]", "no JWKS document"),
        ("{}", "no JWKS document"),
        ('{"keys": null}', "no JWKS document"),
        ('{"keys": ["kid"]}', "no JWKS document"),
        ('{"keys": [{"kid": []}]}', "no JWKS document"),
        ('{"keys": []}', "no RSA or P-256 key with a kid"),
        ('{"keys": [{"kty": "oct", "kid": "a", "k": "YQ"}]}', "no RSA or P-256 key with a kid"),
    ],
)
def test_a_document_without_keys_is_told(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(text)
    with pytest.raises(KeysError, match=f"the keys in .*jwks.json: {reason}"):
        Jwks(str(file))


class App:
    """An app that says yes and keeps the scopes that it was called with."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    @property
    def context(self) -> Any:
        """What the app was told in its one request."""
        (scope,) = self.scopes
        return scope["aws.event"]["requestContext"]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def client(app: App, tmp_path: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Authorizer(app, verifier(tmp_path)))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_claims_are_where_the_gateway_puts_them(app: App, client: httpx.AsyncClient) -> None:
    claims = tokens.claims(scope="sessions:proctor", groups=["a", "b"])
    await client.get("/sessions/1", headers={"Authorization": f"Bearer {tokens.token(claims)}"})
    strings = {name: str(value) for name, value in claims.items()} | {"groups": "[a b]"}
    assert app.context == {"authorizer": {"jwt": {"claims": strings, "scopes": None}}}


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
async def test_the_case_of_the_scheme_does_not_matter(
    app: App, client: httpx.AsyncClient, scheme: str
) -> None:
    await client.get("/sessions/1", headers={"Authorization": f"{scheme}{tokens.token()}"})
    assert app.context["authorizer"]["jwt"]["claims"]["sub"] == "student1"


async def test_the_word_bearer_may_be_left_out(app: App, client: httpx.AsyncClient) -> None:
    await client.get("/sessions/1", headers={"Authorization": tokens.token()})
    assert app.context["authorizer"]["jwt"]["claims"]["sub"] == "student1"


async def test_a_bad_token_is_told_what_is_wrong(app: App, client: httpx.AsyncClient) -> None:
    ended = tokens.token(tokens.claims(exp=from_now(-HOUR)))
    reply = await client.get("/sessions/1", headers={"Authorization": f"Bearer {ended}"})
    problem = reply.json()
    assert (reply.status_code, problem["status"], problem["code"]) == (401, 401, "unauthenticated")
    assert problem["detail"] == "The token has ended."
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["WWW-Authenticate"] == (
        'Bearer realm="quiz-sessions", error="invalid_token", error_description="The token has ended."'
    )
    assert not app.scopes


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}], ids=str)
async def test_no_token_is_no_error_of_one(
    app: App, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    reply = await client.get("/sessions/1", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert reply.json()["detail"].startswith("Send a token")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="quiz-sessions"'
    assert not app.scopes


@pytest.mark.parametrize("reason", REASONS.values())
def test_a_reason_can_stand_in_a_header(reason: str) -> None:
    # RFC 6750, 3.
    assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", reason)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (jwt.ExpiredSignatureError("secret"), "The token has ended."),
        (OtherAudienceError("secret"), "The token is for another audience."),
        (UnknownKeyError(), "The issuer has no key of the name that the token has."),
        (jwt.InvalidTokenError("secret"), "The token can't be used."),
        (jwt.PyJWKError("secret"), "The token can't be used."),
    ],
)
def test_every_error_has_a_reason_which_quotes_nothing(error: jwt.PyJWTError, reason: str) -> None:
    assert reason_of(error) == reason


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sessions/1"),
        ("POST", "/sessions/start"),
        ("POST", "/health"),
        ("PUT", "/health"),
        ("GET", "/health/"),
        ("GET", "/health/ready"),
        ("GET", "//health"),
        ("GET", "/HEALTH"),
        ("GET", "/docsx"),
        ("POST", "/docs"),
        ("POST", "/.well-known/jwks.json"),
        ("GET", "/xwell-known/jwks.json"),
        ("GET", "/"),
    ],
)
async def test_a_token_is_asked_for(app: App, client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, f"http://test{path}")).status_code == 401
    assert not app.scopes


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/docs"),
        ("HEAD", "/health"),
        ("GET", "/.well-known/jwks.json"),
        ("HEAD", "/.well-known/jwks.json"),
        ("GET", "/docs/swagger-ui.css"),
        ("GET", "/openapi.json"),
        ("OPTIONS", "/sessions/start"),
        ("OPTIONS", "/"),
    ],
)
async def test_no_token_is_asked_for(app: App, client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 204
    assert app.context == {}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health/ready", 204),
        ("/health", 204),
        ("/docs", 401),
        ("/docs/problems", 204),
        ("/docs/problems/", 401),
        ("/health/readyx", 401),
    ],
)
async def test_what_else_is_open_is_said(app: App, tmp_path: Path, path: str, status: int) -> None:
    transport = httpx.ASGITransport(Authorizer(app, verifier(tmp_path), READINESS))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(path)).status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/exams/health", 204),
        ("/health", 204),
        ("/exams/.well-known/jwks.json", 204),
        ("/exams/sessions/1", 401),
        ("/examshealth", 401),
    ],
)
async def test_a_base_path_in_front_changes_nothing(app: App, tmp_path: Path, path: str, status: int) -> None:
    front = Front(Authorizer(app, verifier(tmp_path)), lambda: (), lambda: "/exams")
    transport = httpx.ASGITransport(front)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(path)).status_code == status


async def test_a_token_where_none_is_needed_is_not_looked_at(app: App, client: httpx.AsyncClient) -> None:
    reply = await client.get("/health", headers={"Authorization": "Bearer secret"})
    assert reply.status_code == 204
    assert app.context == {}


async def test_an_event_of_anyone_elses_making_is_replaced(app: App, tmp_path: Path) -> None:
    forged = {"requestContext": {"authorizer": {"jwt": {"claims": {"sub": "teacher"}}}}}

    async def outside(scope: Scope, receive: Receive, send: Send) -> None:
        await Authorizer(app, verifier(tmp_path))({**scope, "aws.event": forged}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(outside), base_url="http://test") as client:
        assert (await client.get("/health")).status_code == 204
        assert (await client.get("/sessions/1")).status_code == 401
    assert app.context == {}


async def logged(app: App, folder: Path, capsys: pytest.CaptureFixture[str], token: str) -> dict[str, Any]:
    """The line that a refusal writes, which has nothing of the token."""
    capsys.readouterr()
    transport = httpx.ASGITransport(Authorizer(app, verifier(folder)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/sessions/1", headers={"Authorization": f"Bearer {token}", "X-Request-Id": "mine"})
    (text,) = capsys.readouterr().out.splitlines()
    assert not [part for part in token.split(".") if part in text]
    line: dict[str, Any] = json.loads(text)
    assert (line["level"], line["status"], line["request_id"]) == ("INFO", 401, "mine")
    return line


@pytest.mark.usefixtures("own_service")
async def test_a_refusal_is_logged_with_its_reason(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = await logged(app, tmp_path, capsys, tokens.token(key=tokens.rsa_key("another's")))
    assert line["reason"] == "The signature is not that of the key that the token names."
    assert "issuer" not in line


@pytest.mark.usefixtures("own_service")
@pytest.mark.parametrize(
    ("changes", "name", "found"),
    [
        ({"aud": "account"}, "audience", "account"),
        ({"aud": ["account", "shop"]}, "audience", "['account', 'shop']"),
        ({"aud": None, "client_id": "4h57"}, "audience", "4h57"),
        ({"iss": "https://login.example.com"}, "issuer", "https://login.example.com"),
        ({"aud": "x" * 5000}, "audience", "x" * 200),
    ],
)
async def test_what_a_well_signed_token_says_in_the_place_of_what_is_expected_is_logged(
    app: App,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    name: str,
    found: str,
) -> None:
    line = await logged(app, tmp_path, capsys, tokens.token(tokens.claims(**changes)))
    assert line[name] == found


@pytest.mark.usefixtures("own_service")
async def test_what_a_badly_signed_token_says_is_not_logged(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tokens.token(tokens.claims(aud="anything"), key=tokens.rsa_key("another's"))
    assert "anything" not in json.dumps(await logged(app, tmp_path, capsys, bad))
