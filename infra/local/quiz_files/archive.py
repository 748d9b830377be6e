"""Packages (zip) of strangers, read in memory and within limits."""

from __future__ import annotations

import posixpath
import struct
import zipfile
import zlib
from io import BytesIO
from typing import Final
from urllib.parse import unquote

from .errors import FileError

MAX_FILES: Final = 5000
MAX_FILE_BYTES: Final = 32 * 1024 * 1024
MAX_TOTAL_BYTES: Final = 128 * 1024 * 1024
MAX_RATIO: Final = 200
"""Texts shrink to a twentieth; what shrinks more than this was made to burst."""
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises for bytes that are no package, or no longer one."""
_SMALL_BYTES: Final = 1024 * 1024


class Archive:
    """The files of a package, by their paths."""

    def __init__(self, data: bytes) -> None:
        """Raises FileError where it is no zip file, or one that is not to be unpacked."""
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
        except _DAMAGED:
            raise FileError("The package is no readable zip file; export it again.") from None
        entries = [each for each in self._zip.infolist() if not each.is_dir()]
        if len(entries) > MAX_FILES:
            raise FileError(f"The package has more than {MAX_FILES} files.")
        self._entries = {posixpath.normpath(each.filename): each for each in entries}
        self._left = MAX_TOTAL_BYTES
        for each in entries:
            if each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise FileError("The package is packed by another method than zip's own; pack it again.")
            if each.flag_bits & 1:
                raise FileError("The package is encrypted; export it without a password.")
            if each.file_size > max(_SMALL_BYTES, each.compress_size * MAX_RATIO):
                raise FileError(f"The package would burst: {each.filename} is packed too tightly.")

    @property
    def names(self) -> list[str]:
        """The paths of its files, in their order."""
        return list(self._entries)

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None where there is none.

        Raises:
            FileError: it is damaged, or it or all that were read are too large.
        """
        entry = self._entries.get(path)
        if entry is None:
            return None
        # No more is unpacked than the directory says: what has more is damaged to zipfile.
        if entry.file_size > min(MAX_FILE_BYTES, self._left):
            raise FileError(f"The package is too large to unpack, at {path}.")
        try:
            data = self._zip.read(entry)
        except _DAMAGED:
            raise FileError(f"The package is damaged at {path}; export it again.") from None
        self._left -= len(data)
        return data

    def locate(self, reference: str, beside: str) -> str | None:
        """The path of the file that `reference`, a relative address in the file `beside`, names."""
        path = unquote(reference.partition("?")[0].partition("#")[0])
        folder = posixpath.dirname(beside)
        candidates = [
            posixpath.normpath(posixpath.join(base, inner, path))
            for inner in ("", "web_resources")
            for base in (folder, "")
        ]
        return next((each for each in candidates if each in self._entries), None)

    def find(self, reference: str, beside: str) -> bytes | None:
        """The bytes of that file; None where there is none."""
        path = self.locate(reference, beside)
        return None if path is None else self.read(path)
