"""What a 401 says in WWW-Authenticate (RFC 6750, 3)."""

from __future__ import annotations

CHALLENGE = 'Bearer realm="quiz-sessions"'
"""Where no token was sent, which is no error of it."""


def invalid_token(description: str) -> str:
    """Where the token is not taken; `description` is printable ASCII without quotes and backslashes."""
    return f'{CHALLENGE}, error="invalid_token", error_description="{description}"'
