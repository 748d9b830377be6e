"""Strict routes: they take strict JSON alone, and no parameter that they do not know."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from email.message import Message
from typing import Any, get_args, get_origin

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope

from .direct_writes import raise_failure
from .strict_json import MAX_BEACON_BYTES, MAX_BODY_BYTES, TooManyValuesError, loads
from .wording import unknown

_UTF_8 = frozenset({"utf-8", "utf8"})


class StrictRoute(APIRoute):
    """A route that accepts only strict JSON of limited size: UTF-8, no NaN or Infinity, no key twice.

    Nor does it accept a query with a name that it does not know, or with a name twice unless it is a list's.
    """

    max_bytes = MAX_BODY_BYTES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, applied to a stricter request."""
        handle = super().get_route_handler()
        repeatable = {
            field.alias: _is_list(field.field_info.annotation) for field in self.dependant.query_params
        }

        async def strict(request: Request) -> Response:
            raise_failure(request.scope)
            _check_query(request, repeatable)
            return await handle(_StrictRequest(request.scope, request.receive, self.max_bytes))

        return strict


class StrictTextRoute(StrictRoute):
    """A route that takes its JSON under any Content-Type, as beacons come."""

    max_bytes = MAX_BEACON_BYTES

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
    wrong = {name: unknown("parameter", name, repeatable) for name in names if name not in repeatable}
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
    """Whether FastAPI takes a body for JSON, and nothing says that it is not in UTF-8."""
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    _, *parameters = message.get_params([("", "")])
    charsets = {value for name, value in parameters if name.lower().startswith("charset")}
    return (
        message.get_content_maintype() == "application"
        and (subtype == "json" or subtype.endswith("+json"))
        and all(str(charset).lower() in _UTF_8 for charset in charsets)
    )


class _StrictRequest(Request):
    def __init__(self, scope: Scope, receive: Receive, max_bytes: int) -> None:
        super().__init__(scope, receive)
        self._max_bytes = max_bytes

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
                if len(body) > self._max_bytes:
                    raise HTTPException(413, f"A body may have at most {self._max_bytes} bytes here.")
            content_type = self.headers.get("content-type", "")
            if body and not _is_json(content_type):
                said = "This one has another." if content_type else "This one has none."
                raise HTTPException(
                    415,
                    "A body needs the header Content-Type: application/json, or one that ends with +json, "
                    f"and is in UTF-8. {said}",
                    {"Accept": "application/json"},
                )
            self._body = bytes(body)
        return self._body

    async def json(self) -> Any:
        try:
            return loads(await self.body())
        except TooManyValuesError as error:
            raise HTTPException(413, str(error)) from None
