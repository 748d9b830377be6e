"""Webhooks: at least once, of one session in their order, whatever becomes of the receiver."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.deliveries import MAX_RETRY_AFTER, PAUSES, TRIES, Refusal
from quiz_sessions.domain.errors import InvalidInputError, NoWebhookError
from quiz_sessions.domain.timestamps import Micros, from_micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.webhook_relay import BEGIN_SECONDS, WebhookRelay
from quiz_sessions.services.webhooks import WebhookState, WebhookStatus
from quiz_sessions.stores.webhook import AT_ONCE, Webhook
from quiz_sessions.stores.webhook_outbox import WebhookOutbox
from tests.harness.builders import LATER, SECOND, START
from tests.harness.receiver import Event, Receiver, receiving
from tests.harness.service import autosave, client_of, rebuilt, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, row

SECRET = f"whsec_{b64encode(b'a secret of thirty-two bytes ...').decode()}"
NEXT_SECRET = f"whsec_{b64encode(b'the next one of thirty-two bytes').decode()}"


@dataclass
class Line:
    """The line to a receiver, in processes of which each has its own relay; `now` is the clock of all."""

    services: Services
    url: str
    now: Micros = LATER
    patience: float = 10
    secrets: tuple[str, ...] = (SECRET,)
    webhooks: list[Webhook] = field(default_factory=list)

    def webhook(self) -> Webhook:
        self.webhooks.append(Webhook(self.url, self.secrets, lambda: self.now, self.patience))
        return self.webhooks[-1]

    def process(self) -> Services:
        return rebuilt(self.services, webhook=self.webhook(), clock=lambda: self.now)

    def relay(
        self,
        now: Callable[[], float] = lambda: 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> WebhookRelay:
        webhook = self.webhook()
        outbox = WebhookOutbox(self.services.stores.postgres, webhook.fingerprint, lambda: self.now)
        return WebhookRelay(
            outbox, webhook, self.services.telemetry, jitter=lambda: 0.0, now=now, sleep=sleep
        )

    async def send(self, after: float = 0) -> int:
        """What the next flush sends, so many seconds from now."""
        self.now += round(after * SECOND)
        return await self.relay().run(lambda: True)

    async def wear_out(self) -> None:
        """As long as there are tries."""
        for pause in (0, *PAUSES):
            await self.send(after=pause)

    async def status(self) -> WebhookStatus:
        return await self.process().webhooks.status()

    def moment(self, after: float = 0) -> datetime:
        return from_micros(self.now) + timedelta(seconds=after)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@contextmanager
def strange_receiver(reply: bytes, for_ever: bool = False) -> Iterator[str]:
    """The URL of a receiver that writes `reply` to each request, once or until nobody reads it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.recv(65536)
                self.request.sendall(reply)
                while for_ever:
                    time.sleep(0.02)
                    self.request.sendall(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/events"
        server.shutdown()
        thread.join()


@pytest.fixture
async def line(services: Services, receiver: Receiver) -> AsyncIterator[Line]:
    line = Line(services, receiver.url)
    yield line
    receiver.go.set()
    for webhook in line.webhooks:
        webhook.close()


async def sessions(services: Services, count: int) -> list[UUID]:
    """So many sessions that were started and abandoned: their events are 0 and 1."""
    found = []
    for number in range(count):
        # Ids of one millisecond have no order.
        session_id = await start(services, f"user{number}", at=START + number * 1000)
        await services.sessions.abandon(session_id, at=LATER)
        found.append(session_id)
    return found


def of(taken: list[Event], session_id: UUID) -> list[int]:
    return [revision for each, revision in taken if each == session_id]


def unpublished(database: Database) -> int:
    rows = database.execute("SELECT FROM attempt_events WHERE published_at IS NULL").fetchall()
    return len(rows)


def deliveries(database: Database) -> list[dict[str, Any]]:
    return database.execute("SELECT * FROM webhook_deliveries ORDER BY attempt_id, revision").fetchall()


# A receiver that takes everything


async def test_an_event_is_sent_as_standard_webhooks_has_it(
    services: Services, receiver: Receiver, line: Line
) -> None:
    line.now = current_micros()
    session_id = await start(services)
    assert await line.send() == 1
    (delivery,) = receiver.deliveries
    assert delivery.path == "/events?token=hidden"
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["webhook-id"] == f"{session_id}:0"
    sent = Verifier(SECRET).verify(delivery.body, delivery.headers)
    assert (sent["type"], sent["timestamp"]) == ("session.started", "2027-01-15T08:00:00Z")
    assert sent["data"]["event_id"] == f"{session_id}:0"
    assert sent["data"]["expires_at"] == "2027-01-15T08:30:00Z"


async def test_a_body_that_was_changed_does_not_verify(
    services: Services, receiver: Receiver, line: Line
) -> None:
    line.now = current_micros()
    await start(services)
    await line.send()
    (delivery,) = receiver.deliveries
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(delivery.body.replace(b"user0", b"user9") + b" ", delivery.headers)


async def test_while_the_secret_is_changed_either_verifies(
    services: Services, receiver: Receiver, line: Line
) -> None:
    line.now, line.secrets = current_micros(), (SECRET, NEXT_SECRET)
    await start(services)
    await line.send()
    (delivery,) = receiver.deliveries
    for secret in line.secrets:
        Verifier(secret).verify(delivery.body, delivery.headers)


async def test_each_event_is_sent_once_and_each_session_in_its_order(
    services: Services, receiver: Receiver, line: Line
) -> None:
    ids = await sessions(services, 3 * AT_ONCE)
    assert await line.send() == 2 * len(ids)
    assert [of(receiver.taken, session_id) for session_id in ids] == [[0, 1]] * len(ids)
    assert await line.send(after=PAUSES[-1]) == 0


async def test_two_relays_send_nothing_twice(services: Services, receiver: Receiver, line: Line) -> None:
    ids = await sessions(services, 2 * AT_ONCE)
    sent = await asyncio.gather(*(line.relay().run(lambda: True) for _ in range(3)))
    assert (sum(sent), receiver.most) == (2 * len(ids), 1)


async def test_a_flush_sends_what_there_is(services: Services, receiver: Receiver, line: Line) -> None:
    await sessions(services, 2)
    report = await line.process().flusher.run()
    assert (report.events_published, report.events_pending) == (4, 0)


async def test_the_status_of_a_receiver_that_takes_everything_is_ok(
    services: Services, receiver: Receiver, line: Line
) -> None:
    await sessions(services, 1)
    await line.send()
    assert await line.status() == WebhookStatus(
        url=receiver.url.removesuffix("?token=hidden"),
        state=WebhookState.OK,
        waiting=0,
        dead=0,
        last_error=None,
        next_try_at=None,
        dead_letters=[],
    )


# One that fails


async def test_what_fails_is_tried_again_when_it_is_due_and_no_sooner(
    services: Services, receiver: Receiver, line: Line
) -> None:
    (session_id,) = await sessions(services, 1)
    receiver.status = lambda event: 500
    for number, pause in enumerate((0, *PAUSES[:3])):
        await line.send(after=pause - 1 if pause else 0)
        assert len(receiver.tried) == number + (pause == 0)
        await line.send(after=1 if pause else 0)
        assert len(receiver.tried) == number + 1
    receiver.status = lambda event: 204
    assert await line.send(after=PAUSES[3]) == 2
    assert of(receiver.taken, session_id) == [0, 1]


async def test_while_one_event_waits_those_of_its_session_wait_and_others_go_on(
    services: Services, receiver: Receiver, line: Line
) -> None:
    refused, other = await sessions(services, 2)
    receiver.status = lambda event: 500 if event == (refused, 0) else 204
    await line.send()
    await line.send()
    assert receiver.taken == [(other, 0), (other, 1)]
    assert receiver.tried.count((refused, 0)) == 1
    receiver.status = lambda event: 204
    await line.send(after=PAUSES[0])
    assert of(receiver.taken, refused) == [0, 1]


async def test_a_failure_is_shown_with_its_next_try(
    services: Services, receiver: Receiver, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    await sessions(services, 1)
    receiver.status = lambda event: 502
    await line.send()
    status = await line.status()
    assert (status.state, status.waiting, status.dead) == (WebhookState.FAILING, 2, 0)
    assert (status.last_error, status.next_try_at) == ("status 502", line.moment(PAUSES[0]))
    assert '"WebhookFailed":[1.0]' in capsys.readouterr().out


async def test_once_it_is_accepted_nothing_of_its_tries_is_kept(
    services: Services, receiver: Receiver, line: Line, database: Database
) -> None:
    await sessions(services, 1)
    receiver.status = lambda event: 500
    await line.send()
    receiver.status = lambda event: 204
    await line.send(after=PAUSES[0])
    assert deliveries(database) == []
    assert (await line.status()).state is WebhookState.OK


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_refusal_and_not_followed(
    services: Services, receiver: Receiver, line: Line, status: int
) -> None:
    await start(services)
    receiver.status, receiver.headers = lambda event: status, {"Location": "/elsewhere"}
    assert await line.send() == 0
    assert [delivery.path for delivery in receiver.deliveries] == ["/events?token=hidden"]
    assert (await line.status()).last_error == f"status {status}"


async def test_a_receiver_that_is_away_loses_nothing(
    services: Services, receiver: Receiver, line: Line
) -> None:
    ids = await sessions(services, 2)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}/events"
    elsewhere = replace(line, url=away)
    assert await elsewhere.send() == 0
    assert (await elsewhere.status()).last_error == "unreachable"
    line.now += PAUSES[0] * SECOND
    assert await line.send() == 2 * len(ids)


async def test_a_certificate_that_is_none_is_a_refusal(
    services: Services, receiver: Receiver, line: Line
) -> None:
    await start(services)
    line.url = receiver.url.replace("http:", "https:")
    assert await line.send() == 0
    assert (await line.status()).last_error == "certificate"


async def test_a_slow_receiver_is_given_up_and_tried_again(
    services: Services, receiver: Receiver, line: Line
) -> None:
    slow, other = await sessions(services, 2)
    receiver.slow, line.patience = lambda event: event == (slow, 0), 0.5
    await line.send()
    assert receiver.taken.count((other, 1)) == 1
    assert (await line.status()).last_error == "timeout"
    receiver.slow = lambda event: False
    await line.send(after=PAUSES[0])
    assert of(receiver.taken, slow) == [0, 0, 1]


async def test_what_is_accepted_is_not_waited_for_until_its_last_byte(
    services: Services, receiver: Receiver, line: Line
) -> None:
    ids = await sessions(services, AT_ONCE)
    receiver.status, receiver.headers = lambda event: 200, {"Content-Length": "1000000"}
    assert await line.send() == 2 * len(ids)


async def test_no_draft_waits_for_a_slow_receiver(
    services: Services, receiver: Receiver, line: Line, database: Database
) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "draft")
    receiver.slow = lambda event: True
    flushing = asyncio.create_task(line.process().flusher.run())
    assert await asyncio.to_thread(receiver.heard.wait, 30)
    assert row(database, session_id)["answers"] == {"0": "draft"}
    receiver.go.set()
    assert (await flushing).events_published == 1


async def test_a_run_begins_nothing_once_its_time_is_over(
    services: Services, receiver: Receiver, line: Line
) -> None:
    await sessions(services, 3 * AT_ONCE)
    # Each look at the clock takes a third of the time.
    moments = iter(range(100))
    await line.relay(lambda: next(moments) * BEGIN_SECONDS / 3).run(lambda: True)
    assert len(receiver.taken) == AT_ONCE


async def test_a_flush_begins_nothing_that_it_has_not_the_time_for(
    services: Services, receiver: Receiver, line: Line
) -> None:
    await sessions(services, 1)
    reserve = WebhookRelay.reserve_seconds
    assert (await line.process().flusher.run(lambda: reserve - 1)).events_published == 0
    assert (await line.process().flusher.run(lambda: reserve + 1)).events_published == 2


# One that asks to be left alone


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(
    services: Services, receiver: Receiver, line: Line, status: int
) -> None:
    await sessions(services, 2 * AT_ONCE)
    receiver.status, receiver.headers = lambda event: status, {"Retry-After": "600"}
    await line.send()
    assert len(receiver.tried) == AT_ONCE
    receiver.status, receiver.headers = lambda event: 204, {}
    assert await line.send(after=599) == 0
    assert (await line.status()).next_try_at == line.moment(1)
    assert await line.send(after=1) == 4 * AT_ONCE


async def test_who_is_asked_to_wait_loses_no_try(services: Services, receiver: Receiver, line: Line) -> None:
    (session_id,) = await sessions(services, 1)
    receiver.status, receiver.headers = lambda event: 429, {"Retry-After": "60"}
    for _ in range(2 * TRIES):
        await line.send(after=60)
    status = await line.status()
    assert (status.state, status.last_error, status.dead) == (WebhookState.FAILING, "status 429", 0)
    receiver.status = lambda event: 204
    assert await line.send(after=60) == 2
    assert of(receiver.taken, session_id) == [0, 1]


async def test_a_short_wait_is_waited_for(services: Services, receiver: Receiver, line: Line) -> None:
    found = await sessions(services, 2 * AT_ONCE)
    once = set(found[:1])
    receiver.status = lambda event: 429 if event[0] in once else 204
    receiver.headers = {"Retry-After": "2"}
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        once.clear()

    assert await line.relay(sleep=sleep).run(lambda: True) == 2 * (2 * AT_ONCE - 1)
    assert waited == [2]
    assert await line.send() == 2


async def test_nobody_is_left_alone_for_longer_than_an_hour(
    services: Services, receiver: Receiver, line: Line
) -> None:
    await start(services)
    receiver.status, receiver.headers = lambda event: 503, {"Retry-After": "9" * 30}
    await line.send()
    receiver.status = lambda event: 204
    assert await line.send(after=MAX_RETRY_AFTER - 1) == 0
    assert await line.send(after=1) == 1


async def test_a_date_says_until_when(services: Services, receiver: Receiver, line: Line) -> None:
    await start(services)
    until = line.moment(120).strftime("%a, %d %b %Y %H:%M:%S GMT")
    receiver.status, receiver.headers = lambda event: 429, {"Retry-After": until}
    await line.send()
    receiver.status = lambda event: 204
    assert await line.send(after=119) == 0
    assert await line.send(after=1) == 1


@pytest.mark.parametrize("wait", ["soon", "-1", "1.5", "", "²", "Mon, 99 Jan 2027 08:00:00 GMT"])
async def test_what_says_no_time_is_left_out(
    services: Services, receiver: Receiver, line: Line, wait: str
) -> None:
    await start(services)
    receiver.status, receiver.headers = lambda event: 429, {"Retry-After": wait.encode().decode("latin-1")}
    await line.send()
    receiver.status = lambda event: 204
    assert await line.send(after=PAUSES[0]) == 1


# One that refuses for ever


async def test_what_is_refused_for_ever_is_dead_and_its_session_goes_on(
    services: Services, receiver: Receiver, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    refused, other = await sessions(services, 2)
    receiver.status = lambda event: 500 if event == (refused, 0) else 204
    await line.wear_out()
    assert receiver.tried.count((refused, 0)) == TRIES
    assert '"WebhookDead":[1.0]' in capsys.readouterr().out
    await line.send()
    assert receiver.taken == [(other, 0), (other, 1), (refused, 1)]
    await line.send(after=100 * PAUSES[-1])
    assert receiver.tried.count((refused, 0)) == TRIES


async def test_the_dead_are_shown_and_wait_no_more(
    services: Services, receiver: Receiver, line: Line, database: Database
) -> None:
    (refused,) = await sessions(services, 1)
    receiver.status = lambda event: 500 if event == (refused, 0) else 204
    await line.wear_out()
    await line.send()
    status = await line.status()
    assert (status.state, status.waiting, status.dead) == (WebhookState.FAILING, 0, 1)
    assert (status.last_error, status.next_try_at) == ("status 500", None)
    (letter,) = status.dead_letters
    assert (letter.event_id, letter.type, letter.tries) == (f"{refused}:0", "session.started", TRIES)
    assert (letter.last_error, letter.died_at) == ("status 500", line.moment())
    assert unpublished(database) == 1


async def test_staff_have_the_dead_sent_again_with_all_their_tries(
    services: Services, receiver: Receiver, line: Line
) -> None:
    (refused,) = await sessions(services, 1)
    receiver.status = lambda event: 500 if event == (refused, 0) else 204
    await line.wear_out()
    await line.send()
    after = await line.process().webhooks.retry("it was mended", by="operator", at=line.now)
    assert (after.state, after.waiting, after.dead) == (WebhookState.FAILING, 1, 0)
    await line.send()
    assert (await line.status()).next_try_at == line.moment(PAUSES[0])
    receiver.status = lambda event: 204
    assert await line.send(after=PAUSES[0]) == 1
    assert of(receiver.taken, refused) == [1, 0]


async def test_staff_who_try_again_and_again_use_up_no_tries(
    services: Services, receiver: Receiver, line: Line
) -> None:
    await sessions(services, 1)
    receiver.status = lambda event: 500
    for _ in range(2 * TRIES):
        await line.send()
        await line.process().webhooks.retry("is it back?", at=line.now)
    assert (await line.status()).dead == 0


async def test_what_is_refused_holds_up_no_other_session(
    services: Services, receiver: Receiver, line: Line
) -> None:
    refused = set(await sessions(services, 3 * AT_ONCE))
    receiver.status = lambda event: 422 if event[0] in refused else 204
    await line.send()
    other = await start(services, "late", at=LATER)
    # Those that are due again come after it.
    tried = len(receiver.tried)
    assert await line.send(after=PAUSES[0]) == 1
    assert receiver.tried[tried:].index((other, 0)) < AT_ONCE


async def test_staff_have_what_waits_sent_at_once(services: Services, receiver: Receiver, line: Line) -> None:
    await sessions(services, 1)
    receiver.status = lambda event: 500
    for pause in (0, *PAUSES[:4]):
        await line.send(after=pause)
    receiver.status = lambda event: 204
    assert await line.send() == 0
    await line.process().webhooks.retry("it was mended", at=line.now)
    assert await line.send() == 2


async def test_what_was_erased_meanwhile_is_neither_sent_nor_shown(
    services: Services, receiver: Receiver, line: Line, database: Database
) -> None:
    (refused,) = await sessions(services, 1)
    receiver.status = lambda event: 500
    await line.send()
    database.execute("SELECT erase_events(%s, 'operator', 'asked for')", [refused])
    assert await line.send(after=PAUSES[0]) == 0
    status = await line.status()
    assert (status.state, status.waiting, status.last_error) == (WebhookState.OK, 0, None)


# One that is gone


async def test_a_receiver_that_is_gone_is_sent_nothing_more(
    services: Services, receiver: Receiver, line: Line, database: Database
) -> None:
    await sessions(services, 2 * AT_ONCE)
    receiver.status = lambda event: 410
    await line.send()
    assert len(receiver.tried) == AT_ONCE
    receiver.status = lambda event: 204
    assert await line.send(after=100 * PAUSES[-1]) == 0
    status = await line.status()
    assert (status.state, status.waiting, status.dead) == (WebhookState.DISABLED, 4 * AT_ONCE, 0)
    assert (status.next_try_at, deliveries(database)) == (None, [])


async def test_staff_have_it_taken_up_again(services: Services, receiver: Receiver, line: Line) -> None:
    await sessions(services, 1)
    receiver.status = lambda event: 410
    await line.send()
    receiver.status = lambda event: 204
    after = await line.process().webhooks.retry("it is back", at=line.now)
    assert after.state is WebhookState.OK
    assert await line.send() == 2


async def test_another_url_is_another_receiver(services: Services, receiver: Receiver, line: Line) -> None:
    await sessions(services, 1)
    receiver.status = lambda event: 410
    await line.send()
    receiver.status = lambda event: 204
    line.url = line.url.replace("hidden", "new")
    assert (await line.status()).state is WebhookState.OK
    assert await line.send() == 2


# What is told of it


def answer(status: int, event: Event) -> int:
    return status


async def test_back_at_the_former_url_nothing_is_known_of_it(
    services: Services, receiver: Receiver, line: Line
) -> None:
    await sessions(services, 1)
    receiver.status = lambda event: 410
    await line.send()
    former, line.url = line.url, f"{line.url}/another"
    receiver.status = lambda event: 503
    await line.send()
    line.url = former
    receiver.status = lambda event: 204
    assert await line.send(after=PAUSES[0]) == 2


async def test_what_a_receiver_writes_is_not_logged(
    services: Services, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    await start(services)
    with strange_receiver(b"HTTP/1.1 200 OK\r\nX Foo\r\n: y\r\nContent-Length: 0\r\n\r\n") as url:
        line.url = f"{url}?token=s3cret"
        await line.send()
    assert "s3cret" not in caplog.text
    assert "Foo" not in caplog.text


async def test_a_reply_that_does_not_end_keeps_no_thread(services: Services, line: Line) -> None:
    await sessions(services, 2 * AT_ONCE)
    line.patience = 0.3
    with strange_receiver(b"HTTP/1.1 100 Continue\r\n\r\n", for_ever=True) as url:
        line.url = url
        webhook = line.webhook()
        outbox = WebhookOutbox(services.stores.postgres, webhook.fingerprint, lambda: line.now)
        messages = await outbox.messages(2 * AT_ONCE)
        for half in (messages[:AT_ONCE], messages[AT_ONCE:]):
            assert await webhook.put(half) == [Refusal("timeout")] * AT_ONCE
        # Each request had a thread, and it has come back.
        webhook._threads.shutdown(wait=True)


async def test_no_secret_is_logged_shown_or_stored(
    services: Services,
    receiver: Receiver,
    line: Line,
    database: Database,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    await sessions(services, 1)
    for status in (500, 429, 410, 204):
        receiver.status = partial(answer, status)
        await line.send(after=PAUSES[0])
        endpoints = database.execute("SELECT * FROM webhook_endpoint").fetchall()
        found = [await line.status(), deliveries(database), endpoints, *capfd.readouterr(), caplog.text]
        for secret in ("hidden", SECRET, SECRET.removeprefix("whsec_")):
            assert secret not in str(found)


async def test_without_a_webhook_it_is_off_and_nothing_can_be_tried_again(services: Services) -> None:
    status = await services.webhooks.status()
    assert (status.url, status.state, status.dead_letters) == (None, WebhookState.OFF, [])
    with pytest.raises(NoWebhookError):
        await services.webhooks.retry("why")


async def test_a_reason_is_needed(services: Services, line: Line) -> None:
    with pytest.raises(InvalidInputError):
        await line.process().webhooks.retry(" ")


async def test_the_api_shows_it(services: Services, receiver: Receiver, line: Line) -> None:
    (refused,) = await sessions(services, 1)
    receiver.status = lambda event: 500 if event == (refused, 0) else 204
    await line.wear_out()
    async with client_of(line.process()) as http:
        shown = (await http.get("/webhooks")).json()
        # The next event of its session is due now.
        assert (shown["state"], shown["dead"], shown["waiting"]) == ("failing", 1, 1)
        assert shown["dead_letters"][0]["event_id"] == f"{refused}:0"
        reply = await http.post("/webhooks/retry", json={"reason": "it was mended"})
    assert (reply.status_code, reply.json()["dead"]) == (200, 0)


async def test_the_settings_name_it(stores: Stores, receiver: Receiver) -> None:
    settings = replace(stores.settings, webhook_url=receiver.url, webhook_secrets=(SECRET,))
    built = build_services(settings)
    try:
        await start(built)
        assert (await built.flusher.run()).events_published == 1
    finally:
        await built.close()
    assert len(receiver.taken) == 1
