"""What LocalStack loads when LAMBDA_RUNTIME_EXECUTOR is `local-process`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin

if TYPE_CHECKING:
    from .executor import LocalProcessExecutor


class LocalProcessExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]  # LocalStack has no types
    """Names the executor; imports it only when it is chosen."""

    name = "local-process"

    def load(self, *args: object, **kwargs: object) -> type[LocalProcessExecutor]:
        """The class that LocalStack makes one object of for each execution environment."""
        from .executor import LocalProcessExecutor  # noqa: PLC0415  (only where it is chosen)

        return LocalProcessExecutor
