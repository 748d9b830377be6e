"""The key pair of a data folder, and the command that prints tokens of it."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import jwt
import pytest

from development_server.key_pair import AUDIENCE, ISSUER, KeyPair, token_of
from one_machine.command import main
from session_api.server.authorizer import Verifier
from session_api.server.public_keys import Jwks


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the command keeps its keys; not there yet."""
    return tmp_path / "data"


def printed(capsys: pytest.CaptureFixture[str], data: Path, *options: str) -> str:
    assert main(["token", "--data", str(data), "--sub", "student1", *options], {}) == 0
    (token,) = capsys.readouterr().out.splitlines()
    return token


def verifier(data: Path) -> Verifier:
    return Verifier(Jwks(str(data / "jwt" / "jwks.json")), ISSUER, AUDIENCE)


async def test_its_token_is_good_for_the_keys_beside_it(
    capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    token = printed(capsys, data, "--scope", "sessions:proctor quizzes:write")
    claims = await verifier(data).claims(token)
    assert (claims["sub"], claims["scope"]) == ("student1", "sessions:proctor quizzes:write")


async def test_without_a_scope_it_names_none(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    token = printed(capsys, data)
    assert "scope" not in await verifier(data).claims(token)


@pytest.mark.parametrize(("options", "minutes"), [([], 60), (["--minutes", "5"], 5)])
async def test_its_token_is_good_for_so_long(
    capsys: pytest.CaptureFixture[str], data: Path, options: list[str], minutes: int
) -> None:
    token = printed(capsys, data, *options)
    claims = await verifier(data).claims(token)
    assert int(claims["exp"]) - int(claims["iat"]) == 60 * minutes
    assert int(claims["iat"]) <= time.time()


async def test_every_token_is_of_one_key(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    first = printed(capsys, data)
    second = printed(capsys, data)
    assert await verifier(data).claims(first)
    assert await verifier(data).claims(second)


async def test_a_new_key_has_a_new_name(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    names = set()
    for _ in range(2):
        names.add(jwt.get_unverified_header(printed(capsys, data))["kid"])
        (data / "jwt" / "private.pem").unlink()
    assert len(names) == 2


def test_the_private_key_is_the_owners_alone(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    printed(capsys, data)
    assert stat.S_IMODE((data / "jwt" / "private.pem").stat().st_mode) == 0o600


def test_the_document_holds_nothing_private(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    printed(capsys, data)
    (key,) = jwt.PyJWKSet.from_json((data / "jwt" / "jwks.json").read_text()).keys
    assert not hasattr(key.key, "private_numbers")


def test_a_broken_key_is_told_in_one_line(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    file = data / "jwt" / "private.pem"
    file.parent.mkdir(parents=True)
    file.touch()
    assert main(["token", "--data", str(data), "--sub", "student1"], {}) == 1
    said = f"quiz-sessions token: the keys in {file}: no private RSA key; remove the file for a new one\n"
    assert capsys.readouterr() == ("", said)


def test_commands_ask_with_a_token_of_the_folders_own_key(data: Path) -> None:
    KeyPair(data)
    assert token_of(data, {}, "audit:read") is not None


def test_where_another_issuer_is_named_the_folders_key_signs_none(data: Path) -> None:
    KeyPair(data)
    assert token_of(data, {"JWT_ISSUER": "https://id.example.org/"}, "audit:read") is None


def test_a_token_makes_no_key(data: Path) -> None:
    assert token_of(data, {}, "audit:read") is None
    assert not data.exists()
