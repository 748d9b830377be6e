"""Labels: what a platform writes onto sessions for itself."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import Field, StrictStr, model_validator

from quiz_sessions.domain.labels import MAX_LABEL_CHARACTERS

from .common import Id, Reason, RequestBody, example

Label: TypeAlias = Annotated[StrictStr, Field(min_length=1, max_length=MAX_LABEL_CHARACTERS)]
GROUP: Any = Field(None, description="The room or campus that it is taken in; with tokens staff set it.")
LABEL: Any = Field(None, description="For people.")
METADATA: Any = Field(None, description="For programs: an object of at most 4 KiB.")


class LabelsRequest(RequestBody):
    """What changes of group, label and metadata: what is left out stays, null takes away."""

    model_config = example(group="Room 12", reason="moved to another room")

    group: Id | None = GROUP
    label: Label | None = LABEL
    metadata: dict[str, Any] | None = METADATA
    reason: Reason | None = Field(None, description="Kept in the audit log.")

    @property
    def labels(self) -> dict[str, Any]:
        """Those that are there."""
        names = ("group", "label", "metadata")
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not self.labels:
            raise ValueError("send group, label or metadata")
        return self
