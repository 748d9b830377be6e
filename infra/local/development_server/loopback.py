"""What can be nothing but this machine: some of what the server does is for its own users alone."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether the name or address of a host can be nothing but this machine."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_of(authority: str) -> str:
    """The host in what a `Host` header says, or "" where it says nothing that could be one."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""
