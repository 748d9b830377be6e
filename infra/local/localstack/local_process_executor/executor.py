"""An execution environment of LocalStack that is a function process."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from localstack.aws.api.lambda_ import PackageType
from localstack.config import GATEWAY_LISTEN
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import LambdaRuntimeException, RuntimeExecutor

from .function_process import FunctionProcess
from .runtime_api import Kind, Request

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
# Names a Python of that version that has awslambdaric and nothing else.
PYTHON_VARIABLE = "LOCAL_PROCESS_PYTHON"


class LocalProcessExecutor(RuntimeExecutor):  # type: ignore[misc]  # LocalStack has no types
    """Starts the function as a process when LocalStack needs an environment, and again if it has ended."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002  (the base has it)
        super().__init__(id=id, function_version=function_version)
        self._environment: dict[str, str] = {}
        self._process: FunctionProcess | None = None
        logs = Path(tempfile.gettempdir()) / "function-logs"
        logs.mkdir(parents=True, exist_ok=True)
        self._log = logs / f"{function_version.id.function_name}-{id}.log"
        self._log.touch()
        self._logged = 0

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the function and wait until its handler is imported.

        Raises:
            StatusErrorException: the import failed; the invocation reports its payload.
        """
        layers = [
            layer.code.get_unzipped_code_location() / "python"
            for layer in self.function_version.config.layers
        ]
        code = str(self.function_version.config.code.get_unzipped_code_location())
        self._environment = {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            **{name: str(value) for name, value in env_vars.items()},
            "LAMBDA_TASK_ROOT": code,
            # Later layers take precedence.
            "PYTHONPATH": os.pathsep.join(
                [code]
                + [
                    str(folder)
                    for layer in reversed(layers)
                    for folder in (layer / "lib" / RUNTIME / "site-packages", layer)
                ]
            ),
        }
        self._start_process()

    def _start_process(self) -> FunctionProcess:
        config = self.function_version.config
        process = self._process = FunctionProcess(
            os.environ[PYTHON_VARIABLE],
            config.handler,
            config.code.get_unzipped_code_location(),
            self._environment,
            self._log,
        )
        message = process.wait_until_ready()
        if message.kind is not Kind.READY:
            process.stop()
            raise StatusErrorException("The function could not be loaded", payload=message.body)
        return process

    def stop(self) -> None:
        if self._process:
            self._process.stop()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run one invocation; its result includes what was logged since the last one."""
        process = self._process
        if process is None or not process.running:
            process = self._start_process()
        request = Request(
            request_id=payload["invoke-id"],
            function_arn=payload["invoked-function-arn"],
            trace_id=payload["trace-id"],
            payload=payload["payload"].encode(),
            timeout_seconds=self.function_version.config.timeout,
        )
        begun = time.monotonic()
        message = process.invoke(request)
        milliseconds = (time.monotonic() - begun) * 1000
        return InvocationResult(
            request.request_id,
            message.body,
            is_error=message.kind is not Kind.RESPONSE,
            logs=f"START RequestId: {request.request_id}\n{self._new_logs()}"
            f"END RequestId: {request.request_id}\n"
            f"REPORT RequestId: {request.request_id}\tDuration: {milliseconds:.2f} ms\n",
        )

    def _new_logs(self) -> str:
        with self._log.open("rb") as file:
            file.seek(self._logged)
            new = file.read()
        self._logged += len(new)
        return new.decode(errors="replace")

    def get_logs(self) -> str:
        """The whole log of this environment."""
        return self._log.read_text(errors="replace")

    def get_address(self) -> str:
        """The address of the function, as seen from LocalStack."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """The address of LocalStack, as seen from the function; becomes AWS_ENDPOINT_URL."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """The endpoint of LocalStack's own runtime, which is not used here."""
        return f"http://127.0.0.1:{GATEWAY_LISTEN[0].port}/unused"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code and the layers, which LocalStack keeps in its own S3."""
        wanted = function_version.config
        if wanted.package_type != PackageType.Zip or wanted.runtime != RUNTIME:
            raise LambdaRuntimeException(f"Only zip packages for {RUNTIME} run as local processes.")
        for part in (wanted, *wanted.layers):
            part.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Do nothing: LocalStack itself removes the code of a version."""

    @classmethod
    def validate_environment(cls) -> bool:
        """Whether a Python to run functions with is configured."""
        return PYTHON_VARIABLE in os.environ
