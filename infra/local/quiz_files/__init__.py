"""Quizzes from the files of other systems, and back: QTI, Moodle XML, GIFT, CSV and our own JSON.

`read_file` reads bytes into the rules of a quiz and a report; `write_package` writes rules as QTI 3.0. Both
do no more. `quiz-sessions import` and `export` talk to the API with them (docs/import.md).
"""

from .command import add_export_options, add_import_options, export_quiz, import_file
from .errors import FileError, QuizFilesError
from .formats import read_file
from .model import Imported, Line
from .qti_write import Exported, write_package
from .service import Quizzes

__all__ = [
    "Exported",
    "FileError",
    "Imported",
    "Line",
    "QuizFilesError",
    "Quizzes",
    "add_export_options",
    "add_import_options",
    "export_quiz",
    "import_file",
    "read_file",
    "write_package",
]
