"""The requests that the documents show, sent to the service: it replies as they say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path

import pytest

from quiz_sessions.bootstrap import Services
from tests.harness.examples import README, Exchange, as_shown, exchanges, unasked, written
from tests.harness.service import services_on
from tests.harness.signing_keys import BEACON_KEYS, RECEIPT_KEYS
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.integration.example_scenes import SCENES, World


@pytest.fixture
async def services(stores: Stores, tmp_path: Path) -> AsyncIterator[Services]:
    async with services_on(
        stores, export_folder=tmp_path / "exports", beacon_keys=BEACON_KEYS, receipt_keys=RECEIPT_KEYS
    ) as built:
        yield built


@pytest.fixture
def world(services: Services, database: Database) -> World:
    return World(services, database)


def scenes() -> list[tuple[str, str, list[Exchange]]]:
    """Document, heading, and what is shown beneath it."""
    return [
        (page, heading, list(shown))
        for page in SCENES
        for heading, shown in groupby(exchanges(page), lambda each: each.heading)
    ]


def test_every_request_that_a_document_shows_is_sent() -> None:
    shown = {(page, heading): len(exchanges) for page, heading, exchanges in scenes()}
    assert shown == {
        (page, heading): len(steps)
        for page, headings in SCENES.items()
        for heading, steps in headings.items()
    }


@pytest.mark.parametrize("page", [page for page in SCENES if page != README])
def test_no_reply_stands_without_its_request(page: str) -> None:
    assert unasked(page) == []


@pytest.mark.parametrize(
    ("page", "heading", "shown"), scenes(), ids=[f"{page} {heading}" for page, heading, _ in scenes()]
)
async def test_the_service_replies_as_the_document_says(
    page: str, heading: str, shown: list[Exchange], world: World
) -> None:
    for step, exchange in zip(SCENES[page][heading], shown, strict=True):
        await step(world)
        put = world.names.put_into
        headers = {name: put(value) for name, value in exchange.headers.items()}
        content = put(exchange.body).encode() if exchange.body else None
        reply = await world.ask(exchange.method, put(exchange.path), content=content, headers=headers)
        if exchange.reply is None:
            assert reply.is_success, reply.text
            continue
        assert exchange.reply.status in (None, reply.status_code), reply.text
        assert {name: reply.headers.get(name) for name in exchange.reply.headers} == exchange.reply.headers
        real = reply.json() if reply.content else None
        assert written(as_shown(exchange.reply.body, real, world.names)) == written(exchange.reply.body)
