"""What happens on a machine in its first hour and its first night."""

from __future__ import annotations

import json
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.harness.launch import ROOT, eventually
from tests.integration.test_upgrade import FORMER

from .newcomer import Newcomer

_SAMPLE: Final = ROOT / "tests/unit/quiz_file_samples/moodle/questions.xml"
_JSON: Final = "-H 'Content-Type: application/json'"
_START: Final = (
    f"curl -s http://127.0.0.1:8002/sessions/start {_JSON} \\\n"
    """  -d '{"user_id": "user1", "quiz_id": "quiz1"}'"""
)
_SESSION: Final = "SESSION=http://127.0.0.1:8002/sessions/fc8dd88a-6ae5-4aa1-a515-ddfa49464271"
_ANSWER: Final = (
    f"""curl -s -X PATCH $SESSION/progress {_JSON} \\\n  -d '{{"question_id": 0, "answer": "A"}}'"""
)
_TYPED_BODY: Final = '{"question_id": "essay", "answer": {"text": "It was a"}, "autosave": true}'
_AUTOSAVE: Final = f"curl -s -X PATCH $SESSION/progress {_JSON} \\\n  -d '{_TYPED_BODY}'"
_HAND_IN: Final = "curl -s -X POST $SESSION/complete"
_READY: Final = "curl -s http://127.0.0.1:8002/health/ready"
_QS: Final = "sudo -u quiz-sessions /opt/quiz-sessions/.venv/bin/quiz-sessions"
_DATA: Final = "--data /var/lib/quiz-sessions"


class Student:
    """One who takes a quiz with curl, and knows what was acknowledged."""

    def __init__(self, newcomer: Newcomer, user: str, quiz: str) -> None:
        self._newcomer = newcomer
        shown = json.loads(newcomer.does(_START, {"user1": user, "quiz1": quiz}))
        self.id: str = shown["id"]
        self.receipt: str = shown["receipt"]
        self.acknowledged: dict[str, Any] = {}
        newcomer.does(_SESSION, {"fc8dd88a-6ae5-4aa1-a515-ddfa49464271": self.id})

    def answers(self, question: str, answer: Any, *, autosave: bool = False) -> Any:
        """Send one answer; the reply."""
        sent = json.dumps({"question_id": question, "answer": answer})[:-1]
        if autosave:
            documented, body = _AUTOSAVE, '{"question_id": "essay", "answer": {"text": "It was a"}'
        else:
            documented, body = _ANSWER, '{"question_id": 0, "answer": "A"'
        reply = json.loads(self._newcomer.does(documented, {body: sent}))
        if "durability" in reply:
            self.acknowledged[question] = answer
            self.receipt = reply["receipt"] or self.receipt
        return reply

    def hands_in(self) -> Any:
        """The reply."""
        return json.loads(self._newcomer.does(_HAND_IN))

    def finds_all(self) -> None:
        """What was acknowledged is what is shown."""
        shown = self.read()["answers"]
        assert {key: shown.get(key) for key in self.acknowledged} == self.acknowledged, shown

    def read(self) -> Any:
        """The session as it is."""
        command = "curl -s http://127.0.0.1:8002/sessions/<session>"
        return json.loads(self._newcomer.does(command, {"<session>": self.id}))

    def proves(self) -> None:
        """The last receipt is genuine."""
        proof = self._newcomer.sends("POST /receipts/verify", body={"receipt": self.receipt})
        assert proof["genuine"], proof
        assert proof["recorded"], proof


def installed(newcomer: Newcomer) -> None:
    """A fresh clone, and the service on it."""
    newcomer.scene("A fresh clone")
    newcomer.does("git clone <this repository> /opt/quiz-sessions")
    newcomer.does("make -C /opt/quiz-sessions .venv/ready")
    _folders(newcomer)
    newcomer.does(
        "install -m 600 -o quiz-sessions -g quiz-sessions /dev/null /var/lib/quiz-sessions/settings.env"
    )
    newcomer.remark("on this machine port 8002 may be taken: settings.env has PORT=, as the runbook has it")
    (newcomer.data / "settings.env").write_text(f"PORT={newcomer.port}\n")
    newcomer.does("cp /opt/quiz-sessions/infra/local/systemd/* /etc/systemd/system/")
    newcomer.does("systemctl enable --now quiz-sessions.service quiz-sessions-backup.timer")
    assert "0 problems" in newcomer.does(f"{_QS} doctor {_DATA}")
    newcomer.remark("what the runbook says to paste first")
    for name in ("qs", "log"):
        newcomer.does(_pasted(name))
    assert ", ready," in newcomer.does("qs status")


def _folders(newcomer: Newcomer) -> None:
    newcomer.does(
        "install -d -m 700 -o quiz-sessions -g quiz-sessions "
        "/var/lib/quiz-sessions /var/backups/quiz-sessions"
    )


def _pasted(name: str) -> str:
    text = (ROOT / "docs/runbook.md").read_text()
    found = re.search(rf"^{name}\(\) \{{.*?\}}$", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[0]


def an_exam_from_moodle(newcomer: Newcomer) -> None:
    """Imported, taken, graded, and its scores taken out."""
    newcomer.scene("An exam imported from Moodle and taken")
    shutil.copy(_SAMPLE, newcomer.folder / "work/harbours.xml")
    importing = f"{_QS} import {_DATA} harbours.xml --quiz harbours"
    assert "harbours: revision 1" in newcomer.does(importing)
    newcomer.does("curl -s http://127.0.0.1:8002/quizzes/quiz1 > quiz.json", {"quiz1": "harbours"})
    student = Student(newcomer, "ann", "harbours")
    for question, answer in _right_answers(newcomer.folder / "work/quiz.json").items():
        assert student.answers(question, answer)["durability"] == "committed"
    typed = student.answers("11", {"text": "When warm air meets"}, autosave=True)
    assert typed["durability"] == "buffered"
    ended = student.hands_in()
    assert ended["status"] == "completed"
    student.finds_all()
    student.proves()

    newcomer.remark("its essay waits for a person; what the keys grade is in the scores")
    asked = newcomer.sends(
        "POST /quizzes/physics/exports",
        {"physics": "harbours"},
        body={"format": "csv", "what": ["attempts", "results"]},
    )
    done = eventually(lambda: _export(newcomer, asked["id"]))
    newcomer.does("curl -s 'http://127.0.0.1:8002/exports/<url>' > export.zip", {"<url>": done["url"]})
    newcomer.does("python3 -m zipfile -e export.zip scores")
    scores = newcomer.does("cat scores/attempts.csv")
    assert re.search(r"\bann\b.*,pending,", scores), scores


def _right_answers(quiz: Path) -> dict[str, Any]:
    questions = json.loads(quiz.read_text())["questions"]
    found = {name: question["key"] for name, question in questions.items() if "key" in question}
    return {
        name: key[0] if questions[name]["grading"] == "text" and isinstance(key, list) else key
        for name, key in found.items()
    }


def _export(newcomer: Newcomer, export: str) -> Any:
    time.sleep(0.3)
    shown = newcomer.sends("GET /exports/0f2b91c4-…", {"0f2b91c4-…": export})
    return shown if shown["status"] == "done" else None


def a_full_disk(newcomer: Newcomer) -> None:
    """Found by what the runbook says, and healed."""
    newcomer.scene("A full disk found and healed")
    student = Student(newcomer, "ben", "harbours")
    student.answers("3", "before")
    aside = newcomer.data / "before-restore-20270115T080000Z"
    newcomer.remark(f"the fault: {aside.name} in the data folder takes all the room that is left")
    aside.mkdir(mode=0o700)
    with suppress(OSError), (aside / "large").open("wb", buffering=0) as stream:
        while True:
            stream.write(b"x" * 65536)
    eventually(lambda: newcomer.readiness() == "unavailable")
    assert '"refuses_writes"' in newcomer.does(_READY)
    student.answers("4", "bowline")
    student.answers("11", {"text": "typed meanwhile"}, autosave=True)

    assert re.search("^database +refuses writes", newcomer.does("qs status", code=1), re.MULTILINE)
    assert "53100" in newcomer.does("log 'No space left'")
    assert re.search("problem +.* free", newcomer.does("qs doctor", code=1))
    assert "100%" in newcomer.does("df -h /var/lib/quiz-sessions")
    assert aside.name in newcomer.does("du -xh --max-depth=2 /var/lib/quiz-sessions")
    newcomer.does("rm -r /var/lib/quiz-sessions/before-restore-*")
    newcomer.remark("some seconds later")
    eventually(lambda: newcomer.readiness() == "ready")
    assert '"ready"' in newcomer.does(_READY)
    newcomer.does("log 'takes writes again'")
    assert "nothing is buffered" in newcomer.does("qs drain")
    assert student.answers("4", "bowline")["durability"] == "committed"
    student.finds_all()
    student.proves()


def a_complaint(newcomer: Newcomer) -> None:
    """What was refused is found, and what was late is accepted."""
    newcomer.scene("One student's complaint answered")
    newcomer.remark("staff give the quiz four seconds by mistake")
    patch = f"curl -s -X PATCH 'http://127.0.0.1:8002/quizzes/<quiz>' {_JSON} -d '<before>'"
    newcomer.does(patch, {"<quiz>": "harbours", "<before>": '{"time_limit_seconds": 4}'})
    student = Student(newcomer, "miller-ann", "harbours")
    assert student.answers("3", "a")["durability"] == "committed"
    time.sleep(5)
    assert student.answers("4", "bowline")["code"] == "session_expired"
    refused = student.hands_in()
    assert refused["status"] in (409, 410), refused
    assert "nothing is buffered" in newcomer.does("qs drain")

    newcomer.remark("“My answer to question 4 is gone, and I could not hand in.”")
    assert student.id in newcomer.does("qs story '<words of the name>'", {"<words of the name>": "mill ann"})
    told = newcomer.does("qs story <session>", {"<session>": student.id})
    assert "REFUSED" in told
    assert "came too late" in told
    staff = newcomer.does(
        "curl -s 'http://127.0.0.1:8002/staff-actions?quiz_id=<quiz>'", {"<quiz>": "harbours"}
    )
    assert '"time_limit_seconds"' in staff
    newcomer.does(patch, {"<quiz>": "harbours", "<before>": '{"time_limit_seconds": 1800}'})
    late = newcomer.sends("GET /sessions/f6644701-…/late-answers", {"f6644701-…": student.id})
    (event,) = [each["event"] for each in late["late_answers"]]
    accepted = newcomer.sends(
        "POST /sessions/f6644701-…/late-answers/3/accept",
        {"f6644701-…": student.id, "late-answers/3/": f"late-answers/{event}/"},
    )
    student.acknowledged["4"] = "bowline"
    student.finds_all()
    assert accepted["late_ms"] > 0
    assert eventually(lambda: student.read()["score"]) == 1


def a_lost_machine(newcomer: Newcomer) -> None:
    """Restored from the backup that was made while it worked."""
    newcomer.scene("A lost machine restored from its backup")
    student = Student(newcomer, "cat", "harbours")
    student.answers("3", "a")
    student.answers("11", {"text": "typed before the backup"}, autosave=True)
    newcomer.does(f"{_QS} backup {_DATA} /var/backups/quiz-sessions")
    (backup,) = (newcomer.folder / "var/backups/quiz-sessions").glob("quiz-sessions-*.tar.gz")
    newcomer.remark("the fault: kill -9 of the service and both stores, and the data folder is gone")
    newcomer.kills_all()
    shutil.rmtree(newcomer.data)

    newcomer.remark("another machine, installed as the first")
    _folders(newcomer)
    newcomer.does("systemctl stop quiz-sessions")
    newcomer.does("qs restore /var/backups/quiz-sessions/<file>", {"<file>": backup.name})
    newcomer.does("systemctl start quiz-sessions")
    assert ", ready," in newcomer.does("qs status")
    assert "nothing is buffered" in newcomer.does("qs drain")
    student.finds_all()
    student.proves()
    assert student.answers("4", "bowline")["durability"] == "committed"
    assert student.hands_in()["status"] == "completed"


def an_upgrade(newcomer: Newcomer) -> None:
    """From the release before, and back to it."""
    newcomer.scene("An upgrade and its way back")
    newcomer.remark("a machine of the release before: new data, and the service run by hand")
    newcomer.ends_service()
    shutil.rmtree(newcomer.data)
    shutil.rmtree(newcomer.folder / "var/backups/quiz-sessions")
    _folders(newcomer)
    checkout = "git -C /opt/quiz-sessions checkout <version>"
    by_hand = 'make -C /opt/quiz-sessions run PORT=8002 OPTIONS="--data /var/lib/quiz-sessions"'
    newcomer.does(checkout, {"<version>": FORMER})
    newcomer.goes_by_hand(by_hand)
    student = Student(newcomer, "dan", "quiz1")
    student.answers("0", "by the former")
    former_receipt = student.receipt
    student.answers("essay", "typed there", autosave=True)

    newcomer.remark("the upgrade: Ctrl-C, a copy, and the new release")
    newcomer.ends_service()
    newcomer.does("cp -a /var/lib/quiz-sessions /var/backups/quiz-sessions/before-1.0.0")
    newcomer.does(checkout, {"<version>": newcomer.release})
    newcomer.does("make -C /opt/quiz-sessions .venv/ready")
    settings = newcomer.data / "settings.env"
    settings.touch(mode=0o600)
    settings.write_text(f"PORT={newcomer.port}\n")
    newcomer.does("systemctl start quiz-sessions")
    assert '"ready"' in newcomer.does(_READY)
    newcomer.does(f"{_QS} version")
    student.finds_all()
    student.proves()
    student.answers("1", "by the new one")
    student.answers("essay", "typed there, and here", autosave=True)

    newcomer.remark("the way back")
    assert "with the drafts of 1 sessions" in newcomer.does("qs backup /var/backups/quiz-sessions")
    newcomer.does("systemctl stop quiz-sessions")
    assert "nothing is buffered" in newcomer.does("qs drain")
    newcomer.does(checkout, {"<version>": FORMER})
    newcomer.does("make -C /opt/quiz-sessions .venv/ready")
    newcomer.goes_by_hand(by_hand)
    assert '"ready"' in newcomer.does(_READY)
    student.finds_all()
    student.proves()
    student.receipt = former_receipt
    student.proves()
    student.answers("2", "by the former again")
    assert student.hands_in()["status"] == "completed"


SCENES: Final = (installed, an_exam_from_moodle, a_full_disk, a_complaint, a_lost_machine, an_upgrade)
