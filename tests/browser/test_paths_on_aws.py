"""The function by which CloudFront finds the pages, run by a browser, which speaks its language."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.harness.launch import ROOT
from tests.harness.templates import load

from .conftest import NEEDS_CHROMIUM

CODE = load(ROOT / "infra/web.yaml")["Resources"]["Paths"]["Properties"]["FunctionCode"]

pytestmark = NEEDS_CHROMIUM


def result(page: Page, uri: str, method: str = "GET") -> Any:
    request = {
        "method": method,
        "uri": uri,
        "querystring": {},
        "headers": {"authorization": {"value": "Bearer x"}},
    }
    return page.evaluate(f"request => {{ {CODE}; return handler({{ request }}); }}", request)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("uri", ["/", "/pages"])
def test_the_root_leads_to_the_pages(page: Page, uri: str, method: str) -> None:
    reply = result(page, uri, method)
    assert (reply["statusCode"], reply["headers"]["location"]["value"]) == (302, "/pages/")


def test_the_pages_have_an_index(page: Page) -> None:
    assert result(page, "/pages/")["uri"] == "/pages/index.html"


@pytest.mark.parametrize(
    "uri",
    [
        "/pages/student.html",
        "/pages/common/",
        "/pages//",
        "/browser/quiz.js",
        "/sessions/start",
        "/pages.json",
        "//evil.example.org",
        "/pages/../sessions",
    ],
)
def test_every_other_path_stays_as_it_is(page: Page, uri: str) -> None:
    passed = result(page, uri)
    assert passed["uri"] == uri
    assert passed["headers"] == {"authorization": {"value": "Bearer x"}}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_what_does_not_read_is_not_led_elsewhere(page: Page, method: str) -> None:
    assert result(page, "/", method)["uri"] == "/"
