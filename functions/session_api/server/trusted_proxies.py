"""Proxies in front of a process that say whose request they pass on: nginx, Caddy and the like.

Unlike the balancer of the containers (`server.balancer`), they are not the only ones who can reach it. So
TRUSTED_PROXIES says from which networks X-Forwarded-For is believed, and it is believed from nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.domain.access import parse_address
from quiz_sessions.runtime.settings import SettingsError

Network: TypeAlias = IPv4Network | IPv6Network

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than proxies keep a connection (nginx a minute), so that it is the proxy who closes it: a request
that comes on a connection while this side closes it is lost."""


def trusted_proxies(environment: Mapping[str, str]) -> tuple[Network, ...]:
    """The networks that TRUSTED_PROXIES names, with commas between; none where it is not set.

    Raises SettingsError.
    """
    named = environment.get("TRUSTED_PROXIES") or ""
    try:
        networks = tuple(ip_network(part.strip()) for part in named.split(",") if part.strip())
    except ValueError:
        raise SettingsError(
            f"TRUSTED_PROXIES has addresses or networks such as 127.0.0.1,10.1.0.0/24, not {named!r}."
        ) from None
    if any(network.prefixlen == 0 for network in networks):
        raise SettingsError("TRUSTED_PROXIES names proxies: everybody's word would be no address at all.")
    return networks


class BehindProxies:
    """The app behind proxies of some networks.

    The caller's address is then the last of X-Forwarded-For that is not a proxy's: what stands before it, the
    caller may have written. One that can't be read is that of nobody, who is in no network.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (client := scope.get("client")) and self._is_proxy(client[0]):
            scope = {**scope, "client": self._caller(scope) or client}
        await self._app(scope, receive, send)

    def _caller(self, scope: Scope) -> tuple[str, int] | None:
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        found = None
        for part in reversed(forwarded.decode("latin-1").split(",") if forwarded else []):
            address = parse_address(part.strip())
            found = (address or "", 0)
            if address is None or not self._is_proxy(address):
                break
        return found

    def _is_proxy(self, address: str) -> bool:
        known = parse_address(address)
        return known is not None and any(ip_address(known) in network for network in self._proxies)
