"""Signing in at the pages: by the development issuer, and by issuers as others run them."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from playwright.sync_api import Error, Page, Route, expect

from development_server.key_pair import KeyPair
from tests.harness import tokens
from tests.harness.issuers import CLIENT_ID, COGNITO, KEYCLOAK, Played, played_issuers
from tests.harness.launch import DevelopmentServer, development_server

from .conftest import NAME, NEEDS_CHROMIUM
from .screens import looked_at
from .students import TEXT, eventually, is_safe, put, state, told

pytestmark = NEEDS_CHROMIUM

Visitor = Callable[[], Page]
STUDENT = "pages/student.html"
TAKING = f"{STUDENT}?quiz=physics"
CONSOLE = "pages/console.html"
OURS = "quiz-sessions/login/"
MAP = "proctors=sessions:proctor"
_LOADED = """async (role) => {
  const [{ readConfig }, { whoIsIt }] = await Promise.all(
    ["config", "login"].map((name) => import(new URL(`common/${name}.js`, location.href))));
  window.config = await readConfig();
  window.login = await whoIsIt(config, role);
}"""
_OPENED = """async (quizId) => {
  const { openQuiz } = await import(new URL("../browser/quiz-sessions.js", location.href));
  window.told = [];
  window.quiz = await openQuiz({ baseUrl: config.api, quizId, token: login.token });
  quiz.on("login", (detail) => told.push(["login", detail]));
}"""
_CHANGED = """(changes) => {
  for (const key of Object.keys(sessionStorage).filter((key) => key.startsWith("quiz-sessions/login/"))) {
    const kept = JSON.parse(sessionStorage[key]);
    if (kept?.access) sessionStorage[key] = JSON.stringify({ ...kept, ...changes });
  }
}"""


@pytest.fixture(scope="module")
def own() -> Iterator[DevelopmentServer]:
    """A service with an issuer of its own, behind a path."""
    environment = {"AUTH_MODE": "jwt", "UNKNOWN_QUIZZES": "accept", "BASE_PATH": "/exams"}
    with _server(environment) as server:
        yield server


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with played_issuers() as found:
        yield found


@pytest.fixture(scope="module")
def foreign(played: Played) -> Iterator[DevelopmentServer]:
    """A service that takes tokens of a realm of Keycloak."""
    environment = {
        "AUTH_MODE": "jwt",
        "UNKNOWN_QUIZZES": "accept",
        "JWT_ISSUER": played.address + KEYCLOAK,
        "JWT_AUDIENCE": tokens.AUDIENCE,
        "JWT_SCOPE_CLAIMS": "realm_access.roles",
        "JWT_SCOPE_MAP": MAP,
        "LOGIN_CLIENT_ID": CLIENT_ID,
        "LOGIN_STAFF_SCOPE": "openid",
    }
    with _server(environment) as server:
        yield server


@pytest.fixture(scope="module")
def pool(played: Played) -> Iterator[DevelopmentServer]:
    """A service that takes tokens of a user pool of Cognito."""
    environment = {
        "AUTH_MODE": "jwt",
        "UNKNOWN_QUIZZES": "accept",
        "JWT_ISSUER": played.address + COGNITO,
        "JWT_AUDIENCE": CLIENT_ID,
        "JWT_SCOPE_CLAIMS": "cognito:groups",
        "JWT_SCOPE_MAP": MAP,
        "LOGIN_CLIENT_ID": CLIENT_ID,
        "LOGIN_STAFF_SCOPE": "openid email",
        "LOGIN_ORIGINS": played.other,
    }
    with _server(environment) as server:
        yield server


@pytest.fixture
def issuers(played: Played) -> Played:
    """As they are at first."""
    played.begin_anew()
    return played


@contextmanager
def _server(environment: dict[str, str]) -> Iterator[DevelopmentServer]:
    with (
        tempfile.TemporaryDirectory() as name,
        development_server(Path(name), environment=environment) as server,
    ):
        yield server


def exams(server: DevelopmentServer, path: str) -> str:
    return f"{server.address}/exams/{path}"


def ours(page: Page) -> dict[str, str]:
    """What a tab keeps of its sign-in."""
    found = page.evaluate("Object.entries(sessionStorage)")
    return {key: value for key, value in found if key.startswith(OURS)}


def kept(page: Page) -> dict[str, Any]:
    """The tokens of a tab that has those of one role."""
    (text,) = (value for value in ours(page).values() if "access" in value)
    return dict(json.loads(text))


def claims(page: Page) -> dict[str, Any]:
    return dict(jwt.decode(kept(page)["access"], options={"verify_signature": False}))


def signs_in(page: Page, address: str, user: str = "ada") -> None:
    """As a person does, by the picker."""
    page.goto(address)
    page.get_by_role("button", name="Sign in").click()
    picks(page, user)
    is_back(page, address)


def is_back(page: Page, address: str) -> None:
    """The tab is at the page again, and has its tokens."""
    page.wait_for_url(address)
    eventually(lambda: has_tokens(page))
    expect(page.locator("[data-login]")).to_have_count(0)


def has_tokens(page: Page) -> bool:
    # The page may be on its way.
    with suppress(Error):
        return any("access" in value for value in ours(page).values())
    return False


def picks(page: Page, user: str) -> None:
    page.get_by_label("Who are you?").fill(user)
    page.get_by_role("button", name="Sign in", exact=True).click()


def is_signed_in_as(page: Page, name: str) -> None:
    """The first page says so."""
    before = page.url
    # Behind a path or not: beside this one.
    page.goto(page.evaluate("new URL('./', location.href).href"))
    expect(page.get_by_text(f"Signed in as {name}.")).to_be_visible()
    page.goto(before)


def has_login(page: Page, server: DevelopmentServer, role: str = "student") -> None:
    """The tab is at a page that takes no quiz itself, with `login` for scripts."""
    page.goto(f"{server.address}/pages/index.html")
    page.evaluate(_LOADED, role)


def says(page: Page, text: str) -> None:
    expect(page.locator("[data-login=oidc]").get_by_role("alert")).to_contain_text(text)


# By the development issuer


def test_a_student_signs_in_and_is_where_they_were(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    address = exams(own, f"{STUDENT}?quiz=a+b%26c#q/2")
    page.goto(address)
    button = page.get_by_role("button", name="Sign in")
    expect(button).to_be_visible()
    looked_at(page, "login-student")
    button.click()
    expect(page.get_by_text("For development only")).to_be_visible()
    expect(page.get_by_label("Who are you?")).to_be_focused()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    looked_at(page, "login-picker-student")
    picks(page, "ada")
    is_back(page, address)
    is_signed_in_as(page, "ada")
    assert (claims(page)["sub"], claims(page).get("scope")) == ("ada", None)


def test_nothing_of_a_sign_in_stays_in_the_address_or_the_tab(
    new_visitor: Visitor, own: DevelopmentServer
) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    assert "code" not in page.url
    assert len(ours(page)) == 1
    assert OURS not in page.evaluate("Object.keys(localStorage).join()")
    assert page.evaluate("document.cookie") == ""


def test_staff_pick_what_they_may_do(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    page.goto(exams(own, CONSOLE))
    page.get_by_role("button", name="Sign in").click()
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(4)
    for box in boxes.all():
        expect(box).to_be_checked()
    looked_at(page, "login-picker-staff")
    page.get_by_label("audit:read").uncheck()
    page.get_by_label("quizzes:write").uncheck()
    picks(page, "Grace Hopper")
    is_back(page, exams(own, CONSOLE))
    assert claims(page)["scope"] == "sessions:proctor sessions:grade"
    is_signed_in_as(page, "Grace Hopper")


def test_the_keyboard_is_enough(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    page.goto(exams(own, CONSOLE))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Who are you?")).to_be_focused()
    page.keyboard.type("grace")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    is_back(page, exams(own, CONSOLE))
    assert "sessions:proctor" not in claims(page)["scope"]


def test_who_is_nobody_is_asked_again(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    page.goto(exams(own, TAKING))
    page.get_by_role("button", name="Sign in").click()
    picks(page, "   ")
    expect(page.get_by_role("alert")).to_be_visible()
    looked_at(page, "login-picker-nobody")
    picks(page, "ada")
    is_back(page, exams(own, TAKING))


def test_who_calls_it_off_is_told_so_and_may_try_again(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    page.goto(exams(own, f"{STUDENT}?quiz=a"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Do not sign in").click()
    page.wait_for_url(exams(own, f"{STUDENT}?quiz=a"))
    says(page, "You were not signed in")
    looked_at(page, "login-refused")
    page.get_by_role("button", name="Sign in").click()
    picks(page, "ada")
    is_back(page, exams(own, f"{STUDENT}?quiz=a"))


@pytest.mark.parametrize("query", ["code=x&state=y", "error=access_denied&error_description=Call+me&state=y"])
def test_what_nobody_asked_for_is_not_used(new_visitor: Visitor, own: DevelopmentServer, query: str) -> None:
    page = new_visitor()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/issuer/" in request.url else None)
    page.goto(exams(own, f"{CONSOLE}?{query}"))
    says(page, "was not begun in this tab")
    assert "Call me" not in page.content()
    assert page.url == exams(own, CONSOLE)
    assert asked == []
    looked_at(page, "login-forged")


def test_another_ones_code_signs_nobody_in(new_visitor: Visitor, own: DevelopmentServer) -> None:
    attacker, victim = new_visitor(), new_visitor()
    attacker.goto(exams(own, CONSOLE))
    attacker.get_by_role("button", name="Sign in").click()
    expect(attacker.get_by_label("Who are you?")).to_be_visible()
    caught = httpx.post(attacker.url, data={"user": "mallory"}).headers["Location"]
    # Even one who is about to sign in.
    victim.goto(exams(own, CONSOLE))
    victim.get_by_role("button", name="Sign in").click()
    expect(victim.get_by_label("Who are you?")).to_be_visible()
    victim.goto(caught)
    says(victim, "was not begun in this tab")


def test_what_is_forged_signs_nobody_out(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, f"{STUDENT}?code=x&state=y"))
    page.wait_for_url(exams(own, STUDENT))
    is_signed_in_as(page, "ada")


def test_a_reload_changes_nothing(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    before = kept(page)
    page.reload()
    expect(page.locator("[data-login]")).to_have_count(0)
    assert kept(page) == before


def test_each_tab_has_a_user_of_its_own(new_visitor: Visitor, own: DevelopmentServer) -> None:
    first = new_visitor()
    signs_in(first, exams(own, TAKING), "ada")
    second = first.context.new_page()
    signs_in(second, exams(own, TAKING), "ben")
    for page, user in ((first, "ada"), (second, "ben")):
        page.reload()
        is_signed_in_as(page, user)
        assert claims(page)["sub"] == user


def test_students_and_staff_of_one_tab_are_apart(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING), "ada")
    page.goto(exams(own, CONSOLE))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_who_leaves_is_forgotten(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, "pages/"))
    looked_at(page, "landing-signed-in-by-issuer")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(exams(own, STUDENT))
    assert ours(page) == {}
    page.goto(exams(own, TAKING))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_token_that_ends_in_an_exam_is_replaced_and_nothing_is_lost(
    new_visitor: Visitor, own: DevelopmentServer
) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, "pages/index.html?x=1#y"))
    page.evaluate(_LOADED, "student")
    page.evaluate(_OPENED, "ends")
    ended = KeyPair(own.data).token("ada", None, minutes=-60)
    page.evaluate(_CHANGED, {"access": ended, "refresh": None, "endsAt": 0})
    put(page, "essay", TEXT)
    eventually(lambda: told(page, "login"))
    assert state(page) == "unsent"
    page.evaluate("void login.again()")
    # Who it is does not have to be typed again.
    expect(page.get_by_label("Who are you?")).to_have_value("ada")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(exams(own, "pages/index.html?x=1#y"))
    expect(page.get_by_text("Signed in as ada.")).to_be_visible()
    page.evaluate(_LOADED, "student")
    page.evaluate(_OPENED, "ends")
    assert page.evaluate("quiz.answer('essay')") == TEXT
    eventually(lambda: is_safe(page))
    assert page.evaluate("quiz.handIn().then(({ status }) => status)") == "completed"


def test_a_token_is_renewed_before_it_ends(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, "pages/"))
    page.evaluate(_LOADED, "student")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/issuer/token" in request.url else None)
    before = kept(page)
    assert page.evaluate("login.token()") == before["access"]
    assert asked == []
    now = int(time.time() * 1000)
    page.evaluate(_CHANGED, {"renewAt": now - 1, "endsAt": now + 59_000})
    # As long as it is good, nobody waits; and one request is enough for all.
    given = page.evaluate("Promise.all([login.token(), login.token(), login.token()])")
    assert given == [before["access"]] * 3
    eventually(lambda: kept(page)["refresh"] != before["refresh"])
    assert len(asked) == 1
    assert kept(page)["endsAt"] > now + 3_000_000
    assert kept(page)["name"] == "ada"


def test_who_comes_after_its_end_waits_for_the_next_one(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, "pages/"))
    page.evaluate(_LOADED, "student")
    ended = KeyPair(own.data).token("ada", None, minutes=-60)
    page.evaluate(_CHANGED, {"access": ended, "renewAt": 0, "endsAt": 0})
    first, second = page.evaluate("Promise.all([login.token(), login.token()])")
    assert first == second == kept(page)["access"] != ended


def test_the_old_token_stays_where_there_is_no_new_one(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, "pages/"))
    page.evaluate(_LOADED, "student")
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route("**/issuer/**", fail)
    page.evaluate(_CHANGED, {"renewAt": 0, "endsAt": 0})
    before = kept(page)
    assert [page.evaluate("login.token()") for _ in range(3)] == [before["access"]] * 3
    # Not with each request.
    assert len(asked) == 1
    assert kept(page)["refresh"] == before["refresh"]


def test_a_refresh_token_that_is_refused_is_not_tried_again(
    new_visitor: Visitor, own: DevelopmentServer
) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, "pages/"))
    page.evaluate(_LOADED, "student")
    page.evaluate(_CHANGED, {"refresh": "used", "renewAt": 0, "endsAt": 0})
    before = kept(page)["access"]
    assert page.evaluate("login.token()") == before
    assert "refresh" not in kept(page)


def test_an_end_without_network_keeps_what_the_device_has(
    new_visitor: Visitor, own: DevelopmentServer
) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, "pages/"))
    page.evaluate(_CHANGED, {"refresh": None, "endsAt": 0})
    page.evaluate(_LOADED, "student")
    assert page.evaluate("login") is None
    page.route("**/issuer/**", lambda route: route.abort())
    page.evaluate(_LOADED, "student")
    assert page.evaluate("login.name") == "ada"


def test_while_the_issuer_is_away_the_page_stays(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    page.route("**/issuer/**", lambda route: route.abort())
    page.goto(exams(own, f"{STUDENT}?quiz=a"))
    page.get_by_role("button", name="Sign in").click()
    says(page, "can’t be reached")
    assert page.url == exams(own, f"{STUDENT}?quiz=a")
    looked_at(page, "login-issuer-away")
    page.unroute("**/issuer/**")
    page.get_by_role("button", name="Sign in").click()
    picks(page, "ada")
    is_back(page, exams(own, f"{STUDENT}?quiz=a"))


def test_who_signs_in_again_while_the_issuer_is_away_stays(
    new_visitor: Visitor, own: DevelopmentServer
) -> None:
    page = new_visitor()
    signs_in(page, exams(own, TAKING))
    page.goto(exams(own, "pages/"))
    page.evaluate(_LOADED, "student")
    page.route("**/issuer/**", lambda route: route.abort())
    button = page.get_by_role("link", name="The API")
    button.focus()
    page.evaluate("login.again()")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("can’t be reached")
    looked_at(page, "login-again-issuer-away")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    page.evaluate("login.again()")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_who_goes_back_from_the_issuer_can_go_there_again(
    new_visitor: Visitor, own: DevelopmentServer
) -> None:
    page = new_visitor()
    page.goto(exams(own, TAKING))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Who are you?")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Sign in").click()
    picks(page, "ada")
    is_back(page, exams(own, TAKING))


def test_a_code_that_is_used_a_second_time_is_told_in_words(
    new_visitor: Visitor, own: DevelopmentServer
) -> None:
    page = new_visitor()

    def use_up(route: Route) -> None:
        route.fetch()
        route.continue_()

    page.route("**/issuer/token", use_up)
    page.goto(exams(own, TAKING))
    page.get_by_role("button", name="Sign in").click()
    picks(page, "ada")
    says(page, "took too long, or was used before")


def test_a_browser_without_storage_is_told_so(new_visitor: Visitor, own: DevelopmentServer) -> None:
    page = new_visitor()
    page.add_init_script(
        """Object.defineProperty(window, "sessionStorage", { get() { throw new Error(); } })"""
    )
    page.goto(exams(own, TAKING))
    page.get_by_role("button", name="Sign in").click()
    says(page, "needs storage")


def test_a_page_that_came_by_plain_http_says_what_is_missing(
    new_visitor: Visitor, own: DevelopmentServer
) -> None:
    page = new_visitor()
    page.goto(f"http://{NAME}:{own.port}/exams/{TAKING}")
    page.get_by_role("button", name="Sign in").click()
    says(page, "begins with https")


def test_a_clock_that_is_wrong_keeps_nobody_out(new_visitor: Visitor, own: DevelopmentServer) -> None:
    for hours in (-13, 13):
        page = new_visitor()
        page.add_init_script(
            f"const now = Date.now.bind(Date); Date.now = () => now() + {hours * 3_600_000};"
            "const New = Date; globalThis.Date = new Proxy(New, {"
            "construct: (_, given) => given.length ? new New(...given) : new New(New.now()) });"
        )
        signs_in(page, exams(own, TAKING))
        expect(page.locator("[data-login]")).to_have_count(0)
        is_signed_in_as(page, "ada")


# By issuers as others run them


def test_keycloak(new_visitor: Visitor, foreign: DevelopmentServer, issuers: Played) -> None:
    page = new_visitor()
    page.goto(f"{foreign.address}/{STUDENT}?quiz=a")
    page.get_by_role("button", name="Sign in").click()
    is_back(page, f"{foreign.address}/{STUDENT}?quiz=a")
    (asked,) = issuers.of(f"{KEYCLOAK}/protocol/openid-connect/auth")
    assert asked["redirect_uri"] == f"{foreign.address}/{STUDENT}"
    assert (asked["code_challenge_method"], asked["scope"]) == ("S256", "openid")
    (form,) = issuers.of(f"{KEYCLOAK}/protocol/openid-connect/token")
    assert "client_secret" not in form
    is_signed_in_as(page, "Ada Lovelace")
    has_login(page, foreign)
    page.evaluate(_OPENED, "keycloak")
    assert page.evaluate("quiz.session.user_id") == "ada"
    first = kept(page)
    page.evaluate(_CHANGED, {"renewAt": 0, "endsAt": 0})
    page.evaluate("login.token()")
    assert kept(page)["refresh"] != first["refresh"]
    page.evaluate("login.leave()")
    eventually(lambda: issuers.of(f"{KEYCLOAK}/protocol/openid-connect/logout"))
    (ended,) = issuers.of(f"{KEYCLOAK}/protocol/openid-connect/logout")
    # The first page is none that the issuer knows.
    page.wait_for_url(f"{foreign.address}/{STUDENT}")
    assert ended["post_logout_redirect_uri"] == ended["logout_uri"] == f"{foreign.address}/{STUDENT}"
    assert ended["client_id"] == CLIENT_ID
    assert ended["id_token_hint"]


def status_of(page: Page, path: str) -> int:
    """What the API says to the token that the page has."""
    script = """async (path) => {
      const headers = { Authorization: `Bearer ${await login.token()}` };
      return (await fetch(config.api + path, { headers })).status;
    }"""
    return int(page.evaluate(script, path))


@pytest.mark.parametrize(("roles", "status"), [((), 403), (("proctors",), 200)])
def test_a_role_at_keycloak_makes_staff(
    new_visitor: Visitor,
    foreign: DevelopmentServer,
    issuers: Played,
    roles: tuple[str, ...],
    status: int,
) -> None:
    issuers.roles = roles
    page = new_visitor()
    page.goto(f"{foreign.address}/{CONSOLE}")
    page.get_by_role("button", name="Sign in").click()
    is_back(page, f"{foreign.address}/{CONSOLE}")
    has_login(page, foreign, "staff")
    assert status_of(page, "/accommodations") == status


def test_cognito(new_visitor: Visitor, pool: DevelopmentServer, issuers: Played) -> None:
    issuers.roles = ("proctors",)
    page = new_visitor()
    page.goto(f"{pool.address}/{CONSOLE}")
    page.get_by_role("button", name="Sign in").click()
    is_back(page, f"{pool.address}/{CONSOLE}")
    (asked,) = issuers.of("/oauth2/authorize")
    assert asked["scope"] == "openid email"
    is_signed_in_as(page, "ada@example.org")
    has_login(page, pool, "staff")
    assert status_of(page, "/accommodations") == 200
    first = kept(page)
    page.evaluate(_CHANGED, {"renewAt": 0, "endsAt": 0})
    assert page.evaluate("login.token()") == kept(page)["access"]
    # It goes on with the one that it has.
    assert kept(page)["refresh"] == first["refresh"]
    assert kept(page)["endsAt"] > first["from"]
    page.evaluate("login.leave()")
    page.wait_for_url(f"{pool.address}/{CONSOLE}")
    (ended,) = issuers.of("/logout")
    assert (ended["client_id"], ended["logout_uri"]) == (CLIENT_ID, f"{pool.address}/{CONSOLE}")


def test_who_leaves_an_issuer_that_ends_no_sessions_is_asked_the_next_time(
    new_visitor: Visitor, pool: DevelopmentServer, issuers: Played
) -> None:
    issuers.ends_sessions = False
    page = new_visitor()
    page.goto(f"{pool.address}/{CONSOLE}")
    page.get_by_role("button", name="Sign in").click()
    is_back(page, f"{pool.address}/{CONSOLE}")
    has_login(page, pool, "staff")
    with page.expect_navigation():
        page.evaluate("login.leave()")
    expect(page.get_by_text("Signed in as")).to_have_count(0)
    page.goto(f"{pool.address}/{CONSOLE}")
    page.get_by_role("button", name="Sign in").click()
    is_back(page, f"{pool.address}/{CONSOLE}")
    assert [each.get("prompt") for each in issuers.of("/oauth2/authorize")] == [None, "login"]


def test_tokens_that_are_good_for_a_short_time_are_not_asked_for_with_each_request(
    new_visitor: Visitor, foreign: DevelopmentServer, issuers: Played
) -> None:
    issuers.lasts = 60
    page = new_visitor()
    page.goto(f"{foreign.address}/{TAKING}")
    page.get_by_role("button", name="Sign in").click()
    is_back(page, f"{foreign.address}/{TAKING}")
    has_login(page, foreign)
    assert [page.evaluate("login.token()") for _ in range(3)] == [kept(page)["access"]] * 3
    assert len(issuers.of(f"{KEYCLOAK}/protocol/openid-connect/token")) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"error": "access_denied", "error_description": "no such user"}, "You were not signed in"),
        ({"error": "invalid_scope", "error_description": "Invalid scopes"}, "refused: Invalid scopes"),
        ({"error": "temporarily_unavailable"}, "refused: temporarily_unavailable"),
    ],
)
def test_what_the_issuer_refuses_is_told_in_words(
    new_visitor: Visitor, foreign: DevelopmentServer, issuers: Played, error: dict[str, str], words: str
) -> None:
    issuers.error = error
    page = new_visitor()
    page.goto(f"{foreign.address}/{TAKING}")
    page.get_by_role("button", name="Sign in").click()
    says(page, words)
    issuers.error = {}
    page.get_by_role("button", name="Sign in").click()
    is_back(page, f"{foreign.address}/{TAKING}")


def test_an_issuer_that_says_nothing_of_use_is_told_in_words(
    new_visitor: Visitor, foreign: DevelopmentServer, issuers: Played
) -> None:
    issuers.status = 500
    page = new_visitor()
    page.goto(f"{foreign.address}/{TAKING}")
    page.get_by_role("button", name="Sign in").click()
    says(page, "can’t be used")


def test_what_was_known_of_an_issuer_does_not_say_that_it_is_there(
    new_visitor: Visitor, foreign: DevelopmentServer, issuers: Played
) -> None:
    page = new_visitor()
    page.goto(f"{foreign.address}/{TAKING}")
    page.get_by_role("button", name="Sign in").click()
    is_back(page, f"{foreign.address}/{TAKING}")
    has_login(page, foreign)
    page.evaluate(_CHANGED, {"renewAt": 0, "endsAt": 0})
    page.evaluate("login.token()")
    issuers.status = 500
    page.evaluate("login.again()")
    expect(page.get_by_role("dialog")).to_contain_text("can’t be used")
    assert page.url == f"{foreign.address}/pages/index.html"


def test_an_answer_in_the_name_of_another_issuer_is_not_used(
    new_visitor: Visitor, foreign: DevelopmentServer, issuers: Played
) -> None:
    issuers.error = {"code": "code-0", "iss": "https://evil.example"}
    page = new_visitor()
    page.goto(f"{foreign.address}/{TAKING}")
    page.route("**/token", lambda route: route.abort())
    page.route(
        "**/auth?*",
        lambda route: route.fulfill(
            status=302,
            headers={
                "Location": route.fetch(max_redirects=0).headers["location"].replace("%2Frealms", "%2Fx")
            },
        ),
    )
    page.get_by_role("button", name="Sign in").click()
    says(page, "can’t be used")
    assert issuers.of(f"{KEYCLOAK}/protocol/openid-connect/token") == []


def test_pages_that_know_no_client_id_say_so(new_visitor: Visitor, foreign: DevelopmentServer) -> None:
    page = new_visitor()

    def without(route: Route) -> None:
        config = route.fetch().json()
        config["login"]["clientId"] = None
        route.fulfill(json=config)

    page.route("**/config.json", without)
    page.goto(f"{foreign.address}/{TAKING}")
    page.get_by_role("button", name="Sign in").click()
    says(page, "not set up here")
    looked_at(page, "login-not-set-up")
