"""A quiz as a package of QTI 3.0: a test, its items and a manifest."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from quiz_sessions.domain.quizzes import QuizRules

from .assemble import clean
from .model import Line
from .qti_package import MANIFEST, RULES, SETTINGS
from .qti_write_item import ItemWriter

_ASI: Final = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
_PACKAGE: Final = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
_SETTINGS: Final = "urn:quiz-sessions:settings"
_TEST: Final = "test.xml"
_WEIGHT: Final = "WEIGHT"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""So that the same quiz is the same package."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A package, and what of the quiz it does not say."""

    data: bytes
    report: tuple[Line, ...]
    lost: tuple[str, ...]


def write_package(rules: Mapping[str, Any], title: str) -> Exported:
    """Write the rules of a quiz, as GET /quizzes/{id} has them, as a package of this title."""
    questions: Mapping[str, Mapping[str, Any]] = rules.get("questions") or {}
    paper = rules.get("paper")
    lost = [] if paper else ["the quiz has no paper: its questions are asked in the order of their ids"]
    sections: Sequence[Mapping[str, Any]] = (
        paper["sections"] if paper else [{"questions": sorted(questions)}] if questions else []
    )
    in_order = [name for section in sections for name in section["questions"]]
    paths = {name: f"items/{number}.xml" for number, name in enumerate(in_order, 1)}
    report = []
    files = {MANIFEST: b"", _TEST: _document(_test(rules, sections, paths, title))}
    for name, path in paths.items():
        writer = ItemWriter(name, questions[name])
        files[path] = _document(writer.element)
        report.append(writer.line)
    report += [
        Line(place=name, name="", questions=(), outcome="left out", kept="no section asks it")
        for name in questions
        if name not in paths
    ]
    if rules.get("access"):
        lost.append("what the quiz asks of those who take it (access)")
    files[MANIFEST] = _document(_manifest(_settings(rules), paths))
    return Exported(_zipped(files), tuple(report), tuple(lost))


def _settings(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The rules that QTI has no words for, as far as they are not the defaults."""
    defaults = {each.name: each.default for each in fields(QuizRules)}
    return {name: value for name, value in rules.items() if name in RULES and value != defaults[name]}


def _test(
    rules: Mapping[str, Any], sections: Sequence[Mapping[str, Any]], paths: Mapping[str, str], title: str
) -> Element:
    test = Element("qti-assessment-test", xmlns=_ASI, identifier="test", title=clean(title))
    score = SubElement(
        test,
        "qti-outcome-declaration",
        {"identifier": "SCORE", "cardinality": "single", "base-type": "float"},
    )
    SubElement(SubElement(score, "qti-default-value"), "qti-value").text = "0"
    _limit(test, rules.get("time_limit_seconds"))
    part: Element | None = None
    for number, section in enumerate(sections, 1):
        forward = section.get("navigation") == "forward"
        # Where one goes forward, the part would lock the sections before it as well.
        if part is None or forward or part.get("navigation-mode") == "linear":
            part = SubElement(
                test,
                "qti-test-part",
                {
                    "identifier": f"part{number}",
                    "navigation-mode": "linear" if forward else "nonlinear",
                    "submission-mode": "simultaneous",
                },
            )
        _section(part, section, number, rules["questions"], paths)
    processing = SubElement(
        SubElement(test, "qti-outcome-processing"), "qti-set-outcome-value", identifier="SCORE"
    )
    SubElement(
        SubElement(processing, "qti-sum"),
        "qti-test-variables",
        {"variable-identifier": "SCORE", "weight-identifier": _WEIGHT},
    )
    return test


def _section(
    part: Element,
    section: Mapping[str, Any],
    number: int,
    questions: Mapping[str, Mapping[str, Any]],
    paths: Mapping[str, str],
) -> None:
    element = SubElement(
        part,
        "qti-assessment-section",
        identifier=f"section{number}",
        title=clean(section.get("title") or ""),
        visible="true",
    )
    _limit(element, section.get("time_limit_seconds"))
    if section.get("pick") is not None:
        SubElement(element, "qti-selection", select=str(section["pick"]))
    if section.get("shuffle"):
        SubElement(element, "qti-ordering", shuffle="true")
    for name in section["questions"]:
        reference = SubElement(
            element,
            "qti-assessment-item-ref",
            identifier=re.sub(r"\W", "-", f"item-{paths[name]}"),
            href=paths[name],
        )
        points = questions[name].get("points", 1)
        SubElement(reference, "qti-weight", identifier=_WEIGHT, value=repr(points))


def _limit(element: Element, seconds: int | None) -> None:
    if seconds is not None:
        SubElement(element, "qti-time-limits", {"max-time": str(seconds)})


def _manifest(settings: Mapping[str, Any], paths: Mapping[str, str]) -> Element:
    manifest = Element("manifest", xmlns=_PACKAGE, identifier="quiz")
    metadata = SubElement(manifest, "metadata")
    SubElement(metadata, "schema").text = "QTI Package"
    SubElement(metadata, "schemaversion").text = "3.0.0"
    if settings:
        SubElement(metadata, SETTINGS, xmlns=_SETTINGS).text = json.dumps(settings, sort_keys=True)
    SubElement(manifest, "organizations")
    resources = SubElement(manifest, "resources")
    test = SubElement(resources, "resource", identifier="test", type="imsqti_test_xmlv3p0", href=_TEST)
    SubElement(test, "file", href=_TEST)
    for number, path in enumerate(paths.values(), 1):
        SubElement(test, "dependency", identifierref=f"item{number}")
        item = SubElement(
            resources, "resource", identifier=f"item{number}", type="imsqti_item_xmlv3p0", href=path
        )
        SubElement(item, "file", href=path)
    return manifest


def _document(element: Element) -> bytes:
    written: bytes = tostring(element, encoding="utf-8", xml_declaration=True)
    return written


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
