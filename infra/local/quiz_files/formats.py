"""Which format a file is in, and what is read of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from . import csv_table, gift, moodle_xml, qti_package, rules_json, safe_xml
from .archive import Archive
from .assemble import assemble
from .errors import FileError
from .model import Bank, Imported

MAX_BYTES: Final = 64 * 1024 * 1024
_ZIP: Final = b"PK\x03\x04"
_XML: Final = b"<"
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_QTI_ROOTS: Final = frozenset(
    {"questestinterop", "assessmentItem", "assessmentTest", "qti-assessment-item", "qti-assessment-test"}
)
_TEXTS: Final[Mapping[str, Callable[[str], Bank]]] = {"gift": gift.read, "csv": csv_table.read}
_SUFFIXES: Final = {"csv": "csv", "tsv": "csv", "gift": "gift", "txt": "gift", "json": "json"}
FORMATS: Final = ("qti", "moodle", "gift", "csv", "json")


def read_file(data: bytes, name: str, *, form: str | None = None, title: str | None = None) -> Imported:
    """Read a file of any format into the rules of a quiz.

    Args:
        name: the file's, which tells GIFT, CSV and JSON apart.
        form: one of FORMATS, where the name does not tell.
        title: which quiz of a package that has several.

    Raises:
        FileError: it can't be read, or has no question that can be imported.
    """
    if len(data) > MAX_BYTES:
        raise FileError(f"The file has more than {MAX_BYTES} bytes; split it.")
    if data.startswith(_ZIP):
        return assemble(qti_package.read_package(Archive(data), title))
    if form in ("qti", "moodle") or (form is None and _is_xml(data)):
        return assemble(_read_xml(data, name, title))
    form = form or _SUFFIXES.get(name.rpartition(".")[2].lower())
    if form is None:
        raise FileError(f"{name} does not tell its format; say it with --format {', '.join(FORMATS)}.")
    text = _text(data)
    return rules_json.read(text) if form == "json" else assemble(_TEXTS[form](text))


def _is_xml(data: bytes) -> bool:
    head = data[:200]
    for mark in _MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip().startswith(_XML)


def _read_xml(data: bytes, name: str, title: str | None) -> Bank:
    root = safe_xml.parse(data, name)
    if root.tag == "quiz":
        return moodle_xml.read(root)
    if root.tag in _QTI_ROOTS:
        return qti_package.read_document(root, name, title)
    raise FileError(f"{name} is neither Moodle XML nor QTI: its root is <{root.tag}>.")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"The file is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
