"""Who may come in: what a quiz asks of requests, beside the token.

A start is judged by the rules of the quiz. What they ask of later writes is copied onto the attempt, as its
`access`: the networks, and what Safe Exam Browser (SEB) sends of its page. The password is asked once, at the
start. `stores/sql/fragments/refusal.sql` judges as `check` does.

Staff who may not read the rules read what an attempt keeps. So that is a hash of what a page has to send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from .errors import (
    AccessRefusedError,
    InvalidInputError,
    NetworkRefusedError,
    PasswordRequiredError,
    PasswordWrongError,
    SafeExamBrowserRefusedError,
    SafeExamBrowserRequiredError,
)
from .json_values import Json
from .tags import ANYBODY
from .validation import check_text

MAX_PASSWORD_CHARACTERS: Final = 128
MAX_NETWORKS: Final = 100
MAX_CONFIG_KEYS: Final = 20
MAX_PAGE_URL_CHARACTERS: Final = 2048
_CONFIG_KEY: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_PAGE_URL: Final = re.compile(r"https?://[!-~]+", re.ASCII)

REFUSALS: Final[Mapping[str, type[AccessRefusedError]]] = {
    "network_refused": NetworkRefusedError,
    "safe_exam_browser_required": SafeExamBrowserRequiredError,
    "safe_exam_browser_refused": SafeExamBrowserRefusedError,
    "password_required": PasswordRequiredError,
    "password_wrong": PasswordWrongError,
}
"""What a start or a write may be refused with. The password comes last: only who passes the rest may try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a quiz asks of those who take it. None: it does not ask.

    Attributes:
        password: for the start.
        networks: one of which the address of each request has to be in, in CIDR notation.
        seb_config_keys: Config Keys of Safe Exam Browser, of which the page has to prove one.
    """

    password: str | None = field(default=None, repr=False)
    networks: tuple[str, ...] | None = None
    seb_config_keys: tuple[str, ...] | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Json]:
        """The rules that there are."""
        rules: dict[str, Json] = {
            "password": self.password,
            "networks": self.networks and list(self.networks),
            "seb_config_keys": self.seb_config_keys and list(self.seb_config_keys),
        }
        return {name: rule for name, rule in rules.items() if rule is not None}


@dataclass(frozen=True, slots=True)
class RequestSource:
    """Where a request comes from, as far as the service can tell.

    Attributes:
        address: that of the client; None where it is not known.
        config_key_hash: what the page got from Safe Exam Browser: the hash of its address and the Config Key.
    """

    address: str | None = None
    config_key_hash: str | None = None


UNKNOWN_SOURCE: Final = RequestSource()


@dataclass(frozen=True, slots=True)
class Entry:
    """What a start brings to be let in.

    Attributes:
        writer: which device it comes from; see `tags`.
        page_url: the address of the page, which Safe Exam Browser hashes.
    """

    source: RequestSource = UNKNOWN_SOURCE
    writer: str = ANYBODY
    password: str | None = field(default=None, repr=False)
    page_url: str | None = None

    @property
    def password_sha256(self) -> str | None:
        """What the password is compared by: no log of a statement shows it, and a guess learns nothing from
        how long the comparison takes."""
        return None if self.password is None else sha256(self.password.encode()).hexdigest()


NO_ENTRY: Final = Entry()


def parse_access(given: Mapping[str, Any] | None) -> Access | None:
    """The rules of a quiz; None if there are none.

    Raises:
        InvalidInputError: one of them is none.
    """
    if not given:
        return None
    password = given.get("password")
    if password is not None:
        check_password(password, "access")
    networks, keys = given.get("networks"), given.get("seb_config_keys")
    return Access(
        password=password,
        networks=None if networks is None else _networks(networks),
        seb_config_keys=None if keys is None else _config_keys(keys),
    )


def check_password(password: str, member: str = "password") -> None:
    """Refuse what can be no password; `member` is at fault.

    Raises:
        InvalidInputError: it is empty, too long, or text that PostgreSQL can't hold.
    """
    if not 1 <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise InvalidInputError(
            f"password must have 1 to {MAX_PASSWORD_CHARACTERS} characters.", member=member
        )
    check_text("password", password, member)


def parse_page_url(page_url: str) -> str:
    """The address of a page without its fragment, which Safe Exam Browser leaves out.

    Raises:
        InvalidInputError: it is no address of a web page.
    """
    url = page_url.partition("#")[0]
    if len(url) > MAX_PAGE_URL_CHARACTERS or not _PAGE_URL.fullmatch(url):
        raise InvalidInputError(
            f"page_url must be the address of the page, at most {MAX_PAGE_URL_CHARACTERS} characters.",
            member="page_url",
        )
    return url


def parse_address(text: str | None) -> str | None:
    """An address of a client in its usual form; None if it is none."""
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            # What an IPv4 client is called on a socket that takes both.
            return str(address.ipv4_mapped)
        if address.scope_id is not None:
            return None
    return str(address)


def config_key_hash(page_url: str, config_key: str) -> str:
    """What Safe Exam Browser tells a page that it has opened with the configuration of this key."""
    return sha256((page_url + config_key).encode()).hexdigest()


def config_key_proof(sent: str) -> str:
    """What an attempt keeps of the hash that a page has to send: enough to know it by, not to send it."""
    return sha256(sent.encode()).hexdigest()


def check(access: Mapping[str, Any] | None, source: RequestSource) -> AccessRefusedError | None:
    """Why a write is refused to an attempt that keeps these rules; None if it is not."""
    if access is None:
        return None
    # rule: a request whose source is not known, or not allowed, writes nothing
    if "networks" in access and not _is_inside(source.address, access["networks"]):
        return NetworkRefusedError()
    if "config_key_proofs" in access:
        if source.config_key_hash is None:
            return SafeExamBrowserRequiredError()
        if config_key_proof(source.config_key_hash) not in access["config_key_proofs"]:
            return SafeExamBrowserRefusedError()
    return None


def _is_inside(address: str | None, networks: Sequence[str]) -> bool:
    known = None if address is None else ip_address(address)
    return known is not None and any(known in ip_network(network) for network in networks)


def _networks(given: Sequence[str]) -> tuple[str, ...]:
    if not 1 <= len(given) <= MAX_NETWORKS:
        raise InvalidInputError(f"networks must have 1 to {MAX_NETWORKS} networks.", member="access")
    return tuple(_network(network, f"access.networks.{place}") for place, network in enumerate(given))


def _network(given: str, member: str) -> str:
    try:
        network = ip_network(given)
    except ValueError:
        network = None
    # A network has no zone.
    if network is None or "%" in given:
        raise InvalidInputError(
            "A network must be an address, or the first one and a length: 192.0.2.0/24 or 2001:db8::/32.",
            member=member,
        )
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        # `parse_address` knows IPv4 clients as such, so that nobody would be inside.
        raise InvalidInputError(
            "Write a network of IPv4 as one: 192.0.2.0/24, not ::ffff:192.0.2.0/120.", member=member
        )
    return str(network)


def _config_keys(given: Sequence[str]) -> tuple[str, ...]:
    if not 1 <= len(given) <= MAX_CONFIG_KEYS:
        raise InvalidInputError(f"seb_config_keys must have 1 to {MAX_CONFIG_KEYS} keys.", member="access")
    keys = tuple(key.lower() for key in given)
    for place, key in enumerate(keys):
        if not _CONFIG_KEY.fullmatch(key):
            raise InvalidInputError(
                "A Config Key must have 64 hexadecimal digits.", member=f"access.seb_config_keys.{place}"
            )
    return keys
