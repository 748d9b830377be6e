"""A small OpenID Connect issuer for the pages on a developer's machine: everybody is who they say they are.

It signs with the key pair of `make token`, which no other service trusts, answers browsers on this machine
alone, and sends them nowhere but to the pages of its own server.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from quiz_sessions.domain.errors import InvalidInputError
from quiz_sessions.domain.validation import check_id
from session_api.identity import GRADE, PROCTOR, READ_ACTIONS, WRITE_QUIZZES

from .key_pair import MINUTES, KeyPair
from .loopback import host_of, is_loopback

CLIENT_ID: Final = "pages"
FOLDER: Final = "issuer"
SCOPES: Final = {
    PROCTOR: "look after the room",
    GRADE: "mark answers",
    WRITE_QUIZZES: "write quizzes and read their keys",
    READ_ACTIONS: "read what staff have done",
}
_PAGE: Final = re.compile(r"pages/([a-z-]+\.html)?", re.ASCII)
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_CODE_SECONDS: Final = 60
_REFRESH_SECONDS: Final = 24 * 3600
_KINDS: Final = {"authorization_code": "code", "refresh_token": "refresh_token"}
_NO_STORE: Final = {"Cache-Control": "no-store"}

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a code or a refresh token is good for, and until when."""

    redirect_uri: str
    challenge: str
    user: str
    scope: str
    nonce: str | None
    until: float


class Issuer:
    """The routes below /issuer/. Codes and refresh tokens are good once, and end with the process."""

    def __init__(self, keys: KeyPair, clock: Callable[[], float] = time.time) -> None:
        """`clock` counts seconds."""
        self._keys = keys
        self._clock = clock
        self._grants: dict[tuple[str, str], _Grant] = {}
        self.routes = [
            Route(f"/{FOLDER}/.well-known/openid-configuration", _here(self._discovery)),
            Route(f"/{FOLDER}/jwks.json", _here(self._jwks)),
            Route(f"/{FOLDER}/authorize", _here(self._authorize), methods=["GET", "POST"]),
            Route(f"/{FOLDER}/token", _here(self._token), methods=["POST"]),
            Route(f"/{FOLDER}/logout", _here(self._logout)),
        ]

    async def _discovery(self, request: Request) -> Response:
        address = _address(request)
        return JSONResponse(
            {
                "issuer": address,
                "authorization_endpoint": f"{address}/authorize",
                "token_endpoint": f"{address}/token",
                "jwks_uri": f"{address}/jwks.json",
                "end_session_endpoint": f"{address}/logout",
                "response_types_supported": ["code"],
                "grant_types_supported": list(_KINDS),
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", *SCOPES],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _jwks(self, _: Request) -> Response:
        return FileResponse(self._keys.jwks_file, media_type="application/json")

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        redirect_uri = asked.get("redirect_uri", "")
        if asked.get("client_id") != CLIENT_ID or not is_own_page(str(request.base_url), redirect_uri):
            # Whoever asks is not sent on: the address may be anybody's.
            return HTMLResponse(_document("<p>This is for the pages of this server alone.</p>"), 400)

        def back(**said: str) -> Response:
            said |= {"iss": _address(request)} | ({"state": asked["state"]} if "state" in asked else {})
            return RedirectResponse(f"{redirect_uri}?{urlencode(said)}", 303)

        if error := refusal(asked):
            return back(error=error)
        if request.method != "POST":
            return HTMLResponse(_document(picker(asked)))
        form = await _form(request)
        if "refuse" in dict(form):
            return back(error="access_denied")
        user = dict(form).get("user", "").strip()
        try:
            check_id("user", user)
        except InvalidInputError:
            return HTMLResponse(_document(picker(asked, user, "Please say who you are.")), 422)
        scope = " ".join(value for name, value in form if name == "scope" and value in SCOPES)
        grant = _Grant(redirect_uri, asked["code_challenge"], user, scope, asked.get("nonce"), 0.0)
        return back(code=self._secret("authorization_code", grant, _CODE_SECONDS))

    async def _token(self, request: Request) -> Response:
        form = dict(await _form(request))
        kind = form.get("grant_type", "")
        if kind not in _KINDS:
            return _refused("unsupported_grant_type")
        # Good once, whatever comes of it.
        grant = self._grants.pop((kind, form.get(_KINDS[kind], "")), None)
        if grant is None or grant.until <= self._clock() or form.get("client_id") != CLIENT_ID:
            return _refused("invalid_grant")
        if kind == "authorization_code" and (
            form.get("redirect_uri") != grant.redirect_uri
            or challenge_of(form.get("code_verifier", "")) != grant.challenge
        ):
            return _refused("invalid_grant")
        now = int(self._clock())
        claims = {
            "iss": _address(request),
            "aud": CLIENT_ID,
            "sub": grant.user,
            "preferred_username": grant.user,
            "iat": now,
            "exp": now + 60 * MINUTES,
            **({} if grant.nonce is None else {"nonce": grant.nonce}),
        }
        tokens = {
            "access_token": self._keys.token(grant.user, grant.scope or None, MINUTES),
            "token_type": "Bearer",
            "expires_in": 60 * MINUTES,
            "id_token": self._keys.signed(claims),
            "refresh_token": self._secret("refresh_token", grant, _REFRESH_SECONDS),
        }
        return JSONResponse(tokens, headers=_NO_STORE)

    async def _logout(self, request: Request) -> Response:
        to = request.query_params.get("post_logout_redirect_uri", "")
        if is_own_page(str(request.base_url), to):
            return RedirectResponse(to, 303)
        return HTMLResponse(_document("<p>You are signed out.</p>"))

    def _secret(self, kind: str, grant: _Grant, seconds: int) -> str:
        """A new code or refresh token for what `grant` is good for."""
        now, secret = self._clock(), secrets.token_urlsafe(32)
        self._grants = {key: kept for key, kept in self._grants.items() if kept.until > now}
        self._grants[kind, secret] = replace(grant, until=now + seconds)
        return secret


def _here(endpoint: Endpoint) -> Endpoint:
    """For browsers on this machine alone, though the server may be there for others (`--host`).

    By the name in the address too, which may be one that somebody has led here, or that of a proxy.
    """

    async def answer(request: Request) -> Response:
        asked = host_of(request.headers.get("host", ""))
        if request.client and is_loopback(request.client.host) and is_loopback(asked):
            return await endpoint(request)
        return HTMLResponse(_document("<p>This is for browsers on its own machine alone.</p>"), 403)

    return answer


def is_own_page(base_url: str, address: str) -> bool:
    """Whether an address is that of a page, and nothing more, of the server at `base_url`."""
    return address.startswith(base_url) and bool(_PAGE.fullmatch(address.removeprefix(base_url)))


def refusal(asked: Mapping[str, str]) -> str | None:
    """The error of RFC 6749 (4.1.2.1) that a request for authorization gets, if any."""
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if asked.get("code_challenge_method") != "S256":
        return "invalid_request"
    return None if _CHALLENGE.fullmatch(asked.get("code_challenge", "")) else "invalid_request"


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def picker(asked: Mapping[str, str], user: str = "", problem: str = "") -> str:
    """The form that asks who it is, and what staff may do."""
    scopes = asked.get("scope", "").split()
    user = user or asked.get("login_hint", "")
    alert = f'<p class="banner bad" role="alert">{escape(problem)}</p>' if problem else ""
    boxes = "".join(
        f'<label class="row"><input type="checkbox" name="scope" value="{scope}"'
        f"{' checked' if scope in scopes else ''}><span>{what}: <code>{scope}</code></span></label>"
        for scope, what in SCOPES.items()
    )
    # A student's page asks for none of these.
    may = f"<fieldset><legend>You may</legend>{boxes}</fieldset>" if SCOPES.keys() & scopes else ""
    return f"""<form class="card stack" method="post">
{alert}<label>Who are you?<br>
<input name="user" value="{escape(user)}" required maxlength="128" autocomplete="username" autofocus></label>
{may}<div class="row"><button class="main">Sign in</button>
<button name="refuse" value="1" formnovalidate>Do not sign in</button></div>
</form>"""


def _document(content: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Development sign-in</title>
<link rel="icon" href="../pages/common/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="../pages/common/style.css">
<main class="stack">
<h1>Development sign-in</h1>
<p class="banner warn">For development only: here everybody is who they say they are.</p>
{content}
</main>
</html>
"""


def _address(request: Request) -> str:
    return f"{request.base_url}{FOLDER}"


async def _form(request: Request) -> list[tuple[str, str]]:
    return parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True)


def _refused(error: str) -> Response:
    return JSONResponse({"error": error}, 400, headers=_NO_STORE)
