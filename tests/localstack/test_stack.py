"""The stack as it is deployed, built and on a real LocalStack, with the stores of these tests beside it."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from localstack_client.session import Session

from quiz_sessions.services.signing_keys import EDDSA, HS256, Algorithm, KeySet
from tests.harness.stores import Stores
from tests.localstack.conftest import NEEDS_LOCALSTACK, running_localstack

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".venv-sam/bin/sam"
BUILT = ROOT / ".aws-sam/build/template.yaml"
NAME = "quiz"
# The rule fires once a minute; what it puts into the queue comes out half a minute later, and a busy machine
# takes its time to run what it starts.
PATIENCE_SECONDS = 240
# LocalStack says "created" of what it does not know. This is all of that; on AWS they are real.
NOT_ON_LOCALSTACK = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
}

pytestmark = NEEDS_LOCALSTACK


@dataclass(frozen=True)
class Deployed:
    """The stack on LocalStack."""

    session: Session
    resources: list[dict[str, Any]]
    outputs: dict[str, str]
    port: int
    stores: Stores

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        # The host names the function; its name resolves nowhere.
        host = httpx.URL(self.outputs["ApiUrl"]).netloc.decode()
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.request(method, url, json=body, headers={"host": host}, timeout=60)

    def invoke(self, function: str) -> dict[str, Any]:
        reply = self.session.client("lambda").invoke(FunctionName=self.outputs[function], Payload=b"{}")
        answer: dict[str, Any] = json.loads(reply["Payload"].read())
        assert "FunctionError" not in reply, answer
        return answer

    def start(self, user: str) -> str:
        reply = self.call("POST", "/sessions/start", {"user_id": user, "quiz_id": "quiz1"})
        assert reply.status_code == 201, reply.text
        session_id: str = reply.json()["id"]
        return session_id

    def answers(self, session_id: str) -> dict[str, Any]:
        with psycopg.connect(self.stores.database_url) as connection:
            row = connection.execute(
                "SELECT answers FROM quiz_attempts WHERE id = %s", [session_id]
            ).fetchone()
        assert row is not None
        answers: dict[str, Any] = row[0]
        return answers

    def flushed_within_patience(self, session_id: str) -> bool:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            if self.answers(session_id):
                return True
            time.sleep(0.5)
        return False


@pytest.fixture(scope="module")
def deployed(running_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    assert BUILT.exists(), "run `make build` first"
    running_stores.clear()
    address = httpx.URL(running_stores.database_url)
    with running_localstack(tmp_path_factory.mktemp("localstack")) as (localstack, session):
        secret = session.client("secretsmanager").create_secret(
            Name="database", SecretString=json.dumps({"username": address.username, "password": "unused"})
        )
        where = f"postgresql://{address.host}:{address.port}{address.path}"
        cache = running_stores.redis_url.partition("?")[0]
        command: list[str | Path] = [
            SAM, "deploy", "--template-file", BUILT, "--stack-name", NAME, "--s3-bucket", "artefacts",
            "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset",
            "--no-progressbar", "--no-fail-on-empty-changeset", "--parameter-overrides",
            "Target=localstack", "Architecture=x86_64", f"LocalDatabaseUrl={where}",
            f"LocalDatabaseSecretArn={secret['ARN']}", f"LocalRedisUrl={cache}",
        ]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr + localstack.log.read_text()[-8000:]
        cloudformation = session.client("cloudformation")
        outputs = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["Outputs"]
        yield Deployed(
            session,
            cloudformation.describe_stack_resources(StackName=NAME)["StackResources"],
            {each["OutputKey"]: each["OutputValue"] for each in outputs},
            localstack.port,
            running_stores,
        )


def test_nothing_but_what_localstack_does_not_know_is_a_placeholder(deployed: Deployed) -> None:
    placeholders = {
        each["ResourceType"] for each in deployed.resources if each["PhysicalResourceId"] == "unknown"
    }
    assert placeholders <= NOT_ON_LOCALSTACK


def test_the_migration_runs_as_a_function(deployed: Deployed) -> None:
    assert deployed.invoke("MigrateFunctionName") == {"status": "migrated"}


def test_a_session_from_start_to_completion(deployed: Deployed) -> None:
    session_id = deployed.start("complete")
    kept = deployed.call("PATCH", f"/sessions/{session_id}/progress", {"question_id": 0, "answer": "A"})
    assert (kept.status_code, kept.json()["durability"]) == (200, "committed")
    done = deployed.call("POST", f"/sessions/{session_id}/complete", {"answers": {"1": "B"}})
    assert (done.status_code, done.json()["status"]) == (200, "completed")
    assert deployed.answers(session_id) == {"0": "A", "1": "B"}


def test_a_problem_keeps_its_content_type(deployed: Deployed) -> None:
    reply = deployed.call("GET", "/sessions/nonsense")
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")


def test_the_password_comes_from_secrets_manager(deployed: Deployed) -> None:
    functions = deployed.session.client("lambda")
    settings = functions.get_function_configuration(FunctionName=deployed.outputs["FlushFunctionName"])
    environment = settings["Environment"]["Variables"]
    # The address alone names no user: without the secret PostgreSQL would refuse the function.
    assert "@" not in environment["DATABASE_URL"]
    assert deployed.invoke("FlushFunctionName")["FlushFailures"] == 0


@pytest.mark.parametrize(("secret", "algorithm"), [("ReceiptKeys", EDDSA), ("BeaconKeys", HS256)])
def test_a_rotation_makes_keys(deployed: Deployed, secret: str, algorithm: Algorithm) -> None:
    # LocalStack takes the schedule and never follows it.
    known = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in deployed.resources}
    functions = deployed.session.client("lambda")
    function = functions.get_function(FunctionName=known["RotateSigningKeysFunction"])["Configuration"]
    secrets = deployed.session.client("secretsmanager")
    secrets.rotate_secret(
        SecretId=known[secret],
        RotationLambdaARN=function["FunctionArn"],
        RotationRules={"AutomaticallyAfterDays": 90},
    )
    reply = secrets.get_secret_value(SecretId=known[secret], VersionStage="AWSCURRENT")
    keys = KeySet.from_json(reply["SecretString"], algorithm)
    assert next(iter(keys.keys)) == keys.current


def test_a_sessions_events_arrive_behind_the_stacks_bus(deployed: Deployed) -> None:
    events, queues = deployed.session.client("events"), deployed.session.client("sqs")
    bus = deployed.outputs["EventBusName"]
    url = queues.create_queue(QueueName="arrivals")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["quiz-sessions"]})
    events.put_rule(Name="arrivals", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="arrivals", EventBusName=bus, Targets=[{"Id": "arrivals", "Arn": arn}])

    session_id = deployed.start("events")
    assert deployed.call("POST", f"/sessions/{session_id}/complete", {}).status_code == 200
    deployed.invoke("FlushFunctionName")
    arrived: dict[int, str] = {}
    until = time.monotonic() + PATIENCE_SECONDS
    while len(arrived) < 2 and time.monotonic() < until:
        reply = queues.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)
        for event in (json.loads(message["Body"]) for message in reply.get("Messages", [])):
            if event["detail"]["session_id"] == session_id:
                arrived[event["detail"]["sequence"]] = event["detail-type"]
    assert arrived == {0: "session.started", 1: "session.completed"}


def autosaved(deployed: Deployed, user: str) -> str:
    session_id = deployed.start(user)
    body = {"question_id": 0, "answer": "draft", "autosave": True}
    reply = deployed.call("PATCH", f"/sessions/{session_id}/progress", body)
    assert reply.json()["durability"] == "buffered"
    return session_id


def test_the_rule_flushes_a_draft(deployed: Deployed) -> None:
    session_id = autosaved(deployed, "rule")
    assert deployed.flushed_within_patience(session_id)


def test_the_delayed_queue_flushes_a_draft(deployed: Deployed) -> None:
    # With the direct way shut, only the queue can start the flush.
    events = deployed.session.client("events")
    (direct,) = [rule["Name"] for rule in events.list_rules()["Rules"] if "EveryMinute" in rule["Name"]]
    events.disable_rule(Name=direct)
    session_id = autosaved(deployed, "queue")
    assert deployed.flushed_within_patience(session_id)


def test_an_export_is_made_by_its_function_and_is_behind_a_link(deployed: Deployed) -> None:
    session = deployed.call("POST", "/sessions/start", {"user_id": "u9", "quiz_id": "exported"}).json()
    deployed.call("POST", f"/sessions/{session['id']}/complete", {"answers": {"0": "A"}})
    asked = deployed.call("POST", "/quizzes/exported/exports", {"format": "ndjson", "what": ["answers"]})
    assert asked.status_code == 202, asked.text
    # It asks for what nobody makes.
    deployed.invoke("FlushFunctionName")
    until = time.monotonic() + PATIENCE_SECONDS
    while (shown := deployed.call("GET", f"/exports/{asked.json()['id']}").json())["status"] == "running":
        assert time.monotonic() < until
        time.sleep(1)
    assert (shown["status"], shown["rows"]) == ("done", 1)
    content = httpx.get(shown["url"], timeout=60).raise_for_status().content
    assert hashlib.sha256(content).hexdigest() == shown["sha256"]
    (line,) = gzip.decompress(content).splitlines()
    assert (json.loads(line)["session_id"], json.loads(line)["answer"]) == (session["id"], "A")
