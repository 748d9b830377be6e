"""Copies a machine into one file, while the service works or stands: database, drafts, keys and settings.

What was acknowledged before it began is in it. The file has the keys that sign, and the settings with their
secrets: its owner alone may read it, and whoever gets it can sign receipts.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quiz_sessions import __version__

from . import archive, database_copy, valkey_copy
from .machine import SETTINGS, CommandError, add_data_option, settings_of, stores_of

HELP = "copy the machine into one file"
DATABASE: Final = "database.dump"
VALKEY: Final = "valkey.ndjson"
KEYS: Final = ("receipt_keys.json", "beacon_keys.json", "jwt/private.pem")
"""The files of a data folder that are copied as they are, besides the settings."""
_NAME: Final = re.compile(r"quiz-sessions-\d{8}T\d{6}Z\.tar\.gz")
_STAGING: Final = ".quiz-sessions-unfinished-"
_LEFT_SECONDS: Final = 24 * 3600
_ELSEWHERE: Final = ("RECEIPT_KEYS", "BEACON_KEYS")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where to, and how many to keep."""
    add_data_option(parser)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the file is made")
    parser.add_argument(
        "--keep",
        type=_count,
        metavar="N",
        help="remove all but the latest N backups in FOLDER, once it is made",
    )


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Make a backup, read it back, and say what is in it."""
    settings = settings_of(options.data, environment)
    refuse_other_stores(settings)
    file, sessions = backup(options.data, settings, options.folder)
    print(f"{file}: {file.stat().st_size:,} bytes, with the drafts of {sessions} sessions")
    if missing := [name for name in _ELSEWHERE if environment.get(name)]:
        print(f"not in it: {', '.join(missing)}, which the environment has")
    if options.keep is not None:
        _remove_all_but(options.folder, options.keep)
    return 0


def refuse_other_stores(settings: Mapping[str, str]) -> None:
    """Raises CommandError where the service has stores that are not those of its data folder."""
    if named := [name for name in ("DATABASE_URL", "REDIS_URL") if settings.get(name)]:
        raise CommandError(f"{' and '.join(named)}: back up, and restore, other stores where they are")


def backup(data: Path, settings: Mapping[str, str], folder: Path) -> tuple[Path, int]:
    """Make a backup in `folder`; returns the file, and how many sessions have drafts in it.

    Raises:
        CommandError: it could not be made; nothing is left of it.
        StartError, FolderInUseError, psycopg.OperationalError, redis.RedisError, OSError: likewise.
    """
    began_at = datetime.now(UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_interrupted(folder)
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=folder) as name:
        staging = Path(name)
        with stores_of(data, settings) as stores:
            revision = database_copy.revision_of(stores.database_url)
            if revision is None:
                raise CommandError("the database has no tables yet: start the service once")
            # First Valkey, then PostgreSQL: see valkey_copy.
            sessions = valkey_copy.copy(stores.redis_url, staging / VALKEY)
            database_copy.dump(stores.database_url, staging / DATABASE)
        for kept in (*KEYS, SETTINGS):
            if (data / kept).exists():
                (staging / kept).parent.mkdir(mode=0o700, exist_ok=True)
                shutil.copyfile(data / kept, staging / kept)
        manifest = archive.Manifest(
            format=archive.FORMAT,
            version=__version__,
            revision=revision,
            postgres=database_copy.postgres_version(),
            began_at=began_at.isoformat(timespec="milliseconds"),
        )
        file = folder / f"quiz-sessions-{began_at:%Y%m%dT%H%M%SZ}.tar.gz"
        archive.pack(staging, manifest, file)
    # A backup that nobody could read is told now, not on the day it is needed.
    archive.unpack(file, None)
    return file, sessions


def _remove_interrupted(folder: Path) -> None:
    """What backups left that were killed: keys are in it, and it takes space."""
    now = datetime.now(UTC).timestamp()
    for left in folder.glob(f"{_STAGING}*"):
        if left.stat().st_mtime < now - _LEFT_SECONDS:
            shutil.rmtree(left)


def _remove_all_but(folder: Path, keep: int) -> None:
    backups = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    for old in backups[: max(0, len(backups) - keep)]:
        old.unlink()
        print(f"removed {old}")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        # The one that was just made would go.
        raise argparse.ArgumentTypeError("at least one")
    return number
