"""Brings files into the bucket of the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .files import FOLDERS, File

CACHE_CONTROL: Final = "no-cache"
"""Whoever has a file asks whether it is still the same, so that a release shows at once."""


def upload(s3: Any, bucket: str, files: Sequence[File]) -> list[str]:
    """Upload files in their order, then delete what is not among them. Returns the keys that are gone."""
    for file in files:
        s3.put_object(
            Bucket=bucket,
            Key=file.key,
            Body=file.content,
            ContentType=file.content_type,
            CacheControl=CACHE_CONTROL,
        )
    kept = {file.key for file in files}
    gone = [
        each["Key"]
        for folder in FOLDERS
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
        for each in page.get("Contents", ())
        if each["Key"] not in kept
    ]
    for key in gone:
        s3.delete_object(Bucket=bucket, Key=key)
    return gone
