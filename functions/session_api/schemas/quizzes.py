"""Quizzes: their rules and their answer keys."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, StrictBool, StrictInt, StrictStr
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema, core_schema

from quiz_sessions.domain.access import MAX_CONFIG_KEYS, MAX_NETWORKS, MAX_PASSWORD_CHARACTERS
from quiz_sessions.domain.admission import MAX_ADMISSION_SECONDS
from quiz_sessions.domain.grading import MAX_POINTS, GradingMethod
from quiz_sessions.domain.json_values import Json
from quiz_sessions.domain.outcomes import MAX_COUNTED, MovedDeadline
from quiz_sessions.domain.papers import (
    MAX_SECTION_SECONDS,
    MAX_SECTIONS,
    MAX_TITLE_CHARACTERS,
    Navigation,
)
from quiz_sessions.domain.quiz_documents import FieldChange
from quiz_sessions.domain.quizzes import (
    OneDevice,
    OpenAttempts,
    QuizSummary,
    ShowResults,
    UnknownQuestions,
    WhenActive,
)
from quiz_sessions.domain.validation import MAX_ANSWERS, MAX_INTEGER
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS

from .common import Id, Moment, OptionalMembers, RequestBody, example, reply


class QuestionRules(RequestBody):
    """How a question is graded. Without `grading` a person grades it, and it has no key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"points": 2, "grading": "numeric", "key": 9.81, "tolerance": 0.01},
                {"points": 2, "grading": "numeric", "key": 9.81, "tolerance": 0.01, "decimal": ","},
            ]
        }
    )

    points: float = Field(1, ge=0, le=MAX_POINTS, description="What a right answer earns.")
    grading: GradingMethod | SkipJsonSchema[None] = Field(
        None, description="How an answer is compared with the key."
    )
    key: Any = Field(None, description="The right answer, as `grading` reads it.")
    tolerance: float = Field(0, ge=0, description="With numeric: how far from the key an answer may be.")
    decimal: Literal[".", ","] = Field(
        ".", description="With numeric: what decimals follow in a string; the other one makes it no number."
    )
    partial: bool = Field(
        False, description="With set or exact: parts of the answer earn parts of the points."
    )
    content: Any = Field(None, description="What is shown of it, any JSON; needs a paper.")
    shuffle_options: bool = Field(
        False, description="Whether each session has its own order of the list `options` in `content`."
    )


class QuestionReply(OptionalMembers):
    """How a question is graded; who may not write quizzes sees its points alone."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"points": 1, "grading": "exact", "key": "B"}]})

    points: float = Field(description="What a right answer earns.")
    grading: GradingMethod | SkipJsonSchema[None] = Field(
        None, description="How an answer is compared with the key; left out where a person grades it."
    )
    key: Any = Field(None, description="The right answer, as `grading` reads it.")
    tolerance: float | SkipJsonSchema[None] = Field(None, description="With numeric.")
    decimal: Literal[","] | SkipJsonSchema[None] = Field(None, description="Left out where it is a point.")
    partial: bool | SkipJsonSchema[None] = Field(None, description="Left out where it is false.")
    content: Any = Field(None, description="What is shown of it; left out where there is nothing.")
    shuffle_options: bool | SkipJsonSchema[None] = Field(None, description="Left out where it is false.")


class SectionRules(RequestBody):
    """A section of a paper."""

    model_config = example(
        title="Mechanics",
        questions=["0", "1", "2", "3"],
        pick=2,
        shuffle=True,
        time_limit_seconds=1200,
        navigation="forward",
    )

    title: str = Field("", max_length=MAX_TITLE_CHARACTERS, description="Shown above its questions.")
    questions: list[Id] = Field(min_length=1, description="The ids of its questions, in their order.")
    pick: Annotated[StrictInt, Field(ge=1, le=MAX_ANSWERS)] | None = Field(
        None, description="How many of them each session is given, drawn at its start; null for all."
    )
    shuffle: StrictBool = Field(False, description="Whether each session has its own order.")
    time_limit_seconds: Annotated[StrictInt, Field(ge=1, le=MAX_SECTION_SECONDS)] | None = Field(
        None, description="How long it may take from its entry on; null for as long as the session."
    )
    navigation: Navigation = Field(
        Navigation.FREE, description="forward: an answer locks the questions before it."
    )


class PaperRules(RequestBody):
    """What a quiz asks, and in which order."""

    model_config = example(sections=[{"questions": ["0", "1"], "shuffle": True}, {"questions": ["essay"]}])

    sections: list[SectionRules] = Field(min_length=1, max_length=MAX_SECTIONS, description="In their order.")


class _DocumentedAs:
    """A value that the document shows as `model`, and that is handed on as it came."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # As a step of a chain it is handled as a field's type is: a component of its own.
        return handler(core_schema.chain_schema([self._model.__pydantic_core_schema__]))


_Grace = Annotated[StrictInt, Field(ge=0, le=MAX_CHANGE_SECONDS)]
_Admission = Annotated[StrictInt, Field(ge=0, le=MAX_ADMISSION_SECONDS)]
# The domain checks it, which knows more than the model and keeps numbers as they are.
QuestionInput = Annotated[dict[str, Any], _DocumentedAs(QuestionRules)]
QuestionOutput = Annotated[dict[str, Any], _DocumentedAs(QuestionReply)]
PaperInput = Annotated[dict[str, Any], _DocumentedAs(PaperRules)]


class AccessRules(RequestBody):
    """What a quiz asks of those who take it, beside their token."""

    model_config = example(networks=["192.0.2.0/24", "2001:db8::/32"])

    password: Annotated[StrictStr, Field(min_length=1, max_length=MAX_PASSWORD_CHARACTERS)] | None = Field(
        None, description="For the start."
    )
    networks: Annotated[list[StrictStr], Field(min_length=1, max_length=MAX_NETWORKS)] | None = Field(
        None, description="In CIDR notation: each start and write comes from an address in one of them."
    )
    seb_config_keys: Annotated[list[StrictStr], Field(min_length=1, max_length=MAX_CONFIG_KEYS)] | None = (
        Field(
            None,
            description="Config Keys of Safe Exam Browser: its page proves one with each start and write.",
        )
    )


class _NullableRules(RequestBody):
    """The rules that may be null, which is their default."""

    time_limit_seconds: Annotated[StrictInt, Field(ge=1, le=MAX_CHANGE_SECONDS)] | None = Field(
        None, description="How long an attempt may take; without it as long as the service says."
    )
    opens_at: Moment | None = Field(None, description="From when on it can be started.")
    closes_at: Moment | None = Field(None, description="Until when; no attempt lasts longer.")
    max_attempts: Annotated[StrictInt, Field(ge=1, le=MAX_INTEGER)] | None = Field(
        None, description="Of one user, abandoned ones too."
    )
    access: AccessRules | None = Field(None, description="What it asks of those who take it.")
    paper: PaperInput | None = Field(
        None, description="Which questions are asked, and in which order. Sessions keep theirs."
    )
    open_attempts: OpenAttempts | None = Field(
        None,
        description="What becomes of open attempts that these rules would have refused. Without it they are "
        "refused (409) while there are such attempts, or while they weaken a rule for open ones.",
    )


class QuizRequest(_NullableRules):
    """The rules of a quiz. A rule that is left out takes its default."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "time_limit_seconds": 3600,
                    "grace_seconds": 30,
                    "closes_at": "2027-01-15T12:00:00Z",
                    "max_attempts": 2,
                    "when_active": "resume",
                    "questions": {
                        "0": {"points": 1, "grading": "exact", "key": "B"},
                        "1": {"points": 2, "grading": "numeric", "key": 9.81, "tolerance": 0.01},
                        "essay": {"points": 5},
                    },
                }
            ]
        }
    )

    grace_seconds: _Grace = Field(
        0, description="How long after the deadline answers are accepted, marked as late."
    )
    when_active: WhenActive = Field(
        WhenActive.RESUME, description="What a start does while an attempt of the user is open."
    )
    show_results: ShowResults = Field(ShowResults.AFTER_END, description="When students see their results.")
    unknown_questions: UnknownQuestions = Field(
        UnknownQuestions.REFUSE,
        description="Whether attempts that start from now on take answers to questions that are not among "
        "`questions`, if there are any.",
    )
    questions: Annotated[dict[Id, QuestionInput], Field(max_length=MAX_ANSWERS)] = Field(
        default_factory=dict, description="How each question is graded, by its id."
    )
    one_device: OneDevice = Field(
        OneDevice.OFF,
        description="Whether one device at a time may write to an attempt, and who lets another have it.",
    )
    admission_seconds: _Admission = Field(
        0, description="Over how many seconds from opens_at on those who wait are asked to come."
    )
    common_start: StrictBool = Field(
        False, description="Whether time counts from the end of these seconds for all who start before it."
    )


class QuestionPatch(RequestBody):
    """What is to be changed of how a question is graded and shown; null takes a member away."""

    model_config = example(key=9.8)

    points: float | None = Field(None, ge=0, le=MAX_POINTS)
    grading: GradingMethod | None = None
    key: Any = Field(None, description="An object is merged with the former one; all else takes its place.")
    tolerance: float | None = Field(None, ge=0)
    decimal: Literal[".", ","] | None = None
    partial: bool | None = None
    content: Any = Field(None, description="Likewise.")
    shuffle_options: bool | None = None


QuestionPatchInput = Annotated[dict[str, Any], _DocumentedAs(QuestionPatch)]


class QuizPatch(_NullableRules):
    """A merge patch (RFC 7396) of the rules of a quiz.

    What is left out stays; null gives a rule its default, or takes away what it names; objects are merged.
    Members mean what they do in QuizRequest.
    """

    model_config = example(closes_at="2027-01-15T12:30:00Z", questions={"1": {"key": 9.8}})

    grace_seconds: _Grace | None = None
    when_active: WhenActive | None = None
    show_results: ShowResults | None = None
    unknown_questions: UnknownQuestions | None = None
    questions: Annotated[dict[Id, QuestionPatchInput | None], Field(max_length=MAX_ANSWERS)] | None = Field(
        None, description="Those that are changed, by id; null takes one away."
    )
    one_device: OneDevice | None = None
    admission_seconds: _Admission | None = None
    common_start: StrictBool | None = None


@reply
class AccessReply:
    """What a quiz asks of those who take it; null for what it does not."""

    password: str | None
    networks: list[str] | None
    seb_config_keys: list[str] | None


@reply
class QuizReply:
    """A registered quiz; only callers who may write quizzes see its answer key."""

    quiz_id: str
    revision: int
    time_limit_seconds: int | None
    grace_seconds: int
    opens_at: datetime | None
    closes_at: datetime | None
    max_attempts: int | None
    when_active: WhenActive
    show_results: ShowResults
    unknown_questions: UnknownQuestions
    questions: dict[str, QuestionOutput]
    access: AccessReply | None = field(
        metadata={"description": "Null where nothing is asked, and for who may not write quizzes."}
    )
    one_device: OneDevice
    admission_seconds: int
    common_start: bool
    paper: PaperInput | None = field(
        metadata={"description": "Null without one, and for who may not write quizzes."}
    )
    paused_at: datetime | None = field(metadata={"description": "Since when it is paused, if it is."})
    updated_at: datetime


@reply
class FieldChangeReply(FieldChange):
    """A field of a quiz that has another value."""

    path: str = field(metadata={"description": "A JSON Pointer (RFC 6901), such as /questions/1/key."})
    before: Json = field(metadata={"description": "Null also where there was none."})
    after: Json = field(metadata={"description": "Null also where there is none."})
    shortened: bool = field(
        metadata={"description": "Whether one of them is longer than 1024 characters, and null for that."}
    )


@reply
class ChangedFields:
    """In which fields a quiz differs from what it was, or from the defaults of one that is new."""

    count: int
    fields: list[FieldChangeReply] = field(metadata={"description": "The first hundred."})


@reply
class MovedDeadlineReply(MovedDeadline):
    """The deadline of an open attempt that a change of its quiz has moved."""


@reply
class MovedDeadlines:
    """Deadlines of open attempts that a change of their quiz has moved."""

    count: int
    deadlines: list[MovedDeadlineReply] = field(metadata={"description": "The first thousand."})


@reply
class QuizWritten(QuizReply):
    """The quiz, and what the change did; of a dry run, what it would be and do."""

    dry_run: bool = field(metadata={"description": "Whether nothing was stored."})
    created: bool = field(metadata={"description": "Whether it is registered with this."})
    changed: ChangedFields
    open: int = field(metadata={"description": "Open attempts, all of them."})
    rescheduled: int = field(metadata={"description": "Open attempts that follow the new rules."})
    abandoned: int = field(metadata={"description": "Open attempts that the new rules have ended."})
    moved: MovedDeadlines
    to_regrade: int = field(
        metadata={
            "description": "Ended attempts that a regrade would grade by other questions than before; "
            f"counted up to {MAX_COUNTED}."
        }
    )


@reply
class QuizSummaryReply(QuizSummary):
    """A registered quiz, and how many sessions at it are open."""


@reply
class QuizzesReply:
    """Quizzes, by id."""

    quizzes: list[QuizSummaryReply]
    next_after: str | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )
