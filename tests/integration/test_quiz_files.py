"""Files through the command into the service and out again, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest

from quiz_files import main
from quiz_sessions.bootstrap import build_services
from tests.harness.launch import Served, served
from tests.harness.quiz_files import FILES, sample, sample_bytes
from tests.harness.stores import Stores


@pytest.fixture
def service(stores: Stores) -> Iterator[Served]:
    with served(build_services(stores.settings)) as running:
        yield running


def run(service: Served, *words: str) -> str:
    out = StringIO()
    assert main(words, {"QUIZ_SESSIONS_URL": service.url}, out) == 0
    return out.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_what_is_imported_exported_and_imported_again_is_the_same(
    service: Served, tmp_path: Path, name: str
) -> None:
    file = tmp_path / (Path(name).name if "." in name else f"{name}.zip")
    file.write_bytes(sample_bytes(name))
    run(service, "import", str(file), "--quiz", "first")
    first = run(service, "export", "first")
    package = tmp_path / "package.zip"
    run(service, "export", "first", "--format", "qti3", "--to", str(package))
    run(service, "import", str(package), "--quiz", "second")
    assert run(service, "export", "second") == first
    text = tmp_path / "quiz.json"
    text.write_text(first)
    run(service, "import", str(text), "--quiz", "third")
    assert run(service, "export", "third") == first


def test_an_imported_quiz_is_taken_and_graded_by_its_keys(service: Served, tmp_path: Path) -> None:
    file = tmp_path / "questions.xml"
    file.write_bytes(sample_bytes("moodle/questions.xml"))
    run(service, "import", str(file), "--quiz", "harbours")
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


def test_another_import_of_the_same_quiz_keeps_its_rules(service: Served, tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_text("text\nWhy?\n")
    run(service, "import", str(file), "--quiz", "quiz1")
    with httpx.Client(base_url=service.url) as http:
        body = json.loads(run(service, "export", "quiz1")) | {"max_attempts": 2}
        assert http.put("/quizzes/quiz1", json=body).status_code == 200
        file.write_text("text\nWhy not?\n")
        again = ["import", str(file), "--quiz", "quiz1"]
        assert main(again, {"QUIZ_SESSIONS_URL": service.url}, StringIO()) == 1
        run(service, "import", str(file), "--quiz", "quiz1", "--replace")
        quiz = http.get("/quizzes/quiz1").json()
    assert (quiz["revision"], quiz["max_attempts"]) == (3, 2)
    assert quiz["questions"]["1"]["content"]["text"] == "Why not?"
