"""The file that a backup is: a tar of the copies, with gzip, led by a manifest with their checksums."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from .machine import CommandError

FORMAT: Final = 1
"""Of the archive. One that older releases can't read has a larger number."""
_MANIFEST: Final = "manifest.json"
_MANIFEST_BYTES: Final = 1024 * 1024
_PIECE: Final = 1024 * 1024


class ArchiveError(CommandError):
    """A file is no archive, or not as it was written."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file} can't be restored: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive says of itself.

    Attributes:
        format: `FORMAT` of the release that wrote it.
        version: of that release.
        revision: of the schema.
        postgres: the version of the PostgreSQL that wrote the copy of the database.
        began_at: when the backup began, as RFC 3339; what was acknowledged before is in it.
        files: name -> size and SHA-256 of each.
    """

    format: int
    version: str
    revision: str
    postgres: str
    began_at: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)


def pack(folder: Path, manifest: Manifest, target: Path) -> Manifest:
    """Write an archive of the files in `folder` to `target`, which its owner alone can read.

    There is a whole file under the name or none. Returns the manifest with the files. Raises OSError, also
    where there is a file already.
    """
    if target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {str(path.relative_to(folder)): _described(path) for path in files}
    complete = Manifest(**{**asdict(manifest), "files": named})
    unfinished = target.with_name(f".{target.name}.part")
    # What an interrupted backup left may be open to others, whatever mode is asked for.
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            # What is large is compressed already.
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, filename="") as packed:
                _write(packed, complete, folder)
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.rename(target)
        sync(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)
    return complete


def unpack(file: Path, folder: Path | None) -> Manifest:
    """Read an archive to its end, and write its files into `folder`, if one is given, for their owner alone.

    Raises ArchiveError, OSError where the file or the folder can't be used.
    """
    # To tell what is wrong with the disk from what is wrong with the file.
    with file.open("rb") as raw, gzip.GzipFile(fileobj=raw, mode="rb") as packed:
        try:
            return _read(file, packed, folder)
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ArchiveError(file, "it is damaged, or not an archive of quiz-sessions") from error


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as content:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(content, "sha256").hexdigest()}


def _write(packed: gzip.GzipFile, manifest: Manifest, folder: Path) -> None:
    with tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        text = json.dumps(asdict(manifest), indent=1).encode()
        tar.addfile(_entry(_MANIFEST, len(text)), io.BytesIO(text))
        for name, described in manifest.files.items():
            with (folder / name).open("rb") as content:
                tar.addfile(_entry(name, described["bytes"]), content)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _read(file: Path, packed: gzip.GzipFile, folder: Path | None) -> Manifest:
    manifest: Manifest | None = None
    left: dict[str, dict[str, Any]] = {}
    with tarfile.open(fileobj=packed, mode="r|") as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            if content is None:
                raise ArchiveError(file, "it has something in it that is no file")
            if manifest is None:
                manifest = _manifest_of(file, entry, content)
                left = dict(manifest.files)
                continue
            described = left.pop(entry.name, None)
            if described is None:
                raise ArchiveError(file, "it has a file that its manifest does not name")
            # The name is one of those of the manifest, which `_manifest_of` has looked at.
            target = None if folder is None else folder / entry.name
            if _copied(content, target) != (described.get("bytes"), described.get("sha256")):
                raise ArchiveError(file, f"{entry.name} in it is not as it was written")
    if manifest is None or left:
        raise ArchiveError(file, "something is missing from it")
    while packed.read(_PIECE):
        # The checksum of all stands at the end.
        pass
    return manifest


def _manifest_of(file: Path, entry: tarfile.TarInfo, content: IO[bytes]) -> Manifest:
    if entry.name != _MANIFEST or entry.size > _MANIFEST_BYTES:
        raise ArchiveError(file, "it is not an archive of quiz-sessions")
    try:
        said = json.loads(content.read())
        written = said["format"]
        if not isinstance(written, int):
            raise TypeError
        if written > FORMAT:
            raise ArchiveError(file, f"a newer release made it ({said['version']}): install that one")
        manifest = Manifest(**said)
        names = [*manifest.files]
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(file, "its manifest can't be read") from error
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in names):
        raise ArchiveError(file, "it names files outside of it")
    return manifest


def _copied(content: IO[bytes], target: Path | None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    if target is not None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.touch(mode=0o600, exist_ok=False)
    with Path(os.devnull if target is None else target).open("wb") as copy:
        while piece := content.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            copy.write(piece)
    return size, digest.hexdigest()


def sync(folder: Path) -> None:
    """Bring the names in a folder to the disk, where its file system can. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
