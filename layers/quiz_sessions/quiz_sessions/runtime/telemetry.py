"""Logs and metrics, through Powertools for AWS Lambda. They never contain an answer, token or secret."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from .outages import StoreWatch

SERVICE = "quiz-sessions"
NAMESPACE = "QuizSessions"
DATABASE: Final = "database"
CACHE: Final = "cache"


class Watcher(Protocol):
    """Is told of what goes into the log and the metrics, in the process itself."""

    def counted(self, name: str, value: float) -> None:
        """A metric that counts has grown by `value`."""

    def measured(self, name: str, value: float) -> None:
        """A metric that measures is at `value`."""

    def went_wrong(self, level: str, what: str) -> None:
        """Something was survived (WARNING) or failed (ERROR); `what` is one of few texts."""


class Telemetry:
    """The log and the metrics of a process.

    POWERTOOLS_SERVICE_NAME, POWERTOOLS_LOG_LEVEL and POWERTOOLS_METRICS_NAMESPACE apply as Powertools
    defines them.

    Attributes:
        database, cache: whether the stores serve this process.
    """

    def __init__(self, watchers: Sequence[Watcher] = ()) -> None:
        # It would name each connection that it hands out (INFO), and during an outage each that it does not
        # get (WARNING). What keeps it from one is said once, by the watch of the database.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        self._watchers = watchers
        self._logger = Logger(
            service=_service(),
            location=None,
            # In ASCII: readers of the log end a line at U+0085, U+2028 and U+2029 too, which a path may have.
            json_serializer=_dump,
        )
        self._logger.addFilter(_forget_task)
        self.database = StoreWatch(DATABASE, self._say)
        self.cache = StoreWatch(CACHE, self._say)

    def info(self, message: str, **fields: Any) -> None:
        self._logger.info(message, **fields)

    def refused(self, status: int, code: str | None, **fields: Any) -> None:
        """Log a request that was answered with an error."""
        self.info("request", status=status, **({"code": code} if code else {}), **fields)
        if status >= 500:
            self._tell("ERROR", f"reply {status} {code or ''}".rstrip())

    def degraded(
        self, message: str, error: BaseException, metric: str = "ErrorsSurvived", **fields: Any
    ) -> None:
        """Log and count an error that did not fail the request.

        While a store is away, each message about it is logged once, and counted every time.
        """
        watch = {DATABASE: self.database, CACHE: self.cache}.get(getattr(error, "store", None) or "")
        if watch is None or watch.is_news(message):
            self._logger.warning(message, error=_chain(error), **fields)
        self._tell("WARNING", message)
        self.count(metric)

    def failed(self, message: str, error: BaseException | None, **fields: Any) -> None:
        """Log an error with its stack frames but without its message, which may quote an answer."""
        self._logger.error(message, **fields, **({} if error is None else _without_text(error)))
        self._tell("ERROR", message)

    def count(self, name: str, value: float = 1) -> None:
        self.measure({name: value})

    def measure(
        self,
        counts: Mapping[str, float],
        levels: Mapping[str, float] | None = None,
        units: Mapping[str, MetricUnit] | None = None,
    ) -> None:
        """Emit metrics as one line of embedded metric format, as counts unless `units` says otherwise.

        `counts` tell how many there were more, `levels` how it stands; CloudWatch takes both alike.
        """
        metrics = EphemeralMetrics(namespace=None, service=None)
        metrics.namespace = metrics.namespace or NAMESPACE
        metrics.service = metrics.service or SERVICE
        for name, value in {**counts, **(levels or {})}.items():
            metrics.add_metric(name=name, unit=(units or {}).get(name, MetricUnit.Count), value=value)
        metrics.flush_metrics()
        for watcher in self._watchers:
            for name, value in counts.items():
                watcher.counted(name, value)
            for name, value in (levels or {}).items():
                watcher.measured(name, value)

    def _say(self, level: str, message: str, error: BaseException | None, **fields: Any) -> None:
        about = fields if error is None else {"error": _chain(error), **fields}
        if level == "ERROR":
            self._logger.error(message, **about)
        else:
            self._logger.warning(message, **about)
        self._tell(level, message)

    def _tell(self, level: str, what: str) -> None:
        for watcher in self._watchers:
            watcher.went_wrong(level, what)


class LibraryLines(logging.Formatter):
    """Lines of libraries, and of what surrounds the service, in the form of the service's own.

    They have a `logger` beside it. Of an exception they tell what `Telemetry.failed` tells, not its text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        zone = time.strftime("%z", self.converter(record.created))
        line = {
            "level": record.levelname,
            "message": record.getMessage(),
            "timestamp": f"{self.formatTime(record)}{zone}",
            "service": _service(),
            "logger": record.name,
        }
        error = record.exc_info[1] if record.exc_info else None
        return _dump(line if error is None else {**line, **_without_text(error)})


def log_libraries(level: int) -> None:
    """Write the lines of all other loggers to standard error, from `level` on, in the form of our own."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LibraryLines())
    logging.basicConfig(level=level, handlers=[handler])


def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME") or SERVICE


_dump = partial(json.dumps, separators=(",", ":"), default=str)


def _forget_task(record: logging.LogRecord) -> bool:
    """Python 3.12 names the asyncio task in each record, and Powertools prints what it does not know."""
    vars(record).pop("taskName", None)
    return True


def _without_text(error: BaseException) -> dict[str, Any]:
    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    return {"error": _chain(error), "frames": frames[-12:]}


def _chain(error: BaseException) -> str:
    names: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(names) < 5:
        names.append(type(cause).__qualname__)
        cause = cause.__cause__
    return " < ".join(names)
