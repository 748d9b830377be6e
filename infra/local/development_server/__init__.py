"""The service on one machine: real PostgreSQL and Valkey, the API and the regular flush in one process.

`python -m development_server` runs it. `Postgres` and `Valkey` are also what the tests run against.
"""

from .embedded import EmbeddedServer, StartError
from .folder_lock import FolderInUseError
from .postgres import Postgres
from .valkey import Valkey

__all__ = ["EmbeddedServer", "FolderInUseError", "Postgres", "StartError", "Valkey"]
