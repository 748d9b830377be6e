"""Files that were made to do harm are refused, with a reason."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest

from quiz_files import FileError, read_file
from quiz_files.archive import Archive
from tests.harness.quiz_files import packed, sample_bytes

ENTITIES = """<?xml version="1.0"?>
<!DOCTYPE quiz [<!ENTITY a "aaaaaaaaaa">{more}<!ENTITY z "{all}">]>
<quiz><question type="essay"><questiontext><text>&z;</text></questiontext></question></quiz>"""
BOMB = ENTITIES.format(
    more="".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefg", "bcdefgh", strict=True)),
    all="&h;" * 10,
)
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE quiz [<!ENTITY file SYSTEM "file:///etc/hostname">]>
<quiz><question type="essay"><questiontext><text>&file;</text></questiontext></question></quiz>"""
PARAMETERS = """<?xml version="1.0"?>
<!DOCTYPE quiz [<!ENTITY % other SYSTEM "http://127.0.0.1/other.dtd"> %other;]>
<quiz/>"""


def unpacked(name: str) -> dict[str, bytes]:
    """The files of a sample's package."""
    with zipfile.ZipFile(BytesIO(sample_bytes(name))) as archive:
        return {each: archive.read(each) for each in archive.namelist()}


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, PARAMETERS])
def test_entities_are_refused(text: str) -> None:
    with pytest.raises(FileError, match="defines entities"):
        read_file(text.encode(), "x.xml")


def test_a_document_type_without_entities_is_none_of_them() -> None:
    text = (
        '<!DOCTYPE quiz SYSTEM "http://127.0.0.1/quiz.dtd">'
        '<quiz><question type="essay"><questiontext><text>Why?</text></questiontext></question></quiz>'
    )
    assert read_file(text.encode(), "x.xml").rules["questions"]["1"]["content"]["text"] == "Why?"


@pytest.mark.parametrize("depth", [201, 100_000])
def test_depth_is_refused(depth: int) -> None:
    with pytest.raises(FileError, match="nested deeper than 200"):
        read_file(b"<quiz>" + b"<a>" * depth + b"</a>" * depth + b"</quiz>", "x.xml")


def test_a_package_that_would_burst_is_refused() -> None:
    with pytest.raises(FileError, match=r"would burst: items/1\.xml"):
        read_file(packed({"items/1.xml": b" " * 50_000_000}), "x.zip")


def test_a_package_that_hides_its_size_is_refused() -> None:
    data = packed({"1.xml": b"<a/>" + b" " * 500_000})
    hidden = data.replace((500_004).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert hidden != data
    with pytest.raises(FileError, match=r"damaged at 1\.xml"):
        read_file(hidden, "x.zip")


def test_a_package_of_too_many_files_is_refused() -> None:
    with pytest.raises(FileError, match="more than 5000 files"):
        read_file(packed({f"{number}.xml": b"" for number in range(5001)}), "x.zip")


@pytest.mark.parametrize(("size", "files"), [(33, 1), (30, 5)])
def test_a_package_of_too_many_megabytes_is_not_unpacked(size: int, files: int) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as writer:
        for number in range(files):
            writer.writestr(f"{number}.bin", bytes(size * 1024 * 1024))
    archive = Archive(buffer.getvalue())
    with pytest.raises(FileError, match=f"too large to unpack, at {files - 1}.bin"):
        list(map(archive.read, archive.names))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_package_is_packed_by_zips_own_method(method: int) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as writer:
        writer.writestr("1.xml", "<a/>")
    with pytest.raises(FileError, match="packed by another method"):
        read_file(buffer.getvalue(), "x.zip")


def test_a_damaged_package_is_refused() -> None:
    data = sample_bytes("qti30")
    with pytest.raises(FileError, match="no readable zip file"):
        read_file(data[:-100], "x.zip")


def test_an_encrypted_package_is_refused() -> None:
    data = bytearray(packed({"a.xml": b"<a/>"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(FileError, match="encrypted"):
        read_file(bytes(data), "x.zip")


def test_an_address_in_a_package_does_not_lead_out_of_it() -> None:
    archive = Archive(packed({"items/1.xml": b"a"}))
    assert archive.find("../../../../etc/hostname", "items/1.xml") is None
    assert archive.find("/etc/hostname", "items/1.xml") is None
    assert archive.find("../items/1.xml", "items/1.xml") == b"a"


def test_an_item_that_cannot_be_read_is_left_out_and_the_others_are_not() -> None:
    files = unpacked("qti30")
    files["items/choice.xml"] = BOMB.encode()
    imported = read_file(packed(files), "x.zip")
    assert imported.report[0].outcome == "left out"
    assert "items/choice.xml defines entities" in imported.report[0].kept
    assert "moon-word" in imported.rules["questions"]


def test_a_package_of_several_quizzes_asks_which() -> None:
    test = '<assessmentTest title="{0}"><testPart><assessmentSection title=""/></testPart></assessmentTest>'
    data = packed({"a.xml": test.format("One"), "b.xml": test.format("Two")})
    with pytest.raises(FileError, match="several quizzes; say which one with --title: 'One', 'Two'"):
        read_file(data, "x.zip")
    with pytest.raises(FileError, match="no quiz of this title: 'One', 'Two'"):
        read_file(data, "x.zip", title="Three")


def test_settings_of_a_package_set_no_password() -> None:
    files = unpacked("qti30")
    manifest = files["imsmanifest.xml"].decode()
    rules = '{"access": {"password": "x"}, "max_attempts": 3}'
    settings = f'<settings xmlns="urn:quiz-sessions:settings">{rules}</settings></metadata>'
    files["imsmanifest.xml"] = manifest.replace("</metadata>", settings).encode()
    imported = read_file(packed(files), "x.zip")
    assert imported.rules["max_attempts"] == 3
    assert "access" not in imported.rules
    assert imported.lost == ("the setting 'access'",)
