"""Why a token is not taken, in words that its sender, the log and WWW-Authenticate can have."""

from __future__ import annotations

from typing import Any, Final

import jwt

_FOUND_CHARACTERS: Final = 200


class UnknownKeyError(jwt.InvalidTokenError):
    """The issuer has no such key."""


REASONS: Final[dict[type[jwt.PyJWTError], str]] = {
    jwt.PyJWTError: "The token can't be used.",
    jwt.DecodeError: "The token can't be read: it is no JWT, or a time in it is no number.",
    jwt.InvalidAlgorithmError: "The token is not signed by an algorithm that is taken with this key.",
    jwt.InvalidSignatureError: "The signature is not that of the key that the token names.",
    UnknownKeyError: "The issuer has no key of the name that the token has.",
    jwt.ExpiredSignatureError: "The token has ended.",
    jwt.ImmatureSignatureError: "The token is not good yet.",
    jwt.InvalidIssuerError: "The token is of another issuer.",
    jwt.InvalidAudienceError: "The token is for another audience.",
    jwt.exceptions.InvalidSubjectError: "The token names nobody: its sub is no text.",
    jwt.MissingRequiredClaimError: "The token does not say who issued it, or when it ends.",
}
"""By the error's class, or the nearest one above it."""


class OtherIssuerError(jwt.InvalidIssuerError):
    """A key of the issuer signed it, but it names another one.

    Attributes:
        found: what stands in the place of the one expected.
    """

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = f"{found}"[:_FOUND_CHARACTERS]


class OtherAudienceError(jwt.InvalidAudienceError):
    """It is a token of the issuer for somebody else. `found` as in `OtherIssuerError`."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = f"{found}"[:_FOUND_CHARACTERS]


def reason_of(error: jwt.PyJWTError) -> str:
    """One sentence; nothing in it comes from the token."""
    return next(REASONS[kind] for kind in type(error).__mro__ if kind in REASONS)


def found_by(error: jwt.PyJWTError) -> dict[str, str]:
    """For the log alone: what a token that is signed well says in the place of what is expected."""
    match error:
        case OtherIssuerError():
            return {"issuer": error.found}
        case OtherAudienceError():
            return {"audience": error.found}
    return {}
