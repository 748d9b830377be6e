"""`python -m pages_deployment before ENV`, then `sam deploy`, then `python -m pages_deployment upload ENV`.

`before` makes the firewall, unless WebAclArn names another one, and prints what `sam deploy` needs beside
`--config-env`, quoted for a shell; `upload` brings the pages into their bucket. Both do nothing where
samconfig.toml does not say WebPages=true.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

import boto3

from .files import served
from .firewall import REGION, WEB_ACL_ARN, deploy_firewall
from .settings import Environment
from .stack import Stack
from .upload import upload

ROOT = Path(__file__).resolve().parents[3]


def before(environment: Environment) -> None:
    """Make the firewall, and print the arguments with which SAM learns of it."""
    if environment.value(WEB_ACL_ARN):
        return
    print("the firewall of the pages, in us-east-1 ...", file=sys.stderr)
    arn = deploy_firewall(
        boto3.client("cloudformation", region_name=REGION), ROOT / "infra/web-acl.yaml", environment
    )
    # On its command line SAM is given all parameters or none.
    print(shlex.join(["--parameter-overrides", *environment.overrides, f"{WEB_ACL_ARN}={arn}"]))


def upload_pages(environment: Environment) -> None:
    """Upload the pages."""
    # The AWS CLI and SAM know AWS_REGION, boto3 another name.
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    stack = Stack.read(session.client("cloudformation"), environment.stack)
    files = served(ROOT / "clients", stack.config())
    gone = upload(session.client("s3"), stack.outputs["PagesBucketName"], files)
    print(f"pages: {len(files)} files, {len(gone)} deleted; {stack.address}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="pages_deployment")
    parser.add_argument("step", choices=["before", "upload"])
    parser.add_argument("environment")
    given = parser.parse_args()
    environment = Environment.read(ROOT / "samconfig.toml", given.environment)
    if environment.has_pages:
        {"before": before, "upload": upload_pages}[given.step](environment)


if __name__ == "__main__":
    main()
