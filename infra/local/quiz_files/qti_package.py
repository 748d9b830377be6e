"""Packages of QTI: which of their files is the quiz, and what it names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final
from xml.etree.ElementTree import Element

from quiz_sessions.domain.quizzes import QuizRules

from . import safe_xml
from .archive import Archive
from .errors import FileError
from .markup import Resolve
from .model import Bank, Group, Item
from .qti_classic import read_assessment
from .qti_item import read_item
from .qti_names import as_qti3
from .qti_test import read_test
from .safe_xml import text_of

MANIFEST: Final = "imsmanifest.xml"
SETTINGS: Final = "settings"
"""The element in which our manifests have rules of the quiz that QTI has no words for, as JSON."""
RULES: Final = frozenset(each.name for each in fields(QuizRules)) - {
    "questions",
    "paper",
    "time_limit_seconds",
    "access",
}
"""Those rules. What is asked of those who take a quiz is none of them: it has its password."""
_ITEM: Final = "qti-assessment-item"
_TEST: Final = "qti-assessment-test"
_DOCUMENTS: Final = (".xml", ".qti")
_META: Final = "assessment_meta.xml"


@dataclass(frozen=True, slots=True)
class _Quiz:
    """Something in a package that one quiz can be made of."""

    title: str
    path: str
    root: Element


def read_package(archive: Archive, title: str | None) -> Bank:
    """Read the only quiz of a package, or the one with this title.

    Raises:
        FileError: it has none, or several and no title says which.
    """
    package = _Package(archive)
    quizzes = package.quizzes()
    if not quizzes:
        if package.items:
            return package.read_items()
        raise FileError(package.problem())
    if title is not None:
        quizzes = [each for each in quizzes if each.title == title]
    if len(quizzes) != 1:
        titles = ", ".join(repr(each.title) for each in package.quizzes())
        problem = (
            "has several quizzes; say which one with --title"
            if title is None
            else "has no quiz of this title"
        )
        raise FileError(f"The package {problem}: {titles}.")
    return package.read(quizzes[0])


def read_document(root: Element, path: str, title: str | None) -> Bank:
    """Read a document of QTI that is in no package.

    Raises:
        FileError: it has several quizzes and no title says which, or its items are in other files.
    """
    if root.tag == "questestinterop":
        quizzes = _assessments(root, path)
        chosen = [each for each in quizzes if title in (None, each.title)]
        if len(chosen) == 1:
            return read_assessment(chosen[0].root, lambda _: None, None)
        if not quizzes:
            return read_assessment(root, lambda _: None, None)
        titles = ", ".join(repr(each.title) for each in quizzes)
        raise FileError(f"The file has several quizzes; say which one with --title: {titles}.")
    document = as_qti3(root)
    if document.tag != _ITEM:
        raise FileError("The file is a test whose items are in other files; give the whole package (zip).")
    return Bank(groups=[Group(items=[read_item(document, "item 1", lambda _: None)])])


def _assessments(root: Element, path: str) -> list[_Quiz]:
    found = [*root.findall("assessment"), *root.findall("objectbank")]
    return [
        _Quiz(each.get("title") or _bank_title(each) or each.get("ident") or "", path, each) for each in found
    ]


def _bank_title(element: Element) -> str:
    fields = element.findall("qtimetadata/qtimetadatafield")
    return next(
        (text_of(each, "fieldentry") for each in fields if text_of(each, "fieldlabel") == "bank_title"), ""
    )


class _Package:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._documents: dict[str, Element] = {}
        self._broken: dict[str, str] = {}
        self._settings: dict[str, Any] = {}
        self._other_settings: list[str] = []
        for path in self._paths():
            self._document(path)
        self.items = [path for path, root in self._documents.items() if root.tag == _ITEM]

    def _paths(self) -> Sequence[str]:
        """The documents that the manifest names, or all where there is none."""
        data = self._archive.read(MANIFEST)
        every = [name for name in self._archive.names if name.endswith(_DOCUMENTS) and name != MANIFEST]
        if data is None:
            return every
        manifest = safe_xml.parse(data, MANIFEST)
        settings = _settings(manifest)
        self._settings = {name: value for name, value in settings.items() if name in RULES}
        self._other_settings = [f"the setting {name!r}" for name in settings.keys() - RULES]
        hrefs = [
            each.get("href", "")
            for resource in manifest.iter("resource")
            for each in (resource, *resource.findall("file"))
        ]
        listed = [href for href in dict.fromkeys(hrefs) if href in every]
        return listed or every

    def read_items(self) -> Bank:
        """All items, where no test names them."""
        return Bank(
            groups=[Group(items=[self.item(path) for path in self.items])], lost=list(self._broken.values())
        )

    def quizzes(self) -> list[_Quiz]:
        """Tests before assessments of QTI 1.2."""
        tests = [
            _Quiz(root.get("title", ""), path, root)
            for path, root in self._documents.items()
            if root.tag == _TEST
        ]
        classic = self._classic()
        return tests or [each for each in classic if each.root.tag == "assessment"] or classic

    def _classic(self) -> list[_Quiz]:
        """What there is of QTI 1.2. Where a course has it twice, the form that is Canvas's own."""
        found = [
            each
            for path, root in self._documents.items()
            if root.tag == "questestinterop"
            for each in _assessments(root, path)
        ]
        return [each for each in found if each.path.endswith(".qti")] or found

    def read(self, quiz: _Quiz) -> Bank:
        if quiz.root.tag == _TEST:
            bank = read_test(quiz.root, lambda href: self._item_at(quiz.path, href))
            bank.rules |= self._settings
            bank.lost += self._other_settings
            return bank
        folder = quiz.path.rpartition("/")[0]
        meta = self._documents.get(f"{folder}/{_META}" if folder else _META)
        banks = {each.root.get("ident", ""): each.root for each in self._classic()}
        bank = read_assessment(quiz.root, self._resolve(quiz.path), meta, banks)
        bank.lost += self._broken.values()
        return bank

    def _resolve(self, path: str) -> Resolve:
        return lambda source: self._archive.find(source, path)

    def _item_at(self, base: str, href: str) -> Item:
        path = self._archive.locate(href, base)
        if path is None or self._document(path) is None:
            reason = self._broken.get(path or "", "the file that it is in is missing")
            return Item(place=href, left_out=reason.rstrip("."))
        return self.item(path)

    def _document(self, path: str) -> Element | None:
        """A document; None where there is none, or none that can be read."""
        if path not in self._documents and path not in self._broken:
            data = self._archive.read(path)
            if data is None:
                return None
            try:
                self._documents[path] = as_qti3_or_same(safe_xml.parse(data, path))
            except FileError as error:
                self._broken[path] = str(error)
        return self._documents.get(path)

    def problem(self) -> str:
        """Why there is nothing in it."""
        return next(
            iter(self._broken.values()), "The package has no QTI: no test, no item, no questestinterop."
        )

    def item(self, path: str) -> Item:
        """The item in a file."""

        def stimulus(href: str) -> Element | None:
            found = self._archive.locate(href, path)
            return None if found is None else self._document(found)

        return read_item(self._documents[path], path, self._resolve(path), stimulus)


def as_qti3_or_same(root: Element) -> Element:
    """A document of QTI 2.x under the names of 3.0, any other as it is."""
    return as_qti3(root) if root.tag in ("assessmentItem", "assessmentTest", "assessmentStimulus") else root


def _settings(manifest: Element) -> dict[str, Any]:
    text = manifest.findtext(f"metadata/{SETTINGS}")
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FileError(f"The settings in {MANIFEST} are no JSON object.")
    return found
