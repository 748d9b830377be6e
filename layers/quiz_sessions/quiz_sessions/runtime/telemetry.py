"""Logs and metrics, through Powertools for AWS Lambda. They never contain an answer, token or secret."""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Mapping
from functools import partial
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

SERVICE = "quiz-sessions"
NAMESPACE = "QuizSessions"


class Telemetry:
    """The log and the metrics of a process.

    POWERTOOLS_SERVICE_NAME, POWERTOOLS_LOG_LEVEL and POWERTOOLS_METRICS_NAMESPACE apply as Powertools
    defines them.
    """

    def __init__(self) -> None:
        # At INFO, the level of Lambda's root logger, the connection pool logs each connection that it hands
        # out.
        logging.getLogger("psycopg.pool").setLevel(logging.WARNING)
        self._logger = Logger(
            service=os.environ.get("POWERTOOLS_SERVICE_NAME") or SERVICE,
            location=None,
            # In ASCII: readers of the log end a line at U+0085, U+2028 and U+2029 too, which a path may have.
            json_serializer=partial(json.dumps, separators=(",", ":"), default=str),
        )
        self._logger.addFilter(_forget_task)

    def info(self, message: str, **fields: Any) -> None:
        self._logger.info(message, **fields)

    def degraded(
        self, message: str, error: BaseException, metric: str = "ErrorsSurvived", **fields: Any
    ) -> None:
        """Log and count an error that did not fail the request."""
        self._logger.warning(message, error=_chain(error), **fields)
        self.count(metric)

    def failed(self, message: str, error: BaseException | None, **fields: Any) -> None:
        """Log an error with its stack frames but without its message, which may quote an answer."""
        if error is not None:
            frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
            fields |= {"error": _chain(error), "frames": frames[-12:]}
        self._logger.error(message, **fields)

    def count(self, name: str, value: float = 1) -> None:
        self.measure({name: value})

    def measure(self, values: Mapping[str, float], units: Mapping[str, MetricUnit] | None = None) -> None:
        """Emit metrics as one line of embedded metric format, as counts unless `units` says otherwise."""
        metrics = EphemeralMetrics(namespace=None, service=None)
        metrics.namespace = metrics.namespace or NAMESPACE
        metrics.service = metrics.service or SERVICE
        for name, value in values.items():
            metrics.add_metric(name=name, unit=(units or {}).get(name, MetricUnit.Count), value=value)
        metrics.flush_metrics()


def _forget_task(record: logging.LogRecord) -> bool:
    """Python 3.12 names the asyncio task in each record, and Powertools prints what it does not know."""
    vars(record).pop("taskName", None)
    return True


def _chain(error: BaseException) -> str:
    names: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(names) < 5:
        names.append(type(cause).__qualname__)
        cause = cause.__cause__
    return " < ".join(names)
