"""Who may come in: the rules by themselves, and where a request comes from."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_sessions.domain.access import (
    MAX_CONFIG_KEYS,
    MAX_NETWORKS,
    MAX_PAGE_URL_CHARACTERS,
    MAX_PASSWORD_CHARACTERS,
    REFUSALS,
    Access,
    Entry,
    RequestSource,
    check,
    config_key_hash,
    config_key_proof,
    parse_access,
    parse_address,
    parse_page_url,
)
from quiz_sessions.domain.errors import AccessRefusedError, InvalidInputError
from session_api.problems import codes
from session_api.request_source import source_of

PAGE = "https://exam.example.org/take?quiz=physics"
CONFIG_KEY = "81aad4ab9dfd447cc479e6a4a7c9a544e2cafc7f3adeb68b2a21efad68eca4dc"
HASH = "b9379a89284a2a52b2c823bd03653225c20296623836686d83a7d12f812ded9d"
"""What Safe Exam Browser hands to that page: docs/room.md shows the same."""
SECRET = "a-secret-of-the-distribution"


def refusal(access: dict[str, Any] | None, **source: str | None) -> str | None:
    found = check(access, RequestSource(**source))
    return None if found is None else next(code for code, kind in REFUSALS.items() if type(found) is kind)


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("192.0.2.1", None),
        ("192.0.2.255", None),
        ("192.0.3.0", "network_refused"),
        ("2001:db8::9", None),
        ("2001:db9::9", "network_refused"),
        (None, "network_refused"),
    ],
)
def test_an_address_is_in_one_of_the_networks(address: str | None, refused: str | None) -> None:
    assert refusal({"networks": ["192.0.2.0/24", "2001:db8::/32"]}, address=address) == refused


@pytest.mark.parametrize(
    ("sent", "refused"),
    [(HASH, None), (None, "safe_exam_browser_required"), ("0" * 64, "safe_exam_browser_refused")],
)
def test_the_page_proves_its_configuration(sent: str | None, refused: str | None) -> None:
    assert refusal({"config_key_proofs": ["1" * 64, config_key_proof(HASH)]}, config_key_hash=sent) == refused


def test_without_a_hash_that_is_known_nobody_is_let_in() -> None:
    assert refusal({"config_key_proofs": []}, config_key_hash=HASH) == "safe_exam_browser_refused"


@pytest.mark.parametrize("access", [None, {}, {"one_device": "takeover"}])
def test_without_such_rules_everybody_is_let_in(access: dict[str, Any] | None) -> None:
    assert refusal(access, address=None) is None


def test_safe_exam_browser_hashes_the_address_of_the_page_and_the_key() -> None:
    assert config_key_hash(parse_page_url(f"{PAGE}#question-3"), CONFIG_KEY) == HASH


def test_every_refusal_has_its_own_code() -> None:
    assert REFUSALS.keys() <= set(codes()[403])
    assert set(REFUSALS.values()) == set(AccessRefusedError.__subclasses__())


@pytest.mark.parametrize("given", [None, {}, {"password": None}])
def test_no_rules_are_no_rules(given: dict[str, Any] | None) -> None:
    access = parse_access(given)
    assert access is None or access.to_json() == {}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"networks": ["192.0.2.0/24", "192.0.2.7"]}, {"networks": ["192.0.2.0/24", "192.0.2.7/32"]}),
        ({"networks": ["2001:DB8::/32"]}, {"networks": ["2001:db8::/32"]}),
        ({"networks": ["192.0.2.1"] * MAX_NETWORKS}, {"networks": ["192.0.2.1/32"] * MAX_NETWORKS}),
        ({"seb_config_keys": [CONFIG_KEY.upper()]}, {"seb_config_keys": [CONFIG_KEY]}),
        (
            {"seb_config_keys": ["0" * 64] * MAX_CONFIG_KEYS},
            {"seb_config_keys": ["0" * 64] * MAX_CONFIG_KEYS},
        ),
        ({"password": "x" * MAX_PASSWORD_CHARACTERS}, {"password": "x" * MAX_PASSWORD_CHARACTERS}),
    ],
)
def test_rules_are_kept_in_one_form(given: dict[str, Any], kept: dict[str, Any]) -> None:
    access = parse_access(given)
    assert access is not None
    assert access.to_json() == kept
    assert parse_access(kept) == access


@pytest.mark.parametrize(
    "given",
    [
        {"networks": []},
        {"networks": ["192.0.2.1"] * (MAX_NETWORKS + 1)},
        {"networks": ["192.0.2.1/24"]},
        {"networks": ["192.0.2.0/33"]},
        {"networks": ["exam.example.org"]},
        {"networks": ["fe80::1%eth0"]},
        {"networks": [""]},
        {"networks": ["192.0.2.0/24", "::ffff:192.0.2.0/120"]},
        {"networks": ["::ffff:0:0/96"]},
        {"networks": ["::ffff:192.0.2.7"]},
        {"seb_config_keys": []},
        {"seb_config_keys": ["0" * 63]},
        {"seb_config_keys": ["g" * 64]},
        {"seb_config_keys": ["0" * 64] * (MAX_CONFIG_KEYS + 1)},
        {"password": ""},
        {"password": "x" * (MAX_PASSWORD_CHARACTERS + 1)},
        {"password": "a\x00"},
        {"password": "\ud800"},
    ],
)
def test_what_is_no_rule_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_access(given)
    assert caught.value.member
    assert caught.value.member.split(".")[0] == "access"


@pytest.mark.parametrize("url", ["https://a", "http://127.0.0.1:8002/x?y=%20", "https://a/" + "x" * 2038])
def test_a_page_has_an_address(url: str) -> None:
    assert len(url) <= MAX_PAGE_URL_CHARACTERS
    assert parse_page_url(url) == url


@pytest.mark.parametrize(
    "url", ["", "#a", "ftp://a", "https://", "https://a b", "https://ä", "https://" + "x" * 2041]
)
def test_what_is_no_address_of_a_page_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_page_url(url)


def test_neither_rules_nor_what_a_start_brings_show_the_password() -> None:
    shown = repr(
        (Access(password="open sesame", seb_config_keys=(CONFIG_KEY,)), Entry(password="open sesame"))
    )
    assert "sesame" not in shown
    assert CONFIG_KEY not in shown


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8::0007", "2001:db8::7"),
        ("fe80::1%eth0", None),
        ("testclient", None),
        ("192.0.2.7, 192.0.2.8", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_has_one_form(text: str | None, address: str | None) -> None:
    assert parse_address(text) == address


def scope_of(
    client: tuple[str, int] | None = ("203.0.113.5", 443), **headers: str | list[str]
) -> dict[str, Any]:
    """A request; in the names of headers _ stands for -."""
    listed = [
        (name.replace("_", "-").encode(), each.encode())
        for name, values in headers.items()
        for each in ([values] if isinstance(values, str) else values)
    ]
    return {"type": "http", "client": client, "headers": listed}


@pytest.mark.parametrize(
    ("viewer", "address"),
    [
        ("192.0.2.7:46532", "192.0.2.7"),
        ("2001:db8::7:46532", "2001:db8::7"),
        ("[2001:db8::7]:46532", "2001:db8::7"),
        ("192.0.2.7", None),
        ("nonsense", None),
        ("", None),
        (["192.0.2.7:1", "192.0.2.8:1"], None),
    ],
)
def test_a_distribution_with_the_secret_says_whom_it_passes_on(
    viewer: str | list[str], address: str | None
) -> None:
    scope = scope_of(x_origin_secret=SECRET, cloudfront_viewer_address=viewer)
    assert source_of(scope, [SECRET]).address == address


@pytest.mark.parametrize("sent", ["", "a-secret", f"{SECRET} ", SECRET.upper(), [SECRET, SECRET]])
@pytest.mark.parametrize("known", [[], [SECRET]])
def test_without_the_secret_no_header_is_believed(sent: str | list[str], known: list[str]) -> None:
    scope = scope_of(
        x_origin_secret=sent,
        cloudfront_viewer_address="192.0.2.7:1",
        x_forwarded_for="192.0.2.7",
        forwarded="for=192.0.2.7",
        x_real_ip="192.0.2.7",
        true_client_ip="192.0.2.7",
    )
    assert source_of(scope, known).address == "203.0.113.5"


def test_an_empty_setting_is_no_secret() -> None:
    scope = scope_of(x_origin_secret="", cloudfront_viewer_address="192.0.2.7:1")
    assert source_of(scope, []).address == "203.0.113.5"


def test_while_the_secret_is_changed_both_are_believed() -> None:
    for secret in ("the-one-until-today", SECRET):
        scope = scope_of(x_origin_secret=secret, cloudfront_viewer_address="192.0.2.7:1")
        assert source_of(scope, ["the-one-until-today", SECRET]).address == "192.0.2.7"


def test_where_nobody_names_the_client_its_address_is_not_known() -> None:
    assert source_of(scope_of(None), []).address is None


@pytest.mark.parametrize(("sent", "known"), [(HASH, HASH), ([HASH, HASH], None), ([], None)])
def test_what_a_page_proves_is_one_header(sent: str | list[str], known: str | None) -> None:
    assert source_of(scope_of(x_seb_config_key_hash=sent), []).config_key_hash == known
