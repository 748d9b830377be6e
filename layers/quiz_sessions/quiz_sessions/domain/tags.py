"""Tags: what a caller was shown, so that it replaces nothing that it has not seen.

An answer's tag is `<at>.<writer>`: when the gateway received it, in microseconds, and who wrote it. A writer
is a hash of the X-Client-Id of the copy of the answers that it came from. A session's entity tag (RFC 9110,
8.8.3) is `<revision>-<hash>`, the hash being over its drafts and what else is shown of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from .errors import InvalidInputError
from .timestamps import Micros

ANYBODY: Final = "-"
"""The writer of requests without X-Client-Id."""
_WRITER_CHARACTERS: Final = 12
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TAG: Final = re.compile(r"([0-9]{1,18})\.([0-9a-f]{12}|-)", re.ASCII)
_ENTITY_TAG: Final = re.compile(r"([0-9]{1,18})-([0-9a-f]{16})", re.ASCII)


class Tag(NamedTuple):
    """The tag of an answer."""

    at: Micros
    writer: str

    def __str__(self) -> str:
        return f"{self.at}.{self.writer}"


BasedOn: TypeAlias = Mapping[str, Tag | None]
"""Question -> the tag of the answer that was shown when the new one was begun; None if none was."""


class EntityTag(NamedTuple):
    """The entity tag of a session."""

    revision: int
    digest: str

    def __str__(self) -> str:
        return f"{self.revision}-{self.digest}"


def writer_of(client_id: str | None) -> str:
    """The writer that a client is.

    Raises:
        InvalidInputError: the id is not 1 to 64 of the characters A-Z a-z 0-9 _ -.
    """
    if client_id is None:
        return ANYBODY
    if not _CLIENT_ID.fullmatch(client_id):
        raise InvalidInputError(
            "X-Client-Id must be 1 to 64 of the characters A-Z a-z 0-9 _ -.", member="X-Client-Id"
        )
    return hashlib.sha256(client_id.encode()).hexdigest()[:_WRITER_CHARACTERS]


def parse_tag(question: str, text: str) -> Tag:
    """The tag of an answer to `question`, as `answer_tags` had it.

    Raises:
        InvalidInputError: it is none.
    """
    found = _TAG.fullmatch(text)
    if found is None:
        raise InvalidInputError(
            f"based_on of question {question!r} is no tag as answer_tags has it.", question, member="based_on"
        )
    return Tag(int(found[1]), found[2])


def parse_entity_tag(text: str) -> EntityTag | None:
    """The entity tag of a session; None if it is another's."""
    found = _ENTITY_TAG.fullmatch(text)
    return None if found is None else EntityTag(int(found[1]), found[2])


def entity_tag(revision: int, *shown: object) -> EntityTag:
    """The tag of a session at this revision, `shown` being what else its replies depend on."""
    digest = hashlib.sha256("\n".join(map(str, shown)).encode()).hexdigest()
    return EntityTag(revision, digest[:16])
