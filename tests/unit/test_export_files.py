"""Where the files of exports are: whole under their name, or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import boto3
import pytest

from quiz_sessions.domain.errors import ExportFilesUnavailableError
from quiz_sessions.stores.export_files import PART_BYTES, ExportBucket, ExportFolder

NAME = "export.zip"


@pytest.fixture
def bucket(aws: None) -> Any:
    """A client of an S3 that is not AWS's, with an empty bucket."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="exports", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return client


@pytest.fixture
def files(bucket: Any) -> ExportBucket:
    return ExportBucket("exports", lambda: bucket)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


async def write_half(files: ExportBucket | ExportFolder) -> None:
    """Write more than a part of a file, and fail."""
    async with files.create(NAME, "application/zip") as upload:
        await upload.write(os.urandom(2 * PART_BYTES))
        raise ZeroDivisionError


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 7])
async def test_what_is_written_in_pieces_is_one_object(files: ExportBucket, bucket: Any, size: int) -> None:
    content = os.urandom(size)
    async with files.create(NAME, "application/zip") as upload:
        for start in range(0, size, 1_000_001):
            await upload.write(content[start : start + 1_000_001])
        assert bucket.list_objects_v2(Bucket="exports")["KeyCount"] == 0
    found = bucket.get_object(Bucket="exports", Key=NAME)
    assert found["Body"].read() == content
    assert (found["ContentType"], NAME in found["ContentDisposition"]) == ("application/zip", True)


async def test_what_is_not_finished_leaves_nothing_in_the_bucket(files: ExportBucket, bucket: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        await write_half(files)
    assert bucket.list_objects_v2(Bucket="exports")["KeyCount"] == 0
    assert "Uploads" not in bucket.list_multipart_uploads(Bucket="exports")


async def test_a_bucket_that_is_not_there_is_no_place(bucket: Any) -> None:
    with pytest.raises(ExportFilesUnavailableError):
        async with ExportBucket("another", lambda: bucket).create(NAME, "application/zip"):
            pass


async def test_a_link_is_signed_for_so_many_seconds(files: ExportBucket) -> None:
    link = await files.link(NAME, 600)
    assert NAME in link
    assert "X-Amz-Expires=600" in link


async def test_a_file_of_a_folder_is_there_once_it_is_whole(tmp_path: Path) -> None:
    files = ExportFolder(tmp_path / "exports")
    async with files.create(NAME, "application/zip") as upload:
        await upload.write(b"one ")
        assert files.path(NAME) is None
        await upload.write(b"two")
    path = files.path(NAME)
    assert path is not None
    assert path.read_bytes() == b"one two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_is_not_finished_leaves_nothing_in_the_folder(tmp_path: Path) -> None:
    files = ExportFolder(tmp_path / "exports")
    with pytest.raises(ZeroDivisionError):
        await write_half(files)
    assert not any((tmp_path / "exports").iterdir())


async def test_old_files_go_and_what_else_is_in_the_folder_stays(tmp_path: Path) -> None:
    stem = "5c2ff4c8-0641-41a0-afd6-3be7f862145e-1"
    gone = [f"{stem}.zip", f"{stem}.ndjson.gz", f"{stem}.zip.part"]
    for name in [*gone, "notes.txt", "quiz.zip"]:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    kept = f"{stem[:-1]}2.zip"
    (tmp_path / kept).touch()
    (tmp_path / "lost+found").mkdir()
    os.utime(tmp_path / "lost+found", (0, 0))
    await ExportFolder(tmp_path).remove_old()
    assert names(tmp_path) == {"notes.txt", "quiz.zip", "lost+found", kept}


async def test_a_file_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "exports").touch()
    with pytest.raises(ExportFilesUnavailableError) as caught:
        async with ExportFolder(tmp_path / "exports").create(NAME, "application/zip"):
            pass
    assert caught.value.reason == "EEXIST"
