"""The built functions in containers, by `sam local`, on stores of their own that containers can reach."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import pytest

from development_server import ports, processes
from development_server.embedded_postgres import Postgres
from sam_local import HOW_TO_INSTALL, LAMBDA_PYTHON, ImageError, docker_answers, obtain
from tests.harness.valkey import RestrictedValkey

ROOT = Path(__file__).resolve().parents[2]
SAM = ROOT / ".venv-sam/bin/sam"
HOST = "host.docker.internal"
ARCHITECTURE = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
START_SECONDS = 180


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)


@dataclass(frozen=True)
class SamLocal:
    """`sam` as docs/deploy.md has it, but for a build, ports and stores of its own."""

    folder: Path
    images: set[str] = field(default_factory=set)

    @property
    def build(self) -> Path:
        return self.folder / "build"

    @property
    def variables(self) -> Path:
        return self.folder / "env.json"

    def run(self, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SAM, *arguments, *self._options()],
            check=False,
            capture_output=True,
            text=True,
            input=stdin,
            cwd=ROOT,
            env=self._environment(),
        )

    def invoke(self, function: str, event: object) -> Any:
        """The function's reply, from a container of its own."""
        command = ("local", "invoke", function, *self._local(), "--event", "-")
        done = self.run(*command, stdin=json.dumps(event))
        if "timed out after" in done.stderr:
            # It starts cold on a machine that may be busy.
            done = self.run(*command, stdin=json.dumps(event))
        # The exit code is 0 also when the function fails.
        assert done.returncode == 0, done.stderr
        assert done.stdout, done.stderr
        reply = json.loads(done.stdout)
        assert "errorType" not in reply, done.stderr
        return reply

    @contextmanager
    def api(self) -> Iterator[httpx.Client]:
        """HTTP to `sam local start-api`, once it has answered; its container is warm from then on."""
        port = ports.choose()
        log = self.folder / "start-api.log"
        command = ("local", "start-api", *self._local(), "--port", str(port))
        with log.open("wb") as output:
            process = processes.spawn(
                [SAM, *command, *self._options()],
                death_signal=signal.SIGTERM,
                folder=ROOT,
                output=output,
                environment=self._environment(),
            )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                until = time.monotonic() + START_SECONDS
                while not answers(http):
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < until, log.read_text()
                    time.sleep(0.2)
                self.images.update(self.containers("Image"))
                yield http
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()

    def containers(self, column: str = "ID") -> list[str]:
        """What runs, or has run, the functions of this build."""
        found: list[str] = []
        for function in self.build.glob("*Function"):
            listed = docker("ps", "--all", "--filter", f"volume={function}", "--format", f"{{{{.{column}}}}}")
            found += listed.stdout.split()
        return found

    def _options(self) -> Sequence[str | Path]:
        overrides = f"Target=localstack Architecture={ARCHITECTURE}"
        return (
            *("--config-file", ROOT / "samconfig.toml", "--config-env", "local"),
            *("--parameter-overrides", overrides),
        )

    def _local(self) -> Sequence[str | Path]:
        return (
            *("--template", self.build / "template.yaml", "--env-vars", self.variables),
            *("--layer-cache-basedir", self.folder / "layers"),
        )

    def _environment(self) -> dict[str, str]:
        """As on a machine that knows nothing of AWS; SAM CLI would ask AWS who it is."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        # SAM CLI builds with a python3.13 that is no shim, and the layer with uv.
        folders = (LAMBDA_PYTHON.resolve().parent, Path(sys.executable).parent, os.environ["PATH"])
        return kept | {
            "PATH": os.pathsep.join(str(folder) for folder in folders),
            "SAM_CLI_TELEMETRY": "0",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


def answers(http: httpx.Client) -> bool:
    try:
        return http.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def in_container(image: str, code: str) -> subprocess.CompletedProcess[str]:
    """What Python code does where functions run."""
    options = ("--rm", "--add-host", f"{HOST}:host-gateway", "--entrypoint", "python3.13")
    return docker("run", *options, image, "-c", f"import socket; {code}")


def address_for_containers(image: str) -> str | None:
    """Where they find this machine, if that is an address of its own; with Docker Desktop it is not."""
    address = in_container(image, f"print(socket.gethostbyname('{HOST}'))").stdout.strip()
    if address:
        with contextlib.suppress(OSError), socket.create_server((address, 0)):
            return address
    return None


def give_up(reason: str) -> NoReturn:
    """Skip the tests; with CI=true they fail, for where Docker answers they have to run."""
    reason = f"sam local: {reason}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def sam() -> Iterator[SamLocal]:
    """The functions as `sam build` made them, on a PostgreSQL that they have migrated themselves."""
    if not docker_answers():
        pytest.skip("no Docker here")
    if not LAMBDA_PYTHON.exists() or not SAM.exists():
        give_up(HOW_TO_INSTALL)
    try:
        image = obtain()
    except ImageError as error:
        give_up(f"{error}: {HOW_TO_INSTALL}")
    also_on = address_for_containers(image.name)
    with (
        tempfile.TemporaryDirectory() as name,
        Postgres(Path(name, "postgres"), durable=False, also_on=also_on) as postgres,
        RestrictedValkey(Path(name, "valkey"), persist=False, also_on=also_on) as valkey,
    ):
        reached = in_container(image.name, f"socket.create_connection(('{HOST}', {valkey.port}), 10)")
        if reached.returncode != 0:
            give_up(f"containers do not reach the stores of this machine: {reached.stderr.strip()}")
        folder = Path(name, "sam")
        folder.mkdir()
        sam = SamLocal(folder)
        sam.variables.write_text(variables(postgres.port, valkey))
        try:
            built = sam.run("build", "--build-dir", sam.build, "--no-cached")
            assert built.returncode == 0, built.stderr
            assert sam.invoke("MigrateFunction", {}) == {"status": "migrated"}
            yield sam
        finally:
            # SAM CLI removes its containers and keeps the image that it made of Lambda's image and the layer.
            left = sam.containers()
            docker("rm", "--force", *left)
            docker("rmi", *sam.images)
        assert left == []


def variables(postgres_port: int, valkey: RestrictedValkey) -> str:
    """infra/local/env.json with these ports, and the user of the functions."""
    known = json.loads((ROOT / "infra/local/env.json").read_text())
    settings = known["Parameters"]
    settings["DATABASE_URL"] = settings["DATABASE_URL"].replace(":15432/", f":{postgres_port}/")
    # The cache is given up after a quarter of a second, and a busy machine stalls for as long.
    patience = "?socket_timeout=10&socket_connect_timeout=10"
    user = urlsplit(valkey.url).netloc.rpartition("@")[0]
    cache = settings["REDIS_URL"].replace("//", f"//{user}@").replace(":16379/", f":{valkey.port}/")
    settings["REDIS_URL"] = cache + patience
    return json.dumps(known)
