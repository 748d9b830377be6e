"""Strict JSON: request bodies, parsed more strictly than Python does by default."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from quiz_sessions.domain.validation import MAX_ANSWER_BYTES


class StrictRoute(APIRoute):
    """A route that accepts only strict JSON of limited size: UTF-8, no NaN or Infinity, no key twice."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, applied to a stricter request."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


class StrictTextRoute(StrictRoute):
    """A route that takes its JSON under any Content-Type."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, which parses only what is called JSON."""
        handle = super().get_route_handler()

        async def as_json(request: Request) -> Response:
            others = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
            headers = [*others, (b"content-type", b"application/json")]
            return await handle(Request({**request.scope, "headers": headers}, request.receive))

        return as_json


MAX_BODY_BYTES = 4 * 1024 * 1024
"""Enough for a session of 1 MiB, even if most of its characters are escaped."""
MAX_MEMBERS = MAX_ANSWER_BYTES // len('"":0,')
"""Members of one object: an answer has no room for more, and nothing else has as many."""


class _StrictRequest(Request):
    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            encoding = self.headers.get("content-encoding", "identity").lower()
            if encoding != "identity":
                # RFC 9110, 15.5.16.
                raise HTTPException(
                    415, "A body is not accepted with a Content-Encoding.", {"Accept-Encoding": "identity"}
                )
            body = bytearray()
            async for chunk in self.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise HTTPException(413, f"A request has at most {MAX_BODY_BYTES} bytes.")
            self._body = bytes(body)
        return self._body

    async def json(self) -> Any:
        return loads(await self.body())


def loads(body: bytes) -> Any:
    """Parse strict JSON.

    Raises:
        json.JSONDecodeError: the body is not JSON, or could be understood in two ways.
    """
    try:
        return json.loads(body.decode(), object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None
    except ValueError as error:
        # Not UTF-8, a key named twice, or an integer longer than Python parses.
        raise json.JSONDecodeError(_reason(error), "", 0) from None


class _RefusedError(ValueError):
    pass


def _reason(error: ValueError) -> str:
    if isinstance(error, _RefusedError):
        return str(error)
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else "a number is too long"


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_MEMBERS:
        # Validating each of them would take seconds.
        raise _RefusedError(f"an object has more than {MAX_MEMBERS} members")
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _RefusedError("an object names a key twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is no JSON number")
