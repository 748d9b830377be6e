"""Exported scores follow from exported answers and the key, as a script finds that shares no code with us."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from tests.harness.service import client_of, services_on, start_over_http
from tests.harness.signing_keys import BEACON_KEYS
from tests.harness.stores import Stores

SCRIPT = Path(__file__).parents[2] / "docs/client/rescore.py"
ATTEMPTS = 60
QUESTIONS: dict[str, dict[str, Any]] = {
    "exact": {"points": 1, "grading": "exact", "key": {"a": [1, "é"], "b": None}},
    "parts": {"points": 0.7, "grading": "exact", "key": {"a": 1, "b": 2, "c": "x"}, "partial": True},
    "order": {"points": 2, "grading": "exact", "key": ["p", "q", "r"], "partial": True},
    "set": {"points": 1, "grading": "set", "key": ["A", "B", "C"]},
    "some": {"points": 1.1, "grading": "set", "key": ["A", "B", "C"], "partial": True},
    "number": {"points": 2, "grading": "numeric", "key": 9.81, "tolerance": 0.01},
    "comma": {"points": 1, "grading": "numeric", "key": 1.5, "decimal": ","},
    "text": {"points": 3, "grading": "text", "key": ["Straße", "it's — so"]},
    "essay": {"points": 5},
}
GIVEN: dict[str, list[Any]] = {
    "exact": [{"b": None, "a": [1.0, "e\u0301"]}, {"a": [1, "é"]}, {"a": [True, "é"], "b": None}, 1],
    "parts": [{"a": 1, "b": 2, "c": "x"}, {"a": 1, "b": 3, "c": "x"}, {"a": 1, "z": 0}, {"c": "x"}, []],
    "order": [["p", "q", "r"], ["p", "r", "q"], ["p", "q"], ["p", "q", "r", "s"], "p"],
    "set": [["C", "B", "A", "A"], ["A", "B"], "A"],
    "some": [["A", "B", "C"], ["A", "B"], ["A", "D"], ["A", "B", "C", "D"], "B"],
    "number": [
        9.81,
        9.82,
        9.8201,
        "9.80",
        " 9,81 ",
        "٩٫٨١",
        "９.８１",
        "+981e-2",
        "99e999999",
        "9.81.",
        True,
        "9.8٢",
    ],
    "comma": ["1,5", "1.5", 1.5, "1,50", "−1,5"],
    "text": ["STRASSE", "strasse\u00ad", "It’s  -  so", "its so", "Ｓtraße", 7],
    "essay": ["It was.", "It was\u2028not.\u0085"],
}


@pytest.fixture
async def services(stores: Stores, tmp_path: Path) -> AsyncIterator[Services]:
    async with services_on(stores, export_folder=tmp_path / "exports", beacon_keys=BEACON_KEYS) as built:
        yield built


async def taken(http: httpx.AsyncClient) -> None:
    """An exam with answers of every kind, right, wrong and in between, and marks of a person."""
    chosen = random.Random(19)
    await http.put("/quizzes/quiz1", json={"questions": QUESTIONS})
    for number in range(ATTEMPTS):
        session = await start_over_http(http, f"user{number}")
        given = {name: chosen.choice(GIVEN[name]) for name in QUESTIONS if chosen.random() < 0.8}
        reply = await http.post(f"/sessions/{session['id']}/complete", json={"answers": given})
        assert reply.status_code == 200, reply.text
        if chosen.random() < 0.5:
            marks = {"essay": {"points": chosen.randrange(50) / 10}, "set": {"points": 0.35}}
            reply = await http.put(f"/sessions/{session['id']}/grades", json=marks)
            assert reply.status_code == 200, reply.text


def rescored(quiz: Path, export: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(quiz), str(export)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


async def test_scores_follow_from_answers_and_key(services: Services, tmp_path: Path) -> None:
    quiz, export = tmp_path / "quiz.json", tmp_path / "export.ndjson.gz"
    async with client_of(services) as http:
        await taken(http)
        quiz.write_text((await http.get("/quizzes/quiz1")).text)
        what = ["attempts", "answers", "results"]
        asked = (await http.post("/quizzes/quiz1/exports", json={"format": "ndjson", "what": what})).json()
        assert services.exporter is not None
        await services.exporter.run()
        shown = (await http.get(f"/exports/{asked['id']}")).json()
        export.write_bytes((await http.get(f"/exports/{shown['url']}")).content)
    assert rescored(quiz, export) == (0, f"{ATTEMPTS} scores computed again, 0 differences\n")

    lines = gzip.decompress(export.read_bytes()).decode().split("\n")
    attempt = json.loads(lines[0])
    changed = json.dumps({**attempt, "score": attempt["score"] + 0.000001})
    export.write_bytes(gzip.compress("\n".join([changed, *lines[1:]]).encode()))
    code, printed = rescored(quiz, export)
    assert (code, printed.count("\n")) == (1, 2), printed
    assert f"{attempt['session_id']} score: " in printed


def test_what_is_no_quiz_is_told(tmp_path: Path) -> None:
    quiz, export = tmp_path / "quiz.json", tmp_path / "export.ndjson.gz"
    quiz.write_text('{"code": "quiz_not_found"}')
    export.write_bytes(gzip.compress(b""))
    code, printed = rescored(quiz, export)
    assert (code, "has no questions" in printed) == (1, True)


def test_a_question_that_the_quiz_has_lost_is_told(tmp_path: Path) -> None:
    quiz, export = tmp_path / "quiz.json", tmp_path / "export.ndjson.gz"
    quiz.write_text('{"questions": {"1": {"points": 1}}}')
    attempt = {"record": "attempt", "session_id": "s", "score": 0, "max_score": 1}
    result = {"record": "result", "session_id": "s", "question": "0", "points": 0, "marked_by": None}
    export.write_bytes(gzip.compress("\n".join(map(json.dumps, [attempt, result])).encode()))
    assert rescored(quiz, export) == (
        1,
        "s: the quiz has lost 0; regrade first\n1 scores computed again, 1 differences\n",
    )
