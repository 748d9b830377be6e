"""The webhook on AWS, read from its templates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from quiz_sessions.stores.event_bus import DETAIL_TYPES, FLUSH_SHARD, SOURCE
from tests.harness.templates import load

ROOT = Path(__file__).parents[2]
TEMPLATE = load(ROOT / "template.yaml")
WEBHOOK = load(ROOT / "infra/webhook.yaml")
STACK: dict[str, Any] = TEMPLATE["Resources"]["Webhook"]
RESOURCES: dict[str, dict[str, Any]] = {
    name: resource["Properties"] for name, resource in WEBHOOK["Resources"].items()
}
(TARGET,) = RESOURCES["Rule"]["Targets"]


def test_without_a_url_there_is_none() -> None:
    assert STACK["Condition"] == "HasWebhook"
    has_url = {"Fn::Not": [{"Fn::Equals": [{"Ref": "WebhookUrl"}, ""]}]}
    assert TEMPLATE["Conditions"]["HasWebhook"] == {"Fn::And": [{"Condition": "IsAws"}, has_url]}
    assert TEMPLATE["Parameters"]["WebhookUrl"]["Default"] == ""


def test_a_url_is_not_deployed_without_its_key() -> None:
    rule = TEMPLATE["Rules"]["WebhookNeedsAKey"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "WebhookUrl"}, ""]}]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "WebhookKey"}, ""]}]}


def test_the_url_is_one_of_https() -> None:
    pattern = TEMPLATE["Parameters"]["WebhookUrl"]["AllowedPattern"]
    assert re.fullmatch(pattern, "https://lms.example.org/events?course=1")
    assert re.fullmatch(pattern, "")
    for url in ("http://lms.example.org/events", "lms.example.org", "https://", "https://lms.example.org/ x"):
        assert not re.fullmatch(pattern, url)


def test_the_key_is_shown_nowhere() -> None:
    assert TEMPLATE["Parameters"]["WebhookKey"]["NoEcho"]
    assert WEBHOOK["Parameters"]["Key"]["NoEcho"]


def test_the_stack_gives_every_parameter_that_the_webhook_has() -> None:
    assert STACK["Properties"]["Parameters"].keys() == WEBHOOK["Parameters"].keys()


def test_it_gets_domain_events_and_what_the_service_tells_itself_it_does_not() -> None:
    pattern = RESOURCES["Rule"]["EventPattern"]
    assert pattern["source"] == [SOURCE]
    (wanted,) = pattern["detail-type"]
    assert all(kind.startswith(wanted["prefix"]) for kind in DETAIL_TYPES.values())
    assert not FLUSH_SHARD.startswith(wanted["prefix"])


def test_the_body_has_the_members_of_those_that_the_service_sends_itself() -> None:
    transformer = TARGET["InputTransformer"]
    assert transformer["InputTemplate"] == '{"type": <type>, "timestamp": <timestamp>, "data": <data>}'
    assert transformer["InputPathsMap"] == {
        "type": "$.detail-type",
        "timestamp": "$.detail.at",
        "data": "$.detail",
    }


def test_what_is_not_accepted_is_tried_again_for_a_day_and_kept() -> None:
    assert TARGET["RetryPolicy"]["MaximumEventAgeInSeconds"] == 24 * 3600
    assert TARGET["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": "DeadLetters.Arn"}
    (statement,) = RESOURCES["RuleMaySend"]["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": "Rule.Arn"}}}
    (dimension,) = RESOURCES["WebhookDeadLetters"]["Dimensions"]
    assert dimension["Value"] == {"Fn::GetAtt": "DeadLetters.QueueName"}


def test_the_rule_may_post_to_the_url_and_nothing_else() -> None:
    assert TARGET["RoleArn"] == {"Fn::GetAtt": "MayPost.Arn"}
    (policy,) = RESOURCES["MayPost"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "events:InvokeApiDestination")
    assert statement["Resource"] == {"Fn::GetAtt": "Destination.Arn"}
