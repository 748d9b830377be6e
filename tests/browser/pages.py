"""Pages of other origins: a web server of their own, and what their scripts fetch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.harness.web_server import serving


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """The origin of a web server that has the files of `folder`, on a free port."""
    with serving(partial(_Files, directory=folder)) as port:
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True)
class Reply:
    """What a script gets to see of a reply; `headers` are those that CORS exposes to it."""

    url: str
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


_FETCH = """async ({ url, ...options }) => {
  const reply = await fetch(url, options);
  return {
    url: reply.url,
    status: reply.status,
    headers: Object.fromEntries(reply.headers),
    text: await reply.text(),
  };
}"""


@dataclass(frozen=True)
class Script:
    """The script of a page that calls the service at `service`."""

    page: Page
    service: str

    def fetch(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        text: str | None = None,
    ) -> Reply:
        """`fetch` in the page, with `body` as JSON, or with `text`, which may be none.

        Raises playwright's Error where the browser refuses the script the reply.
        """
        content = json.dumps(body) if body is not None else text
        sent = dict(headers or {})
        if content is not None:
            sent = {"Content-Type": "application/json", **sent}
        options = {"url": self.service + path, "method": method, "headers": sent}
        if content is not None:
            options["body"] = content
        return Reply(**self.page.evaluate(_FETCH, options))

    def start(self) -> str:
        """The path of a new session."""
        started = self.fetch("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})
        assert started.status == 201, started
        return f"/sessions/{started.json['id']}"
