"""Keycloak and Amazon Cognito, as far as a page and a service meet them: what they publish, sign and ask."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from development_server.issuer import challenge_of

from . import tokens
from .web_server import serving

CLIENT_ID = "3f9c pages"
KEYCLOAK = "/realms/exams"
COGNITO = "/eu-central-1_Qq1Zz"
DISCOVERY = "/.well-known/openid-configuration"
JWKS = {KEYCLOAK: f"{KEYCLOAK}/protocol/openid-connect/certs", COGNITO: f"{COGNITO}/.well-known/jwks.json"}
"""Where the keys of each are."""


@dataclass
class Played:
    """Both issuers. Who asks is Ada, and signed in there already.

    Attributes:
        address: where they answer; `other` is where Cognito's domain does.
        asked: each request: its path, and its query or form.
        error: what a request for authorization gets instead of a code.
        lasts: how long a token is good, in seconds.
        roles: Ada's, of the realm; at Cognito her groups.
        keys: the keys that are published, by kid; the last one signs.
        ends_sessions: whether Cognito says where its sessions end; it did not before 2024.
    """

    address: str = ""
    other: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    error: dict[str, str] = field(default_factory=dict)
    lasts: int = 300
    status: int = 200
    roles: tuple[str, ...] = ()
    keys: dict[str, tokens.PrivateKey] = field(default_factory=lambda: {"first": tokens.rsa_key()})
    ends_sessions: bool = True
    grants: dict[str, dict[str, str]] = field(default_factory=dict)

    def begin_anew(self) -> None:
        """As at first."""
        self.asked.clear()
        self.error, self.lasts, self.status, self.roles = {}, 300, 200, ()
        self.keys, self.ends_sessions = {"first": tokens.rsa_key()}, True

    def of(self, path: str) -> list[dict[str, str]]:
        """What was asked at a path, in order."""
        return [asked for at, asked in self.asked if at == path]

    def discovery(self, issuer: str) -> dict[str, Any]:
        """What they say of themselves."""
        common = {
            "issuer": self.address + issuer,
            "jwks_uri": self.address + JWKS[issuer],
            "subject_types_supported": ["public"],
        }
        return common | (self._of_cognito() if issuer == COGNITO else self._of_keycloak())

    def _of_cognito(self) -> dict[str, Any]:
        # No code_challenge_methods_supported, and tokens at another host.
        end = {"end_session_endpoint": f"{self.other}/logout"} if self.ends_sessions else {}
        return end | {
            "authorization_endpoint": f"{self.other}/oauth2/authorize",
            "token_endpoint": f"{self.other}/oauth2/token",
            "userinfo_endpoint": f"{self.other}/oauth2/userInfo",
            "revocation_endpoint": f"{self.other}/oauth2/revoke",
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }

    def _of_keycloak(self) -> dict[str, Any]:
        protocol = f"{self.address}{KEYCLOAK}/protocol/openid-connect"
        return {
            "authorization_endpoint": f"{protocol}/auth",
            "token_endpoint": f"{protocol}/token",
            "introspection_endpoint": f"{protocol}/token/introspect",
            "userinfo_endpoint": f"{protocol}/userinfo",
            "end_session_endpoint": f"{protocol}/logout",
            "check_session_iframe": f"{protocol}/login-status-iframe.html",
            "revocation_endpoint": f"{protocol}/revoke",
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "response_types_supported": ["code", "none", "id_token", "token", "id_token token", "code token"],
            "response_modes_supported": ["query", "fragment", "form_post", "query.jwt"],
            "id_token_signing_alg_values_supported": ["PS256", "ES256", "RS256", "HS256", "EdDSA"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
            "scopes_supported": ["openid", "profile", "email", "roles", "web-origins", "acr", "basic"],
            "claims_parameter_supported": True,
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": True,
            "mtls_endpoint_aliases": {"token_endpoint": f"{protocol}/token"},
        }

    def jwks(self, issuer: str) -> dict[str, Any]:
        """The keys that they publish; Keycloak's beside one that signs nothing."""
        fields: dict[str, Any] = {"alg": "RS256", "use": "sig"}
        found = [tokens.jwk(key, kid=kid, **fields) for kid, key in self.keys.items()]
        if issuer == KEYCLOAK:
            of_encryption = {"kid": "enc", "alg": "RSA-OAEP", "use": "enc", "x5c": ["MIIC"], "x5t": "x"}
            found.append(tokens.jwk(tokens.rsa_key(), **of_encryption))
        return {"keys": found}

    def access_token(self, issuer: str, changes: Mapping[str, object]) -> str:
        """A token for the API, as they make it but for `changes`; None takes a claim away."""
        now = int(time.time())
        common = {"iss": self.address + issuer, "iat": now, "exp": now + self.lasts, "scope": "openid"}
        own = self._cognito_claims() if issuer == COGNITO else self._keycloak_claims()
        claims = {name: value for name, value in {**common, **own, **changes}.items() if value is not None}
        kid, key = list(self.keys.items())[-1]
        return tokens.token(claims, key=key, kid=kid)

    def _cognito_claims(self) -> dict[str, Any]:
        # No aud. Who is in no group has no claim of them.
        groups = {"cognito:groups": list(self.roles)} if self.roles else {}
        return groups | {
            "sub": "6f0e-uuid",
            "client_id": CLIENT_ID,
            "username": "6f0e-uuid",
            "token_use": "access",
            "version": 2,
            "jti": "9c3a",
            "origin_jti": "1b2d",
        }

    def _keycloak_claims(self) -> dict[str, Any]:
        return {
            "sub": "ada",
            # Of its client scope roles, and of the mapper that the document has for the audience.
            "aud": [tokens.AUDIENCE, "account"],
            "typ": "Bearer",
            "azp": CLIENT_ID,
            "sid": "7d1c",
            "acr": "1",
            "allowed-origins": ["http://127.0.0.1:8002"],
            "realm_access": {"roles": ["default-roles-exams", "offline_access", *self.roles]},
            "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
            "preferred_username": "ada",
            "name": "Ada Lovelace",
            "email_verified": True,
            "jti": "onrtac:5e9f",
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
        refresh = f"refresh-{len(self.asked)}"
        if not is_first and is_cognito:
            # It gives none with a refresh: the first one goes on.
            refresh = form["refresh_token"]
        self.grants[refresh] = grant
        rotated = {} if is_cognito and not is_first else {"refresh_token": refresh}
        return {
            "access_token": self.access_token(issuer, {"scope": grant["scope"]}),
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
        played = self._played
        parts = urlsplit(self.path)
        asked = dict(parse_qsl(parts.query))
        played.asked.append((parts.path, asked))
        issuer = self._issuer(parts.path)
        if parts.path.endswith(DISCOVERY):
            self._reply(played.status, played.discovery(parts.path.removesuffix(DISCOVERY)))
        elif parts.path == JWKS[issuer]:
            self._reply(played.status, played.jwks(issuer))
        elif parts.path == "/logout":
            # Of Cognito, which knows no post_logout_redirect_uri.
            self._sends(asked["logout_uri"])
        elif parts.path.endswith("/logout"):
            self._sends(asked["post_logout_redirect_uri"])
        else:
            self._sends(played.back(issuer, asked))

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
