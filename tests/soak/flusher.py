"""One more flusher: `python -m tests.soak.flusher SECONDS` flushes so often until it is ended."""

from __future__ import annotations

import asyncio
import os
import sys

from quiz_sessions.bootstrap import build_services
from quiz_sessions.runtime.settings import Settings


async def main(every: float) -> None:
    services = build_services(Settings.from_environment(os.environ), pool_size=1)
    while True:
        await services.flusher.run()
        await asyncio.sleep(every)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
