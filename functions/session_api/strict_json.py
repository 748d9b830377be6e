"""Strict JSON: request bodies, parsed more strictly than Python does by default."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from email.message import Message
from typing import Any, NoReturn, get_args, get_origin

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from quiz_sessions.domain.validation import MAX_ANSWER_BYTES


class StrictRoute(APIRoute):
    """A route that accepts only strict JSON of limited size: UTF-8, no NaN or Infinity, no key twice.

    Nor does it accept a query with a name that it does not know, or with a name twice unless it is a list's.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, applied to a stricter request."""
        handle = super().get_route_handler()
        repeatable = {
            field.alias: _is_list(field.field_info.annotation) for field in self.dependant.query_params
        }

        async def strict(request: Request) -> Response:
            _check_query(request, repeatable)
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


def _is_list(annotation: Any) -> bool:
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


def _check_query(request: Request, repeatable: Mapping[str, bool]) -> None:
    """Refuse what FastAPI would ignore: a filter with a slip in its name would find everything.

    Raises:
        RequestValidationError: a name is not known, or is there too often.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    wrong = {name: "There is no such parameter." for name in names if name not in repeatable}
    wrong |= {
        name: "Send it once."
        for name, is_repeatable in repeatable.items()
        if not is_repeatable and names.count(name) > 1
    }
    if wrong:
        raise RequestValidationError(
            [{"type": "query", "loc": ("query", name), "msg": said} for name, said in wrong.items()]
        )


def _is_json(content_type: str) -> bool:
    """Whether FastAPI takes a body for JSON."""
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (
        subtype == "json" or subtype.endswith("+json")
    )


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
            if body and not _is_json(self.headers.get("content-type", "")):
                raise HTTPException(
                    415,
                    "The Content-Type of a body is application/json, or another one that ends with +json.",
                    {"Accept": "application/json"},
                )
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
