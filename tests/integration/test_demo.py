"""`--demo`: the exam, and the requests of its page that break what it runs on."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from development_server import ports
from development_server.__main__ import main
from development_server.demo import has_screen
from tests.harness.launch import DevelopmentServer, development_server, eventually

KINDS = {"choice", "multiple", "number", "short", "essay", "order", "match"}
BUTTONS = ("/demo/freeze-postgresql", "/demo/kill-valkey", "/demo/exam")


@pytest.fixture(scope="module")
def demo() -> Iterator[DevelopmentServer]:
    # Of the environment it takes the port alone: these stores are nobody's to break.
    environment = {"DATABASE_URL": "postgresql://nowhere.invalid/", "REDIS_URL": "redis://nowhere.invalid"}
    options = ("--demo", "--no-browser", "--students", "3")
    with (
        tempfile.TemporaryDirectory() as name,
        development_server(Path(name), *options, environment=environment) as server,
    ):
        server.process.until(lambda: "demo: http" in server.process.text())
        yield server


def state(demo: DevelopmentServer) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{demo.address}/demo/state").raise_for_status().json()
    return found


def press(demo: DevelopmentServer, path: str, **headers: str) -> httpx.Response:
    return httpx.post(demo.address + path, headers={"Origin": demo.address, **headers}, timeout=20)


def exam(demo: DevelopmentServer) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{demo.address}/quizzes/{state(demo)['quiz_id']}").json()
    return found


def test_it_says_where_it_is_to_be_seen(demo: DevelopmentServer) -> None:
    (line,) = [each for each in demo.process.text().splitlines() if each.startswith("demo: ")]
    address = line.split()[1]
    assert address == f"{demo.address}/pages/demo.html"
    assert httpx.get(address).status_code == 200
    assert httpx.get(f"{demo.address}/pages/config.json").json()["demo"] is True


def test_its_paper_has_every_kind_of_question_for_everybody(demo: DevelopmentServer) -> None:
    body = {"user_id": "ada", "quiz_id": state(demo)["quiz_id"]}
    session = httpx.post(f"{demo.address}/sessions/start", json=body).raise_for_status().json()
    sections = exam(demo)["paper"]["sections"]
    assert {section["navigation"] for section in sections} == {"free", "forward"}
    assert any(section["time_limit_seconds"] for section in sections)
    drawn = httpx.get(f"{demo.address}/sessions/{session['id']}/paper").json()["sections"]
    questions = exam(demo)["questions"]
    asked = [questions[each["id"]] for section in drawn for each in section["questions"]]
    assert {question["content"]["kind"] for question in asked} == KINDS


def test_its_keys_are_the_answers_that_its_options_allow(demo: DevelopmentServer) -> None:
    body = {"user_id": "grace", "quiz_id": state(demo)["quiz_id"]}
    session = httpx.post(f"{demo.address}/sessions/start", json=body).raise_for_status().json()
    questions = exam(demo)["questions"]
    right = {
        name: question["key"][0] if question["grading"] == "text" else question["key"]
        for name, question in questions.items()
        if "grading" in question
    }
    drawn = httpx.get(f"{demo.address}/sessions/{session['id']}/paper").json()["sections"]
    names = {each["id"] for section in drawn for each in section["questions"]}
    answers = {name: key for name, key in right.items() if name in names}
    path = f"{demo.address}/sessions/{session['id']}"
    httpx.post(f"{path}/complete", json={"answers": answers}).raise_for_status()
    marks = eventually(lambda: httpx.get(f"{path}/results").json().get("questions"))
    assert {name: marks[name]["correct"] for name in answers} == dict.fromkeys(answers, True)


def test_a_frozen_postgresql_thaws(demo: DevelopmentServer) -> None:
    frozen = press(demo, "/demo/freeze-postgresql").raise_for_status().json()["postgresql"]
    assert frozen["state"] == "frozen"
    # A second press neither freezes it for longer nor lets it go on.
    again = press(demo, "/demo/freeze-postgresql").raise_for_status().json()["postgresql"]
    assert again["state"] == "frozen"
    assert again["thaws_in"] <= frozen["thaws_in"]
    eventually(lambda: state(demo)["postgresql"] == {"state": "running", "thaws_in": None})
    quiz = f"{demo.address}/quizzes/{state(demo)['quiz_id']}"
    eventually(lambda: httpx.get(quiz).is_success)


def test_a_killed_valkey_comes_back(demo: DevelopmentServer) -> None:
    with demo.stores.cache() as cache:
        before = cache.info()["run_id"]
    assert press(demo, "/demo/kill-valkey").raise_for_status().json()["valkey"] == {"state": "away"}
    eventually(lambda: state(demo)["valkey"] == {"state": "running"})
    with demo.stores.cache() as cache:
        assert cache.info()["run_id"] != before


def test_another_exam_can_begin_at_once(demo: DevelopmentServer) -> None:
    before = state(demo)["quiz_id"]
    assert press(demo, "/demo/exam").raise_for_status().json()["quiz_id"] != before
    assert state(demo)["quiz_id"] != before


@pytest.mark.parametrize("path", BUTTONS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://elsewhere.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="an origin without a name"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, id="another port"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="a browser that says so"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="a neighbour"),
        pytest.param({"Origin": "http://elsewhere.example"}, id="a name that leads here"),
    ],
)
def test_no_page_from_elsewhere_presses_a_button(
    demo: DevelopmentServer, path: str, headers: dict[str, str]
) -> None:
    before = state(demo)
    reply = press(demo, path, **headers)
    assert (reply.status_code, reply.json()) == (403, {"detail": "The demo listens to its own page alone."})
    assert state(demo) == before


@pytest.mark.parametrize("path", BUTTONS)
def test_what_does_not_say_where_it_comes_from_presses_no_button(demo: DevelopmentServer, path: str) -> None:
    assert httpx.post(demo.address + path).status_code == 403
    assert httpx.get(demo.address + path, headers={"Origin": demo.address}).status_code == 405


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.example", "[::1", "192.0.2.1", ""])
def test_nothing_of_it_is_for_a_name_that_leads_here(demo: DevelopmentServer, host: str) -> None:
    for path in ("/demo/state", "/pages/", "/quizzes"):
        assert httpx.get(demo.address + path, headers={"Host": host}).status_code == 403
    for path in BUTTONS:
        assert press(demo, path, Host=host, Origin=f"http://{host}").status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_it_knows_this_machine_by_each_of_its_names(demo: DevelopmentServer, host: str) -> None:
    named = {"Host": f"{host}:{demo.port}"}
    assert httpx.get(f"{demo.address}/demo/state", headers=named).status_code == 200


def test_no_other_server_has_any_of_it(folder: Path) -> None:
    with development_server(folder) as server:
        assert httpx.get(f"{server.address}/demo/state").status_code == 404
        for path in BUTTONS:
            assert press(server, path).status_code == 404
        assert httpx.get(f"{server.address}/pages/config.json").json()["demo"] is False
        assert "/demo" not in httpx.get(f"{server.address}/openapi.json").text


def test_it_takes_the_next_port_where_its_own_is_taken(folder: Path) -> None:
    port = ports.choose()
    with closing(socket.create_server(("127.0.0.1", port))):
        options = ("--demo", "--no-browser", "--students", "1")
        with development_server(folder, *options, environment={"PORT": str(port)}) as server:
            assert server.port in range(port + 1, port + 20)


def test_it_listens_on_this_machine_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--host", "0.0.0.0", "--data", str(folder)], {"PORT": "0"}) == 1
    assert "this machine alone" in capsys.readouterr().err


def test_it_listens_on_any_address_of_this_machine_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It gets as far as its port, which is none.
    assert main(["--demo", "--host", "127.0.0.2", "--data", str(folder)], {"PORT": "65536"}) == 1
    assert "PORT is a number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({}, "darwin", True),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "linux", False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
    ],
)
def test_a_browser_is_opened_only_where_somebody_sees_it(
    environment: dict[str, str], platform: str, expected: bool
) -> None:
    assert has_screen(environment, platform) is expected
