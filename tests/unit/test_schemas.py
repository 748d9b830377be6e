"""What requests may look like, and the document that says so."""

from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from pydantic import ValidationError

from quiz_sessions import rules
from quiz_sessions.models import Drafts
from session_api.app import create_app
from session_api.schemas import CompleteRequest, Conflict, ProgressRequest, SessionReply, StartRequest
from tests.builders import START, attempt

ONE = {"question_id": 1, "answer": "A"}
SEVERAL = {"answers": {"1": "A"}}
NOT_COUNTS = [-1, 2**31, True, 1.0, 1.5, "1", [1], {}]
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


@pytest.mark.parametrize("value", [*NOT_IDS, None])
@pytest.mark.parametrize("field", ["user_id", "quiz_id"])
def test_other_ids_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        StartRequest.model_validate({"user_id": "user1", "quiz_id": "quiz1", field: value})


@pytest.mark.parametrize("field", ["user_id", "quiz_id"])
def test_a_start_needs_both_ids(field: str) -> None:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    del body[field]
    with pytest.raises(ValidationError, match=field):
        StartRequest.model_validate(body)


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
    assert (request.answers, request.version) == (None, None)


@pytest.mark.parametrize("value", NOT_COUNTS)
def test_completing_at_what_is_no_version_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="version"):
        CompleteRequest.model_validate({"version": value})


def test_completing_with_513_answers_is_refused() -> None:
    with pytest.raises(ValidationError, match="512"):
        CompleteRequest.model_validate({"answers": {str(n): n for n in range(513)}})


# all


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (StartRequest, {"user_id": "user1", "quiz_id": "quiz1"}),
        (ProgressRequest, ONE),
        (ProgressRequest, SEVERAL),
        (CompleteRequest, {}),
    ],
)
def test_an_unknown_field_is_refused(
    model: type[StartRequest | ProgressRequest | CompleteRequest], body: dict[str, object]
) -> None:
    model.model_validate(body)
    with pytest.raises(ValidationError, match="surprise"):
        model.model_validate({**body, "surprise": 1})


def test_what_a_session_shows_is_what_is_documented() -> None:
    assert list(rules.view(attempt(), Drafts(), START).to_dict()) == list(SessionReply.model_fields)


def test_a_session_fits_its_documentation() -> None:
    shown = rules.view(attempt(), Drafts(), START).to_dict()
    assert SessionReply.model_validate(shown).id == attempt().id


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


def test_the_document_names_every_endpoint(document: dict[str, Any]) -> None:
    assert {(path, method) for path, item in document["paths"].items() for method in item} == {
        ("/sessions/start", "post"),
        ("/sessions/{session_id}", "get"),
        ("/sessions/{session_id}/progress", "patch"),
        ("/sessions/{session_id}/complete", "post"),
        ("/sessions/{session_id}/abandon", "post"),
        ("/health", "get"),
        ("/health/ready", "get"),
    }


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/sessions/start", "post", {"200", "201", "409", "413", "422", "503"}),
        ("/sessions/{session_id}", "get", {"200", "404", "422", "503"}),
        ("/sessions/{session_id}/progress", "patch", {"200", "404", "409", "410", "413", "422", "503"}),
        ("/sessions/{session_id}/complete", "post", {"200", "404", "409", "410", "413", "422", "503"}),
        ("/sessions/{session_id}/abandon", "post", {"200", "404", "409", "410", "422", "503"}),
        ("/health", "get", {"200"}),
        ("/health/ready", "get", {"200", "503"}),
    ],
)
def test_the_document_names_every_status(
    document: dict[str, Any], path: str, method: str, statuses: set[str]
) -> None:
    assert set(document["paths"][path][method]["responses"]) == statuses


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
    assert all(types == {"application/problem+json"} for types in contents.values()), contents


def test_a_conflict_is_documented_with_what_helps(document: dict[str, Any]) -> None:
    properties = document["components"]["schemas"]["Conflict"]["properties"]
    assert {"current_version", "changed_questions", "session"} <= set(properties)
    assert set(properties) == set(Conflict.model_fields)


def test_the_document_is_made_once(document: dict[str, Any]) -> None:
    app = create_app(no_services)
    assert app.openapi() is app.openapi()
    assert app.openapi() == document
