"""The function that CloudFront asks first, run by a browser, which speaks its language."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.harness.launch import ROOT
from tests.harness.templates import load

from .conftest import NEEDS_CHROMIUM

CODE = load(ROOT / "infra/web.yaml")["Resources"]["Paths"]["Properties"]["FunctionCode"]
ADDRESS = "cloudfront-viewer-address"

pytestmark = NEEDS_CHROMIUM


def result(
    page: Page, uri: str, method: str = "GET", ip: str = "203.0.113.5", told: dict[str, Any] | None = None
) -> Any:
    """What CloudFront goes on with, or replies; `told` is what it knows of the address as a header."""
    headers = {"authorization": {"value": "Bearer x"}}
    if told is not None:
        headers[ADDRESS] = told
    request = {"method": method, "uri": uri, "querystring": {}, "headers": headers}
    event = {"request": request, "viewer": {"ip": ip}}
    return page.evaluate(f"event => {{ {CODE}; return handler(event); }}", event)


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


@pytest.mark.parametrize(
    ("ip", "told"),
    [
        ("203.0.113.5", "203.0.113.5:46532"),
        ("2001:db8::7", "2001:db8::7:46532"),
        ("2001:0db8:0000:0000:0000:0000:0000:0007", "2001:db8::7:46532"),
        ("2001:db8::7", "2001:0DB8:0:0:0:0:0:0007:46532"),
        ("2001:db8::7", "[2001:db8::7]:46532"),
        ("::1", "0:0:0:0:0:0:0:1:46532"),
        ("2001:db8::", "2001:db8:0:0:0:0:0:0:46532"),
    ],
)
def test_the_address_that_cloudfront_names_is_passed_on(page: Page, ip: str, told: str) -> None:
    header = {"value": told}
    assert result(page, "/sessions/start", "POST", ip, header)["headers"][ADDRESS] == header


@pytest.mark.parametrize(
    "told",
    [
        {"value": "192.0.2.7:46532"},
        {"value": "203.0.113.50:46532"},
        {"value": "203.0.113.5"},
        {"value": "192.0.2.7:1, 203.0.113.5:46532"},
        {"value": "203.0.113.5:1", "multiValue": [{"value": "203.0.113.5:1"}, {"value": "192.0.2.7:1"}]},
        {"value": "2001:db8::7:46532"},
        {"value": ""},
        {"value": "::::"},
    ],
    ids=repr,
)
def test_one_that_somebody_else_names_is_not(page: Page, told: dict[str, Any]) -> None:
    passed = result(page, "/sessions/start", "POST", told=told)
    assert ADDRESS not in passed["headers"]
    assert passed["headers"]["authorization"]


@pytest.mark.parametrize("told", ["192.0.2.7:1", "2001:db8::8:46532", "2001:db8:7::46532", "2001:db8::7::1"])
def test_nor_by_ipv6(page: Page, told: str) -> None:
    assert ADDRESS not in result(page, "/", "POST", "2001:db8::7", {"value": told})["headers"]
