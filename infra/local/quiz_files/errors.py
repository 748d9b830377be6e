"""What can stop an import or an export as a whole."""

from __future__ import annotations


class FileError(ValueError):
    """A file that can't be read; the message is a sentence that says why, and what to change."""
