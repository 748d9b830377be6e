"""What is said of each code of a problem, and that every problem leads there."""

from __future__ import annotations

import ast
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

import session_api
from session_api.app import create_app
from session_api.front import Front
from session_api.problem_kinds import KINDS
from session_api.problems import codes
from tests.harness.problem_document import DOCUMENT, written

SOURCES = Path(session_api.__file__).parent
CODES_OF_HTTP = {413: "content_too_large"}
"""The others are called as Python calls the status."""


def no_services() -> NoReturn:
    raise AssertionError("what problems mean needs no services")


@pytest.fixture(params=["", "/exams"], ids=["", "behind-a-path"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    front = Front(create_app(no_services), tuple, lambda: request.param)
    transport = httpx.ASGITransport(front)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://test{request.param}/") as client:
        yield client


def calls() -> Iterator[tuple[str, list[ast.expr]]]:
    """The name and the arguments of every call in the API."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                yield name, node.args


def sent() -> Iterator[str]:
    """Every code that the service may send: of use cases, of the app, of the server around it."""
    for names in codes().values():
        yield from names
    for name, arguments in calls():
        if name in ("problem", "_refused", "_refuse"):
            for status, code in pairwise(arguments):
                match status, code:
                    case ast.Constant(int()), ast.Constant(str(found)):
                        yield found
        elif name == "HTTPException":
            match arguments[0]:
                case ast.Constant(int(number)):
                    yield CODES_OF_HTTP.get(number) or HTTPStatus(number).name.lower()


def test_every_code_that_is_sent_is_explained_and_no_other() -> None:
    assert set(KINDS) == set(sent())


def test_the_server_around_the_app_has_codes_of_its_own() -> None:
    of_the_app = {name for names in codes().values() for name in names}
    assert set(sent()) - of_the_app == {"request_timeout"}


def test_they_stand_in_their_order() -> None:
    assert list(KINDS) == sorted(KINDS)


def test_each_says_something_of_everything() -> None:
    for code, kind in KINDS.items():
        assert re.fullmatch("[a-z]+(_[a-z]+)*", code)
        assert all(kind), code
        assert not kind.title.endswith("."), code
        assert kind.cause.endswith("."), code
        assert kind.remedy.endswith("."), code


def test_the_document_is_written_from_the_table() -> None:
    # python -m tests.harness.problem_document
    assert DOCUMENT.read_text() == written()


async def test_a_problem_leads_to_its_section(client: httpx.AsyncClient) -> None:
    reply = await client.get("nowhere")
    problem = reply.json()
    leads = reply.url.join(problem["type"])
    assert leads.fragment == problem["code"] == "not_found"
    page = await client.get(leads)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<section id="{leads.fragment}">' in page.text
    assert KINDS["not_found"].title == problem["title"]


async def test_the_page_has_a_section_for_each_code(client: httpx.AsyncClient) -> None:
    page = await client.get("docs/problems")
    assert re.findall('<section id="([^"]+)">', page.text) == list(KINDS)
    assert "`" not in page.text


async def test_the_page_loads_nothing_and_is_in_no_frame(client: httpx.AsyncClient) -> None:
    page = await client.get("docs/problems")
    (style,) = re.findall("<style>(.*)</style>", page.text, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert page.headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{allowed}'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    assert not re.findall('<script|src=|href="(?!#|data:,")| style="', page.text)
