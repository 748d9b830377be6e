"""Beacons: the last answers of a page that is being closed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictStr

from quiz_sessions.services.beacons import BeaconToken
from quiz_sessions.services.jws import MAX_CHARACTERS

from .common import Answers, RequestBody, Tags, example, reply
from .examples import SIGNED
from .sessions import BASED_ON


class BeaconRequest(RequestBody):
    """Answers, and the token that lets them in."""

    model_config = example(token=SIGNED, answers={"essay": "It was a d"})

    token: Annotated[StrictStr, Field(max_length=MAX_CHARACTERS)] = Field(
        description="Of beacon-token; good for one beacon."
    )
    answers: Answers = Field(description="Question -> answer.")
    based_on: Tags | None = BASED_ON


@reply
class BeaconTokenReply(BeaconToken):
    """A token for one beacon."""
