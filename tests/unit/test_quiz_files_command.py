"""The command: what it asks the API, what it prints, and what it refuses to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from one_machine.command import main, parser
from quiz_files import QuizFilesError, Quizzes, export_quiz, import_file
from tests.harness.quiz_files import SAMPLES, sample

MOODLE = str(SAMPLES / "moodle/questions.xml")
QUIZ: dict[str, Any] = {
    "quiz_id": "harbours",
    "revision": 3,
    "max_attempts": 2,
    "access": {"password": "secret"},
    "questions": {"old": {"points": 1, "grading": "exact", "key": "A", "content": "?"}},
    "paper": {"sections": [{"questions": ["old"]}]},
    "paused_at": None,
    "updated_at": "2027-01-15T08:00:00Z",
}


class Service:
    """What the command talks to: it has one quiz, or none."""

    def __init__(self, quiz: dict[str, Any] | None = None) -> None:
        self.quiz = quiz
        self.requests: list[httpx.Request] = []
        self.written: dict[str, Any] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "PUT":
            self.written = json.loads(request.content)
            return httpx.Response(201, json={**self.written, "quiz_id": "harbours", "revision": 1})
        if self.quiz is None:
            return httpx.Response(404, json={"code": "quiz_not_found", "detail": "No quiz."})
        return httpx.Response(200, json=self.quiz, headers={"ETag": '"3"'})


def run(service: Callable[[httpx.Request], httpx.Response], *words: str) -> tuple[int, str]:
    options = parser().parse_args(words)
    do = {"import": import_file, "export": export_quiz}[options.command]
    out = StringIO()
    transport = httpx.MockTransport(service)
    with httpx.Client(base_url="http://127.0.0.1:8002", transport=transport) as http:
        try:
            do(options, Quizzes(http), out)
        except (QuizFilesError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 1, out.getvalue()
    return 0, out.getvalue()


def test_an_import_writes_the_quiz_and_reports() -> None:
    service = Service()
    code, text = run(service, "import", MOODLE, "--quiz", "harbours")
    assert code == 0
    assert service.written == sample("moodle/questions.xml").rules
    assert text.startswith("13 questions in 2 sections; 9 graded, 1 shown, 1 by a person, 2 left out\n")
    assert "question 8 (Gaps) -> 8.1, 8.2, 8.3: graded: 3 questions (short, choice, number)" in text
    assert "    lost: feedback\n" in text
    assert text.endswith("harbours: revision 1\n")


def test_the_id_of_a_quiz_is_a_part_of_its_path() -> None:
    service = Service()
    run(service, "import", MOODLE, "--quiz", "a quiz?")
    assert {request.url.raw_path for request in service.requests} == {b"/quizzes/a%20quiz%3F"}


def test_a_dry_run_asks_nothing() -> None:
    service = Service()
    code, text = run(service, "import", MOODLE, "--quiz", "harbours", "--dry-run")
    assert (code, service.requests) == (0, [])
    assert "question 12 (Speed) -> -: left out" in text


def test_a_strict_import_that_would_lose_something_asks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    service = Service()
    code, _ = run(service, "import", MOODLE, "--quiz", "harbours", "--strict")
    assert (code, service.requests) == (1, [])
    assert "something would be lost" in capsys.readouterr().err


def test_a_quiz_that_exists_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    service = Service(QUIZ)
    code, _ = run(service, "import", MOODLE, "--quiz", "harbours")
    assert (code, service.written) == (1, {})
    assert "'harbours' exists (revision 3); --replace gives it these questions" in capsys.readouterr().err


def test_replacing_keeps_the_other_rules_and_writes_what_was_read() -> None:
    service = Service(QUIZ)
    code, _ = run(service, "import", MOODLE, "--quiz", "harbours", "--replace", "--open-attempts", "keep")
    assert code == 0
    assert service.written == {
        "max_attempts": 2,
        "access": {"password": "secret"},
        "open_attempts": "keep",
        **sample("moodle/questions.xml").rules,
    }
    assert service.requests[-1].headers["If-Match"] == '"3"'


def test_what_the_service_refuses_is_said_in_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            403, json={"code": "forbidden", "detail": "Needs quizzes:write.", "request_id": "r1"}
        )

    assert run(refuse, "import", MOODLE, "--quiz", "harbours")[0] == 1
    assert capsys.readouterr().err == "403: Needs quizzes:write. (request r1)\n"


@pytest.mark.parametrize("reply", [httpx.Response(502, text="<html>"), httpx.Response(200, text="[]")])
def test_what_is_no_reply_of_the_service_is_a_failure(reply: httpx.Response) -> None:
    assert run(lambda _: reply, "export", "harbours")[0] == 1


def test_a_service_that_does_not_answer_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert run(away, "export", "harbours")[0] == 1
    assert "http://127.0.0.1:8002 does not answer: refused" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["nowhere.csv", str(SAMPLES)])
def test_a_file_that_is_not_there_is_a_failure(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Service(), "import", file, "--quiz", "harbours")[0] == 1
    assert Path(file).name in capsys.readouterr().err


@pytest.mark.parametrize("url", ["nowhere", "http://example.org:port", "ftp://example.org"])
def test_an_address_that_is_none_is_a_failure(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "harbours", "--data", str(tmp_path), "--url", url], {}) == 1
    assert capsys.readouterr().err.startswith("quiz-sessions export: ")


@pytest.mark.parametrize(
    "words", [[], ["import"], ["import", "x.csv"], ["export"], ["import", "x", "--fast"]]
)
def test_a_call_that_is_not_understood_ends_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(Service(), *words)
    assert ended.value.code == 2


def test_an_export_is_what_can_be_sent_back() -> None:
    code, text = run(Service(QUIZ), "export", "harbours")
    server_members = {"quiz_id", "revision", "paused_at", "updated_at"}
    assert code == 0
    assert json.loads(text) == {name: value for name, value in QUIZ.items() if name not in server_members}


def test_an_exported_file_is_for_its_owner_alone_and_overwrites_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "quiz.json"
    assert run(Service(QUIZ), "export", "harbours", "--to", str(file)) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    assert run(Service({**QUIZ, "questions": {}}), "export", "harbours", "--to", str(file))[0] == 1
    assert file.read_bytes() == before
    assert "exists" in capsys.readouterr().err


def test_a_package_is_reported_and_imported_again(tmp_path: Path) -> None:
    file = tmp_path / "quiz.zip"
    code, text = run(Service(QUIZ), "export", "harbours", "--format", "qti3", "--to", str(file))
    assert code == 0
    assert "old -> old: by a person: essay, 1 point\n    lost: its key: QTI can't say 'exact'" in text
    assert "lost: what the quiz asks of those who take it (access)" in text
    assert run(Service(), "import", str(file), "--quiz", "again")[0] == 0


def test_a_package_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Service(QUIZ), "export", "harbours", "--format", "qti3")[0] == 1
    assert "--to FILE.zip" in capsys.readouterr().err


def test_a_quiz_that_there_is_not_is_no_export(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Service(), "export", "harbours") == (1, "")
    assert "there is no quiz 'harbours'" in capsys.readouterr().err


def test_an_export_without_keys_says_that_the_token_may_be_why(capsys: pytest.CaptureFixture[str]) -> None:
    run(Service({**QUIZ, "paper": None, "questions": {"old": {"points": 1}}}), "export", "harbours")
    assert "the token lacks quizzes:write" in capsys.readouterr().err


def test_a_token_that_is_none_is_not_sent_and_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"QUIZ_SESSIONS_TOKEN": "secret\nsecret"}
    assert main(["export", "harbours", "--data", str(tmp_path)], environment) == 1
    assert capsys.readouterr().err == "quiz-sessions export: QUIZ_SESSIONS_TOKEN is no token\n"


def test_words_of_a_file_do_not_move_the_cursor(tmp_path: Path) -> None:
    file = tmp_path / "questions.gift"
    file.write_text("::\x1b[2Jname\u202e::What?{}")
    _, text = run(Service(), "import", str(file), "--quiz", "q", "--dry-run")
    assert "(\ufffd[2Jname\ufffd)" in text


def test_rules_of_a_file_without_a_paper_take_the_former_one_away(tmp_path: Path) -> None:
    file = tmp_path / "quiz.json"
    file.write_text('{"questions": {"new": {"points": 1}}}')
    service = Service(QUIZ)
    assert run(service, "import", str(file), "--quiz", "harbours", "--replace")[0] == 0
    assert service.written == {
        "max_attempts": 2,
        "access": {"password": "secret"},
        "questions": {"new": {"points": 1}},
    }


def test_an_id_that_no_quiz_can_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    service = Service()
    assert run(service, "import", MOODLE, "--quiz", "a/b")[0] == 1
    assert service.requests == []
    assert "quiz_id must have no slash" in capsys.readouterr().err
