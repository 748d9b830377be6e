"""The service on one machine: real PostgreSQL and Valkey, the API and the regular flush in one process.

`python -m development_server` runs it. `Postgres` and `Valkey` are also what the tests run against.
"""

from .embedded import EmbeddedServer, StartError
from .embedded_postgres import Postgres
from .embedded_valkey import Valkey
from .folder_lock import FolderInUseError

__all__ = ["EmbeddedServer", "FolderInUseError", "Postgres", "StartError", "Valkey"]
