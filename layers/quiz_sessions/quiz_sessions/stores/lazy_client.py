"""Clients of AWS, each made by the first call that needs it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any


class LazyClient:
    """A client that `connect` makes once, also where the first calls run at once, each in a thread."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connecting = Lock()
        self._known: Any = None

    def __call__(self) -> Any:
        with self._connecting:
            if self._known is None:
                self._known = self._connect()
            return self._known
