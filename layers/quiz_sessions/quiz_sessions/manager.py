"""`SessionManager` under its short import path, built from the environment."""

from __future__ import annotations

import os

from .bootstrap import build_services
from .runtime.settings import Settings
from .services import sessions


class SessionManager(sessions.SessionManager):
    """A session manager that opens its own connections.

    Raises:
        SettingsError: the environment lacks a setting.
    """

    def __init__(self) -> None:
        self._services = build_services(Settings.from_environment(os.environ))
        vars(self).update(vars(self._services.sessions))

    async def close(self) -> None:
        await self._services.close()
