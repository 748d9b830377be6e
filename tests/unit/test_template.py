"""What the stack promises, read from its templates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quiz_sessions.services.signing_keys import ALGORITHMS
from rotate_signing_keys.handler import ALGORITHM_TAG
from tests.harness.templates import load

ROOT = Path(__file__).parents[2]
TEMPLATE = load(ROOT / "template.yaml")
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
GLOBALS: dict[str, Any] = TEMPLATE["Globals"]["Function"]
FUNCTIONS = {
    name: {**GLOBALS, **resource["Properties"]}
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}
STACKS = [ROOT / "template.yaml", *(ROOT / "infra").glob("*.yaml")]
# In a key's policy "*" means the key itself.
WILDCARDS = {("template.yaml", "AlarmKey")}
# These know no resource.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken"}


def statements(value: object) -> Iterator[dict[str, Any]]:
    """Every policy statement in a template."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for child in value.values():
            yield from statements(child)
    elif isinstance(value, list):
        for child in value:
            yield from statements(child)


def test_there_are_the_five_functions() -> None:
    assert set(FUNCTIONS) == {
        "SessionApiFunction",
        "FlushFunction",
        "ExportFunction",
        "MigrateFunction",
        "RotateSigningKeysFunction",
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_log_group_with_retention(name: str) -> None:
    group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
    assert RESOURCES[group]["Properties"]["RetentionInDays"]


def test_lambda_takes_every_line_that_powertools_writes() -> None:
    taken = GLOBALS["LoggingConfig"]["ApplicationLogLevel"]
    # Above INFO it would drop metrics, which are lines without a level.
    assert taken == GLOBALS["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == "INFO"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_an_alarm_on_its_errors(name: str) -> None:
    monitoring = load(ROOT / "infra/monitoring.yaml")["Resources"]
    alarms = [
        str(resource["Properties"])
        for resource in (*RESOURCES.values(), *monitoring.values())
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    marks = {
        "SessionApiFunction": "-session-api",
        "FlushFunction": "-flush",
        "ExportFunction": "ExportFunctionName",
        "MigrateFunction": "MigrateFunctionName",
        "RotateSigningKeysFunction": "RotateSigningKeysFunctionName",
    }
    assert any("'Errors'" in alarm and marks[name] in alarm for alarm in alarms)


def test_failed_flushes_end_in_a_dead_letter_queue_on_every_way() -> None:
    letters = {"Fn::GetAtt": "FlushDeadLetters.Arn"}
    flush = FUNCTIONS["FlushFunction"]
    assert flush["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"] == letters
    assert flush["Events"]["EveryMinute"]["Properties"]["DeadLetterConfig"]["Arn"] == letters
    (target,) = RESOURCES["DelayedFlushRule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"]["Arn"] == letters
    queue = RESOURCES["DelayedFlush"]["Properties"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == letters


def test_a_failed_migration_stops_the_deployment() -> None:
    for name in ("SessionApiFunction", "FlushFunction"):
        assert FUNCTIONS[name]["DeploymentPreference"]["Hooks"]["PreTraffic"] == {"Ref": "MigrateFunction"}


def test_the_flush_runs_every_30_seconds() -> None:
    assert FUNCTIONS["FlushFunction"]["Events"]["EveryMinute"]["Properties"]["Schedule"] == "rate(1 minute)"
    assert RESOURCES["DelayedFlushRule"]["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert RESOURCES["DelayedFlush"]["Properties"]["DelaySeconds"] == 30


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_no_statement_allows_everything_everywhere(path: Path) -> None:
    for name, resource in load(path)["Resources"].items():
        if (path.name, name) in WILDCARDS:
            continue
        for statement in statements(resource):
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert statement.get("Resource") != "*" or set(actions) <= WITHOUT_RESOURCE, name
            assert not [action for action in actions if action.endswith(":*")], name


def test_endpoints_let_through_only_what_the_functions_ask_for() -> None:
    allowed = {
        name: [statement["Action"] for statement in statements(resource["Properties"].get("PolicyDocument"))]
        for name, resource in load(ROOT / "infra/network.yaml")["Resources"].items()
        if resource["Type"] == "AWS::EC2::VPCEndpoint"
    }
    assert allowed == {
        "SecretsManagerEndpoint": ["secretsmanager:GetSecretValue"],
        "EventsEndpoint": ["events:PutEvents"],
        "StorageEndpoint": [["s3:PutObject", "s3:AbortMultipartUpload"]],
        "CodeDeployEndpoint": [],
    }


def test_every_setting_is_in_the_environment_and_nothing_else() -> None:
    source = (ROOT / "layers/quiz_sessions/quiz_sessions/runtime/settings.py").read_text()
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', source))
    declared = set(GLOBALS["Environment"]["Variables"])
    # Here the bus calls the webhook.
    read -= {"WEBHOOK_URL", "WEBHOOK_SECRET"}
    assert {name for name in declared if not name.startswith("POWERTOOLS_")} == read


@pytest.mark.parametrize("secret", ["ReceiptKeys", "BeaconKeys"])
def test_only_those_who_need_the_keys_may_touch_them(secret: str) -> None:
    allowed = {
        name: sorted(
            action
            for statement in statements(function["Policies"])
            if f"'{secret}'" in str(statement["Resource"])
            for action in (
                statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            )
        )
        for name, function in FUNCTIONS.items()
    }
    assert allowed == {
        "SessionApiFunction": ["secretsmanager:GetSecretValue"],
        "FlushFunction": [],
        "ExportFunction": [],
        "MigrateFunction": [],
        "RotateSigningKeysFunction": [
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecretVersionStage",
        ],
    }


@pytest.mark.parametrize(("secret", "algorithm"), [("ReceiptKeys", "EdDSA"), ("BeaconKeys", "HS256")])
def test_keys_are_made_at_once_and_replaced(secret: str, algorithm: str) -> None:
    rotation = RESOURCES[f"{secret}Rotation"]["Properties"]
    assert rotation["SecretId"] == {"Ref": secret}
    assert rotation["RotateImmediatelyOnUpdate"]
    assert rotation["RotationRules"] == {"AutomaticallyAfterDays": 90}
    assert RESOURCES[secret]["Properties"]["Tags"] == [{"Key": ALGORITHM_TAG, "Value": algorithm}]
    assert algorithm in ALGORITHMS
    permission = RESOURCES[RESOURCES[f"{secret}Rotation"]["DependsOn"]]["Properties"]
    assert permission["SourceArn"] == {"Ref": secret}


def test_the_endpoint_lets_functions_read_both_secrets_of_keys() -> None:
    endpoint = load(ROOT / "infra/network.yaml")["Resources"]["SecretsManagerEndpoint"]["Properties"]
    for secret in ("ReceiptKeys", "BeaconKeys"):
        assert {"Ref": f"{secret}Arn"} in endpoint["PolicyDocument"]["Statement"][0]["Resource"]
        assert RESOURCES["Network"]["Properties"]["Parameters"][f"{secret}Arn"] == {"Ref": secret}


def test_prod_is_not_deployed_without_tokens() -> None:
    rule = TEMPLATE["Rules"]["ProdNeedsJwt"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "JwtIssuer"}, ""]}]}
    deployments = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for stage in ("dev", "prod"):
        assert f"Stage={stage}" in deployments[stage]["deploy"]["parameters"]["parameter_overrides"]


def test_with_an_issuer_every_path_but_a_few_needs_a_token() -> None:
    definition = RESOURCES["HttpApi"]["Properties"]["DefinitionBody"]
    # A list in either case: SAM CLI does not read a template that has AWS::NoValue there.
    asked = {"Fn::If": ["HasJwt", [{"Tokens": []}], []]}
    for path, operations in definition["paths"].items():
        for method, operation in operations.items():
            is_open = method == "options" or path in (
                "/health",
                "/.well-known/jwks.json",
                "/docs/problems",
                "/sessions/{session_id}/beacon",
            )
            assert operation.get("security") == (None if is_open else asked), path
    condition, tokens, _ = definition["components"]["securitySchemes"]["Tokens"]["Fn::If"]
    assert (condition, tokens["x-amazon-apigateway-authorizer"]["type"]) == ("HasJwt", "jwt")


def test_only_those_who_use_valkey_are_told_its_password() -> None:
    assert FUNCTIONS["MigrateFunction"]["Environment"]["Variables"]["REDIS_URL"] == ""
    assert FUNCTIONS["RotateSigningKeysFunction"]["Environment"] == {"Ref": "AWS::NoValue"}


def test_data_outlives_the_stack() -> None:
    for resource in (*load(ROOT / "infra/data.yaml")["Resources"].values(), RESOURCES["ReceiptKeys"]):
        if resource["Type"] in (
            "AWS::SecretsManager::Secret",
            "AWS::RDS::DBInstance",
            "AWS::ElastiCache::ReplicationGroup",
            "AWS::ElastiCache::ServerlessCache",
        ):
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (
                "RetainExceptOnCreate",
                "Retain",
            )


def test_connections_fit_what_the_database_takes() -> None:
    data = load(ROOT / "infra/data.yaml")["Resources"]
    maximum = int(data["DatabaseParameterGroup"]["Properties"]["Parameters"]["max_connections"])
    share = data["DatabaseProxyTargets"]["Properties"]["ConnectionPoolConfigurationInfo"]
    functions = TEMPLATE["Parameters"]["ApiConcurrency"]["Default"] + sum(
        FUNCTIONS[name]["ReservedConcurrentExecutions"]["Fn::If"][1]
        # An export has a second one, for what it reads.
        for name in ("FlushFunction", "MigrateFunction", "ExportFunction", "ExportFunction")
    )
    # Each environment holds one connection.
    assert functions <= maximum * share["MaxConnectionsPercent"] // 100
