"""What requests may look like, and the document that says so."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any, NoReturn

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from quiz_sessions.domain.deadlines import deadline_of
from quiz_sessions.domain.drafts import NO_DRAFTS
from quiz_sessions.domain.json_values import dump_record
from quiz_sessions.domain.quizzes import Accommodation
from quiz_sessions.domain.sessions import Results, Session, view
from quiz_sessions.domain.timestamps import from_micros
from session_api.app import create_app
from session_api.schemas.audit import VerifyReceiptRequest
from session_api.schemas.common import ReasonRequest
from session_api.schemas.grades import GradesRequest, ResultsReply, ScoreRequest
from session_api.schemas.problems import Conflict
from session_api.schemas.quizzes import QuizRequest
from session_api.schemas.room import AccommodationReply, AccommodationRequest, ExtendRequest, ReopenRequest
from session_api.schemas.sessions import CompleteRequest, DeadlineReply, ProgressRequest, StartRequest
from tests.harness.builders import START, attempt

ONE = {"question_id": 1, "answer": "A"}
SEVERAL = {"answers": {"1": "A"}}
MONTH = 31 * 24 * 3600
NOT_COUNTS = [-1, 2**31, True, 1.0, 1.5, "1", [1], {}]
NOT_NUMBERS: list[object] = [True, 1.0, 1.5, "1", [1], {}]
NOT_MOMENTS = [
    "2027-01-15T08:30:00",
    "2027-01-15",
    "soon",
    "",
    "1800000000",
    1800000000,
    0,
    0.5,
    True,
    [],
    {},
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
]
NOT_IDS = ["", "x" * 129, 1, True, 1.0, ["x"], {}]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(no_services).openapi()


def no_services() -> NoReturn:
    raise AssertionError("the document needs no services")


# start


@pytest.mark.parametrize("name", ["u", "x" * 128, "ü 🙂", " "])
@pytest.mark.parametrize("field", ["user_id", "quiz_id"])
def test_ids_have_1_to_128_characters(field: str, name: str) -> None:
    request = StartRequest.model_validate({"user_id": "user1", "quiz_id": "quiz1", field: name})
    assert getattr(request, field) == name


@pytest.mark.parametrize("value", NOT_IDS)
@pytest.mark.parametrize("field", ["user_id", "quiz_id"])
def test_other_ids_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        StartRequest.model_validate({"user_id": "user1", "quiz_id": "quiz1", field: value})


@pytest.mark.parametrize("quiz_id", ["a/b", "/", ".", ".."])
def test_a_quiz_that_no_path_can_name_is_not_started(quiz_id: str) -> None:
    with pytest.raises(ValidationError, match="quiz_id"):
        StartRequest.model_validate({"user_id": "user1", "quiz_id": quiz_id})


@pytest.mark.parametrize("body", [{"user_id": "user1"}, {"user_id": "user1", "quiz_id": None}])
def test_a_start_needs_a_quiz(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="quiz_id"):
        StartRequest.model_validate(body)


@pytest.mark.parametrize("body", [{"quiz_id": "quiz1"}, {"quiz_id": "quiz1", "user_id": None}])
def test_a_start_may_leave_its_user_to_the_token(body: dict[str, object]) -> None:
    assert StartRequest.model_validate(body).user_id is None


# progress


@pytest.mark.parametrize("question", [0, 2**31 - 1, "1", "x" * 128, "ü"])
def test_one_answer(question: int | str) -> None:
    request = ProgressRequest.model_validate({"question_id": question, "answer": None})
    assert (request.question_id, request.answer, request.answers) == (question, None, None)


@pytest.mark.parametrize("question", [-1, 2**31, True, False, 1.0, 1.5, "", "x" * 129, [1], {}, None])
def test_one_answer_to_what_is_no_question_is_refused(question: object) -> None:
    with pytest.raises(ValidationError, match="question_id"):
        ProgressRequest.model_validate({"question_id": question, "answer": "A"})


@pytest.mark.parametrize("answer", [None, False, 0, 1.0, "", [], {}, {"a": [None]}, 2**60])
def test_any_value_is_an_answer(answer: Any) -> None:
    request = ProgressRequest.model_validate({"answers": {"1": answer}})
    assert request.answers is not None
    assert (request.answers["1"], type(request.answers["1"])) == (answer, type(answer))


def test_several_answers_up_to_512() -> None:
    answers = {str(n): n for n in range(512)}
    assert ProgressRequest.model_validate({"answers": answers}).answers == answers


def test_513_answers_are_refused() -> None:
    with pytest.raises(ValidationError, match="512"):
        ProgressRequest.model_validate({"answers": {str(n): n for n in range(513)}})


@pytest.mark.parametrize("question", ["", "x" * 129])
def test_several_answers_to_what_is_no_question_are_refused(question: str) -> None:
    with pytest.raises(ValidationError, match="answers"):
        ProgressRequest.model_validate({"answers": {question: 1}})


@pytest.mark.parametrize("answers", [[], [1], "A", 1, True])
def test_several_answers_are_an_object(answers: object) -> None:
    with pytest.raises(ValidationError, match="answers"):
        ProgressRequest.model_validate({"answers": answers})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question_id": 1},
        {"answer": "A"},
        {"answer": None},
        {"version": 1},
        {"answers": None},
        {"question_id": None, "answer": "A"},
        {**ONE, **SEVERAL},
        {"question_id": 1, **SEVERAL},
        {"answer": None, **SEVERAL},
    ],
)
def test_neither_form_or_both_are_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="question_id and answer, or answers"):
        ProgressRequest.model_validate(body)


@pytest.mark.parametrize("field", ["version", "current_question"])
@pytest.mark.parametrize("value", [None, 0, 2**31 - 1])
def test_counts_are_natural_numbers(field: str, value: int | None) -> None:
    assert getattr(ProgressRequest.model_validate({**ONE, field: value}), field) == value


@pytest.mark.parametrize("field", ["version", "current_question"])
@pytest.mark.parametrize("value", NOT_COUNTS)
def test_other_counts_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        ProgressRequest.model_validate({**ONE, field: value})


def test_an_answer_is_committed_unless_asked_otherwise() -> None:
    assert ProgressRequest.model_validate(ONE).autosave is False


@pytest.mark.parametrize("value", [None, 0, 1, "true", [], {}])
def test_autosave_is_true_or_false(value: object) -> None:
    with pytest.raises(ValidationError, match="autosave"):
        ProgressRequest.model_validate({**ONE, "autosave": value})


# complete


def test_completing_needs_nothing() -> None:
    request = CompleteRequest.model_validate({})
    assert (request.answers, request.version, request.expires_at) == (None, None, None)


@pytest.mark.parametrize("text", ["2027-01-15T08:30:00Z", "2027-01-15T09:30:00+01:00"])
def test_completing_may_name_the_deadline_in_any_time_zone(text: str) -> None:
    request = CompleteRequest.model_validate({"expires_at": text})
    assert request.expires_at == attempt().expires_at


@pytest.mark.parametrize("value", NOT_MOMENTS)
def test_completing_at_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="expires_at"):
        CompleteRequest.model_validate({"expires_at": value})


@pytest.mark.parametrize("value", NOT_COUNTS)
def test_completing_at_what_is_no_version_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="version"):
        CompleteRequest.model_validate({"version": value})


def test_completing_with_513_answers_is_refused() -> None:
    with pytest.raises(ValidationError, match="512"):
        CompleteRequest.model_validate({"answers": {str(n): n for n in range(513)}})


# quizzes


def test_a_quiz_demands_nothing_by_itself() -> None:
    assert QuizRequest.model_validate({}).model_dump() == {
        "time_limit_seconds": None,
        "grace_seconds": 0,
        "opens_at": None,
        "closes_at": None,
        "max_attempts": None,
        "when_active": "resume",
        "show_results": "after_end",
        "unknown_questions": "refuse",
        "questions": {},
        "access": None,
        "one_device": "off",
        "admission_seconds": 0,
        "common_start": False,
        "paper": None,
        "open_attempts": None,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_limit_seconds", 1),
        ("time_limit_seconds", MONTH),
        ("time_limit_seconds", None),
        ("grace_seconds", 0),
        ("grace_seconds", MONTH),
        ("max_attempts", 1),
        ("max_attempts", 2**31 - 1),
        ("max_attempts", None),
        ("admission_seconds", 0),
        ("admission_seconds", 3600),
    ],
)
def test_a_quiz_has_bounds_that_are_within(field: str, value: int | None) -> None:
    assert getattr(QuizRequest.model_validate({field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_limit_seconds", 0),
        ("time_limit_seconds", MONTH + 1),
        ("grace_seconds", -1),
        ("grace_seconds", MONTH + 1),
        ("grace_seconds", None),
        ("max_attempts", 0),
        ("max_attempts", 2**31),
        *product(["time_limit_seconds", "grace_seconds", "max_attempts"], NOT_NUMBERS),
        *product(["opens_at", "closes_at"], NOT_MOMENTS),
        ("admission_seconds", -1),
        ("admission_seconds", 3601),
        ("admission_seconds", None),
        ("common_start", "true"),
        ("common_start", 1),
        ("one_device", "two"),
        ("one_device", None),
        ("access", []),
        ("access", {"password": 1}),
        ("access", {"networks": "192.0.2.0/24"}),
        ("access", {"networks": []}),
        ("access", {"networks": ["192.0.2.1"] * 101}),
        ("access", {"seb_config_keys": ["0" * 64] * 21}),
        ("access", {"unknown": 1}),
        ("when_active", "later"),
        ("when_active", None),
        ("show_results", "always"),
        ("questions", []),
        ("questions", None),
        ("questions", {"": {}}),
        ("questions", {"x" * 129: {}}),
        ("questions", {"1": "A"}),
        ("questions", {str(n): {} for n in range(513)}),
    ],
)
def test_another_rule_of_a_quiz_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        QuizRequest.model_validate({field: value})


# What staff sends


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        (ExtendRequest, "seconds", -MONTH),
        (ExtendRequest, "seconds", MONTH),
        (ReopenRequest, "seconds", 1),
        (ReopenRequest, "seconds", MONTH),
        (AccommodationRequest, "extra_seconds", 0),
        (AccommodationRequest, "extra_seconds", MONTH),
    ],
)
def test_a_change_of_time_is_at_most_a_month(model: type[BaseModel], field: str, value: int) -> None:
    assert getattr(model.model_validate({field: value, "reason": "why"}), field) == value


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        (ExtendRequest, "seconds", -MONTH - 1),
        (ExtendRequest, "seconds", MONTH + 1),
        (ReopenRequest, "seconds", 0),
        (ReopenRequest, "seconds", MONTH + 1),
        (AccommodationRequest, "extra_seconds", -1),
        (AccommodationRequest, "extra_seconds", MONTH + 1),
        *((ExtendRequest, "seconds", value) for value in [None, *NOT_NUMBERS]),
        *((ReopenRequest, "seconds", value) for value in [None, *NOT_NUMBERS]),
        *((AccommodationRequest, "extra_seconds", value) for value in [None, *NOT_NUMBERS]),
    ],
)
def test_another_change_of_time_is_refused(model: type[BaseModel], field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        model.model_validate({field: value, "reason": "why"})


STAFF: list[tuple[type[BaseModel], dict[str, object]]] = [
    (ExtendRequest, {"seconds": 60}),
    (ReopenRequest, {"seconds": 60}),
    (AccommodationRequest, {"extra_seconds": 60}),
    (ReasonRequest, {}),
    (ScoreRequest, {"score": 1.0, "max_score": 2.0}),
]


@pytest.mark.parametrize("reason", ["x", "x" * 1000, "🙂" * 1000])
@pytest.mark.parametrize(("model", "body"), STAFF)
def test_a_reason_has_1_to_1000_characters(
    model: type[BaseModel], body: dict[str, object], reason: str
) -> None:
    assert model.model_validate({**body, "reason": reason}).model_dump()["reason"] == reason


@pytest.mark.parametrize("more", [{}, *({"reason": value} for value in ("", "x" * 1001, None, 1, ["x"]))])
@pytest.mark.parametrize(("model", "body"), STAFF)
def test_without_a_reason_nothing_changes(
    model: type[BaseModel], body: dict[str, object], more: dict[str, object]
) -> None:
    with pytest.raises(ValidationError, match="reason"):
        model.model_validate({**body, **more})


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.5, 1e300])
@pytest.mark.parametrize("field", ["score", "max_score"])
def test_a_score_is_a_number_from_0_on(field: str, value: float) -> None:
    body = {"score": 1.0, "max_score": 1.0, "reason": "why", field: value}
    assert getattr(ScoreRequest.model_validate(body), field) == value


@pytest.mark.parametrize("value", [-1, -0.001, float("nan"), float("inf"), True, "1", None, [1]])
@pytest.mark.parametrize("field", ["score", "max_score"])
def test_another_score_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        ScoreRequest.model_validate({"score": 1.0, "max_score": 1.0, "reason": "why", field: value})


@pytest.mark.parametrize(
    "mark",
    [None, {"points": 0}, {"points": 2.5, "comment": None}, {"points": 1_000_000, "comment": "🙂" * 4096}],
)
def test_a_mark_is_points_and_a_comment_or_null(mark: dict[str, object] | None) -> None:
    (read,) = GradesRequest.model_validate({"essay": mark}).root.values()
    assert (None if read is None else read.model_dump(exclude_unset=True)) == mark


@pytest.mark.parametrize(
    "mark",
    [
        {},
        {"comment": "good"},
        *({"points": value} for value in [-0.1, 1_000_001, float("nan"), True, "1", None, [1]]),
        *({"points": 1, "comment": value} for value in ["x" * 4097, 1, ["x"]]),
        {"points": 1, "surprise": 1},
        1,
        "1",
        [],
    ],
)
def test_another_mark_is_refused(mark: object) -> None:
    with pytest.raises(ValidationError, match="essay"):
        GradesRequest.model_validate({"0": {"points": 1}, "essay": mark})


@pytest.mark.parametrize("marks", [{}, {str(n): None for n in range(513)}, {"": None}, {"x" * 129: None}])
def test_marks_are_of_1_to_512_questions(marks: dict[str, None]) -> None:
    with pytest.raises(ValidationError):
        GradesRequest.model_validate(marks)


def test_a_receipt_has_at_most_2048_characters() -> None:
    request = VerifyReceiptRequest.model_validate({"receipt": "x" * 2048})
    assert (len(request.receipt), request.answers) == (2048, None)


@pytest.mark.parametrize("value", ["x" * 2049, None, 1, ["a.b.c"]])
def test_another_receipt_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="receipt"):
        VerifyReceiptRequest.model_validate({"receipt": value})


# all


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (StartRequest, {"user_id": "user1", "quiz_id": "quiz1"}),
        (ProgressRequest, ONE),
        (ProgressRequest, SEVERAL),
        (CompleteRequest, {}),
        (QuizRequest, {}),
        (VerifyReceiptRequest, {"receipt": "a.b.c"}),
        *((model, {**body, "reason": "why"}) for model, body in STAFF),
    ],
)
def test_an_unknown_field_is_refused(model: type[BaseModel], body: dict[str, object]) -> None:
    model.model_validate(body)
    with pytest.raises(ValidationError, match="surprise"):
        model.model_validate({**body, "surprise": 1})


SHOWN: list[tuple[object, type[Any]]] = [
    (
        Results(session_id=attempt().id, score=1.0, max_score=2.0, grading="done", late_ms=0, questions=None),
        ResultsReply,
    ),
    (deadline_of(attempt(), NO_DRAFTS, START), DeadlineReply),
    (Accommodation("user1", "quiz1", 600, "why", None, from_micros(START)), AccommodationReply),
    (view(attempt(), NO_DRAFTS, START), Session),
]


@pytest.mark.parametrize(("shown", "model"), SHOWN, ids=[model.__name__ for _, model in SHOWN])
def test_what_is_shown_is_what_is_documented(shown: object, model: type[Any]) -> None:
    sent = json.loads(dump_record(shown))
    documented = TypeAdapter(model)
    assert list(sent) == list(documented.json_schema(mode="serialization")["properties"])
    assert documented.dump_python(documented.validate_python(sent), mode="json") == sent


# The document


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


STATUSES: dict[tuple[str, str], str] = {
    ("/sessions/start", "post"): "200 201 400 401 403 404 409 413 415 422 429 500 503",
    ("/sessions", "get"): "200 401 403 422 429 500 503",
    ("/sessions/current", "get"): "200 304 401 403 404 422 429 500 503",
    ("/sessions/{session_id}", "get"): "200 304 401 404 422 429 500 503",
    ("/sessions/{session_id}/deadline", "get"): "200 401 404 422 429 500 503",
    ("/sessions/{session_id}/results", "get"): "200 401 403 404 409 422 429 500 503",
    ("/sessions/{session_id}/progress", "patch"): "200 400 401 403 404 409 410 412 413 415 422 429 500 503",
    ("/sessions/{session_id}/complete", "post"): "200 400 401 403 404 409 410 412 413 415 422 429 500 503",
    ("/sessions/{session_id}/beacon-token", "post"): "200 401 404 422 429 500 503",
    ("/sessions/{session_id}/beacon", "post"): "204 400 403 404 409 410 413 415 422 429 500 503",
    ("/sessions/{session_id}/paper", "get"): "200 401 403 404 422 429 500 503",
    ("/sessions/{session_id}/sections/{section}/enter", "post"): "200 401 403 404 409 410 422 429 500 503",
    ("/sessions/{session_id}/abandon", "post"): "200 401 403 404 409 410 422 429 500 503",
    ("/sessions/{session_id}/device", "post"): "200 400 401 403 404 409 410 413 415 422 429 500 503",
    ("/sessions/{session_id}/extend", "post"): "200 400 401 403 404 409 413 415 422 429 500 503",
    ("/sessions/{session_id}/reopen", "post"): "200 400 401 403 404 409 413 415 422 429 500 503",
    ("/sessions/{session_id}/pause", "post"): "200 400 401 403 404 409 413 415 422 429 500 503",
    ("/sessions/{session_id}/resume", "post"): "200 400 401 403 404 409 413 415 422 429 500 503",
    ("/sessions/{session_id}/notices", "post"): "201 400 401 403 404 409 413 415 422 429 500 503",
    ("/sessions/{session_id}/notices", "get"): "200 401 404 422 429 500 503",
    ("/sessions/{session_id}/notices/{notice}/read", "post"): "204 401 403 404 422 429 500 503",
    ("/sessions/{session_id}/incidents", "post"): "204 400 401 404 409 410 413 415 422 429 500 503",
    ("/sessions/{session_id}/incidents", "get"): "200 401 403 404 422 429 500 503",
    ("/quizzes/{quiz_id}/notices", "post"): "200 400 401 403 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}/notices", "get"): "200 401 403 404 422 429 500 503",
    ("/sessions/{session_id}/late-answers", "get"): "200 401 403 404 422 429 500 503",
    (
        "/sessions/{session_id}/late-answers/{event}/accept",
        "post",
    ): "200 400 401 403 404 413 415 422 429 500 503",
    ("/sessions/{session_id}/grades", "put"): "200 400 401 403 404 409 412 413 415 422 429 500 503",
    ("/sessions/{session_id}/score", "post"): "200 400 401 403 404 409 413 415 422 429 500 503",
    ("/sessions/{session_id}/events", "get"): "200 401 403 404 422 429 500 503",
    ("/sessions/{session_id}/timeline", "get"): "200 401 403 404 409 422 429 500 503",
    ("/sessions/{session_id}/verify", "get"): "200 401 403 404 422 429 500 503",
    ("/sessions/{session_id}", "patch"): "200 400 401 403 404 413 415 422 429 500 503",
    ("/users/{user_id}/accommodations", "put"): "200 400 401 403 413 415 422 429 500 503",
    ("/users/{user_id}/accommodations", "get"): "200 401 403 404 422 429 500 503",
    ("/users/{user_id}/accommodations", "delete"): "204 401 403 404 422 429 500 503",
    ("/accommodations", "get"): "200 401 403 422 429 500 503",
    ("/quizzes", "get"): "200 401 403 422 429 500 503",
    ("/quizzes/{quiz_id}", "put"): "200 201 400 401 403 409 412 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}", "patch"): "200 400 401 403 404 409 412 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}", "get"): "200 401 404 422 429 500 503",
    ("/quizzes/{quiz_id}", "delete"): "204 401 403 404 409 422 429 500 503",
    ("/quizzes/{quiz_id}/live", "get"): "200 304 401 403 422 429 500 503",
    ("/quizzes/{quiz_id}/extend", "post"): "200 400 401 403 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}/pause", "post"): "200 400 401 403 404 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}/resume", "post"): "200 400 401 403 404 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}/complete", "post"): "200 400 401 403 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}/exports", "post"): "202 400 401 403 404 413 415 422 429 500 503",
    ("/exports/{export_id}", "get"): "200 401 403 404 422 429 500 503",
    ("/exports/{export_id}/file", "get"): "200 403 404 422 429 500 503",
    ("/quizzes/{quiz_id}/statistics", "get"): "200 401 403 404 422 429 500 503",
    ("/quizzes/{quiz_id}/grading", "get"): "200 401 403 422 429 500 503",
    ("/quizzes/{quiz_id}/grading/next", "post"): "200 400 401 403 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}/regrade", "post"): "200 400 401 403 404 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}/accommodations/{user_id}", "put"): "200 400 401 403 413 415 422 429 500 503",
    ("/quizzes/{quiz_id}/accommodations/{user_id}", "get"): "200 401 403 404 422 429 500 503",
    ("/quizzes/{quiz_id}/accommodations/{user_id}", "delete"): "204 401 403 404 422 429 500 503",
    ("/staff-actions", "get"): "200 401 403 422 429 500 503",
    ("/webhooks", "get"): "200 401 403 422 429 500 503",
    ("/webhooks/retry", "post"): "200 400 401 403 409 413 415 422 429 500 503",
    ("/receipts/verify", "post"): "200 400 401 413 415 422 429 500 503",
    ("/.well-known/jwks.json", "get"): "200 422 429 500 503",
    ("/health", "get"): "200 422 429 500 503",
    ("/health/ready", "get"): "200 401 422 429 500 503",
    ("/status", "get"): "200 401 403 422 429 500 503",
}


def test_the_document_names_every_endpoint(document: dict[str, Any]) -> None:
    found = {(path, method) for path, item in document["paths"].items() for method in item}
    assert found == STATUSES.keys()


@pytest.mark.parametrize(("operation", "statuses"), STATUSES.items())
def test_the_document_names_every_status(
    document: dict[str, Any], operation: tuple[str, str], statuses: str
) -> None:
    path, method = operation
    assert sorted(document["paths"][path][method]["responses"]) == statuses.split()


def test_whatever_has_a_body_may_be_413(document: dict[str, Any]) -> None:
    operations = {
        (path, method): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    with_body = {key for key, operation in operations.items() if "requestBody" in operation}
    too_large = {key for key, operation in operations.items() if "413" in operation["responses"]}
    assert with_body == too_large


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    assert found <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_every_error_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    contents = {
        (path, status): set(response["content"])
        for path, item in document["paths"].items()
        for operation in item.values()
        for status, response in operation["responses"].items()
        if path != "/health/ready" and int(status) >= 400
    }
    assert contents
    # The gateway has a 401 and a 429 of its own.
    by_itself = {"application/json", "application/problem+json"}
    for (_, status), types in contents.items():
        assert types == (by_itself if status in ("401", "429") else {"application/problem+json"})


def test_a_conflict_is_documented_with_what_helps(document: dict[str, Any]) -> None:
    properties = document["components"]["schemas"]["Problem409"]["properties"]
    assert {
        "current_version",
        "changed_questions",
        "session",
        "session_id",
        "opens_at",
        "closes_at",
    } <= set(properties)
    assert set(properties) == set(Conflict.model_fields)


def test_the_document_is_made_once(document: dict[str, Any]) -> None:
    app = create_app(no_services)
    assert app.openapi() is app.openapi()
    assert app.openapi() == document
