"""What callers are told of slips that everybody makes, word by word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import SessionExpiredError
from tests.harness.builders import SECOND, START
from tests.harness.service import client_of, start

JSON = MappingProxyType({"Content-Type": "application/json"})
PROGRESS = "/sessions/{id}/progress"
NO_TYPE = (
    "A body needs the header Content-Type: application/json, or one that ends with +json, and is in UTF-8. "
    "This one has"
)


class Slip(NamedTuple):
    method: str
    path: str
    status: int
    detail: str
    text: str = ""
    headers: Mapping[str, str] = JSON


SLIPS = [
    Slip("POST", "/sessions/start", 415, f"{NO_TYPE} none.", "{}", {}),
    Slip("POST", "/sessions/start", 415, f"{NO_TYPE} another.", "{}", {"Content-Type": "text/plain"}),
    Slip("GET", "/session", 404, "There is no such path. Did you mean /sessions?"),
    Slip("GET", "/sessions/", 404, "There is no such path. Did you mean /sessions?"),
    Slip("POST", "/api/v1/sessions/start", 404, "There is no such path. Did you mean /sessions/start?"),
    Slip("GET", "/quizes/physics", 404, "There is no such path. Did you mean /quizzes/{quiz_id}?"),
    Slip("PUT", "/sessions/start", 405, "This path has no PUT, but POST."),
    Slip("POST", "/docs", 405, "This path has no POST, but GET, HEAD."),
    Slip("GET", "/wp-login.php", 404, "There is no such path."),
    Slip(
        "POST",
        "/sessions/start",
        400,
        "The body is not a JSON text: Expecting value (line 3, column 13).",
        '{\n "user_id": "u",\n "quiz_id": q}',
    ),
    Slip(
        "POST",
        "/sessions/start",
        400,
        "The body is not a JSON text: an object names a key twice.",
        '{"quiz_id": "q", "quiz_id": "p"}',
    ),
    Slip(
        "POST",
        "/sessions/start",
        422,
        "body.quiz_id: It is missing. body.userid: There is no such member. Did you mean user_id? "
        "body.quizId: There is no such member. Did you mean quiz_id?",
        '{"userid": "u", "quizId": "q"}',
    ),
    Slip("POST", "/sessions/start", 422, "body: It must be an object.", "[]"),
    Slip(
        "PATCH",
        PROGRESS,
        422,
        "body.question_id: It must be at least 0, or a text.",
        '{"question_id":-1,"answer":1}',
    ),
    Slip(
        "PATCH",
        PROGRESS,
        422,
        "body.question: There is no such member. Did you mean question_id?",
        '{"question": 1, "answer": 1}',
    ),
    Slip(
        "PUT",
        "/quizzes/p",
        422,
        "body.time_limit: There is no such member. Did you mean time_limit_seconds?",
        '{"time_limit": 60}',
    ),
    Slip(
        "PUT",
        "/quizzes/p",
        422,
        "closes_at must lie after opens_at.",
        '{"opens_at": "2027-01-02T00:00:00Z", "closes_at": "2027-01-01T00:00:00Z"}',
    ),
    Slip("GET", "/sessions?userid=u", 422, "query.userid: There is no such parameter. Did you mean user_id?"),
    Slip("GET", "/sessions/abc", 422, "path.session_id: It must be a UUID."),
]


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(services) as client:
        yield client


@pytest.mark.parametrize(
    "slip", SLIPS, ids=lambda slip: f"{slip.method} {slip.path} {slip.text[:20]}".strip()
)
async def test_a_slip_is_told_with_what_to_change(
    slip: Slip, client: httpx.AsyncClient, services: Services
) -> None:
    path = slip.path.format(id=await start(services, at=None))
    reply = await client.request(slip.method, path, content=slip.text.encode(), headers=slip.headers)
    assert reply.status_code == slip.status
    assert reply.json()["detail"] == slip.detail


async def test_who_answers_too_late_is_told_what_becomes_of_it(services: Services) -> None:
    session_id = await start(services, at=START)
    over = START + 3600 * SECOND
    with pytest.raises(
        SessionExpiredError, match=r"came too late to count\. Late answers are kept for staff"
    ):
        await services.sessions.update_answers(session_id, {"0": "A"}, at=over)
    with pytest.raises(SessionExpiredError, match="its answers up to the deadline are kept"):
        await services.sessions.complete(session_id, at=over)
