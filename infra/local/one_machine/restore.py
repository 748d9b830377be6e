"""Makes a data folder from a backup. The service must not run; what is in the folder is kept aside.

A backup that is damaged, or of a newer release, is refused before anything is touched.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from development_server import Postgres, Valkey
from development_server.folder_lock import FolderLock
from development_server.stores import UNFINISHED_RESTORE, Stores
from migrate_database.handler import upgrade

from . import archive, database_copy, valkey_copy
from .backup import DATABASE, KEYS, VALKEY, refuse_other_stores
from .machine import SETTINGS, CommandError, add_data_option, check_owner

HELP = "make a data folder from a backup"
_COPIES: Final = "copies"
_PARTS: Final = ("postgres", "valkey", *dict.fromkeys(Path(name).parts[0] for name in (*KEYS, SETTINGS)))
"""Of a data folder, what a restore makes."""
_STOP_SECONDS: Final = 60.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which file, and whether over what is there."""
    add_data_option(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument(
        "--replace", action="store_true", help="where there is data: move it to a folder beside, and restore"
    )


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Restore, and say what of."""
    refuse_other_stores(environment)
    manifest, aside = restore(options.file, options.data, replace=options.replace)
    print(f"{options.data} is as of {manifest.began_at}, made by version {manifest.version}")
    if aside is not None:
        print(f"what was there is in {aside}")
    return 0


def restore(file: Path, data: Path, *, replace: bool) -> tuple[archive.Manifest, Path | None]:
    """Make the data folder from a backup; returns its manifest, and where former data are, if there were any.

    Everything is made in a folder of its own inside of it first. Whoever is interrupted does it once more:
    until it is done, the service does not start.

    Raises:
        CommandError: the backup is refused, or there are data and `replace` is not given.
        FolderInUseError: the service runs.
        StartError, psycopg.Error, redis.RedisError, OSError: a store can't be made.
    """
    # As a whole, before anything is touched.
    _check(file, archive.unpack(file, None))
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_owner(data)
    lock = FolderLock(data)
    try:
        new = data / UNFINISHED_RESTORE
        found = [name for name in (*_PARTS, UNFINISHED_RESTORE) if _is_something(data / name)]
        if found and not replace:
            raise CommandError(f"{data} has {', '.join(found)}: --replace moves what is there aside")
        _end_leftovers(data)
        if new.exists():
            _end_leftovers(new)
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        manifest = _make(file, new)
        aside = _move_aside(data)
        for path in sorted(new.iterdir()):
            path.rename(data / path.name)
        archive.sync(data)
        new.rmdir()
        return manifest, aside
    finally:
        lock.release()


def _check(file: Path, manifest: archive.Manifest) -> None:
    """Raises ArchiveError where this release can't restore it."""
    if not database_copy.knows_revision(manifest.revision):
        raise archive.ArchiveError(
            file, f"its schema is newer ({manifest.revision}): install version {manifest.version}"
        )
    if _major(manifest.postgres) > _major(database_copy.postgres_version()):
        raise archive.ArchiveError(file, f"its PostgreSQL is newer ({manifest.postgres})")
    if not {DATABASE, VALKEY} <= manifest.files.keys():
        raise archive.ArchiveError(file, "it has no database")


def _make(file: Path, new: Path) -> archive.Manifest:
    copies = new / _COPIES
    copies.mkdir(mode=0o700)
    manifest = archive.unpack(file, copies)
    stores = Stores(new, None, None)
    try:
        stores.start(lambda _: None)
        database_copy.load(stores.database_url, copies / DATABASE)
        # What is newer in this release: its statements, if no more.
        upgrade(stores.database_url)
        valkey_copy.load(stores.redis_url, copies / VALKEY)
    finally:
        stores.stop(_STOP_SECONDS)
    for kept in (*KEYS, SETTINGS):
        if (copies / kept).exists():
            (new / kept).parent.mkdir(mode=0o700, exist_ok=True)
            (copies / kept).rename(new / kept)
    shutil.rmtree(copies)
    os.sync()
    return manifest


def _is_something(path: Path) -> bool:
    """Whether there is more than an empty file, such as settings that nobody has written yet."""
    return path.is_dir() or (path.exists() and path.stat().st_size > 0)


def _end_leftovers(folder: Path) -> None:
    """What a service, or a restore, that was killed left running writes to its files still."""
    if (folder / "postgres").exists():
        Postgres(folder / "postgres").end_leftovers()
    if (folder / "valkey").exists():
        Valkey(folder / "valkey").end_leftovers()


def _move_aside(data: Path) -> Path | None:
    parts = [name for name in _PARTS if (data / name).exists()]
    if not parts:
        return None
    aside = data / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    aside.mkdir(mode=0o700)
    for name in parts:
        (data / name).rename(aside / name)
    return aside


def _major(version: str) -> int:
    return int(version.partition(".")[0])
