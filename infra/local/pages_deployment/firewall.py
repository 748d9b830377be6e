"""The firewall in front of the pages, which is in us-east-1 wherever the stack is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from .settings import Environment

REGION: Final = "us-east-1"
WEB_ACL_ARN: Final = "WebAclArn"
"""The parameter of our stack, and the output of the firewall's that is its value."""


def deploy_firewall(cloudformation: Any, template: Path, environment: Environment) -> str:
    """Create or update the stack of the firewall, and wait for it. Returns the firewall's ARN."""
    name = f"{environment.stack}-firewall"
    parameters = {"StackLabel": environment.stack}
    if (limit := environment.value("RequestsPerAddress")) is not None:
        parameters["RequestsPerAddress"] = limit
    asked = {
        "StackName": name,
        "TemplateBody": template.read_text(),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    if not _exists(cloudformation, name):
        cloudformation.create_stack(**asked, OnFailure="DELETE")
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name)
    elif _update(cloudformation, asked):
        cloudformation.get_waiter("stack_update_complete").wait(StackName=name)
    (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    arn: str = outputs[WEB_ACL_ARN]
    return arn


def _exists(cloudformation: Any, name: str) -> bool:
    try:
        cloudformation.describe_stacks(StackName=name)
    except ClientError as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def _update(cloudformation: Any, asked: dict[str, Any]) -> bool:
    """Ask for an update; returns False where there is nothing to do."""
    try:
        cloudformation.update_stack(**asked)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return False
        raise
    return True
