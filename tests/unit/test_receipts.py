"""Receipts: what is signed, what is taken for genuine, and where the keys come from."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import traceback
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.bootstrap import build_services
from quiz_sessions.domain.errors import SecretUnavailableError
from quiz_sessions.runtime.settings import Settings, SettingsError
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.receipts import (
    MAX_CHARACTERS,
    MIN_KEY_BYTES,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    Keys,
    Receipts,
    answers_sha256,
)
from tests.harness.builders import START, attempt

pytestmark = pytest.mark.usefixtures("own_service")

OLD = b"o" * MIN_KEY_BYTES
NEW = b"n" * MIN_KEY_BYTES
ATTEMPT = attempt(answers={"0": "A"}, version=3, revision=5)


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def held(current: str = "old", **keys: bytes) -> str:
    """Keys as they are held; the rotation leaves the padding on."""
    known = keys or {"old": OLD}
    return json.dumps(
        {
            "current": current,
            "keys": {kid: base64.urlsafe_b64encode(key).decode() for kid, key in known.items()},
        }
    )


@dataclass
class KeyStore:
    """Where keys are read from, and the time: both as the test says."""

    text: str | None = field(default_factory=held)
    now: float = 1000.0
    reads: int = 0

    async def read(self) -> str:
        self.reads += 1
        # Others get their turn, as while a secret is read.
        await asyncio.sleep(0)
        if self.text is None:
            raise SecretUnavailableError
        return self.text

    def receipts(self) -> Receipts:
        return Receipts(self.read, Telemetry(), lambda: self.now)


async def signed(receipts: Receipts) -> str:
    receipt = await receipts.sign(ATTEMPT, START)
    assert receipt is not None
    return receipt


def kid_of(receipt: str | None) -> str | None:
    return None if receipt is None else jwt.get_unverified_header(receipt)["kid"]


def written(header: object, payload: object, key: bytes = OLD) -> str:
    """A receipt of any content, signed with the key."""
    text = ".".join(encode(json.dumps(part).encode()) for part in (header, payload))
    return f"{text}.{encode(hmac.digest(key, text.encode(), 'sha256'))}"


HEADER = {"alg": "HS256", "kid": "old", "typ": "receipt+jws"}
PAYLOAD = {
    "session_id": str(ATTEMPT.id),
    "version": 3,
    "revision": 5,
    "answers_sha256": answers_sha256({"0": "A"}),
    "committed_at": 1_800_000_000.0,
}


# What is signed


async def test_a_receipt_proves_what_was_committed() -> None:
    receipts = KeyStore().receipts()
    proof = await receipts.verify(await signed(receipts))
    assert proof is not None
    assert (proof.session_id, proof.version, proof.revision) == (ATTEMPT.id, 3, 5)
    assert (proof.answers_sha256, proof.committed_at) == (answers_sha256({"0": "A"}), START / 1_000_000)


async def test_any_library_for_signed_tokens_verifies_a_receipt() -> None:
    receipt = await signed(KeyStore().receipts())
    assert jwt.decode(receipt, OLD, algorithms=["HS256"]) == PAYLOAD
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(receipt, NEW, algorithms=["HS256"])
    assert jwt.get_unverified_header(receipt) == HEADER


def test_the_hash_of_answers_is_as_documented() -> None:
    text = '{"0":{"a":[1,1.0,true,null],"b":"ü"},"1":""}'
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert answers_sha256({"1": "", "0": {"b": "ü", "a": [1, 1.0, True, None]}}) == expected


@pytest.mark.parametrize("other", [{"0": "a"}, {"1": "A"}, {}, {"0": "A", "1": None}, {"0": ["A"]}])
def test_other_answers_have_another_hash(other: dict[str, Any]) -> None:
    assert answers_sha256(other) != answers_sha256({"0": "A"})


# What is genuine


async def test_a_receipt_of_another_maker_with_our_key_is_genuine() -> None:
    receipt = jwt.encode(PAYLOAD, OLD, "HS256", headers={"kid": "old", "typ": "receipt+jws"})
    assert await KeyStore().receipts().verify(receipt) is not None


async def test_another_kind_of_jws_with_our_key_is_not_genuine() -> None:
    token = jwt.encode(PAYLOAD, OLD, "HS256", headers={"kid": "old", "typ": "beacon+jws"})
    assert await KeyStore().receipts().verify(token) is None


@given(position=st.integers(min_value=0), character=st.sampled_from("AQgw-_.=aZ09"))
async def test_with_any_character_changed_it_is_not_genuine(position: int, character: str) -> None:
    receipts = KeyStore().receipts()
    receipt = await signed(receipts)
    place = position % len(receipt)
    changed = receipt[:place] + character + receipt[place + 1 :]
    assert (await receipts.verify(changed) is None) == (changed != receipt)


async def test_another_spelling_of_the_same_signature_is_not_genuine() -> None:
    receipts = KeyStore().receipts()
    receipt = await signed(receipts)
    # 32 bytes leave two bits of the last character unused.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelled = receipt[:-1] + alphabet[alphabet.index(receipt[-1]) + 1]
    signatures = [base64.urlsafe_b64decode(text.rpartition(".")[2] + "=") for text in (receipt, respelled)]
    assert signatures[0] == signatures[1]
    assert await receipts.verify(respelled) is None


@pytest.mark.parametrize("change", [{"version": 4}, {"committed_at": 1.0}, {"answers_sha256": "0" * 64}])
async def test_another_payload_with_the_old_signature_is_not_genuine(change: dict[str, Any]) -> None:
    receipts = KeyStore().receipts()
    header, _, signature = (await signed(receipts)).split(".")
    payload = encode(json.dumps({**PAYLOAD, **change}).encode())
    assert await receipts.verify(f"{header}.{payload}.{signature}") is None


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", "", None])
async def test_no_other_algorithm_is_taken(algorithm: str | None) -> None:
    receipts = KeyStore().receipts()
    forged = written({**HEADER, "alg": algorithm}, PAYLOAD)
    assert await receipts.verify(forged) is None
    assert await receipts.verify(forged.rpartition(".")[0] + ".") is None


async def test_a_signature_of_another_algorithm_with_our_key_is_not_genuine() -> None:
    key = OLD * 2
    receipts = KeyStore(held(old=key)).receipts()
    assert (
        await receipts.verify(jwt.encode(PAYLOAD, key, "HS256", headers={"kid": "old", "typ": "receipt+jws"}))
        is not None
    )
    assert (
        await receipts.verify(jwt.encode(PAYLOAD, key, "HS512", headers={"kid": "old", "typ": "receipt+jws"}))
        is None
    )


async def test_a_receipt_by_another_key_of_the_same_name_is_not_genuine() -> None:
    assert await KeyStore().receipts().verify(written(HEADER, PAYLOAD, NEW)) is None


NO_KIDS: list[object] = [None, 1, [], {}, ""]


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "ü.ü.ü", "\ud800.a.b", "\x00", "e30.e30.e30",
        # Headers that are no object, or name the key by something else.
        *(written(header, PAYLOAD) for header in (None, 1, "HS256", [], ["alg"], {"alg": "HS256"})),
        *(written({**HEADER, "kid": kid}, PAYLOAD) for kid in NO_KIDS),
    ],
)  # fmt: skip
async def test_garbage_is_not_genuine(text: str) -> None:
    assert await KeyStore().receipts().verify(text) is None


@given(text=st.text())
async def test_no_text_is_an_error(text: str) -> None:
    assert await KeyStore().receipts().verify(text) is None


async def test_a_header_nested_too_deeply_is_not_genuine() -> None:
    nested = encode(b"[" * 1500)
    assert len(nested) < MAX_CHARACTERS
    assert await KeyStore().receipts().verify(f"{nested}.e30.e30") is None


def padded(length: int) -> str:
    """A genuine receipt of this length."""
    for spaces in range(MAX_CHARACTERS):
        for more in ({}, {"x": ""}, {"x": "x"}, {"x": "xx"}):
            # White space in the payload says nothing.
            payload = encode((json.dumps(PAYLOAD) + " " * spaces).encode())
            text = f"{encode(json.dumps({**HEADER, **more}).encode())}.{payload}"
            if len(text) + 44 == length:
                return f"{text}.{encode(hmac.digest(OLD, text.encode(), 'sha256'))}"
    raise AssertionError(length)


async def test_the_longest_receipt_that_is_read() -> None:
    receipts = KeyStore().receipts()
    assert await receipts.verify(padded(MAX_CHARACTERS)) is not None
    assert await receipts.verify(padded(MAX_CHARACTERS + 1)) is None


@pytest.mark.parametrize(
    "payload",
    [{}, [], None, {**PAYLOAD, "session_id": "x"}, {**PAYLOAD, "session_id": 1}, {**PAYLOAD, "x": 1}],
)
async def test_something_else_signed_with_our_key_is_no_receipt(payload: object) -> None:
    assert await KeyStore().receipts().verify(written(HEADER, payload)) is None


# The keys


async def test_without_keys_there_are_no_receipts() -> None:
    receipts = Receipts(None, Telemetry())
    assert await receipts.sign(ATTEMPT, START) is None
    assert await receipts.verify(written(HEADER, PAYLOAD)) is None


async def test_keys_are_read_once_for_simultaneous_writes() -> None:
    store = KeyStore()
    receipts = store.receipts()
    await asyncio.gather(*(signed(receipts) for _ in range(20)))
    assert store.reads == 1


async def test_a_rotated_key_comes_into_use_when_the_keys_are_read_again() -> None:
    store = KeyStore()
    receipts = store.receipts()
    first = await signed(receipts)
    store.text = held("new", old=OLD, new=NEW)
    store.now += REFRESH_SECONDS - 1
    assert kid_of(await signed(receipts)) == "old"
    store.now += 1
    assert kid_of(await signed(receipts)) == "new"
    assert await receipts.verify(first) is not None


async def test_a_receipt_by_a_key_that_is_gone_is_not_genuine() -> None:
    store = KeyStore(held("new", new=NEW))
    assert await store.receipts().verify(written(HEADER, PAYLOAD)) is None


async def test_for_an_unknown_key_the_keys_are_read_again() -> None:
    store = KeyStore()
    receipts = store.receipts()
    await signed(receipts)
    store.text = held("new", old=OLD, new=NEW)
    younger = written({**HEADER, "kid": "new"}, PAYLOAD, NEW)
    store.now += RETRY_SECONDS - 1
    assert await receipts.verify(younger) is None
    assert store.reads == 1
    store.now += 1
    assert await receipts.verify(younger) is not None
    assert store.reads == 2


async def test_unknown_keys_do_not_have_the_keys_read_each_time() -> None:
    store = KeyStore()
    receipts = store.receipts()
    for number in range(20):
        await receipts.verify(written({**HEADER, "kid": f"made up {number}"}, PAYLOAD))
    assert store.reads == 1


async def test_keys_that_cannot_be_read_are_logged_counted_and_tried_again_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = KeyStore(text=None)
    receipts = store.receipts()
    assert await receipts.sign(ATTEMPT, START) is None
    log, metric = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (log["level"], log["message"]) == ("WARNING", "receipt keys not read")
    assert log["error"] == "SecretUnavailableError"
    assert metric["ErrorsSurvived"] == [1.0]
    store.text = held()
    store.now += RETRY_SECONDS - 1
    assert await receipts.sign(ATTEMPT, START) is None
    assert store.reads == 1
    store.now += 1
    assert kid_of(await signed(receipts)) == "old"


async def test_keys_that_are_known_stay_in_use_while_they_cannot_be_read_again() -> None:
    store = KeyStore()
    receipts = store.receipts()
    await signed(receipts)
    store.text = None
    store.now += REFRESH_SECONDS
    assert kid_of(await signed(receipts)) == "old"
    store.text = held("new", new=NEW)
    store.now += RETRY_SECONDS
    assert kid_of(await signed(receipts)) == "new"


SECRET_TEXT = "c2VjcmV0IGtleSBtYXRlcmlhbCB0aGF0IGlzIGxvbmcgZW5vdWdo"
MALFORMED = [
    "",
    SECRET_TEXT,
    "{}",
    "[]",
    "null",
    json.dumps({"keys": {"old": SECRET_TEXT}}),
    json.dumps({"current": "new", "keys": {"old": SECRET_TEXT}}),
    json.dumps({"current": ["old"], "keys": {"old": SECRET_TEXT}}),
    json.dumps({"current": "old", "keys": [SECRET_TEXT]}),
    json.dumps({"current": "old", "keys": {"old": 1}}),
    json.dumps({"current": "old", "keys": {"old": SECRET_TEXT + "!"}}),
    json.dumps({"current": "old", "keys": {"old": SECRET_TEXT, "short": SECRET_TEXT[:40]}}),
]


@pytest.mark.parametrize("text", MALFORMED)
async def test_keys_of_another_form_are_as_good_as_none_and_stay_secret(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await KeyStore(text).receipts().sign(ATTEMPT, START) is None
    logged = capsys.readouterr().out
    assert "SettingsError" in logged
    assert SECRET_TEXT[:40] not in logged
    with pytest.raises(SettingsError) as refused:
        Keys.from_json(text)
    assert SECRET_TEXT[:40] not in "".join(traceback.format_exception(refused.value))


def test_the_shortest_key_that_is_taken() -> None:
    assert Keys.from_json(held(old=b"k" * MIN_KEY_BYTES)).keys == {"old": b"k" * MIN_KEY_BYTES}
    with pytest.raises(SettingsError):
        Keys.from_json(held(old=b"k" * (MIN_KEY_BYTES - 1)))


def test_keys_are_read_with_and_without_padding() -> None:
    # These bytes need both of the characters that base64url has instead of + and /.
    key = b"\xfb\xff" * MIN_KEY_BYTES
    assert "=" in held(old=key)
    for text in (held(old=key), held(old=key).replace("=", "")):
        assert Keys.from_json(text).keys["old"] == key


async def test_no_key_is_in_what_is_printed_of_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(
        database_url="postgresql://127.0.0.1:1/quiz",
        database_secret_arn=None,
        redis_url="redis://127.0.0.1:1",
        receipt_keys=held(),
    )
    services = build_services(settings)
    await signed(services.receipts)
    shown = f"{settings!r} {services!r} {Keys.from_json(held())!r} {capsys.readouterr().out}"
    for secret in (OLD.decode(), encode(OLD), OLD.hex()):
        assert secret not in shown


# Secrets Manager


def from_secret(arn: str) -> Receipts:
    settings = Settings(
        database_url="postgresql://127.0.0.1:1/quiz",
        database_secret_arn=None,
        redis_url="redis://127.0.0.1:1",
        receipt_keys_secret_arn=arn,
    )
    return build_services(settings).receipts


async def test_the_keys_come_from_secrets_manager(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretString=held())["ARN"]
    assert kid_of(await signed(from_secret(arn))) == "old"


async def test_another_process_verifies_after_a_rotation(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretString=held())["ARN"]
    receipt = await signed(from_secret(arn))
    secrets.put_secret_value(SecretId=arn, SecretString=held("new", old=OLD, new=NEW))
    other = from_secret(arn)
    assert kid_of(await signed(other)) == "new"
    assert await other.verify(receipt) is not None


async def test_a_secret_before_its_first_rotation_gives_no_receipts(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretString="{}")["ARN"]
    assert await from_secret(arn).sign(ATTEMPT, START) is None


async def test_a_secret_that_is_no_text_gives_no_receipts(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretBinary=held().encode())["ARN"]
    assert await from_secret(arn).sign(ATTEMPT, START) is None


async def test_a_secret_that_is_not_there_gives_no_receipts(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretString=held())["ARN"]
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert await from_secret(arn).sign(ATTEMPT, START) is None
