"""A lost reply, to COMMIT and to single statements."""

from __future__ import annotations

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.timestamps import iso
from quiz_sessions.runtime.clock import current_micros
from tests.faults.conftest import Api, assert_try_again, eventually, start
from tests.faults.database.conftest import EXTRA, MORE, QUIZ, prepared
from tests.harness.builders import SECOND
from tests.harness.proxy import Loss, Proxy
from tests.harness.stores import Servers


@pytest.mark.parametrize("loss", Loss)
async def test_a_new_quiz_is_registered_once(api: Api, proxy: Proxy, loss: Loss) -> None:
    proxy.lose(b"COMMIT", loss)
    response = await api("PUT", "/quizzes/quiz1", QUIZ)
    assert proxy.rules == []
    assert (response.status_code, response.json()["revision"]) == (201, 1)


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_is_changed_once_and_its_attempts_follow(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    proxy.lose(b"COMMIT", loss)
    response = await api("PUT", "/quizzes/quiz1", {**QUIZ, "time_limit_seconds": 7200})
    assert proxy.rules == []
    assert (response.status_code, response.json()["revision"], response.json()["rescheduled"]) == (200, 2, 1)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "rescheduled"]
    assert (await api.read(session_id)).json()["expires_at"] == iso(servers.row(session_id)["expires_at"])


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_is_patched_once_and_says_what_that_did(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    former = iso(servers.row(session_id)["expires_at"])
    proxy.lose(b"COMMIT", loss)
    reply = (await api("PATCH", "/quizzes/quiz1", {"time_limit_seconds": 7200})).json()
    assert proxy.rules == []
    assert (reply["revision"], reply["changed"]["count"]) == (2, 1)
    moved = {"before": former, "after": iso(servers.row(session_id)["expires_at"])}
    assert reply["moved"] == {"count": 1, "deadlines": [{"session_id": str(session_id), **moved}]}


@pytest.mark.parametrize("loss", Loss)
async def test_a_dry_run_whose_reply_is_lost_stores_nothing(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    before = servers.row(session_id)
    proxy.lose(b"ROLLBACK", loss)
    reply = (await api("PATCH", "/quizzes/quiz1?dry_run=true", {"time_limit_seconds": 7200})).json()
    assert proxy.rules == []
    assert (reply["revision"], reply["moved"]["count"]) == (2, 1)
    assert servers.row(session_id) == before
    assert (await api("GET", "/quizzes/quiz1")).json()["revision"] == 1


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_that_was_changed_twice_by_one_person_has_two_more_revisions(
    api: Api, proxy: Proxy, loss: Loss
) -> None:
    await api("PUT", "/quizzes/quiz1", QUIZ)
    await api("PUT", "/quizzes/quiz1", QUIZ)
    proxy.lose(b"COMMIT", loss)
    assert (await api("PUT", "/quizzes/quiz1", QUIZ)).json()["revision"] == 3


@pytest.mark.parametrize("loss", Loss)
async def test_extra_time_is_given_once_and_shown_at_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(services.sessions)
    proxy.lose(b"COMMIT", loss)
    response = await api("PUT", "/quizzes/quiz1/accommodations/user1", EXTRA)
    assert proxy.rules == []
    assert (response.status_code, response.json()["extra_seconds"]) == (200, 600)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "rescheduled"]
    assert (await api.read(session_id)).json()["expires_at"] == iso(servers.row(session_id)["expires_at"])


@pytest.mark.parametrize("loss", Loss)
async def test_extra_time_is_taken_back_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    proxy.lose(b"COMMIT", loss)
    response = await api("DELETE", "/quizzes/quiz1/accommodations/user1")
    assert proxy.rules == []
    assert response.status_code == 204
    assert [event["type"] for event in servers.events(session_id)] == ["started", "rescheduled"]
    assert (await api.read(session_id)).json()["expires_at"] == iso(servers.row(session_id)["expires_at"])


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_is_deleted_once(api: Api, proxy: Proxy, loss: Loss) -> None:
    await api("PUT", "/quizzes/quiz1", QUIZ)
    proxy.lose(b"COMMIT", loss)
    assert (await api("DELETE", "/quizzes/quiz1")).status_code == 204
    assert proxy.rules == []
    assert (await api("GET", "/quizzes/quiz1")).status_code == 404


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("path", ["/quizzes/quiz1", "/quizzes/quiz1/accommodations/user1"])
async def test_what_was_not_there_to_be_deleted_is_404(api: Api, proxy: Proxy, path: str, loss: Loss) -> None:
    proxy.lose(b"COMMIT", loss)
    assert (await api("DELETE", path)).status_code == 404
    assert proxy.rules == []


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_that_students_take_is_not_deleted(
    services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    await prepared(api, services.sessions)
    proxy.lose(b"COMMIT", loss)
    response = await api("DELETE", "/quizzes/quiz1")
    assert (response.status_code, response.json()["code"]) == (409, "quiz_in_use")
    assert proxy.rules == []


@pytest.mark.parametrize("loss", Loss)
async def test_a_connection_that_breaks_before_commit_has_done_nothing(
    api: Api, proxy: Proxy, loss: Loss
) -> None:
    await api("PUT", "/quizzes/quiz1", QUIZ)
    proxy.lose(b"BEGIN", loss)
    assert (await api("PUT", "/quizzes/quiz1", QUIZ)).json()["revision"] == 2


async def test_a_change_whose_reply_is_lost_twice_is_503_and_may_be_repeated(api: Api, proxy: Proxy) -> None:
    await api("PUT", "/quizzes/quiz1", QUIZ)
    proxy.lose(b"COMMIT", Loss.REPLY, Loss.REPLY)
    assert_try_again(await api("PUT", "/quizzes/quiz1", {**QUIZ, "time_limit_seconds": 60}))

    async def status() -> int:
        return (await api("PUT", "/quizzes/quiz1", {**QUIZ, "time_limit_seconds": 60})).status_code

    await eventually(status, lambda found: found == 200)
    assert (await api("GET", "/quizzes/quiz1")).json()["time_limit_seconds"] == 60


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("path", ["/sessions/{id}/extend", "/quizzes/quiz1/extend"])
async def test_a_deadline_is_moved_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, path: str, loss: Loss
) -> None:
    session_id = await start(services.sessions)
    proxy.lose(b"UPDATE quiz_attempts", loss)
    response = await api("POST", path.format(id=session_id), MORE)
    assert proxy.rules == []
    assert response.status_code == 200
    assert response.json().get("extended", 1) == 1
    assert servers.row(session_id)["extension_seconds"] == 60
    assert [event["type"] for event in servers.events(session_id)] == ["started", "extended"]


@pytest.mark.parametrize("loss", Loss)
async def test_an_attempt_is_reopened_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(services.sessions, at=current_micros() - 1900 * SECOND)
    await services.flusher.run()
    proxy.lose(b"COMMIT", loss)
    response = await api("POST", f"/sessions/{session_id}/reopen", MORE)
    assert proxy.rules == []
    assert (response.status_code, response.json()["status"]) == (200, "started")
    assert [event["type"] for event in servers.events(session_id)] == ["started", "expired", "reopened"]


@pytest.mark.parametrize("loss", Loss)
async def test_an_attempt_is_given_up_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(services.sessions)
    proxy.lose(b"finish_attempt_", loss)
    response = await api("POST", f"/sessions/{session_id}/abandon")
    assert proxy.rules == []
    assert (response.status_code, response.json()["status"]) == (200, "abandoned")
    assert [event["type"] for event in servers.events(session_id)] == ["started", "abandoned"]


@pytest.mark.parametrize("loss", Loss)
async def test_a_score_is_set_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(services.sessions)
    await services.sessions.complete(session_id)
    proxy.lose(b"UPDATE quiz_attempts", loss)
    body = {"score": 1.0, "max_score": 2.0, "reason": "read by a person"}
    response = await api("POST", f"/sessions/{session_id}/score", body)
    assert proxy.rules == []
    assert (response.status_code, response.json()["score"]) == (200, 1.0)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "completed", "graded"]


@pytest.mark.parametrize("loss", Loss)
async def test_a_question_is_marked_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    await services.sessions.complete(session_id, {"1": "A"})
    proxy.lose(b"former_points", loss)
    response = await api("PUT", f"/sessions/{session_id}/grades", {"1": {"points": 0.5}})
    assert proxy.rules == []
    assert (response.status_code, response.json()["score"]) == (200, 0.5)
    types = [event["type"] for event in servers.events(session_id)]
    assert types == ["started", "completed", "graded", "marked", "graded"]


@pytest.mark.parametrize("loss", Loss)
async def test_a_completion_tells_its_score_when_the_reply_to_its_grading_is_lost(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    proxy.lose(b"new_results", loss)
    response = await api("POST", f"/sessions/{session_id}/complete", {"answers": {"1": "A"}})
    assert proxy.rules == []
    assert (response.status_code, response.json()["score"]) == (200, 2.0)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "completed", "graded"]
    assert (await api.read(session_id)).json()["score"] == 2.0


@pytest.mark.parametrize("loss", Loss)
async def test_a_regrade_is_done_once_and_counted(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    await services.sessions.complete(session_id, {"1": "B"})
    await api("PUT", "/quizzes/quiz1", {"questions": {"1": {"points": 2, "grading": "exact", "key": "B"}}})
    proxy.lose(b"new_results", loss)
    response = await api("POST", "/quizzes/quiz1/regrade", {"reason": "the key was wrong"})
    assert proxy.rules == []
    assert response.json() == {"regraded": 1, "changed": 1, "complete": True}
    assert servers.row(session_id)["score"] == 2.0
    types = [event["type"] for event in servers.events(session_id)]
    assert types == ["started", "completed", "graded", "graded"]
