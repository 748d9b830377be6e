"""Quizzes of the service, over its API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from .errors import ServiceError


@dataclass(frozen=True, slots=True)
class Quiz:
    """A registered quiz as the service shows it, and the entity tag of what it showed."""

    shown: Mapping[str, Any]
    etag: str | None


class Quizzes:
    """Reads and writes quizzes."""

    def __init__(self, http: httpx.Client) -> None:
        """`http` has the service's address and the caller's token."""
        self._http = http

    def get(self, quiz_id: str) -> Quiz | None:
        """A quiz; None where there is none. Raises ServiceError."""
        response = self._send("GET", quiz_id)
        if response.status_code == 404 and _problem(response).get("code") == "quiz_not_found":
            return None
        return Quiz(_shown(response), response.headers.get("ETag"))

    def put(self, quiz_id: str, rules: Mapping[str, Any], *, seen: Quiz | None) -> Mapping[str, Any]:
        """Write a quiz, if it is as it was `seen`; what the service shows of it. Raises ServiceError."""
        etag = None if seen is None else seen.etag
        headers = {"Content-Type": "application/json"} | ({} if etag is None else {"If-Match": etag})
        body = json.dumps(rules, ensure_ascii=False, allow_nan=False).encode()
        return _shown(self._send("PUT", quiz_id, content=body, headers=headers))

    def _send(self, method: str, quiz_id: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, f"/quizzes/{quote(quiz_id, safe='')}", **more)
        except httpx.HTTPError as error:
            raise ServiceError(
                f"{self._http.base_url} does not answer: {str(error) or type(error).__name__}"
            ) from None


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    """The problem that a reply describes, {} where it is none of the service's."""
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _shown(response: httpx.Response) -> Mapping[str, Any]:
    found = _problem(response)
    if response.is_success and "quiz_id" in found:
        return found
    said = found.get("detail") or found.get("title") or response.reason_phrase
    if response.status_code == 401:
        said = f"{said}: it takes a token, and none was sent that is good"
    request = f" (request {found['request_id']})" if "request_id" in found else ""
    raise ServiceError(f"{response.status_code}: {said}{request}")
