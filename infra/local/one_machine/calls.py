"""The service that a command calls, and the token that it calls it with."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Final

import httpx

from development_server.key_pair import token_of
from development_server.loopback import is_loopback

from .machine import CommandError, add_data_option, settings_of

URL: Final = "QUIZ_SESSIONS_URL"
BEARER: Final = "QUIZ_SESSIONS_TOKEN"
"""The variable with the token of a caller."""
_SECONDS: Final = 60.0
"""Longer than the service waits for two frozen stores, and than the longest statement about a quiz."""
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""As RFC 6750 has it."""


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """`--url` of any service, and `--data` of the one on this machine."""
    add_data_option(parser)
    parser.add_argument(
        "--url", metavar="URL", help=f"the service ({URL}, or the one on this machine by its settings)"
    )


def service_of(options: argparse.Namespace, environment: Mapping[str, str], scope: str) -> httpx.Client:
    """The service that the options mean, to be asked with a token that has the scope.

    The token is that of QUIZ_SESSIONS_TOKEN, or one of the data folder's key, which is sent to this machine
    alone. Raises CommandError, KeysError, OSError.
    """
    settings = settings_of(options.data, environment)
    try:
        url = httpx.URL(
            options.url or environment.get(URL) or f"http://127.0.0.1:{settings.get('PORT') or '8002'}"
        )
    except httpx.InvalidURL as error:
        raise CommandError(f"--url: {error}") from error
    is_here = is_loopback(url.host)
    token = (settings.get(BEARER) or "").strip() or (
        token_of(options.data, settings, scope) if is_here else None
    )
    if token and not _BEARER.fullmatch(token):
        # What sends it would quote it.
        raise CommandError(f"{BEARER} is no token")
    return httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=_SECONDS,
        # Proxies of the environment are not for this machine.
        trust_env=not is_here,
    )
