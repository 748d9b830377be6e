"""Reads each example of the document with the class of its schema, writes it, and counts them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from generated import models


def in_utc(value: Any) -> Any:
    """The same JSON value; the package writes times with an offset."""
    return json.loads(json.dumps(value).replace('+00:00"', 'Z"'))


schemas = json.loads(Path("openapi.json").read_text())["components"]["schemas"]
examples = [(name, example) for name, schema in schemas.items() for example in schema.get("examples", [])]
# What API Gateway says by itself.
examples += [("Problem401", {"message": "Unauthorized"}), ("Problem429", {"message": "Too Many Requests"})]
for name, example in examples:
    written = in_utc(getattr(models, name).from_dict(example).to_dict())
    assert written == example, f"{name}: {written}"
print(len(examples))
