"""Exports: asking for one, looking how far it is, and making it.

Whoever makes an export holds it, and tells every few seconds how far it has come. If that stops, the export
is begun anew, from the start and from a snapshot of its own, up to three times; then it has failed. Its file
appears whole or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from ..domain.errors import (
    ExportFileGoneError,
    ExportFilesUnavailableError,
    ExportNotFoundError,
    ExportsOffError,
    ExportTakenOverError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    QuizNotFoundError,
    SecretUnavailableError,
    TooManyRequestsError,
)
from ..domain.exports import (
    KEPT_SECONDS,
    LINK_SECONDS,
    MAX_RUNNING,
    RETRY_SECONDS,
    Encoder,
    Export,
    ExportFormat,
    ExportPart,
    ExportStatus,
    check_parts,
    encoder,
)
from ..domain.timestamps import Micros, from_micros
from ..domain.validation import check_id
from ..runtime.telemetry import Telemetry
from ..stores.export_files import ExportBucket, ExportFolder, Upload
from ..stores.exports import ExportStore, Snapshot, Snapshots
from .jws import Jws

ROWS_A_PIECE: Final = 500
"""Records that are encoded at a time."""
PIECE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of records that are encoded at a time, but for the last of them."""
PIECES_BETWEEN_NEWS: Final = 20
"""How often an export tells how far it has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownExport:
    """How far an export is."""

    id: UUID
    quiz_id: str
    format: ExportFormat
    what: list[ExportPart]
    status: ExportStatus = field(
        metadata={
            "description": "`failed` after three tries that did not end. Where one stopped, the next begins "
            "from the start: nobody is given half a file."
        }
    )
    rows: int = field(metadata={"description": "Records that are written, by the present try."})
    requested_at: datetime
    taken_at: datetime | None = field(
        metadata={"description": "The moment whose state it has: all of it, and nothing later."}
    )
    finished_at: datetime | None
    bytes: int | None = field(metadata={"description": "Of the file."})
    sha256: str | None = field(metadata={"description": "Of the file, in hexadecimal."})
    url: str | None = field(
        metadata={
            "description": "Where the file is, without a token, for ten minutes; ask again for another link. "
            "Relative to /exports/{id}, or absolute. Null while there is none, after a week, and in the "
            "reply to the request."
        }
    )


class Exports:
    """Takes requests for exports. Every method raises DatabaseUnavailableError and BusyError."""

    def __init__(
        self,
        *,
        exports: ExportStore,
        files: ExportBucket | ExportFolder | None,
        tokens: Jws,
        clock: Callable[[], Micros],
    ) -> None:
        """`files` is None where there is no place for any; `tokens` sign links to a folder's files."""
        self._exports = exports
        self._files = files
        self._tokens = tokens
        self._clock = clock

    async def request(
        self,
        quiz_id: str,
        form: ExportFormat,
        what: Sequence[ExportPart],
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> ShownExport:
        """Ask for an export of a quiz; what the caller itself did as a student is left out.

        Raises:
            InvalidInputError: there can't be such a quiz or key, or `what` is nothing or has something twice.
            QuizNotFoundError: nobody registered the quiz, and nobody has started it.
            IdempotencyKeyReusedError: another export was asked for with the key.
            TooManyRequestsError: as many as may run of one caller do.
            ExportsOffError: there is no place for files.
        """
        check_id("quiz_id", quiz_id)
        if idempotency_key is not None:
            check_id("Idempotency-Key", idempotency_key)
        parts = check_parts(what)
        if self._files is None:
            raise ExportsOffError
        at = self._clock() if at is None else at
        outcome, export = await self._exports.request(
            uuid4(), quiz_id, form, parts, by=by, at=from_micros(at), key=idempotency_key
        )
        if outcome == "reused":
            raise IdempotencyKeyReusedError
        if outcome == "unknown":
            raise QuizNotFoundError
        if export is None:
            raise TooManyRequestsError(
                f"{MAX_RUNNING} exports that you have asked for run. Wait for one of them."
            )
        # Without a link, which is relative to the address that `get` is read from.
        return _shown(export, None)

    async def get(self, export_id: UUID, *, by: str | None = None, at: Micros | None = None) -> ShownExport:
        """How far an export is that the caller has asked for; with a new link to its file.

        Raises:
            ExportNotFoundError: there is none.
            SecretUnavailableError: there is no key to sign the link with.
            ExportFilesUnavailableError: the link can't be made.
        """
        export = await self._exports.get(export_id, by)
        if export is None:
            raise ExportNotFoundError
        return _shown(export, await self._link(export, self._clock() if at is None else at))

    async def file(self, export_id: UUID, token: str, *, at: Micros | None = None) -> tuple[Export, Path]:
        """The file of an export in a folder, for whoever has a link.

        Raises:
            ForbiddenError: the token is not one of this export, or its time is over.
            ExportNotFoundError: it is not one of this service's.
            ExportFileGoneError: its file is not there.
            SecretUnavailableError: the keys can't be read.
        """
        at = self._clock() if at is None else at
        payload = await self._tokens.verified(token)
        if payload is None or payload["export_id"] != str(export_id) or payload["expires_at"] < at:
            raise ForbiddenError("The link is not one of this export, or its time is over: get another one.")
        export = await self._exports.get(export_id, None)
        if export is None or export.status is not ExportStatus.DONE:
            raise ExportNotFoundError
        path = self._files.path(export.file) if isinstance(self._files, ExportFolder) else None
        if path is None:
            raise ExportFileGoneError
        return export, path

    async def _link(self, export: Export, at: Micros) -> str | None:
        if self._files is None or export.finished_at is None or export.status is not ExportStatus.DONE:
            return None
        if export.finished_at + timedelta(seconds=KEPT_SECONDS) < from_micros(at):
            return None
        if isinstance(self._files, ExportBucket):
            return await self._files.link(export.file, LINK_SECONDS)
        if self._files.path(export.file) is None:
            return None
        expires_at = at + LINK_SECONDS * 1_000_000
        token = await self._tokens.sign({"export_id": str(export.id), "expires_at": expires_at})
        if token is None:
            raise SecretUnavailableError
        return f"{export.id}/file?token={token}"


def _shown(export: Export, url: str | None) -> ShownExport:
    return ShownExport(
        id=export.id,
        quiz_id=export.quiz_id,
        format=export.format,
        what=list(export.what),
        status=export.status,
        rows=export.rows,
        requested_at=export.requested_at,
        taken_at=export.taken_at,
        finished_at=export.finished_at,
        bytes=export.bytes,
        sha256=export.sha256,
        url=url,
    )


class Exporter:
    """Makes exports. Several processes may do so at once: each has another export."""

    def __init__(
        self,
        *,
        exports: ExportStore,
        snapshots: Snapshots,
        files: ExportBucket | ExportFolder,
        telemetry: Telemetry,
    ) -> None:
        self._exports = exports
        self._snapshots = snapshots
        self._files = files
        self._telemetry = telemetry
        self._holder = uuid4()

    async def run(self, export_id: UUID | None = None) -> Export | None:
        """Make the export, or the one that waits for the longest; None if none waits.

        What keeps it from ending is logged, and the export is begun anew by a later run, or has failed.

        Raises:
            DatabaseUnavailableError, BusyError: nothing was begun, or nobody could be told how it ended; then
                its time runs out, and another run takes it over.
        """
        export = await self._exports.take(self._holder, export_id)
        if export is None:
            return None
        try:
            await self._make(export)
        except ExportTakenOverError as error:
            # This process was frozen for so long that another one began the export anew. Its file counts.
            self._telemetry.degraded("export taken over", error, export=str(export.id))
        except asyncio.CancelledError:
            # The process ends in good order; the next one need not wait until it is missed.
            await self._exports.give_back(export.id, self._holder)
            raise
        except Exception as error:
            # Whatever it was, also a bug or a damaged row: the export is not done, and that is to be told.
            reason = error.reason if isinstance(error, ExportFilesUnavailableError) else None
            self._telemetry.failed(
                "export stopped", error, export=str(export.id), tries=export.tries, reason=reason
            )
            pause = (*RETRY_SECONDS, 0)[export.tries - 1]
            if await self._exports.let_go(export.id, self._holder, pause) is ExportStatus.FAILED:
                self._telemetry.count("ExportsFailed")
        return export

    async def remove_old(self) -> None:
        """Remove the files whose time is over, where nobody else does."""
        if isinstance(self._files, ExportFolder):
            await self._files.remove_old()

    async def _make(self, export: Export) -> None:
        written = _Written()
        with closing(encoder(export.format)) as file:
            async with (
                self._files.create(export.file, export.format.media_type) as upload,
                self._snapshots.open() as snapshot,
            ):
                await self._write(export, snapshot, file, upload, written)
        # The file is whole and under its name; if this fails, nobody is given it, and it is made anew.
        if not await self._exports.finish(
            export.id, self._holder, rows=written.rows, size=written.size, sha256=written.hash.hexdigest()
        ):
            raise ExportTakenOverError

    async def _write(
        self, export: Export, snapshot: Snapshot, file: Encoder, upload: Upload, written: _Written
    ) -> None:
        await self._tell(export, written, snapshot.taken_at)
        for part in export.what:
            file.begin(part)
            records = snapshot.records(part, export.quiz_id, export.requested_by)
            async with aclosing(_pieces(records)) as pieces:
                async for piece in pieces:
                    # In a thread, because a server has other requests to serve meanwhile.
                    await asyncio.to_thread(file.add, piece)
                    written.rows += len(piece)
                    await written.move(file, upload)
                    written.pieces += 1
                    if written.pieces % PIECES_BETWEEN_NEWS == 0:
                        await self._tell(export, written, snapshot.taken_at)
        file.end()
        await written.move(file, upload)
        await self._tell(export, written, snapshot.taken_at)

    async def _tell(self, export: Export, written: _Written, taken_at: datetime) -> None:
        # rule: whoever makes an export stops once another one does
        if not await self._exports.keep(export.id, self._holder, written.rows, taken_at):
            raise ExportTakenOverError


class _Written:
    """What has been written of a file."""

    def __init__(self) -> None:
        self.rows = 0
        self.size = 0
        self.pieces = 0
        self.hash = sha256()

    async def move(self, file: Encoder, upload: Upload) -> None:
        """Move what has been encoded into the file."""
        if data := file.take():
            self.hash.update(data)
            self.size += len(data)
            await upload.write(data)


async def _pieces(
    records: AsyncGenerator[Sequence[Any], None],
) -> AsyncGenerator[list[Sequence[Any]], None]:
    """The records in pieces that memory always holds."""
    piece: list[Sequence[Any]] = []
    size = 0
    async with aclosing(records):
        async for record in records:
            piece.append(record)
            size += sum(len(value) for value in record if isinstance(value, str))
            if len(piece) == ROWS_A_PIECE or size >= PIECE_BYTES:
                yield piece
                piece, size = [], 0
    if piece:
        yield piece
