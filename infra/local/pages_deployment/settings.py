"""What samconfig.toml says about an environment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of samconfig.toml.

    Attributes:
        stack: the name of its stack.
        overrides: its parameters as SAM is given them, `Name=value`.
    """

    stack: str
    overrides: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, name: str) -> Environment:
        """Read it. Raises KeyError where there is none of this name."""
        parameters = tomllib.loads(path.read_text())[name]["deploy"]["parameters"]
        given: str | Sequence[str] = parameters.get("parameter_overrides", ())
        # Values with spaces have quotes, which SAM takes away itself.
        listed = re.findall(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""", given) if isinstance(given, str) else given
        return cls(parameters["stack_name"], tuple(listed))

    def value(self, name: str) -> str | None:
        """The value of a parameter, without quotes; the last one counts."""
        for override in reversed(self.overrides):
            known, _, value = override.partition("=")
            if known == name:
                return value.strip("\"'")
        return None

    @property
    def has_pages(self) -> bool:
        return self.value("WebPages") == "true"
