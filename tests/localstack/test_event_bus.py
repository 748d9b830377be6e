"""Domain events on a real EventBridge: behind a rule they arrive once each, and can be put in their order."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from localstack_client.session import Session

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.json_values import dump_json
from quiz_sessions.stores.event_bus import ENTRIES_A_CALL, detail_of
from tests.harness.builders import LATER, START
from tests.harness.receiver import Receiver, receiving
from tests.harness.service import services_on
from tests.harness.stores import Stores
from tests.localstack.conftest import NEEDS_LOCALSTACK, running_localstack

BUS = "sessions"
WEBHOOK = Path(__file__).parents[2] / "infra/webhook.yaml"
KEY = "Bearer the-key-of-the-webhook"
PATIENCE_SECONDS = 60

pytestmark = NEEDS_LOCALSTACK


@dataclass(frozen=True)
class Queue:
    """What stands behind the bus."""

    client: Any
    url: str

    def receive(self, expected: int) -> list[dict[str, Any]]:
        """So many messages, and what else has arrived by then."""
        found: list[dict[str, Any]] = []
        until = time.monotonic() + PATIENCE_SECONDS
        while len(found) < expected and time.monotonic() < until:
            found += self._receive(5)
        return found + self._receive(1)

    def _receive(self, seconds: int) -> list[dict[str, Any]]:
        reply = self.client.receive_message(
            QueueUrl=self.url, WaitTimeSeconds=seconds, MaxNumberOfMessages=10
        )
        messages = reply.get("Messages", [])
        for message in messages:
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A LocalStack with the bus."""
    with running_localstack(tmp_path_factory.mktemp("localstack")) as (_, session):
        session.client("events").create_event_bus(Name=BUS)
        yield session


@pytest.fixture
def queue(aws: Session) -> Iterator[Queue]:
    """An ordered queue, to which a rule brings the service's events."""
    events, client = aws.client("events"), aws.client("sqs")
    url = client.create_queue(
        QueueName="arrivals.fifo",
        Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"},
    )["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["quiz-sessions"]})
    events.put_rule(Name="arrivals", EventBusName=BUS, EventPattern=pattern)
    target = {"Id": "arrivals", "Arn": arn, "SqsParameters": {"MessageGroupId": "all"}}
    events.put_targets(Rule="arrivals", EventBusName=BUS, Targets=[target])
    yield Queue(client, url)
    events.remove_targets(Rule="arrivals", EventBusName=BUS, Ids=["arrivals"])
    events.delete_rule(Name="arrivals", EventBusName=BUS)
    client.delete_queue(QueueUrl=url)


@pytest.fixture
def webhook(aws: Session) -> Iterator[Receiver]:
    """A receiver on this machine, to which infra/webhook.yaml brings the service's events."""
    cloudformation = aws.client("cloudformation")
    with receiving() as receiver:
        values = {
            "StackLabel": "quiz",
            "AlarmTopicArn": "arn:aws:sns:us-east-1:000000000000:alarms",
            "EventBusName": BUS,
            "Url": receiver.url,
            "Key": KEY,
        }
        cloudformation.create_stack(
            StackName="webhook",
            TemplateBody=WEBHOOK.read_text(),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": each} for name, each in values.items()],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="webhook", WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE_SECONDS}
        )
        yield receiver
        cloudformation.delete_stack(StackName="webhook")


@pytest.fixture
async def services(aws: Session, stores: Stores) -> AsyncIterator[Services]:
    """A process whose flush sends to the bus."""
    async with services_on(stores, event_bus_name=BUS) as built:
        yield built


async def complete(services: Services, user: str) -> str:
    session = await services.sessions.create_session(user, "quiz1", at=START)
    await services.administration.extend(session.id, 60, "a fire drill", at=LATER)
    await services.sessions.complete(session.id, {"0": "A"}, at=LATER)
    return str(session.id)


async def test_events_arrive_once_each_and_the_sequence_puts_them_in_order(
    services: Services, queue: Queue
) -> None:
    ids = [await complete(services, f"user{number}") for number in range(ENTRIES_A_CALL + 2)]
    report = await services.flusher.run()
    assert (report.events_published, report.events_pending) == (len(ids) * 3, 0)
    arrived = queue.receive(len(ids) * 3)
    # EventBridge takes them in their order, and lets one overtake another on the way to its target.
    arrived.sort(key=lambda event: event["detail"]["sequence"])
    order: dict[str, list[str]] = {}
    for event in arrived:
        order.setdefault(event["detail"]["session_id"], []).append(event["detail-type"])
    assert order == {each: ["session.started", "session.extended", "session.completed"] for each in ids}
    assert len({event["detail"]["event_id"] for event in arrived}) == len(arrived)


async def test_an_event_looks_as_documented(services: Services, queue: Queue) -> None:
    session_id = await complete(services, "user1")
    await services.flusher.run()
    (started,) = (event for event in queue.receive(3) if event["detail"]["sequence"] == 0)
    assert (started["source"], started["detail-type"]) == ("quiz-sessions", "session.started")
    assert started["time"] == "2027-01-15T08:00:00Z"
    assert started["detail"]["session_id"] == session_id
    assert started["detail"]["expires_at"] == "2027-01-15T08:30:00Z"


async def test_what_waited_while_nobody_answered_arrives_afterwards(
    services: Services, queue: Queue, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await complete(services, "user1")
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        cut_off = build_services(replace(stores.settings, event_bus_name=BUS))
        report = await cut_off.flusher.run()
        await cut_off.close()
    assert (report.flush_failures, report.events_published, report.events_pending) == (0, 0, 3)
    assert (await services.flusher.run()).events_published == 3
    arrived = queue.receive(3)
    assert sorted(event["detail"]["sequence"] for event in arrived) == [0, 1, 2]
    assert {event["detail"]["session_id"] for event in arrived} == {session_id}


async def test_the_webhook_is_sent_what_the_service_itself_sends_where_there_is_no_bus(
    services: Services, webhook: Receiver
) -> None:
    await services.sessions.create_session("user1", "quiz1", at=START)
    (message,) = await services.stores.outbox.messages(1)
    await services.flusher.run()
    assert await asyncio.to_thread(webhook.heard.wait, PATIENCE_SECONDS)
    (delivery,) = webhook.deliveries
    assert delivery.headers["authorization"] == KEY
    assert json.loads(delivery.body) == {
        "type": "session.started",
        "timestamp": "2027-01-15T08:00:00Z",
        "data": json.loads(dump_json(detail_of(message))),
    }
