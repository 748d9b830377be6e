"""Many connections at once, against the same requests in Node (`peer/`)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from development_server import ports
from tests.harness.launch import Launched, development_server
from tests.harness.stores import Stores

from .measuring import Crowd, on_all_cores

PEER = Path(__file__).with_name("peer")
CONNECTIONS = 100
PEER_PROCESSES = 2
BARS = {"get": 1.0, "patch": 1.0, "autosave": 1.5, "start": 0.8}
SERVED_BY = ["make run", "two processes"]


def measure(stores: Stores, rounds: int) -> Iterator[Crowd]:
    """Each kind of request for some seconds from each side in turn; needs Node and npm."""
    npm = shutil.which("npm")
    if npm is None:
        print("no npm here: the comparison with Node is left out", file=sys.stderr)
        return
    subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=PEER, check=True)
    # On both sides.
    on_all_cores()
    seconds = min(30, rounds * 1.5)
    with service(stores) as one, _two_processes(stores) as two, _peer(stores) as theirs:
        for kind, bar in BARS.items():
            for name in SERVED_BY:
                port = one if name == "make run" else two
                of_ours, of_theirs = [], []
                for _ in range(2):
                    of_ours.append(_load(port, kind, seconds))
                    of_theirs.append(_load(theirs, kind, seconds))
                yield Crowd(f"{CONNECTIONS} connections, {kind}, {name}", of_ours, of_theirs, bar)


def _load(port: int, kind: str, seconds: float) -> tuple[float, float]:
    command = ["node", "load.js", str(port), str(CONNECTIONS), str(seconds), kind]
    done = subprocess.run(command, cwd=PEER, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert not result["statuses"].keys() - {"200", "201"}, result
    return result["rate"], result["p99"]


@contextmanager
def service(stores: Stores) -> Iterator[int]:
    """`make run`'s server; its port."""
    with (
        tempfile.TemporaryDirectory(prefix="quiz-bench-") as folder,
        development_server(Path(folder), environment=stores.environment()) as server,
    ):
        yield server.port


@contextmanager
def _two_processes(stores: Stores) -> Iterator[int]:
    """The same app by uvicorn alone, in two processes."""
    command = [sys.executable, "-W", "ignore", "-m", "uvicorn", "--factory", "tests.harness.process:app"]
    command += ["--workers", "2", "--no-access-log"]
    with _running(command, stores, "startup complete", POWERTOOLS_METRICS_DISABLED="true") as port:
        # The other one needs as long.
        time.sleep(2)
        yield port


def _peer(stores: Stores) -> AbstractContextManager[int]:
    node = shutil.which("node")
    assert node is not None
    return _running([node, str(PEER / "server.js")], stores, "ready", PROCESSES=str(PEER_PROCESSES))


@contextmanager
def _running(command: list[str], stores: Stores, sign: str, **environment: str) -> Iterator[int]:
    port = ports.choose()
    environment |= {**stores.environment(), "PORT": str(port), "UVICORN_PORT": str(port)}
    with (
        tempfile.TemporaryDirectory(prefix="quiz-bench-") as folder,
        Launched(command, Path(folder, "output"), environment) as process,
    ):
        process.until(lambda: sign in process.text())
        yield port
