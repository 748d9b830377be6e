"""What can stop an import or an export as a whole."""

from __future__ import annotations


class QuizFilesError(Exception):
    """Why an import or an export is not done; the message is a sentence, with what to do."""


class FileError(QuizFilesError):
    """A file that can't be read; the message says why, and what to change."""


class ServiceError(QuizFilesError):
    """The service can't be reached, or refused; the message says which, in its own words."""


class RefusedError(QuizFilesError):
    """What was asked for is not done."""
