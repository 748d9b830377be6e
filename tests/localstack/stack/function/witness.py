"""A function that tells on a bus how it was called, and what it found."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3
import witness_layer  # type: ignore[import-not-found]  # it is in the layer


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        trigger = "queue"
    elif event.get("source") == "aws.events":
        trigger = "schedule"
    elif event.get("version") == "2.0":
        trigger = "url"
    else:
        trigger = "invoke"
    match event.get("queryStringParameters", event):
        case {"do": "sleep"}:
            time.sleep(30)
        case {"do": "fail"}:
            raise ValueError("as told")
        case {"do": "exit"}:
            os._exit(3)
    print("called by", trigger)  # noqa: T201  (what a function prints is its log)
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SECRET_ARN"])
    seen = {
        "trigger": trigger,
        "layer": witness_layer.ORIGIN,
        "secret": secret["SecretString"],
        "pid": os.getpid(),
        "function": context.function_name,
        "remaining": context.get_remaining_time_in_millis(),
        "request_id": context.aws_request_id,
        "time_epoch": event.get("requestContext", {}).get("timeEpoch"),
    }
    boto3.client("events").put_events(
        Entries=[
            {
                "EventBusName": os.environ["EVENT_BUS_NAME"],
                "Source": "witness",
                "DetailType": "called",
                "Detail": json.dumps(seen),
            }
        ]
    )
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(seen)}
