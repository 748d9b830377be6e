"""Pages of other origins call the API: preflights, what they may send, what they may read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from quiz_sessions.bootstrap import Services
from session_api import front
from session_api.app import create_service
from session_api.server.authorizer import Authorizer, Verifier
from session_api.server.public_keys import Jwks
from tests.harness import tokens
from tests.harness.service import client_of
from tests.harness.templates import load

PAGE = "https://exam.example.org"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH"}


def served_to(
    services: Services, *origins: str, gateway: Callable[[ASGIApp], ASGIApp] = lambda app: app
) -> ASGIApp:
    """An app of its own, for an app keeps the origins that it began with."""
    settings = replace(services.settings, allowed_origins=origins)
    return create_service(lambda: replace(services, settings=settings), gateway)


@pytest.fixture
async def strict(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """The API of a service that one page may call."""
    async with client_of(served_to(services, PAGE)) as http:
        yield http


@pytest.mark.parametrize("path", ["/sessions/start", "/sessions/1/progress", "/nowhere"])
async def test_a_preflight_is_answered_on_every_path(client: httpx.AsyncClient, path: str) -> None:
    asked = "authorization, content-type, idempotency-key, if-match, if-none-match, x-client-id, "
    asked += "x-seb-config-key-hash"
    reply = await client.options(path, headers={**PREFLIGHT, "Access-Control-Request-Headers": asked})
    assert reply.status_code == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-max-age"] == "3600"


async def test_a_preflight_for_a_header_that_nobody_knows_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.options(
        "/sessions/start", headers={**PREFLIGHT, "Access-Control-Request-Headers": "x-surprise"}
    )
    assert reply.status_code == 400


async def test_options_without_a_preflight_is_another_method(client: httpx.AsyncClient) -> None:
    assert (await client.options("/sessions/start")).status_code == 405


async def test_every_reply_may_be_read_by_a_page(client: httpx.AsyncClient) -> None:
    started = await client.post(
        "/sessions/start", json={"user_id": "u", "quiz_id": "q"}, headers={"Origin": PAGE}
    )
    path = f"/sessions/{started.json()['id']}"
    replies = [
        started,
        # From the cache, which the app never sees.
        await client.get(path, headers={"Origin": PAGE}),
        await client.get("/nowhere", headers={"Origin": PAGE}),
        await client.patch(f"{path}/progress", content="{", headers={"Origin": PAGE}),
    ]
    assert [reply.status_code for reply in replies] == [201, 200, 404, 415]
    for reply in replies:
        assert reply.headers["access-control-allow-origin"] == "*"
        exposed = {name.strip().lower() for name in reply.headers["access-control-expose-headers"].split(",")}
        assert exposed == {"date", "etag", "location", "retry-after", "x-request-id"}


async def test_only_pages_that_are_named_are_let_in(strict: httpx.AsyncClient) -> None:
    for origin, allowed in ((PAGE, PAGE), ("https://evil.example.org", None)):
        reply = await strict.get("/health", headers={"Origin": origin})
        assert reply.headers.get("access-control-allow-origin") == allowed
        preflight = await strict.options("/sessions/start", headers={**PREFLIGHT, "Origin": origin})
        assert preflight.status_code == (200 if allowed else 400)


async def test_no_page_may_send_cookies(client: httpx.AsyncClient) -> None:
    reply = await client.get("/health", headers={"Origin": PAGE, "Cookie": "a=b"})
    assert "access-control-allow-credentials" not in reply.headers


async def test_where_no_page_is_named_none_is_let_in(services: Services) -> None:
    async with client_of(served_to(services)) as http:
        reply = await http.get("/health", headers={"Origin": PAGE})
        assert "access-control-allow-origin" not in reply.headers


async def test_what_the_development_servers_gateway_refuses_is_a_reply_like_all_others(
    services: Services, tmp_path: Path
) -> None:
    keys = Jwks(tokens.write_jwks(tmp_path / "jwks.json", first=tokens.rsa_key()))
    verifier = Verifier(keys, tokens.ISSUER, tokens.AUDIENCE)
    app = served_to(services, PAGE, gateway=lambda app: Authorizer(app, verifier))
    async with client_of(app) as http:
        reply = await http.get("/sessions", headers={"Origin": PAGE, "X-Request-Id": "mine"})
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert reply.json()["request_id"] == "mine"
    assert reply.headers["access-control-allow-origin"] == PAGE
    assert (reply.headers["x-request-id"], reply.headers["x-content-type-options"]) == ("mine", "nosniff")


@pytest.mark.parametrize("origins", [(), (PAGE,), ("*",)], ids=["none", "one", "all"])
async def test_a_reply_says_once_that_it_depends_on_the_origin(
    services: Services, tmp_path: Path, origins: tuple[str, ...]
) -> None:
    keys = Jwks(tokens.write_jwks(tmp_path / "jwks.json", first=tokens.rsa_key()))
    verifier = Verifier(keys, tokens.ISSUER, tokens.AUDIENCE)
    app = served_to(services, *origins, gateway=lambda app: Authorizer(app, verifier))
    known = {"Authorization": f"Bearer {tokens.token()}"}
    async with client_of(app) as http:
        for origin in (PAGE, "https://evil.example.org"):
            for path in ("/health", "/sessions", "/nowhere", "/sessions/current"):
                for sent in ({}, known):
                    reply = await http.get(path, headers={"Origin": origin, **sent})
                    assert reply.headers.get_list("vary") == ["Origin"]


def test_the_gateway_says_the_same_of_its_own_replies() -> None:
    template: dict[str, Any] = load(Path(__file__).parents[2] / "template.yaml")
    body = template["Resources"]["HttpApi"]["Properties"]["DefinitionBody"]
    cors = body["x-amazon-apigateway-cors"]
    assert (cors["allowMethods"], cors["allowHeaders"]) == (list(front.METHODS), list(front.REQUEST_HEADERS))
    assert (cors["exposeHeaders"], cors["maxAge"]) == (list(front.REPLY_HEADERS), front.PREFLIGHT_SECONDS)
