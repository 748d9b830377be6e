"""What everything in the API's document has, so that a new endpoint can't forget it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from jsonschema_rs import Draft202012Validator

from session_api.app import create_app
from session_api.gateway import PROBLEM_JSON
from session_api.problems import codes
from session_api.replies import FILE

JSON = "application/json"


def no_services() -> NoReturn:
    raise AssertionError("the document needs no services")


DOCUMENT: dict[str, Any] = create_app(no_services).openapi()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def name_of(schema: dict[str, Any]) -> str:
    """The name of the component that a schema refers to; empty if it is none."""
    name: str = schema.get("$ref", "").removeprefix("#/components/schemas/")
    return name if name in SCHEMAS else ""


def errors(schema: dict[str, Any], value: Any) -> list[str]:
    """How a value differs from a schema."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return [str(error) for error in Draft202012Validator(whole, validate_formats=True).iter_errors(value)]


def lacks(operation: dict[str, Any]) -> Iterator[str]:
    """What an operation should have and has not."""
    if len(operation.get("tags", [])) != 1 or operation["tags"][0] not in {
        t["name"] for t in DOCUMENT["tags"]
    }:
        yield "one of the document's tags"
    if not re.fullmatch("[a-z]+([A-Z][a-z]+)*", operation.get("operationId", "")):
        yield "an operationId in camelCase"
    elif len(operation["operationId"]) >= 30:
        yield "an operationId under 30 characters"
    if not operation.get("summary") or not operation.get("description"):
        yield "a summary and a description"
    for parameter in operation.get("parameters", []):
        if parameter["in"] != "path" and not parameter.get("description"):
            yield f"a description of {parameter['name']}"
        if "null" in str(parameter["schema"]):
            yield f"a type of {parameter['name']} that a query or a header can have"
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"][JSON]["schema"]
        if not SCHEMAS.get(name_of(schema), {}).get("examples"):
            yield "a body of one schema, with an example"
        if not {"400", "413", "415", "422"} <= operation["responses"].keys():
            yield "what is replied to a body that can't be read or is too large"
    for status in ("429", "500", "503"):
        if status not in operation["responses"]:
            yield status
    if "401" not in operation["responses"] and operation.get("security") != []:
        yield "401, or security that is empty"
    for status, response in operation["responses"].items():
        for what in response_lacks(int(status), response):
            yield f"{status}: {what}"


def response_lacks(status: int, response: dict[str, Any]) -> Iterator[str]:
    """What one of its responses should have and has not."""
    headers = response.get("headers", {})
    content = response.get("content", {})
    shown = {name_of(each["schema"]) for each in content.values()}
    wanted = {"X-Request-Id"}
    if status in (429, 503) and PROBLEM_JSON in content:
        wanted.add("Retry-After")
    if shown & {"SessionReply", "StartReply"} or status == 304:
        wanted.add("ETag")
    if status == 201 and "StartReply" in shown:
        wanted.add("Location")
    for name in sorted(wanted - headers.keys()):
        yield f"the header {name}"
    if not response.get("description"):
        yield "a description"
    if status in (204, 304) or FILE in content:
        return
    if len(shown) != 1 or not all(SCHEMAS.get(name, {}).get("examples") for name in shown):
        yield "a body of one schema, with an example"
    if (
        status >= 400
        and "Readiness" not in shown
        and (PROBLEM_JSON not in content or shown != {f"Problem{status}"})
    ):
        yield "a problem"


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_lacks_nothing(name: str) -> None:
    assert list(lacks(OPERATIONS[name])) == []


@pytest.mark.parametrize(
    ("take_away", "what"),
    [
        (lambda o: o.pop("tags"), "one of the document's tags"),
        (lambda o: o.update(tags=["misc"]), "one of the document's tags"),
        (lambda o: o.pop("operationId"), "an operationId in camelCase"),
        (lambda o: o.update(operationId="save_progress_patch"), "an operationId in camelCase"),
        (lambda o: o.update(operationId="saveProgress" + "Again" * 4), "an operationId under 30 characters"),
        (lambda o: o.pop("summary"), "a summary and a description"),
        (lambda o: o.pop("description"), "a summary and a description"),
        (lambda o: o["parameters"][1].pop("description"), "a description of if-match"),
        (
            lambda o: o["parameters"][1].update(schema={"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "a type of if-match that a query or a header can have",
        ),
        (
            lambda o: o["requestBody"]["content"][JSON].update(schema={"type": "object"}),
            "a body of one schema, with an example",
        ),
        (
            lambda o: o["responses"].pop("415"),
            "what is replied to a body that can't be read or is too large",
        ),
        (lambda o: o["responses"].pop("429"), "429"),
        (lambda o: o["responses"].pop("401"), "401, or security that is empty"),
        (lambda o: o["responses"]["200"].pop("description"), "200: a description"),
        (lambda o: o["responses"]["200"].pop("headers"), "200: the header ETag"),
        (lambda o: o["responses"]["404"].pop("headers"), "404: the header X-Request-Id"),
        (lambda o: o["responses"]["503"]["headers"].pop("Retry-After"), "503: the header Retry-After"),
        (
            lambda o: o["responses"]["200"]["content"][JSON].update(schema={}),
            "200: a body of one schema, with an example",
        ),
        (lambda o: o["responses"]["409"].pop("content"), "409: a problem"),
    ],
)
def test_what_is_taken_away_is_missed(take_away: Callable[[dict[str, Any]], object], what: str) -> None:
    operation = copy.deepcopy(OPERATIONS["patch /sessions/{session_id}/progress"])
    take_away(operation)
    assert what in list(lacks(operation))


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("status", "names"), codes().items())
def test_a_code_is_an_enumeration_for_each_status(status: int, names: tuple[str, ...]) -> None:
    code = SCHEMAS[f"Problem{status}"]["properties"]["code"]
    assert tuple(code.get("enum", [code.get("const")])) == names
    assert SCHEMAS[f"Problem{status}"]["properties"]["status"]["const"] == status


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if "examples" in schema])
def test_an_example_is_what_its_schema_says(name: str) -> None:
    for example in SCHEMAS[name]["examples"]:
        assert errors({"$ref": f"#/components/schemas/{name}"}, example) == []


def test_what_api_gateway_says_by_itself_is_what_the_document_says() -> None:
    for status in (401, 429):
        assert errors({"$ref": f"#/components/schemas/Problem{status}"}, {"message": "Not now"}) == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_member_that_may_be_left_out_has_no_default_for_it_would_be_required(name: str) -> None:
    members, required = SCHEMAS[name].get("properties", {}), SCHEMAS[name].get("required", [])
    assert [each for each in members.keys() - required if "default" in members[each]] == []


def test_a_default_is_told_in_words() -> None:
    assert SCHEMAS["ProgressRequest"]["properties"]["autosave"]["description"].endswith("By default false.")
    assert "required" not in SCHEMAS["ProgressRequest"]


def test_several_forms_of_a_body_are_one_object_with_optional_members() -> None:
    schema = SCHEMAS["ProgressRequest"]
    assert schema["type"] == "object"
    assert schema.keys().isdisjoint({"anyOf", "oneOf", "allOf", "required"})
    forms = [form["type"] for form in schema["properties"]["question_id"]["anyOf"]]
    assert forms == ["integer", "string", "null"]


@pytest.mark.parametrize(
    ("name", "question"), [("QuizRequest", "QuestionRules"), ("QuizReply", "QuestionReply")]
)
def test_a_question_is_a_schema_of_its_own(name: str, question: str) -> None:
    members = SCHEMAS[name]["properties"]["questions"]["additionalProperties"]
    assert members == {"$ref": f"#/components/schemas/{question}"}
    members = {"points", "grading", "key", "tolerance", "decimal", "partial", "content", "shuffle_options"}
    assert SCHEMAS[question]["properties"].keys() == members


def test_a_started_session_is_a_session() -> None:
    session, started = SCHEMAS["SessionReply"], SCHEMAS["StartReply"]
    assert session["properties"].items() <= started["properties"].items()
    assert set(session["required"]) < set(started["required"])


def test_only_health_beacons_links_and_public_keys_ask_for_no_token() -> None:
    assert DOCUMENT["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert DOCUMENT["security"] == [{"token": []}, {}]
    assert [name for name, operation in OPERATIONS.items() if "security" in operation] == [
        "get /exports/{export_id}/file",
        "get /.well-known/jwks.json",
        "get /health",
        "post /sessions/{session_id}/beacon",
    ]
