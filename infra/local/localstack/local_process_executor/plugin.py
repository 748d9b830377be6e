"""The plugins that LocalStack loads: functions as processes, and buckets in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.plugins import Service, aws_provider

if TYPE_CHECKING:
    from .executor import LocalProcessExecutor


class LocalProcessExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]  # LocalStack has no types
    """Names the executor, which LAMBDA_RUNTIME_EXECUTOR chooses, and imports it only then."""

    name = "local-process"

    def load(self, *args: object, **kwargs: object) -> type[LocalProcessExecutor]:
        """The class that LocalStack instantiates for each execution environment."""
        from .executor import LocalProcessExecutor  # noqa: PLC0415  (only where it is chosen)

        return LocalProcessExecutor


@aws_provider(api="s3", name="own-folder")  # type: ignore[untyped-decorator]
def s3() -> Service:
    """S3, which PROVIDER_OVERRIDE_S3 chooses, in a new temporary folder.

    By default all of a machine keep their buckets in one folder, which is the first user's.
    """
    from localstack.services.s3.provider import S3Provider  # noqa: PLC0415
    from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore  # noqa: PLC0415

    return Service.for_provider(S3Provider(EphemeralS3ObjectStore()))
