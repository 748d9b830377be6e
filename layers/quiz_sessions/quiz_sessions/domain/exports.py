"""Exports: what of a quiz leaves the service as a file, and in which form."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import IO, Any, Final, Protocol, cast
from uuid import UUID

from .errors import InvalidInputError
from .json_values import dump_json
from .timestamps import from_micros, iso

RETRY_SECONDS: Final = (60, 300)
"""How long it is left alone after a try that came to nothing."""
MAX_TRIES: Final = len(RETRY_SECONDS) + 1
"""How often an export is begun before it has failed."""
MAX_RUNNING: Final = 3
"""Exports of one caller that may run at once."""
KEPT_SECONDS: Final = 7 * 24 * 3600
"""How long there is a file of an export. The life cycle of the bucket has the same."""
LINK_SECONDS: Final = 600


class ExportFormat(StrEnum):
    """The form of an export: a zip with a CSV file for each kind of record, or one gzipped file of lines."""

    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def ending(self) -> str:
        return "zip" if self is ExportFormat.CSV else "ndjson.gz"

    @property
    def media_type(self) -> str:
        return "application/zip" if self is ExportFormat.CSV else "application/gzip"


class ExportPart(StrEnum):
    """What can be exported."""

    ATTEMPTS = "attempts"
    ANSWERS = "answers"
    RESULTS = "results"
    TRAIL = "trail"


class ExportStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export, as it is stored.

    Attributes:
        what: the kinds of records, in the order of the file.
        requested_by: the subject of whoever asked for it, who alone sees it; None without tokens.
        tries: how often it was begun.
        rows: the records written so far by the present try.
        taken_at: the moment whose state it has; None until it has been begun.
        bytes, sha256: of the file; None until there is one.
    """

    id: UUID
    quiz_id: str
    format: ExportFormat
    what: tuple[ExportPart, ...]
    requested_by: str | None
    requested_at: datetime
    status: ExportStatus
    tries: int
    rows: int
    taken_at: datetime | None
    finished_at: datetime | None
    bytes: int | None
    sha256: str | None

    @property
    def file(self) -> str:
        """The name of the file of this try; another try's is another one, which nobody is given."""
        return f"{self.id}-{self.tries}.{self.format.ending}"


def check_parts(what: Sequence[ExportPart]) -> tuple[ExportPart, ...]:
    """What to export, in the order of the file.

    Raises:
        InvalidInputError: it is nothing, or something twice.
    """
    if not what or len(set(what)) != len(what):
        raise InvalidInputError(
            "what must have each of attempts, answers, results, trail once.", member="what"
        )
    return tuple(part for part in ExportPart if part in what)


class Kind(Enum):
    """How a column of a record is written."""

    TEXT = auto()
    NUMBER = auto()
    """Or a truth value."""
    MOMENT = auto()
    MICROS = auto()
    """A moment in microseconds since 1970."""
    ID = auto()
    JSON = auto()
    """Text that is JSON already, so that no number loses digits."""


@dataclass(frozen=True, slots=True)
class RecordType:
    """A kind of record: its name in `record`, and its columns in their order."""

    name: str
    columns: Mapping[str, Kind]


_OF_SESSION: Final = {
    "session_id": Kind.ID,
    "user_id": Kind.TEXT,
    "quiz_id": Kind.TEXT,
    "attempt_no": Kind.NUMBER,
}
RECORDS: Final[Mapping[ExportPart, RecordType]] = {
    ExportPart.ATTEMPTS: RecordType(
        "attempt",
        {
            **_OF_SESSION,
            "group": Kind.TEXT,
            "label": Kind.TEXT,
            "metadata": Kind.JSON,
            "status": Kind.TEXT,
            "started_at": Kind.MOMENT,
            "expires_at": Kind.MOMENT,
            "completed_at": Kind.MOMENT,
            "ended_at": Kind.MOMENT,
            "late_ms": Kind.NUMBER,
            "time_limit_seconds": Kind.NUMBER,
            "accommodation_seconds": Kind.NUMBER,
            "extension_seconds": Kind.NUMBER,
            "pause_seconds": Kind.NUMBER,
            "version": Kind.NUMBER,
            "incidents": Kind.NUMBER,
            "score": Kind.NUMBER,
            "max_score": Kind.NUMBER,
            "grading": Kind.TEXT,
            "quiz_revision": Kind.NUMBER,
        },
    ),
    ExportPart.ANSWERS: RecordType(
        "answer",
        {
            **_OF_SESSION,
            "question": Kind.TEXT,
            "answer": Kind.JSON,
            "answered_at": Kind.MICROS,
            "first_answered_at": Kind.MICROS,
        },
    ),
    ExportPart.RESULTS: RecordType(
        "result",
        {
            **_OF_SESSION,
            "question": Kind.TEXT,
            "points": Kind.NUMBER,
            "max_points": Kind.NUMBER,
            "correct": Kind.NUMBER,
            "marked_by": Kind.TEXT,
            "comment": Kind.TEXT,
        },
    ),
    ExportPart.TRAIL: RecordType(
        "event",
        {
            **_OF_SESSION,
            "revision": Kind.NUMBER,
            "version": Kind.NUMBER,
            "type": Kind.TEXT,
            "at": Kind.MOMENT,
            "recorded_at": Kind.MOMENT,
            "changes": Kind.JSON,
            "nonce": Kind.TEXT,
            "digest": Kind.TEXT,
            "hash": Kind.TEXT,
            "erased_by": Kind.NUMBER,
        },
    ),
}
"""The statements `exported_*` return these columns in this order."""


class Encoder(Protocol):
    """Turns records into the bytes of a file, piece by piece."""

    def begin(self, part: ExportPart) -> None:
        """What is added next are records of this kind."""

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add records, as their statement returns them."""

    def end(self) -> None:
        """There are no more."""

    def take(self) -> bytes:
        """What of the file has been made since the last call; it may be nothing."""

    def close(self) -> None:
        """Let go of what is held for a file that is not ended; after `end` that is nothing."""


def encoder(form: ExportFormat) -> Encoder:
    return CsvEncoder() if form is ExportFormat.CSV else NdjsonEncoder()


class NdjsonEncoder:
    """One JSON object a line, gzipped: `record` says of which kind it is."""

    def __init__(self) -> None:
        self._made = _Sink()
        # In the form of gzip (zlib's manual, deflateInit2), and without a time: the same records make the
        # same file.
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        self._head = ""
        self._names: list[str] = []
        self._kinds: list[Kind] = []

    def begin(self, part: ExportPart) -> None:
        record = RECORDS[part]
        self._head = f'{{"record":"{record.name}"'
        self._names = [f',"{name}":' for name in record.columns]
        self._kinds = list(record.columns.values())

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        lines: list[str] = []
        for row in rows:
            lines.append(self._head)
            for name, kind, value in zip(self._names, self._kinds, row, strict=True):
                lines.append(name)
                lines.append("null" if value is None else _as_json(kind, value))
            lines.append("}\n")
        self._made.write(self._compressor.compress("".join(lines).encode()))

    def end(self) -> None:
        self._made.write(self._compressor.flush())

    def take(self) -> bytes:
        return self._made.take()

    def close(self) -> None:
        pass


class CsvEncoder:
    """A zip with a file for each kind of records, which begins with the names of its columns (RFC 4180)."""

    def __init__(self) -> None:
        self._made = _Sink()
        self._zip = zipfile.ZipFile(
            cast(IO[bytes], self._made), "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL
        )
        self._member: io.TextIOWrapper | None = None
        self._kinds: list[Kind] = []

    def begin(self, part: ExportPart) -> None:
        self._finish_member()
        columns = RECORDS[part].columns
        self._kinds = list(columns.values())
        # Of an age that the format knows; a file may have more than 4 GiB.
        info = zipfile.ZipInfo(f"{part}.csv", (1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        member = self._zip.open(info, "w", force_zip64=True)
        self._member = io.TextIOWrapper(member, "utf-8", newline="")
        csv.writer(self._member).writerow(columns)

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        assert self._member is not None
        csv.writer(self._member).writerows(
            [
                "" if value is None else _as_cell(kind, value)
                for kind, value in zip(self._kinds, row, strict=True)
            ]
            for row in rows
        )

    def end(self) -> None:
        self.close()

    def take(self) -> bytes:
        return self._made.take()

    def close(self) -> None:
        self._finish_member()
        self._zip.close()

    def _finish_member(self) -> None:
        if self._member is not None:
            self._member.close()


_LEVEL: Final = 6


class _Sink:
    """What has been made and not yet been taken away. It can't be gone back in, and a zip can do without."""

    def __init__(self) -> None:
        self._made = bytearray()

    def write(self, data: Any) -> int:
        self._made += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = bytes(self._made)
        self._made.clear()
        return taken


def _as_json(kind: Kind, value: Any) -> str:
    if kind is Kind.JSON:
        return str(value)
    return dump_json(_plain(kind, value))


def _as_cell(kind: Kind, value: Any) -> str:
    plain = _plain(kind, value)
    if kind is Kind.TEXT:
        # A spreadsheet takes such a cell for a formula (OWASP, "CSV Injection"). Other cells are none: JSON,
        # numbers and moments begin with nothing of the kind.
        return f"'{plain}" if plain.startswith(_FORMULA) else plain
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain)


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
"""Also in full width; and the apostrophe itself, so that what was put in front can be told."""


def _plain(kind: Kind, value: Any) -> Any:
    match kind:
        case Kind.MOMENT:
            return iso(value)
        case Kind.MICROS:
            return iso(from_micros(value))
        case Kind.ID:
            return str(value)
        case _:
            return value
