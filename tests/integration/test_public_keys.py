"""The keys of an issuer that publishes them over HTTP and changes them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest

from development_server import ports
from session_api.server.authorizer import Verifier
from session_api.server.public_keys import Jwks, KeysError
from session_api.server.token_refusals import UnknownKeyError
from tests.harness import tokens


class Issuer(ThreadingHTTPServer):
    """A web server with a JWKS document, or an error where the status is one, and one that names it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.keys: dict[str, tokens.PrivateKey] = {"first": tokens.rsa_key()}
        self.status = 200
        self.reads = 0
        self.discovery = json.dumps({"issuer": self.name, "jwks_uri": self.url}).encode()
        self.asked, self.answers = threading.Event(), threading.Event()
        self.answers.set()

    @property
    def url(self) -> str:
        return f"{self.name}/jwks.json"

    @property
    def name(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Page(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        if self.path == "/.well-known/openid-configuration":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.discovery)
            return
        self.server.reads += 1
        self.server.asked.set()
        self.server.answers.wait()
        keys = [tokens.jwk(key, kid=kid) for kid, key in self.server.keys.items()]
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps({"keys": keys}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        thread = threading.Thread(target=issuer.serve_forever, args=(0.01,))
        thread.start()
        yield issuer
        issuer.shutdown()
        thread.join()


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def of_issuer(issuer: Issuer, clock: Clock) -> Verifier:
    return Verifier(Jwks(issuer.url, clock), tokens.ISSUER, tokens.AUDIENCE)


def of_second_key() -> str:
    return tokens.token(key=tokens.rsa_key("second"), kid="second")


HOUR = 3600


async def test_keys_are_read_once_an_hour(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    for _ in range(5):
        clock.seconds += HOUR / 2
        assert await verifier.claims(tokens.token())
    assert issuer.reads == 1 + 2


async def test_a_key_that_is_withdrawn_is_forgotten_within_an_hour(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    issuer.keys = {"second": tokens.rsa_key("second")}
    clock.seconds += HOUR
    with pytest.raises(UnknownKeyError):
        await verifier.claims(tokens.token())


async def test_an_issuer_that_fails_after_an_hour_leaves_the_known_keys_and_is_asked_again(
    issuer: Issuer,
) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    issuer.status = 500
    for _ in range(3):
        clock.seconds += HOUR
        assert await verifier.claims(tokens.token())
    assert issuer.reads == 1 + 3


async def test_nobody_who_has_a_known_key_waits_for_keys_that_are_being_read(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    clock.seconds += HOUR
    issuer.asked.clear()
    issuer.answers.clear()
    waiting = asyncio.create_task(verifier.claims(tokens.token()))
    await asyncio.to_thread(issuer.asked.wait)
    assert await verifier.claims(tokens.token())
    assert not waiting.done()
    issuer.answers.set()
    assert await waiting


async def test_an_issuer_names_where_its_keys_are(issuer: Issuer) -> None:
    keys = await asyncio.to_thread(Jwks.of_issuer, issuer.name)
    assert await Verifier(keys, tokens.ISSUER, tokens.AUDIENCE).claims(tokens.token())


@pytest.mark.parametrize("slash", ["", "/"])
async def test_an_issuer_may_have_a_slash_at_its_end(issuer: Issuer, slash: str) -> None:
    issuer.discovery = json.dumps({"issuer": issuer.name + slash, "jwks_uri": issuer.url}).encode()
    keys = await asyncio.to_thread(Jwks.of_issuer, issuer.name + slash)
    assert await keys.find("first")


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b"null", b'{"jwks_uri": "x"}', b'{"issuer": "x"}'])
def test_an_issuer_that_does_not_name_them_is_told(issuer: Issuer, document: bytes) -> None:
    issuer.discovery = document
    with pytest.raises(KeysError, match=f"{issuer.name}/.well-known/openid-configuration: no document of an"):
        Jwks.of_issuer(issuer.name)


@pytest.mark.parametrize("other", ["https://login.example.com", None, 7, []])
def test_an_issuer_that_has_another_name_is_told_with_both(issuer: Issuer, other: object) -> None:
    issuer.discovery = json.dumps({"issuer": other, "jwks_uri": issuer.url}).encode()
    with pytest.raises(KeysError) as told:
        Jwks.of_issuer(issuer.name)
    assert f"JWT_ISSUER is {issuer.name!r}, but the issuer calls itself {other!r}" in str(told.value)


@pytest.mark.parametrize("source", ["/etc/jwks.json", "file:///etc/jwks.json", "", None, 7])
def test_an_issuer_leads_to_no_file_of_this_machine(issuer: Issuer, source: object) -> None:
    issuer.discovery = json.dumps({"issuer": issuer.name, "jwks_uri": source}).encode()
    with pytest.raises(KeysError, match="its jwks_uri is no address of the web"):
        Jwks.of_issuer(issuer.name)


async def test_a_new_key_is_found_with_the_first_token_that_names_it(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    issuer.keys["second"] = tokens.rsa_key("second")
    clock.seconds += 30
    assert await verifier.claims(of_second_key())
    assert await verifier.claims(tokens.token())
    assert issuer.reads == 2


async def test_tokens_of_a_new_key_that_come_at_once_are_all_good(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    issuer.keys["second"] = tokens.rsa_key("second")
    clock.seconds += 30
    assert all(await asyncio.gather(*(verifier.claims(of_second_key()) for _ in range(5))))
    assert issuer.reads == 2


async def test_a_key_that_is_withdrawn_is_forgotten_with_the_next_one(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    issuer.keys = {"second": tokens.rsa_key("second")}
    clock.seconds += 30
    assert await verifier.claims(of_second_key())
    with pytest.raises(UnknownKeyError):
        await verifier.claims(tokens.token())


async def test_another_key_under_a_known_name_is_not_taken(issuer: Issuer) -> None:
    verifier = of_issuer(issuer, Clock())
    with pytest.raises(jwt.InvalidSignatureError):
        await verifier.claims(tokens.token(key=tokens.rsa_key("second"), kid="first"))


async def test_names_that_nobody_has_do_not_become_requests(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    for _ in range(100):
        clock.seconds += 1
        with pytest.raises(UnknownKeyError):
            await verifier.claims(tokens.token(kid=f"made-up-{clock.seconds}"))
    assert issuer.reads == 1 + 3


async def test_an_issuer_that_fails_leaves_the_known_keys(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    issuer.status = 500
    clock.seconds += 30
    with pytest.raises(UnknownKeyError):
        await verifier.claims(of_second_key())
    assert await verifier.claims(tokens.token())


async def test_that_known_keys_stand_in_for_an_issuer_is_logged(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    issuer.status = 500
    clock.seconds += HOUR
    assert await verifier.claims(tokens.token())
    (message,) = [each.getMessage() for each in caplog.records if each.name.startswith("session_api")]
    assert message.startswith(f"the keys in {issuer.url}: ")
    assert message.endswith("; those that are known are taken meanwhile")


async def test_an_issuer_that_is_back_is_asked_again(issuer: Issuer) -> None:
    clock = Clock()
    verifier = of_issuer(issuer, clock)
    issuer.keys["second"] = tokens.rsa_key("second")
    issuer.status = 500
    clock.seconds += 30
    with pytest.raises(UnknownKeyError):
        await verifier.claims(of_second_key())
    issuer.status = 200
    clock.seconds += 30
    assert await verifier.claims(of_second_key())


def test_an_error_of_the_issuer_is_told(issuer: Issuer) -> None:
    issuer.status = 404
    with pytest.raises(KeysError, match=f"the keys in {issuer.url}: .*404 Not Found"):
        Jwks(issuer.url)


def test_an_issuer_out_of_reach_is_told() -> None:
    url = f"http://127.0.0.1:{ports.choose()}/jwks.json"
    with pytest.raises(KeysError, match=f"the keys in {url}: .*Connection refused"):
        Jwks(url)
