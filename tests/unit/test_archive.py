"""Archives of backups: read back as they were written, or refused."""

from __future__ import annotations

import gzip
import io
import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from one_machine.archive import FORMAT, ArchiveError, Manifest, pack, unpack

MANIFEST = Manifest(
    format=FORMAT, version="1.2.3", revision="0001", postgres="18.6", began_at="2026-11-28T21:00:00+00:00"
)
CONTENTS = {"database.dump": b"\x00\xff" * 5000, "valkey.ndjson": b"", "jwt/private.pem": b"secret"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An archive of the contents."""
    for name, content in CONTENTS.items():
        (tmp_path / "made" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / name).write_bytes(content)
    target = tmp_path / "backup.tar.gz"
    pack(tmp_path / "made", MANIFEST, target)
    return target


def written(tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """An archive that somebody else has made."""
    target = tmp_path / "other.tar.gz"
    with tarfile.open(target, "w:gz") as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return target


def manifest_entry(**changed: Any) -> tuple[tarfile.TarInfo, bytes]:
    said = {
        "format": FORMAT,
        "version": "1.2.3",
        "revision": "0001",
        "postgres": "18.6",
        "began_at": "",
        "files": {},
    }
    return tarfile.TarInfo("manifest.json"), json.dumps({**said, **changed}).encode()


def test_files_come_back_as_they_were_and_for_their_owner_alone(file: Path, tmp_path: Path) -> None:
    manifest = unpack(file, tmp_path / "back")
    assert (manifest.version, manifest.revision, {*manifest.files}) == ("1.2.3", "0001", {*CONTENTS})
    for name, content in CONTENTS.items():
        copy = tmp_path / "back" / name
        assert copy.read_bytes() == content
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_an_archive_is_open_to_nobody_else_and_nothing_else_is_left(file: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar.gz", "made"]


def test_an_archive_is_not_written_over_another_one(file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(FileExistsError):
        pack(tmp_path / "made", MANIFEST, file)
    assert file.read_bytes() == before


def test_no_damage_to_a_byte_is_overlooked(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    assert len(whole) < 2000
    refused = 0
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            unpack(file, tmp_path / str(place))
        except ArchiveError:
            refused += 1
            continue
        # Another way to write the same: gzip's time, or zeros that are copied from a place further on.
        assert {name: (tmp_path / str(place) / name).read_bytes() for name in CONTENTS} == CONTENTS
    assert refused > len(whole) / 2


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_an_archive_that_ends_early_is_refused(file: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ArchiveError):
        unpack(file, None)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("a letter")
    with pytest.raises(ArchiveError, match="not an archive"):
        unpack(other, None)
    other.write_bytes(gzip.compress(b"a letter"))
    with pytest.raises(ArchiveError, match="not an archive"):
        unpack(other, None)


def test_an_archive_of_a_newer_release_says_which_one(tmp_path: Path) -> None:
    newer = written(tmp_path, [manifest_entry(format=FORMAT + 1, version="9.0.0", unheard_of=True)])
    with pytest.raises(ArchiveError, match=r"a newer release made it \(9\.0\.0\): install that one"):
        unpack(newer, None)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    described = {"bytes": 1, "sha256": "of nothing"}
    odd = written(tmp_path, [manifest_entry(files={name: described}), (tarfile.TarInfo(name), b"x")])
    with pytest.raises(ArchiveError, match="names files outside of it"):
        unpack(odd, tmp_path / "inside")
    assert not (tmp_path / "outside").exists()


def test_links_and_files_that_the_manifest_does_not_name_are_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("database.dump")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(ArchiveError, match="no file"):
        unpack(written(tmp_path, [manifest_entry(), (link, b"")]), tmp_path)
    with pytest.raises(ArchiveError, match="does not name"):
        unpack(written(tmp_path, [manifest_entry(), (tarfile.TarInfo("more"), b"x")]), tmp_path)


def test_a_file_that_is_missing_is_noticed(tmp_path: Path) -> None:
    described = {"bytes": 1, "sha256": "of nothing"}
    with pytest.raises(ArchiveError, match="something is missing"):
        unpack(written(tmp_path, [manifest_entry(files={"database.dump": described})]), None)


@pytest.mark.parametrize("changed", [{"format": "new"}, {"files": None}, {"more": 1}])
def test_a_manifest_of_another_form_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(ArchiveError):
        unpack(written(tmp_path, [manifest_entry(**changed)]), None)
