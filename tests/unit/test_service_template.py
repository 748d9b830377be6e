"""What containers in the place of the API function have to share with it, read from the templates."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from session_api import problems
from session_api.server import http_protocol
from session_api.server.__main__ import CLOSE_SECONDS, FINISH_SECONDS, KEEP_ALIVE_SECONDS
from session_api.server.settings import ServerSettings
from tests.harness.templates import load

ROOT = Path(__file__).parents[2]
TEMPLATE = load(ROOT / "template.yaml")
SERVICE = load(ROOT / "infra/service.yaml")
PARAMETERS: dict[str, Any] = TEMPLATE["Resources"]["Service"]["Properties"]["Parameters"]
RESOURCES: dict[str, dict[str, Any]] = SERVICE["Resources"]
TASK: dict[str, Any] = RESOURCES["TaskDefinition"]["Properties"]
(CONTAINER,) = TASK["ContainerDefinitions"]
ENVIRONMENT: dict[str, Any] = {each["Name"]: each["Value"] for each in CONTAINER["Environment"]}
TARGETS: dict[str, Any] = RESOURCES["Targets"]["Properties"]
FUNCTION: dict[str, Any] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
DEFAULTS = ServerSettings()
# What only a process of its own is told; HOST and PORT are in its image.
ITS_OWN = {"DATABASE_CONNECTIONS", "JWT_ISSUER", "JWT_AUDIENCE"}


def on_aws(value: Any) -> Any:
    """A value of the root template as it is on AWS, where keys are in Secrets Manager."""
    match value:
        case {"Fn::If": ["IsAws", there, _]}:
            return there
        case {"Fn::If": ["HasLocalReceiptKeys" | "HasLocalBeaconKeys", _, there]}:
            return there
    return value


def in_the_root(value: Any) -> Any:
    """A value of the service's template in the terms of the root one."""
    match value:
        case {"Ref": name}:
            return PARAMETERS.get(name, value)
    return value


def attributes(resource: str, key: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in RESOURCES[resource]["Properties"][key]}


def test_the_stack_gives_every_parameter_that_the_service_has() -> None:
    assert PARAMETERS.keys() == SERVICE["Parameters"].keys()


def test_a_task_gets_the_environment_of_the_function() -> None:
    assert ENVIRONMENT.keys() - ITS_OWN == FUNCTION.keys()
    compared = FUNCTION.keys() - {"REDIS_URL"}
    assert {name: in_the_root(ENVIRONMENT[name]) for name in compared} == {
        name: on_aws(FUNCTION[name]) for name in compared
    }


def test_a_task_finds_valkey_as_the_function_does() -> None:
    text, variables = on_aws(FUNCTION["REDIS_URL"])["Fn::Sub"]
    for name, parameter in (("Secret", "CacheSecretArn"), ("Address", "CacheAddress")):
        assert PARAMETERS[parameter] == variables[name]
        text = text.replace(f"${{{name}}}", f"${{{parameter}}}")
    assert ENVIRONMENT["REDIS_URL"] == {"Fn::Sub": text}


def test_every_variable_of_the_process_itself_is_in_its_task_or_in_its_image() -> None:
    source = (ROOT / "functions/session_api/server/settings.py").read_text()
    image = (ROOT / "infra/container/Dockerfile").read_text()
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', source))
    # How long it drains, and the leeway, are as in the code; the issuer names the address of its keys.
    assert read - {"DRAIN_SECONDS", "JWT_JWKS", "JWT_LEEWAY_SECONDS"} == ITS_OWN | {
        name for name in ("HOST", "PORT") if f"{name}=" in image
    }


def test_a_task_may_do_what_the_function_may() -> None:
    (function,) = TEMPLATE["Resources"]["SessionApiFunction"]["Properties"]["Policies"]
    (task,) = RESOURCES["TaskRole"]["Properties"]["Policies"]
    assert [
        {**each, "Resource": [in_the_root(resource) for resource in each["Resource"]]}
        for each in task["PolicyDocument"]["Statement"]
    ] == [
        {**each, "Resource": [on_aws(resource) for resource in each["Resource"]]}
        for each in function["Statement"]
    ]


def test_the_role_that_starts_tasks_reads_no_secret() -> None:
    assert "secretsmanager" not in str(RESOURCES["ExecutionRole"])


def test_every_part_speaks_of_the_port_on_which_the_image_listens() -> None:
    (listens,) = re.findall(r"PORT=(\d+)", (ROOT / "infra/container/Dockerfile").read_text())
    port = int(listens)
    (mapping,) = CONTAINER["PortMappings"]
    (balancer,) = RESOURCES["Service"]["Properties"]["LoadBalancers"]
    assert mapping["ContainerPort"] == balancer["ContainerPort"] == TARGETS["Port"] == port
    assert f"127.0.0.1:{port}/health" in str(CONTAINER["HealthCheck"])
    for rule in ("BalancerToTasks", "TasksFromBalancer"):
        properties = RESOURCES[rule]["Properties"]
        assert properties["FromPort"] == properties["ToPort"] == port


def test_a_task_is_replaced_for_its_own_illness_and_not_for_a_stores() -> None:
    assert TARGETS["HealthCheckPath"] == "/health"
    assert "/health/ready" not in str(CONTAINER["HealthCheck"])


def test_a_new_task_has_time_to_be_found_healthy() -> None:
    found = TARGETS["HealthCheckIntervalSeconds"] * TARGETS["HealthyThresholdCount"]
    grace = RESOURCES["Service"]["Properties"]["HealthCheckGracePeriodSeconds"]
    assert grace > CONTAINER["HealthCheck"]["StartPeriod"] + found


def test_the_balancer_and_not_the_task_closes_a_connection_that_is_idle() -> None:
    idle = int(attributes("Balancer", "LoadBalancerAttributes")["idle_timeout.timeout_seconds"])
    assert idle < KEEP_ALIVE_SECONDS


def test_a_request_is_over_before_its_task_is_asked_to_end() -> None:
    delay = int(attributes("Targets", "TargetGroupAttributes")["deregistration_delay.timeout_seconds"])
    assert delay >= http_protocol.SECONDS


def test_a_task_drains_and_finishes_before_it_is_killed() -> None:
    assert CONTAINER["StopTimeout"] > DEFAULTS.drain_seconds + FINISH_SECONDS + CLOSE_SECONDS


def test_the_caller_s_address_is_the_one_that_the_balancer_appends() -> None:
    assert (
        attributes("Balancer", "LoadBalancerAttributes")["routing.http.xff_header_processing.mode"]
        == "append"
    )


def test_browsers_reach_the_balancer_by_https_alone_and_tasks_through_it_alone() -> None:
    (ingress,) = RESOURCES["BalancerSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert (ingress["FromPort"], ingress["ToPort"]) == (443, 443)
    assert RESOURCES["Listener"]["Properties"]["Protocol"] == "HTTPS"
    assert "SecurityGroupIngress" not in RESOURCES["TaskSecurityGroup"]["Properties"]
    network = RESOURCES["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"


def test_a_container_can_write_nothing_and_has_no_rights() -> None:
    assert CONTAINER["ReadonlyRootFilesystem"]
    assert CONTAINER["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}


def test_rules_that_look_into_answers_only_count() -> None:
    groups = [
        rule["Statement"]["ManagedRuleGroupStatement"]
        for rule in RESOURCES["Firewall"]["Properties"]["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    ]
    overridden = [override for group in groups for override in group.get("RuleActionOverrides", ())]
    assert overridden
    for override in overridden:
        assert override["Name"].endswith("_BODY")
        assert override["ActionToUse"] == {"Count": {}}


def test_who_is_too_fast_for_the_firewall_gets_the_services_problem() -> None:
    properties = RESOURCES["Firewall"]["Properties"]
    content = properties["CustomResponseBodies"]["TooMany"]["Content"]["Fn::Sub"]
    told = json.loads(content.replace("${BasePath}", "/exams"))
    own = bytes(problems.problem(429, "too_many_requests", told["detail"], "", root_path="/exams").body)
    assert told == {name: value for name, value in json.loads(own).items() if name != "request_id"}
    assert told["code"] in problems.codes()[429]


def test_a_deployment_goes_back_where_requests_fail_or_are_slow() -> None:
    deployment = RESOURCES["Service"]["Properties"]["DeploymentConfiguration"]
    alarms = [{"Ref": "ServiceErrors"}, {"Ref": "ServiceSlow"}]
    assert deployment["Alarms"] == {"Enable": True, "Rollback": True, "AlarmNames": alarms}
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_it_is_deployed_with_an_image_and_a_certificate_alone() -> None:
    rule = TEMPLATE["Rules"]["FargateNeedsAnImage"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "ApiRuntime"}, "fargate"]}
    assert [each["Assert"] for each in rule["Assertions"]] == [
        {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in ("ContainerImage", "CertificateArn")
    ]


@pytest.mark.parametrize("name", ["HttpApi", "SessionApiFunction", "SessionApiErrors", "SessionApiSlow"])
def test_with_containers_there_is_no_function_of_the_api(name: str) -> None:
    assert TEMPLATE["Resources"][name]["Condition"] == "IsLambdaApi"
    assert TEMPLATE["Conditions"]["IsLambdaApi"] == {"Fn::Not": [{"Condition": "IsFargateApi"}]}


def test_connections_of_twice_the_tasks_fit_what_the_database_takes() -> None:
    data = load(ROOT / "infra/data.yaml")["Resources"]
    maximum = int(data["DatabaseParameterGroup"]["Properties"]["Parameters"]["max_connections"])
    share = data["DatabaseProxyTargets"]["Properties"]["ConnectionPoolConfigurationInfo"]
    functions = sum(
        TEMPLATE["Resources"][name]["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1]
        for name in ("FlushFunction", "MigrateFunction")
    )
    defaults = {name: declared.get("Default") for name, declared in TEMPLATE["Parameters"].items()}
    # During a deployment both the old and the new ones run.
    times = RESOURCES["Service"]["Properties"]["DeploymentConfiguration"]["MaximumPercent"] // 100
    assert times == 2
    tasks = times * defaults["MaxTasks"] * defaults["DatabaseConnections"]
    assert tasks + functions <= maximum * share["MaxConnectionsPercent"] // 100
    assert defaults["MinTasks"] <= defaults["MaxTasks"]
