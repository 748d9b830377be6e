"""Types of fields, and the bases of request bodies and replies."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, dataclass_transform
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictInt,
    StrictStr,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from quiz_sessions.domain.validation import MAX_ANSWERS, MAX_ID_CHARACTERS, MAX_INTEGER
from quiz_sessions.services.staff_actions import MAX_NAMED, MAX_REASON_CHARACTERS

Id = Annotated[StrictStr, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]
Count = Annotated[StrictInt, Field(ge=0, le=MAX_INTEGER)]
Answers = TypeAliasType(
    "Answers",
    Annotated[
        dict[Id, Any],
        Field(
            max_length=MAX_ANSWERS, description="Question -> answer, any JSON value.", examples=[{"0": "A"}]
        ),
    ],
)
"""A schema of its own in the document, so that code generators have a name for it."""
Tags = TypeAliasType(
    "Tags",
    Annotated[
        dict[Id, StrictStr | None],
        Field(
            max_length=MAX_ANSWERS,
            description="Question -> tag of an answer, or null.",
            examples=[{"0": "1800000060000000.9f86d081884c", "essay": None}],
        ),
    ],
)
SessionIds = Annotated[list[UUID], Field(min_length=1, max_length=MAX_NAMED)]
SESSION_IDS: Any = Field(None, description="These sessions of the quiz alone.")
Reason = Annotated[StrictStr, Field(min_length=1, max_length=MAX_REASON_CHARACTERS)]


def _require_text(value: Any) -> Any:
    # Pydantic would accept a number, even in a string, as seconds or milliseconds since 1970.
    if value is not None and not (isinstance(value, str) and _DATE.match(value)):
        raise ValueError("a date and time are text as in RFC 3339: 2027-01-15T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    # At the ends of the calendar a moment with an offset may have no date in UTC.
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a date and time is in the years 1 to 9999 of UTC") from None


_DATE = re.compile("[0-9]{4}-")
Moment = Annotated[AwareDatetime, BeforeValidator(_require_text), AfterValidator(_in_utc)]


class OptionalMembers(BaseModel):
    """Base of what may leave members out. In the document a default is part of the description.

    Generators that read `default` make such a member required, for writers too.
    """

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema of the class, without defaults."""
        schema = handler(core_schema)
        for member in handler.resolve_ref_schema(schema).get("properties", {}).values():
            default = member.pop("default", None)
            if default is not None:
                member["description"] += f" By default {json.dumps(default)}."
        return schema


class RequestBody(OptionalMembers):
    """Base of request bodies; unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


def example(**members: Any) -> ConfigDict:
    """The configuration of a request body with an example."""
    return ConfigDict(json_schema_extra={"examples": [members]})


REASON: Any = Field(description="Kept in the audit log.")


class ReasonRequest(RequestBody):
    """The reason for an action."""

    model_config = example(reason="the fire alarm")

    reason: Reason = REASON


_Class = TypeVar("_Class")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def reply(cls: type[_Class]) -> type[_Class]:
    """Make a class the record of a reply: what is sent, and what the API's document says of it.

    Its example in the document is `examples.REPLIES[name of the class]`.
    """
    record = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    record.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]
        json_schema_serialization_defaults_required=True,
        json_schema_extra={"description": inspect.cleandoc(record.__doc__ or "")},
    )
    return record
