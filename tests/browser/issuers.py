"""Issuers of OpenID Connect as others run them, as far as a page meets them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from development_server.issuer import challenge_of
from tests.harness import tokens

from .pages import serving

CLIENT_ID = "3f9c pages"
KEYCLOAK = "/realms/exams"
COGNITO = "/eu-central-1_Qq1Zz"


@dataclass
class Played:
    """Both issuers. Who asks is Ada, and signed in there already.

    Attributes:
        address: where they answer; `other` is where Cognito's domain does.
        asked: each request: its path, and its query or form.
        error: what a request for authorization gets instead of a code.
        lasts: how long a token is good, in seconds.
    """

    address: str = ""
    other: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    error: dict[str, str] = field(default_factory=dict)
    lasts: int = 300
    status: int = 200
    grants: dict[str, dict[str, str]] = field(default_factory=dict)

    def of(self, path: str) -> list[dict[str, str]]:
        """What was asked at a path, in order."""
        return [asked for at, asked in self.asked if at == path]

    def discovery(self, issuer: str) -> dict[str, Any]:
        common = {
            "issuer": self.address + issuer,
            "response_types_supported": ["code", "token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        if issuer == COGNITO:
            # No end_session_endpoint, no code_challenge_methods_supported, and tokens at another host.
            return common | {
                "authorization_endpoint": f"{self.other}/oauth2/authorize",
                "token_endpoint": f"{self.other}/oauth2/token",
                "userinfo_endpoint": f"{self.other}/oauth2/userInfo",
                "revocation_endpoint": f"{self.other}/oauth2/revoke",
                "jwks_uri": f"{self.address}{issuer}/.well-known/jwks.json",
                "scopes_supported": ["openid", "email", "phone", "profile"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            }
        protocol = f"{self.address}{issuer}/protocol/openid-connect"
        return common | {
            "authorization_endpoint": f"{protocol}/auth",
            "token_endpoint": f"{protocol}/token",
            "end_session_endpoint": f"{protocol}/logout",
            "jwks_uri": f"{protocol}/certs",
            "authorization_response_iss_parameter_supported": True,
            "code_challenge_methods_supported": ["plain", "S256"],
            "mtls_endpoint_aliases": {"token_endpoint": f"{protocol}/token"},
        }

    def back(self, issuer: str, asked: dict[str, str]) -> str:
        """The address to which a request for authorization leads."""
        code = f"code-{len(self.grants)}"
        self.grants[code] = asked
        said = self.error or {"code": code}
        more = {"session_state": "x", "iss": self.address + issuer} if issuer == KEYCLOAK else {}
        return f"{asked['redirect_uri']}?{urlencode({**said, **more, 'state': asked['state']})}"

    def tokens(self, issuer: str, form: dict[str, str]) -> dict[str, Any] | None:
        """What a code or a refresh token gives, if it is good."""
        is_first = form["grant_type"] == "authorization_code"
        grant = self.grants.pop(form["code" if is_first else "refresh_token"], None)
        if grant is None or form["client_id"] != grant["client_id"]:
            return None
        if is_first and (
            challenge_of(form["code_verifier"]) != grant["code_challenge"]
            or form["redirect_uri"] != grant["redirect_uri"]
        ):
            return None
        now = int(time.time())
        is_cognito = issuer == COGNITO
        names = (
            {"sub": "6f0e-uuid", "email": "ada@example.org", "cognito:username": "6f0e-uuid"}
            if is_cognito
            else {"sub": "ada", "preferred_username": "ada", "name": "Ada Lovelace"}
        )
        common = {"iss": self.address + issuer, "iat": now, "exp": now + self.lasts, **names}
        nonce = {"nonce": grant["nonce"]} if is_first or not is_cognito else {}
        audience = {"client_id": form["client_id"]} if is_cognito else {"aud": ["account", tokens.AUDIENCE]}
        refresh = f"refresh-{len(self.asked)}"
        if not is_first and is_cognito:
            # It gives none with a refresh: the first one goes on.
            refresh = form["refresh_token"]
        self.grants[refresh] = grant
        rotated = {} if is_cognito and not is_first else {"refresh_token": refresh}
        return {
            "access_token": tokens.token({**common, **audience, "scope": grant["scope"]}),
            "id_token": tokens.token({**common, "aud": form["client_id"], **nonce}),
            "token_type": "Bearer",
            "expires_in": self.lasts,
            **rotated,
        }


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, *arguments: Any, played: Played) -> None:
        self._played = played
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = dict(parse_qsl(parts.query))
        self._played.asked.append((parts.path, asked))
        discovery = "/.well-known/openid-configuration"
        if parts.path.endswith(discovery):
            self._reply(self._played.status, self._played.discovery(parts.path.removesuffix(discovery)))
        elif parts.path.endswith("/logout"):
            self._sends(asked["post_logout_redirect_uri"])
        else:
            self._sends(self._played.back(self._issuer(parts.path), asked))

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._played.asked.append((self.path, form))
        found = self._played.tokens(self._issuer(self.path), form)
        self._reply(200 if found else 400, found or {"error": "invalid_grant"})

    def _issuer(self, path: str) -> str:
        return KEYCLOAK if path.startswith(KEYCLOAK) else COGNITO

    def _sends(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.end_headers()

    def _reply(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Type", "application/json")
        # As Cognito has it for discovery.
        self.send_header("Cache-Control", "public, max-age=86400" if self.command == "GET" else "no-store")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def played_issuers() -> Iterator[Played]:
    """Both, on free ports."""
    played = Played()
    handler = partial(_Handler, played=played)
    with serving(handler) as port, serving(handler) as other:
        played.address, played.other = (f"http://127.0.0.1:{each}" for each in (port, other))
        yield played
