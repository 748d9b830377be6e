"""Valkey as the service finds it on AWS: its user may do what infra/data.yaml says, and nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from development_server.embedded_valkey import Valkey
from tests.harness.templates import load

PASSWORD = "of-the-functions-user"
"""No secret: it is that of servers which live as long as a test."""


@cache
def functions_user() -> tuple[str, str]:
    """The name and the access string of the user that the functions are."""
    template = load(Path(__file__).resolve().parents[2] / "infra/data.yaml")
    properties = template["Resources"]["CacheUser"]["Properties"]
    return properties["UserName"], properties["AccessString"]


class RestrictedValkey(Valkey):
    """Valkey with that user, whose URL `url` is; tests look as the default user, who may do everything."""

    @property
    def url(self) -> str:
        name, _ = functions_user()
        return f"redis://{name}:{PASSWORD}@127.0.0.1:{self.port}/0"

    @property
    def own_url(self) -> str:
        """For what a test itself does to the server."""
        return as_default_user(self.url)

    def _command(self) -> list[str | Path]:
        # On the command line, so that a server which is killed and started again has its user from the start.
        name, access = functions_user()
        return [*super()._command(), "--user", name, *access.split(), f">{PASSWORD}"]


def as_default_user(url: str) -> str:
    """The URL without its user; one that names none may have the default user's password, and keeps it."""
    parts = urlsplit(url)
    if not parts.username:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
