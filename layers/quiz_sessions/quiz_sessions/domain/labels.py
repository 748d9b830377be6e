"""What a platform writes onto a session for itself: its group, a label, metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import ContentTooLargeError, InvalidInputError
from .json_values import Json
from .validation import check_id, check_json_value, check_shows, check_text, compact_size

MAX_LABEL_CHARACTERS: Final = 200
MAX_METADATA_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a session is to have from its start on.

    Attributes:
        group: the room or campus that it is taken in; None for none.
        label: for people.
        metadata: for programs.
    """

    group: str | None = None
    label: str | None = None
    metadata: dict[str, Json] | None = None

    def to_columns(self) -> dict[str, Json]:
        """The fields under the names that an attempt has for them."""
        return {"group_name": self.group, "label": self.label, "metadata": self.metadata}


NO_LABELS: Final = Labels()


def check_labels(labels: Mapping[str, Any]) -> None:
    """Refuse a group, label or metadata that can't be stored; None is accepted, for none.

    Raises:
        InvalidInputError: one of them has another form, or PostgreSQL can't hold it.
        ContentTooLargeError: metadata has more than 4 KiB as compact UTF-8 JSON, with numbers written out.
    """
    group, label, metadata = labels.get("group"), labels.get("label"), labels.get("metadata")
    if group is not None:
        check_id("group", group)
        check_shows("group", group)
    if label is not None:
        if not isinstance(label, str) or not 1 <= len(label) <= MAX_LABEL_CHARACTERS:
            raise InvalidInputError(
                f"label must have 1 to {MAX_LABEL_CHARACTERS} characters.", member="label"
            )
        check_text("label", label, "label")
        check_shows("label", label)
    if metadata is not None:
        _check_metadata(metadata)


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict):
        raise InvalidInputError("metadata must be a JSON object.", member="metadata")
    try:
        check_json_value(metadata, "metadata")
        size = compact_size(metadata)
    except InvalidInputError as error:
        raise InvalidInputError(str(error), member="metadata") from None
    except ContentTooLargeError:
        # It has more members than it may have bytes.
        size = MAX_METADATA_BYTES + 1
    if size > MAX_METADATA_BYTES:
        raise ContentTooLargeError(f"metadata may have at most {MAX_METADATA_BYTES} bytes.")
