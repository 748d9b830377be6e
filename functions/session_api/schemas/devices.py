"""Devices: which one may write to a session."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .common import Reason, RequestBody


class DeviceRequest(RequestBody):
    """Who lets another device have the session: the student (`takeover`), or a proctor (`reason`)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"takeover": True}, {"reason": "her laptop broke"}]}
    )

    takeover: Literal[True] | None = Field(
        None, description="The student: have it on this device from now on, which X-Client-Id names."
    )
    reason: Reason | None = Field(
        None, description="Staff: the next device that comes may have it. Kept in the audit log."
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.takeover is None) == (self.reason is None):
            raise ValueError("send either takeover or reason")
        return self
