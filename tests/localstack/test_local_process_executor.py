"""Functions as local processes on a real LocalStack: what the stack's own test relies on."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from localstack_client.session import Session

from localstack_server import LocalStack
from tests.localstack.conftest import NEEDS_LOCALSTACK, running_localstack

ROOT = Path(__file__).parents[2]
STACK = Path(__file__).parent / "stack"
SAM = ROOT / ".venv-sam/bin/sam"
# The rule fires once a minute, counted from the first call of the events service.
PATIENCE_SECONDS = 75

pytestmark = NEEDS_LOCALSTACK


@dataclass
class Witness:
    """The deployed stack."""

    session: Session
    outputs: dict[str, str]
    port: int
    arrived: list[dict[str, Any]] = field(default_factory=list)

    def get(self, query: str = "") -> httpx.Response:
        # The host names the function; its name resolves nowhere.
        host = httpx.URL(self.outputs["Url"]).netloc.decode()
        return httpx.get(f"http://127.0.0.1:{self.port}/{query}", headers={"host": host}, timeout=30)

    def invoke(self, event: dict[str, str]) -> tuple[str | None, dict[str, Any]]:
        reply = self.session.client("lambda").invoke(
            FunctionName=self.outputs["Function"], Payload=json.dumps(event)
        )
        return reply.get("FunctionError"), json.loads(reply["Payload"].read())

    def wait_for(self, trigger: str) -> dict[str, Any]:
        """The first event behind the bus that tells of a call by `trigger`."""
        queue = self.session.client("sqs")
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            for seen in self.arrived:
                if seen["trigger"] == trigger:
                    return seen
            assert time.monotonic() < until, f"no {trigger} among {self.arrived}"
            reply = queue.receive_message(
                QueueUrl=self.outputs["Arrivals"], WaitTimeSeconds=5, MaxNumberOfMessages=10
            )
            for message in reply.get("Messages", []):
                self.arrived.append(json.loads(message["Body"])["detail"])
                queue.delete_message(
                    QueueUrl=self.outputs["Arrivals"], ReceiptHandle=message["ReceiptHandle"]
                )


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witness]:
    with running_localstack(tmp_path_factory.mktemp("localstack")) as (localstack, session):
        command: list[str | Path] = [
            SAM, "deploy", "--template-file", STACK / "template.yaml", "--stack-name", "witness",
            "--s3-bucket", "artefacts", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
            "--no-progressbar", "--parameter-overrides", "Target=localstack",
        ]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr + localstack.log.read_text()
        cloudformation = session.client("cloudformation")
        resources = cloudformation.describe_stack_resources(StackName="witness")["StackResources"]
        # LocalStack "creates" what it does not know.
        assert [each for each in resources if each["PhysicalResourceId"] == "unknown"] == []
        outputs = cloudformation.describe_stacks(StackName="witness")["Stacks"][0]["Outputs"]
        yield Witness(session, {each["OutputKey"]: each["OutputValue"] for each in outputs}, localstack.port)


def test_the_url_answers_with_payload_2(witness: Witness) -> None:
    before = time.time() * 1000
    seen = witness.get().json()
    assert seen["trigger"] == "url"
    assert before - 1000 < seen["time_epoch"] <= time.time() * 1000
    assert 0 < seen["remaining"] <= 5000


def test_the_layer_comes_from_its_zip_and_the_secret_from_secrets_manager(witness: Witness) -> None:
    seen = witness.get().json()
    assert not Path(seen["layer"]).is_relative_to(STACK)
    assert json.loads(seen["secret"]) == {"username": "quiz"}


def test_a_process_serves_one_call_after_another(witness: Witness) -> None:
    assert witness.get().json()["pid"] == witness.get().json()["pid"]


def test_an_error_is_reported_and_the_process_lives_on(witness: Witness) -> None:
    before = witness.get().json()["pid"]
    kind, error = witness.invoke({"do": "fail"})
    assert (kind, error["errorType"], error["errorMessage"]) == ("Unhandled", "ValueError", "as told")
    assert witness.get("?do=fail").status_code == 502
    assert witness.get().json()["pid"] == before


@pytest.mark.parametrize(
    ("what", "error_type"), [("exit", "Runtime.ExitError"), ("sleep", "Sandbox.Timedout")]
)
def test_a_process_that_ends_or_hangs_is_reported_and_replaced(
    witness: Witness, what: str, error_type: str
) -> None:
    before = witness.get().json()["pid"]
    kind, error = witness.invoke({"do": what})
    assert (kind, error["errorType"]) == ("Unhandled", error_type)
    assert witness.get().json()["pid"] != before


def test_output_is_in_cloudwatch_logs(witness: Witness) -> None:
    request_id = witness.get().json()["request_id"]
    logs = witness.session.client("logs")
    until = time.monotonic() + 10
    lines: list[str] = []
    while not any(request_id in line for line in lines):
        assert time.monotonic() < until, lines
        time.sleep(0.2)
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{witness.outputs['Function']}")["events"]
        lines = [event["message"].rstrip() for event in events]
    assert "called by url" in lines


def test_the_rule_fires_and_the_delayed_queue_follows_it(witness: Witness) -> None:
    witness.wait_for("schedule")
    witness.wait_for("queue")


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with LocalStack(tmp_path) as localstack:
        health = f"{localstack.url}/_localstack/health"
        assert httpx.get(health).json()["version"] == "4.14.0"
    with pytest.raises(httpx.ConnectError):
        httpx.get(health)
