"""Exports: what is asked for, and how far it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from quiz_sessions.domain.exports import ExportFormat, ExportPart
from quiz_sessions.services.exports import ShownExport

from .common import RequestBody, example, reply


class ExportRequest(RequestBody):
    """What to export of a quiz, and in which form."""

    model_config = example(format="ndjson", what=["attempts", "answers", "results"])

    format: ExportFormat = Field(
        description="`csv`: a zip with a file for each of `what`. `ndjson`: gzipped, an object a line."
    )
    what: Annotated[list[ExportPart], Field(min_length=1, max_length=len(ExportPart))] = Field(
        description="Each once. `trail` are the audit logs."
    )


@reply
class ExportReply(ShownExport):
    """How far an export is."""
