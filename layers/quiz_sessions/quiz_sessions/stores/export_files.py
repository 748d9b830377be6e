"""The files of exports: in an S3 bucket, or in a folder. There is a whole file under its name, or none."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from ..domain.errors import ExportFilesUnavailableError
from ..domain.exports import KEPT_SECONDS
from .lazy_client import LazyClient

PART_BYTES: Final = 8 * 1024 * 1024
"""S3 takes parts of 5 MiB at least, and 10,000 of them."""
LEFT_SECONDS: Final = 3600
"""For how long a file may not have grown that is still being written."""
_PART: Final = ".part"
_NAME: Final = re.compile(r"[0-9a-f-]{36}-\d+\.(zip|ndjson\.gz)(\.part)?")
"""As `Export.file` has it."""


class Upload(Protocol):
    """A file that is being written."""

    async def write(self, data: bytes) -> None:
        """Append `data`."""


class ExportFolder:
    """A folder of this machine. Every method raises ExportFilesUnavailableError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def create(self, name: str, media_type: str) -> AsyncIterator[Upload]:
        """A file that is there once this is left without an error."""
        del media_type
        part = self._folder / f"{name}{_PART}"
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            file = await asyncio.to_thread(_opened, part)
        except OSError as error:
            raise _unavailable(error) from error
        try:
            with file:
                yield _FileUpload(file)
                await asyncio.to_thread(_sync, file)
            await asyncio.to_thread(part.replace, self._folder / name)
        except OSError as error:
            raise _unavailable(error) from error
        finally:
            part.unlink(missing_ok=True)

    def path(self, name: str) -> Path | None:
        """Where the file is; None if it is gone."""
        path = self._folder / name
        return path if path.is_file() else None

    async def remove_old(self) -> None:
        """Remove the files whose time is over, and what was left of tries. What else is there stays."""
        try:
            await asyncio.to_thread(self._remove_old)
        except OSError as error:
            raise _unavailable(error) from error

    def _remove_old(self) -> None:
        for file in self._folder.iterdir() if self._folder.is_dir() else ():
            if not _NAME.fullmatch(file.name):
                continue
            kept = LEFT_SECONDS if file.name.endswith(_PART) else KEPT_SECONDS
            # Another process may have removed it.
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - kept:
                    file.unlink()


def _opened(path: Path) -> Any:
    """A file that nobody else on this machine may read."""
    return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _unavailable(error: OSError) -> ExportFilesUnavailableError:
    return ExportFilesUnavailableError(errno.errorcode.get(error.errno or 0, ""))


class _FileUpload:
    def __init__(self, file: Any) -> None:
        self._file = file

    async def write(self, data: bytes) -> None:
        await asyncio.to_thread(self._file.write, data)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def connect() -> Any:
    """An S3 client in its own boto3 session; the default session is not thread-safe."""
    # boto3 takes a third of a second to import; a request that needs no file never pays for it.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    # A part has 8 MiB. By default a call may take minutes.
    patience = Config(
        connect_timeout=2,
        read_timeout=20,
        retries={"total_max_attempts": 3},
        signature_version="s3v4",
    )
    return boto3.Session().client("s3", config=patience)


class ExportBucket:
    """An S3 bucket, whose life cycle removes what is old. Every method raises ExportFilesUnavailableError.

    It imports boto3 when it first needs it.
    """

    def __init__(self, name: str, connect: Callable[[], Any] = connect) -> None:
        self._name = name
        self._client = LazyClient(connect)

    @asynccontextmanager
    async def create(self, name: str, media_type: str) -> AsyncIterator[Upload]:
        """A file that is there once this is left without an error."""
        place = {"Bucket": self._name, "Key": name}
        begun = await self._call(
            "create_multipart_upload",
            **place,
            ContentType=media_type,
            ContentDisposition=f'attachment; filename="{name}"',
        )
        upload = _BucketUpload(self._call, {**place, "UploadId": begun["UploadId"]})
        try:
            yield upload
            await upload.finish()
        except BaseException:
            # What is not taken away here the bucket's life cycle takes away after a day.
            with suppress(ExportFilesUnavailableError):
                await self._call("abort_multipart_upload", **place, UploadId=begun["UploadId"])
            raise

    async def link(self, name: str, seconds: int) -> str:
        """A URL that gives the file for so many seconds; it is signed here, without a call to S3."""
        return str(
            await self._call(
                "generate_presigned_url",
                "get_object",
                Params={"Bucket": self._name, "Key": name},
                ExpiresIn=seconds,
            )
        )

    async def _call(self, operation: str, *arguments: Any, **options: Any) -> Any:
        return await asyncio.to_thread(self._call_now, operation, *arguments, **options)

    def _call_now(self, operation: str, *arguments: Any, **options: Any) -> Any:
        # Imported here because it comes with boto3.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return getattr(self._client(), operation)(*arguments, **options)
        except ClientError as error:
            raise ExportFilesUnavailableError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise ExportFilesUnavailableError(type(error).__name__) from error


class _BucketUpload:
    """A multipart upload: a part is sent once enough has gathered."""

    def __init__(self, call: Callable[..., Any], place: dict[str, str]) -> None:
        self._call = call
        self._place = place
        self._gathered = bytearray()
        self._parts: list[dict[str, Any]] = []

    async def write(self, data: bytes) -> None:
        self._gathered += data
        while len(self._gathered) >= PART_BYTES:
            await self._send(bytes(self._gathered[:PART_BYTES]))
            del self._gathered[:PART_BYTES]

    async def finish(self) -> None:
        if self._gathered or not self._parts:
            await self._send(bytes(self._gathered))
        await self._call("complete_multipart_upload", **self._place, MultipartUpload={"Parts": self._parts})

    async def _send(self, data: bytes) -> None:
        number = len(self._parts) + 1
        sent = await self._call("upload_part", **self._place, PartNumber=number, Body=data)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
