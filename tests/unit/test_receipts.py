"""Receipts: what is signed, what is taken for genuine, and where the keys come from."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.bootstrap import build_services
from quiz_sessions.domain import base64url
from quiz_sessions.domain.errors import SecretUnavailableError
from quiz_sessions.runtime.settings import Settings, SettingsError
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.jws import MAX_CHARACTERS, REFRESH_SECONDS, RETRY_SECONDS
from quiz_sessions.services.receipts import Receipts, answers_sha256
from quiz_sessions.services.signing_keys import EDDSA, KeySet
from tests.harness.builders import START, attempt
from tests.harness.signing_keys import (
    ed25519_key,
    held,
    hmac_key,
    public_part,
    signed,
    signed_by_hmac,
)

pytestmark = pytest.mark.usefixtures("own_service")

SEED = b"o" * 32
OLD = ed25519_key("old", SEED)
NEW = ed25519_key("new", b"n" * 32)
ROTATED = held("new", public_part(OLD), NEW)
ATTEMPT = attempt(answers={"0": "A"}, version=3, revision=5)


@dataclass
class KeyStore:
    """Where keys are read from, and the time: both as the test says."""

    text: str | None = field(default_factory=lambda: held("old", OLD))
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


async def issued(receipts: Receipts) -> str:
    receipt = await receipts.sign(ATTEMPT, START)
    assert receipt is not None
    return receipt


def kid_of(receipt: str | None) -> str | None:
    return None if receipt is None else jwt.get_unverified_header(receipt)["kid"]


def written(header: object, payload: object, seed: bytes = SEED) -> str:
    """A receipt of any content, signed with the key."""
    return signed(header, payload, seed)


HEADER = {"alg": "EdDSA", "kid": "old", "typ": "receipt+jws"}
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
    proof = await receipts.verify(await issued(receipts))
    assert proof is not None
    assert (proof.session_id, proof.version, proof.revision) == (ATTEMPT.id, 3, 5)
    assert (proof.answers_sha256, proof.committed_at) == (answers_sha256({"0": "A"}), START / 1_000_000)


async def test_any_library_for_signed_tokens_verifies_a_receipt() -> None:
    receipt = await issued(KeyStore().receipts())
    assert jwt.decode(receipt, jwt.PyJWK(public_part(OLD)), algorithms=["EdDSA"]) == PAYLOAD
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(receipt, jwt.PyJWK(public_part(NEW)), algorithms=["EdDSA"])
    assert jwt.get_unverified_header(receipt) == HEADER


@pytest.mark.parametrize("other", [{"0": "a"}, {"1": "A"}, {}, {"0": "A", "1": None}, {"0": ["A"]}])
def test_other_answers_have_another_hash(other: dict[str, Any]) -> None:
    assert answers_sha256(other) != answers_sha256({"0": "A"})


# What is genuine


async def test_a_receipt_of_another_maker_with_our_key_is_genuine() -> None:
    key = jwt.PyJWK(OLD).key
    receipt = jwt.encode(PAYLOAD, key, "EdDSA", headers={"kid": "old", "typ": "receipt+jws"})
    assert await KeyStore().receipts().verify(receipt) is not None


async def test_another_kind_of_jws_with_our_key_is_not_genuine() -> None:
    for kind in ("beacon+jws", "JWT", "RECEIPT+JWS", "application/receipt+jws", None):
        assert await KeyStore().receipts().verify(written({**HEADER, "typ": kind}, PAYLOAD)) is None


async def test_a_header_with_anything_more_is_not_genuine() -> None:
    for more in ({"crit": ["b64"], "b64": False}, {"jwk": public_part(NEW)}, {"x": 1}):
        assert await KeyStore().receipts().verify(written({**HEADER, **more}, PAYLOAD)) is None


@given(position=st.integers(min_value=0), character=st.sampled_from("AQgw-_.=aZ09"))
async def test_with_any_character_changed_it_is_not_genuine(position: int, character: str) -> None:
    receipts = KeyStore().receipts()
    receipt = await issued(receipts)
    place = position % len(receipt)
    changed = receipt[:place] + character + receipt[place + 1 :]
    assert (await receipts.verify(changed) is None) == (changed != receipt)


async def test_another_spelling_of_the_same_signature_is_not_genuine() -> None:
    receipts = KeyStore().receipts()
    receipt = await issued(receipts)
    # 64 bytes leave four bits of the last character unused.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelled = receipt[:-1] + alphabet[alphabet.index(receipt[-1]) + 1]
    signatures = [base64.urlsafe_b64decode(text.rpartition(".")[2] + "==") for text in (receipt, respelled)]
    assert signatures[0] == signatures[1]
    for other in (respelled, f"{receipt}==", f"{receipt}\n"):
        assert await receipts.verify(other) is None


async def test_another_signature_that_the_equation_admits_is_not_genuine() -> None:
    receipts = KeyStore().receipts()
    text, _, signature = (await issued(receipts)).rpartition(".")
    point, scalar = (value := base64url.decode(signature))[:32], int.from_bytes(value[32:], "little")
    # RFC 8032, 5.1.7: the scalar is below the order of the group, or else there are two signatures.
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = base64url.encode(point + (scalar + order).to_bytes(32, "little"))
    assert await receipts.verify(f"{text}.{malleable}") is None


@pytest.mark.parametrize("change", [{"version": 4}, {"committed_at": 1.0}, {"answers_sha256": "0" * 64}])
async def test_another_payload_with_the_old_signature_is_not_genuine(change: dict[str, Any]) -> None:
    receipts = KeyStore().receipts()
    header, _, signature = (await issued(receipts)).split(".")
    payload = base64url.encode(json.dumps({**PAYLOAD, **change}).encode())
    assert await receipts.verify(f"{header}.{payload}.{signature}") is None


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS256", "Ed25519", "eddsa", "", None])
async def test_no_other_algorithm_is_taken(algorithm: str | None) -> None:
    receipts = KeyStore().receipts()
    forged = written({**HEADER, "alg": algorithm}, PAYLOAD)
    assert await receipts.verify(forged) is None
    assert await receipts.verify(forged.rpartition(".")[0] + ".") is None


async def test_the_public_key_is_no_secret_of_an_hmac() -> None:
    public = base64url.decode(OLD["x"])
    for secret in (public, OLD["x"].encode(), json.dumps(public_part(OLD)).encode()):
        for header in (HEADER, {**HEADER, "alg": "HS256"}):
            assert await KeyStore().receipts().verify(signed_by_hmac(header, PAYLOAD, secret)) is None


async def test_a_receipt_by_another_key_of_the_same_name_is_not_genuine() -> None:
    assert await KeyStore().receipts().verify(written(HEADER, PAYLOAD, b"n" * 32)) is None


NO_KIDS: list[object] = [None, 1, [], {}, ""]


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "ü.ü.ü", "\ud800.a.b", "\x00", "e30.e30.e30",
        # Headers that are no object, or name the key by something else.
        *(written(header, PAYLOAD) for header in (None, 1, "EdDSA", [], ["alg"], {"alg": "EdDSA"})),
        *(written({**HEADER, "kid": kid}, PAYLOAD) for kid in NO_KIDS),
    ],
)  # fmt: skip
async def test_garbage_is_not_genuine(text: str) -> None:
    assert await KeyStore().receipts().verify(text) is None


@given(text=st.text())
async def test_no_text_is_an_error(text: str) -> None:
    assert await KeyStore().receipts().verify(text) is None


async def test_a_header_nested_too_deeply_is_not_genuine() -> None:
    nested = base64url.encode(b"[" * 1500)
    assert len(nested) < MAX_CHARACTERS
    assert await KeyStore().receipts().verify(f"{nested}.e30.e30") is None


def padded(length: int) -> str:
    """A genuine receipt of this length."""
    for spaces in range(MAX_CHARACTERS):
        # Three characters of the payload are four of the receipt.
        for time in (1.0, 1.5, 1.25):
            payload = {**PAYLOAD, "answers_sha256": " " * spaces, "committed_at": time}
            if len(text := written(HEADER, payload)) == length:
                return text
    raise AssertionError(length)


async def test_the_longest_receipt_that_is_read() -> None:
    receipts = KeyStore().receipts()
    assert await receipts.verify(padded(MAX_CHARACTERS)) is not None
    assert await receipts.verify(padded(MAX_CHARACTERS + 2)) is None


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
    await asyncio.gather(*(issued(receipts) for _ in range(20)))
    assert store.reads == 1


async def test_a_rotated_key_comes_into_use_when_the_keys_are_read_again() -> None:
    store = KeyStore()
    receipts = store.receipts()
    first = await issued(receipts)
    store.text = ROTATED
    store.now += REFRESH_SECONDS - 1
    assert kid_of(await issued(receipts)) == "old"
    store.now += 1
    assert kid_of(await issued(receipts)) == "new"
    assert await receipts.verify(first) is not None


async def test_a_receipt_by_a_key_that_is_gone_is_not_genuine() -> None:
    store = KeyStore(held("new", NEW))
    assert await store.receipts().verify(written(HEADER, PAYLOAD)) is None


async def test_for_an_unknown_key_the_keys_are_read_again() -> None:
    store = KeyStore()
    receipts = store.receipts()
    await issued(receipts)
    store.text = ROTATED
    younger = written({**HEADER, "kid": "new"}, PAYLOAD, b"n" * 32)
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
    store.text = held("old", OLD)
    store.now += RETRY_SECONDS - 1
    assert await receipts.sign(ATTEMPT, START) is None
    assert store.reads == 1
    store.now += 1
    assert kid_of(await issued(receipts)) == "old"


async def test_keys_that_are_known_stay_in_use_while_they_cannot_be_read_again() -> None:
    store = KeyStore()
    receipts = store.receipts()
    await issued(receipts)
    store.text = None
    store.now += REFRESH_SECONDS
    assert kid_of(await issued(receipts)) == "old"
    store.text = held("new", NEW)
    store.now += RETRY_SECONDS
    assert kid_of(await issued(receipts)) == "new"


async def test_a_key_that_may_have_come_meanwhile_is_not_called_unknown() -> None:
    store = KeyStore()
    receipts = store.receipts()
    await issued(receipts)
    store.text = None
    store.now += RETRY_SECONDS
    younger = written({**HEADER, "kid": "new"}, PAYLOAD, b"n" * 32)
    with pytest.raises(SecretUnavailableError):
        await receipts.verify(younger)
    # What needs no newer key is judged as before.
    assert await receipts.verify(written(HEADER, PAYLOAD)) is not None
    assert await receipts.verify("a.b.c") is None


@pytest.mark.parametrize("text", ["", "a.b.c", written(HEADER, PAYLOAD)])
async def test_nothing_is_called_not_genuine_while_the_keys_cannot_be_read(text: str) -> None:
    store = KeyStore(text=None)
    receipts = store.receipts()
    with pytest.raises(SecretUnavailableError):
        await receipts.verify(text)
    with pytest.raises(SecretUnavailableError):
        await receipts.public_keys()


async def test_the_public_keys_have_nothing_that_is_secret() -> None:
    store = KeyStore(held("old", OLD, NEW))
    assert await store.receipts().public_keys() == [public_part(OLD), public_part(NEW)]


async def test_without_keys_there_are_no_public_ones() -> None:
    assert await Receipts(None, Telemetry()).public_keys() == []


D = OLD["d"]
MALFORMED = [
    "",
    D,
    "{}",
    "[]",
    "null",
    # The form that keys had for an HMAC.
    json.dumps({"current": "old", "keys": {"old": D}}),
    json.dumps({"current": "old", "keys": {}}),
    held("old"),
    held("new", OLD),
    json.dumps({"keys": [OLD]}),
    json.dumps({"current": ["old"], "keys": [OLD]}),
    json.dumps({"current": 1, "keys": [{**OLD, "kid": 1}]}),
    held("old", OLD, OLD),
    held("old", public_part(OLD)),
    # The next key is to sign soon.
    held("old", OLD, public_part(NEW)),
    held("old", {**OLD, "x": NEW["x"]}),
    held("old", {**OLD, "d": D + "="}),
    held("old", {**OLD, "d": D[:-4]}),
    held("old", {**OLD, "x": D[:-4]}),
    held("old", {**OLD, "x": 1}),  # type: ignore[dict-item]  # it is malformed
    *(held("old", {**OLD, name: "x"}) for name in ("kty", "crv", "use", "alg")),
    *(held("old", {each: OLD[each] for each in OLD if each != name}) for name in OLD),
    held("old", hmac_key("old")),
]


@pytest.mark.parametrize("text", MALFORMED)
async def test_keys_of_another_form_are_as_good_as_none_and_stay_secret(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await KeyStore(text).receipts().sign(ATTEMPT, START) is None
    logged = capsys.readouterr().out
    assert "SettingsError" in logged
    assert D[:20] not in logged
    with pytest.raises(SettingsError) as refused:
        KeySet.from_json(text, EDDSA)
    assert D[:20] not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_no_key_is_in_what_is_printed_of_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(
        database_url="postgresql://127.0.0.1:1/quiz",
        database_secret_arn=None,
        redis_url="redis://127.0.0.1:1",
        receipt_keys=held("old", OLD),
    )
    services = build_services(settings)
    await issued(services.receipts)
    shown = (
        f"{settings!r} {services!r} {KeySet.from_json(held('old', OLD), EDDSA)!r} {capsys.readouterr().out}"
    )
    for secret in (SEED.decode(), D, SEED.hex()):
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
    arn = secrets.create_secret(Name="receipts", SecretString=held("old", OLD))["ARN"]
    assert kid_of(await issued(from_secret(arn))) == "old"


async def test_another_process_verifies_after_a_rotation(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretString=held("old", OLD))["ARN"]
    receipt = await issued(from_secret(arn))
    secrets.put_secret_value(SecretId=arn, SecretString=ROTATED)
    other = from_secret(arn)
    assert kid_of(await issued(other)) == "new"
    assert await other.verify(receipt) is not None


async def test_a_secret_before_its_first_rotation_gives_no_receipts(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretString="{}")["ARN"]
    assert await from_secret(arn).sign(ATTEMPT, START) is None


async def test_a_secret_that_is_no_text_gives_no_receipts(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretBinary=held("old", OLD).encode())["ARN"]
    assert await from_secret(arn).sign(ATTEMPT, START) is None


async def test_a_secret_that_is_not_there_gives_no_receipts(secrets: Any) -> None:
    arn = secrets.create_secret(Name="receipts", SecretString=held("old", OLD))["ARN"]
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert await from_secret(arn).sign(ATTEMPT, START) is None
