"""Where a request comes from: the client's address, and what its page got from Safe Exam Browser.

The address is the one that the server of this process names: API Gateway's sourceIp, the last of
X-Forwarded-For behind the load balancer (`server.balancer`), else the peer. A CloudFront distribution in
front is believed by its secret, and then says whose request it passed on. No other header is looked at.
Where requests come through that distribution alone, `Front` refuses those without the secret.
"""

from __future__ import annotations

import hmac
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

from quiz_sessions.domain.access import RequestSource, parse_address

CONFIG_KEY_HASH: Final = "x-seb-config-key-hash"
SECRET_HEADER: Final = "x-origin-secret"  # noqa: S105  # the name of a header
VIEWER_ADDRESS: Final = "cloudfront-viewer-address"


def source_of(scope: MutableMapping[str, Any], origin_secrets: Sequence[str]) -> RequestSource:
    """Where a request comes from; `origin_secrets` are those that a distribution in front may know."""
    return RequestSource(_address(scope, origin_secrets), _only(scope, CONFIG_KEY_HASH))


def _address(scope: MutableMapping[str, Any], origin_secrets: Sequence[str]) -> str | None:
    if knows_secret(scope, origin_secrets):
        # <address>:<port>, also where the address is one of IPv6.
        address = (_only(scope, VIEWER_ADDRESS) or "").rpartition(":")[0]
        return parse_address(address.removeprefix("[").removesuffix("]"))
    client = scope.get("client")
    return parse_address(client[0]) if client else None


def knows_secret(scope: MutableMapping[str, Any], origin_secrets: Sequence[str]) -> bool:
    """Whether a request has one of the secrets, and so came through the distribution."""
    sent = (_only(scope, SECRET_HEADER) or "").encode()
    # rule: a header tells the client's address only with the secret of the distribution
    return any(hmac.compare_digest(sent, secret.encode()) for secret in origin_secrets)


def _only(scope: MutableMapping[str, Any], name: str) -> str | None:
    """The value of a header; None if it is not there, or there twice."""
    found = [value for known, value in scope["headers"] if known == name.encode()]
    return found[0].decode("latin-1") if len(found) == 1 else None
