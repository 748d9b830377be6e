"""Types of fields, and the bases of request bodies and replies."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from quiz_sessions.domain.validation import MAX_ANSWERS, MAX_ID_CHARACTERS, MAX_INTEGER
from quiz_sessions.services.staff_actions import MAX_REASON_CHARACTERS

from .examples import EXAMPLES

Id = Annotated[StrictStr, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]
Count = Annotated[StrictInt, Field(ge=0, le=MAX_INTEGER)]
Answers = Annotated[dict[Id, Any], Field(max_length=MAX_ANSWERS)]
Reason = Annotated[StrictStr, Field(min_length=1, max_length=MAX_REASON_CHARACTERS)]


def _require_text(value: Any) -> Any:
    # Pydantic would accept a number, even in a string, as seconds or milliseconds since 1970.
    if value is not None and not (isinstance(value, str) and _DATE.match(value)):
        raise ValueError("a date and time are text as in RFC 3339: 2027-01-15T12:00:00Z")
    return value


_DATE = re.compile("[0-9]{4}-")
Moment = Annotated[AwareDatetime, BeforeValidator(_require_text)]


class RequestBody(BaseModel):
    """Base of request bodies; unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


REASON: Any = Field(description="Kept in the audit log.")


class ReasonRequest(RequestBody):
    """The reason for an action."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the fire alarm"}]})

    reason: Reason = REASON


_Class = TypeVar("_Class")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def reply(cls: type[_Class]) -> type[_Class]:
    """Make a class the record of a reply: what is sent, and what the API's document says of it.

    Its example in the document is `examples.EXAMPLES[name of the class]`.
    """
    record = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    record.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]
        json_schema_serialization_defaults_required=True,
        json_schema_extra={
            "description": inspect.cleandoc(record.__doc__ or ""),
            "examples": [EXAMPLES[cls.__name__]],
        },
    )
    return record
