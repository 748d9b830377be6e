"""The examples in docs/client verify a receipt of a running service, and notice what was changed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from quiz_sessions.bootstrap import build_services
from quiz_sessions.domain import base64url
from quiz_sessions.domain.canonical_json import canonical_json
from tests.harness.launch import ROOT, served
from tests.harness.signing_keys import RECEIPT_KEYS, ed25519_key, signed
from tests.harness.stores import Stores

ANSWERS = {"0": "A", "essay": {"text": "ünder — 😀"}, "weight": 1.0, "mass": 1e23, "tries": [3, None, True]}
NOTHING = {"genuine": False, "answersMatch": None, "sessionId": None, "version": None, "committedAt": None}


@dataclass(frozen=True)
class Held:
    """What a student holds of a session, and the public keys."""

    session: dict[str, Any]
    receipt: str
    answers: str
    jwks: str


@pytest.fixture(scope="module")
def held(running_stores: Stores) -> Iterator[Held]:
    """As the service gave it."""
    running_stores.clear()
    built = build_services(replace(running_stores.settings, receipt_keys=RECEIPT_KEYS))
    with served(built) as server, httpx.Client(base_url=server.url) as http:
        start = http.post("/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"}).json()
        session = http.patch(f"/sessions/{start['id']}/progress", json={"answers": ANSWERS}).json()
        jwks = http.get("/.well-known/jwks.json").text
        yield Held(session, session["receipt"], json.dumps(session["answers"]), jwks)


Example = list[str | Path]


@pytest.fixture(params=["py", "mjs", "sh"])
def example(request: pytest.FixtureRequest) -> Example:
    """How one of them is called."""
    file = ROOT / f"docs/client/verify_receipt.{request.param}"
    if request.param == "mjs":
        return [request.getfixturevalue("node"), file]
    return [sys.executable if request.param == "py" else "bash", file]


def in_shell(example: Example) -> bool:
    """The one in shell takes answers as canonical JSON, and prints the payload."""
    return example[0] == "bash"


def run(example: Example, folder: Path, held: Held) -> subprocess.CompletedProcess[str]:
    """It reads three files."""
    answers = canonical_json(json.loads(held.answers)) if in_shell(example) else held.answers
    for name, text in (("receipt", held.receipt), ("answers", answers), ("jwks", held.jwks)):
        (folder / name).write_text(text, encoding="utf-8")
    command = [*example, "receipt", "answers", "jwks"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def found(done: subprocess.CompletedProcess[str]) -> Any:
    """What it printed, where it is JSON."""
    return json.loads(done.stdout.splitlines()[-1])


def resigned(held: Held, **change: Any) -> str:
    """The receipt with another payload and the same signature."""
    head, payload, signature = held.receipt.split(".")
    changed = {**json.loads(base64url.decode(payload)), **change}
    return f"{head}.{base64url.encode(json.dumps(changed).encode())}.{signature}"


def test_a_receipt_of_the_service_is_genuine_and_for_its_answers(
    example: Example, held: Held, tmp_path: Path
) -> None:
    done = run(example, tmp_path, held)
    assert done.returncode == 0, done.stderr
    if in_shell(example):
        assert found(done)["session_id"] == held.session["id"]
        return
    proof = found(done)
    assert (proof["genuine"], proof["answersMatch"]) == (True, True)
    assert (proof["sessionId"], proof["version"]) == (held.session["id"], held.session["version"])
    assert datetime.fromisoformat(proof["committedAt"]).tzinfo is not None


@pytest.mark.parametrize("change", [{"version": 7}, {"answers_sha256": "0" * 64}, {"committed_at": 1.0}])
def test_a_receipt_that_was_changed_is_not_genuine(
    example: Example, held: Held, tmp_path: Path, change: dict[str, Any]
) -> None:
    done = run(example, tmp_path, replace(held, receipt=resigned(held, **change)))
    assert done.returncode == 1
    if not in_shell(example):
        assert found(done) == NOTHING


@pytest.mark.parametrize(
    ("header", "seed"),
    [
        ({"alg": "EdDSA", "kid": "k1", "typ": "receipt+jws"}, b"x" * 32),
        ({"alg": "EdDSA", "kid": "k2", "typ": "receipt+jws"}, b"s" * 32),
        ({"alg": "EdDSA", "kid": "k1", "typ": "beacon+jws"}, b"s" * 32),
        ({"alg": "none", "kid": "k1", "typ": "receipt+jws"}, b"s" * 32),
    ],
    ids=["another key", "another name", "another kind", "another algorithm"],
)
def test_a_receipt_of_another_maker_is_not_genuine(
    example: Example, held: Held, tmp_path: Path, header: dict[str, str], seed: bytes
) -> None:
    payload = json.loads(base64url.decode(held.receipt.split(".")[1]))
    assert run(example, tmp_path, replace(held, receipt=signed(header, payload, seed))).returncode == 1


def test_with_other_keys_it_is_not_genuine(example: Example, held: Held, tmp_path: Path) -> None:
    for jwks in ('{"keys":[]}', json.dumps({"keys": [ed25519_key(seed=b"x" * 32)]})):
        assert run(example, tmp_path, replace(held, jwks=jwks)).returncode == 1


@pytest.mark.parametrize("change", [{"0": "B"}, {"1": "A"}, {"mass": 1.1e23}, {"essay": None}])
def test_answers_that_were_changed_do_not_match(
    example: Example, held: Held, tmp_path: Path, change: dict[str, Any]
) -> None:
    answers = json.dumps({**json.loads(held.answers), **change})
    done = run(example, tmp_path, replace(held, answers=answers))
    assert done.returncode == 1
    if not in_shell(example):
        assert (found(done)["genuine"], found(done)["answersMatch"]) == (True, False)


@pytest.mark.parametrize("example", ["py", "mjs"], indirect=True)
def test_beyond_the_range_of_doubles_nothing_is_said_of_the_answers(
    example: Example, held: Held, tmp_path: Path
) -> None:
    done = run(example, tmp_path, replace(held, answers=f'{{"0": 1{"0" * 400}}}'))
    assert (found(done)["genuine"], found(done)["answersMatch"]) == (True, None)
