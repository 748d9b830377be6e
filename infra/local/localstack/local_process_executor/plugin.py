"""The plugin that LocalStack loads if LAMBDA_RUNTIME_EXECUTOR is `local-process`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin

if TYPE_CHECKING:
    from .executor import LocalProcessExecutor


class LocalProcessExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]  # LocalStack has no types
    """Names the executor, and imports it only if it is chosen."""

    name = "local-process"

    def load(self, *args: object, **kwargs: object) -> type[LocalProcessExecutor]:
        """The class that LocalStack instantiates for each execution environment."""
        from .executor import LocalProcessExecutor  # noqa: PLC0415  (only where it is chosen)

        return LocalProcessExecutor
