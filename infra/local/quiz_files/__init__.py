"""Quizzes from the files of other systems, and back: QTI, Moodle XML, GIFT, CSV and our own JSON.

`read_file` reads bytes into the rules of a quiz and a report; `write_package` writes rules as QTI 3.0. Both
do no more. `python -m quiz_files` talks to the API (docs/import.md).
"""

from .command import main
from .errors import FileError
from .formats import read_file
from .model import Imported, Line
from .qti_write import Exported, write_package

__all__ = ["Exported", "FileError", "Imported", "Line", "main", "read_file", "write_package"]
