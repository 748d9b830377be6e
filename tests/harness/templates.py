"""Reads CloudFormation templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class CloudFormationLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Reads !Ref x as {"Ref": x}, and !Sub, !If and the rest as {"Fn::Sub": ...}."""


def construct_function(loader: CloudFormationLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


CloudFormationLoader.add_multi_constructor("!", construct_function)


def load(path: Path) -> dict[str, Any]:
    template: dict[str, Any] = yaml.load(path.read_text(), CloudFormationLoader)
    return template
