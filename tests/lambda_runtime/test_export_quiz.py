"""The export's handler under the Lambda runtime, driven with the event that the flush sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.exports import ExportFormat, ExportPart, ExportStatus
from tests.harness.runtime import running_runtime
from tests.harness.service import services_on, start
from tests.harness.stores import Stores


def asked_for(export: object) -> dict[str, Any]:
    return {"source": "quiz-sessions", "detail-type": "export.requested", "detail": {"export": str(export)}}


async def test_the_event_names_the_export_that_is_made(stores: Stores, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    async with services_on(stores, export_folder=folder) as services:
        await start(services)
        ids = [await ask(services) for _ in range(2)]
        environment = {"EXPORT_FOLDER": str(folder)}
        with running_runtime(
            "export_quiz.handler.handler", stores, tmp_path, settings=environment
        ) as runtime:
            assert runtime.invoke(asked_for(ids[1])) == {"export": str(ids[1])}
            # Asked for twice, which EventBridge may do, and for what there is not.
            assert runtime.invoke(asked_for(ids[1])) == {"export": None}
            assert runtime.invoke(asked_for(uuid4())) == {"export": None}
        statuses = [await status(services, each) for each in ids]
    assert statuses == [ExportStatus.RUNNING, ExportStatus.DONE]


async def ask(services: Services) -> Any:
    return (await services.exports.request("quiz1", ExportFormat.CSV, [ExportPart.ATTEMPTS])).id


async def status(services: Services, export: Any) -> ExportStatus:
    found = await services.stores.exports.get(export, None)
    assert found is not None
    return found.status
