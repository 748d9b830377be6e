"""Files through the command into the service and out again, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from one_machine.command import main
from quiz_sessions.bootstrap import build_services
from tests.harness.launch import Served, served
from tests.harness.quiz_files import FILES, sample, sample_bytes
from tests.harness.stores import Stores

Run = Callable[..., str]


@pytest.fixture
def service(stores: Stores) -> Iterator[Served]:
    with served(build_services(stores.settings)) as running:
        yield running


@pytest.fixture
def run(service: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command prints."""

    def run(*words: str, code: int = 0) -> str:
        assert main([*words, "--data", str(tmp_path)], {"QUIZ_SESSIONS_URL": service.url}) == code
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", FILES)
def test_what_is_imported_exported_and_imported_again_is_the_same(
    run: Run, tmp_path: Path, name: str
) -> None:
    file = tmp_path / (Path(name).name if "." in name else f"{name}.zip")
    file.write_bytes(sample_bytes(name))
    run("import", str(file), "--quiz", "first")
    first = run("export", "first")
    package = tmp_path / "package.zip"
    run("export", "first", "--format", "qti3", "--to", str(package))
    run("import", str(package), "--quiz", "second")
    assert run("export", "second") == first
    text = tmp_path / "quiz.json"
    text.write_text(first)
    run("import", str(text), "--quiz", "third")
    assert run("export", "third") == first


def test_an_imported_quiz_is_taken_and_graded_by_its_keys(service: Served, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "questions.xml"
    file.write_bytes(sample_bytes("moodle/questions.xml"))
    run("import", str(file), "--quiz", "harbours")
    rules = sample("moodle/questions.xml").rules["questions"]
    answers = {
        name: question["key"][0] if question["grading"] == "text" and name == "4" else question["key"]
        for name, question in rules.items()
        if "key" in question
    }
    with httpx.Client(base_url=service.url) as http:
        session = http.post("/sessions/start", json={"user_id": "user1", "quiz_id": "harbours"}).json()
        paper = http.get(f"/sessions/{session['id']}/paper").json()
        shown = [each["id"] for section in paper["sections"] for each in section["questions"]]
        ended = http.post(f"/sessions/{session['id']}/complete", json={"answers": answers}).json()
    assert shown == list(rules)
    assert ended["score"] == sum(rules[name]["points"] for name in answers)
    assert ended["max_score"] == sum(question["points"] for question in rules.values())


def test_another_import_of_the_same_quiz_keeps_its_rules(service: Served, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_text("text\nWhy?\n")
    run("import", str(file), "--quiz", "quiz1")
    with httpx.Client(base_url=service.url) as http:
        body = json.loads(run("export", "quiz1")) | {"max_attempts": 2}
        assert http.put("/quizzes/quiz1", json=body).status_code == 200
        file.write_text("text\nWhy not?\n")
        again = ["import", str(file), "--quiz", "quiz1"]
        run(*again, code=1)
        run("import", str(file), "--quiz", "quiz1", "--replace")
        quiz = http.get("/quizzes/quiz1").json()
    assert (quiz["revision"], quiz["max_attempts"]) == (3, 2)
    assert quiz["questions"]["1"]["content"]["text"] == "Why not?"
