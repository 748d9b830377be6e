"""The data folder of a machine: its settings, and its stores whether the service runs or not."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from development_server import FolderInUseError
from development_server.folder_lock import FolderLock
from development_server.stores import UNFINISHED_RESTORE, Stores, addresses
from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.runtime.settings import Settings

T = TypeVar("T")

SETTINGS: Final = "settings.env"
"""The file of a data folder with the settings of its service."""
_STOP_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 2.0


class CommandError(Exception):
    """Why a command is not done, in one line, with what to do about it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the stores are, with passwords."""

    database_url: str
    redis_url: str


def add_data_option(parser: ArgumentParser) -> None:
    """`--data`, as every command has it that works on a data folder."""
    parser.add_argument(
        "--data", type=Path, default=Path(".local"), metavar="DIR", help="the service's data folder (.local)"
    )


def settings_of(data: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, and under it what `settings.env` of a data folder says.

    The file is as systemd takes it: NAME=value in each line, perhaps in quotes, or a comment.

    Raises:
        CommandError: a line of it is something else.
        OSError: it can't be read.
    """
    file = data / SETTINGS
    found = {}
    for number, line in enumerate(file.read_text().splitlines() if file.exists() else [], 1):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        match = re.fullmatch(r"""\s*([A-Z][A-Z0-9_]*)=(?:"([^"]*)"|'([^']*)'|([^"'\s].*?)?)\s*""", line)
        if match is None:
            # The line is not shown: there may be a password in it.
            raise CommandError(f"line {number} of {file} is not NAME=value")
        found[match[1]] = next((value for value in match.groups()[1:] if value is not None), "")
    return {**found, **environment}


def name_of(user: int) -> str:
    """The name of a user; the number where there is none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def check_owner(data: Path) -> None:
    """Raises CommandError where this process is not the user whose data it is.

    Files that another user makes in it, root too, can't be read by the service afterwards.
    """
    owner = data.stat().st_uid
    if owner != os.geteuid():
        raise CommandError(
            f"{data} belongs to {name_of(owner)}: run this as that user (sudo -u {name_of(owner)})"
        )


@contextmanager
def stores_of(data: Path, environment: Mapping[str, str]) -> Iterator[Addresses]:
    """The stores of the service that runs on a data folder, or else its stores, running for as long as this.

    DATABASE_URL and REDIS_URL stand for those that they replace.

    Raises:
        CommandError: there are none.
        StartError: one does not start.
    """
    database_url = environment.get("DATABASE_URL") or None
    redis_url = environment.get("REDIS_URL") or None
    if database_url is not None and redis_url is not None:
        yield Addresses(database_url, redis_url)
        return
    if not any((data / name).is_dir() for name in ("postgres", "valkey")):
        raise CommandError(f"there is no data in {data}: --data names the folder of the service")
    if os.geteuid() != 0:
        check_owner(data)
    try:
        lock = FolderLock(data)
    except FolderInUseError:
        known_database, known_redis = addresses(data)
        database_url, redis_url = database_url or known_database, redis_url or known_redis
        if database_url is None or redis_url is None:
            raise CommandError(
                f"the service on {data} is still starting: try again when it is ready"
            ) from None
        yield Addresses(database_url, redis_url)
        return
    try:
        check_owner(data)
        if (data / UNFINISHED_RESTORE).exists():
            raise CommandError(f"a restore of {data} was not finished: run it once more, with --replace")
        stores = Stores(data, database_url, redis_url)
        try:
            stores.start(lambda _: None)
            yield Addresses(stores.database_url, stores.redis_url)
        finally:
            stores.stop(_STOP_SECONDS)
    finally:
        lock.release()


def on_services(
    settings: Mapping[str, str], stores: Addresses, work: Callable[[Services], Awaitable[T]]
) -> T:
    """What `work` gives on the services of these settings and stores, which are closed afterwards.

    Raises SettingsError, and what `work` raises.
    """
    given = {**settings, "DATABASE_URL": stores.database_url, "REDIS_URL": stores.redis_url}
    # Not asyncio.run, which waits for ever for tasks that a frozen store keeps from being cancelled.
    return asyncio.new_event_loop().run_until_complete(_closing(Settings.from_environment(given), work))


async def _closing(settings: Settings, work: Callable[[Services], Awaitable[T]]) -> T:
    services = build_services(settings, pool_size=2)
    try:
        return await work(services)
    finally:
        await asyncio.wait([asyncio.create_task(services.close())], timeout=_CLOSE_SECONDS)
