"""What a deployed stack says about its pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack, as CloudFormation describes it."""

    parameters: dict[str, str]
    outputs: dict[str, str]

    @classmethod
    def read(cls, cloudformation: Any, name: str) -> Stack:
        (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return cls(
            {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", ())},
            {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())},
        )

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"https://{self.parameters.get('WebDomain') or self.outputs['PagesHost']}/"

    def config(self) -> dict[str, object]:
        """What the pages are told: clients/pages/common/config.js says what that is."""
        issuer = self.parameters.get("JwtIssuer")
        if not issuer:
            return {"api": "..", "login": {"kind": "none"}}
        login = {
            "kind": "oidc",
            "issuer": issuer,
            "clientId": self.parameters["LoginClientId"],
            "scopes": {
                "student": self.parameters["LoginStudentScope"],
                "staff": self.parameters["LoginStaffScope"],
            },
        }
        return {"api": "..", "login": login}
