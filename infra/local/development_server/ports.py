"""Choosing TCP ports on loopback."""

import random
import socket

# Below the range from which systems take the local ports of outgoing connections (32768 on Linux, 49152 on
# macOS): a server that comes back must find its port free, and a client that calls a stopped server on a
# port of that range can end up connected to itself.
_CANDIDATES = range(15000, 30000)


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        # As the servers do, or the remains of closed connections would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose(preferred: int | None = None) -> int:
    """`preferred` if it is free, else some free port."""
    if preferred is not None and is_free(preferred):
        return preferred
    return next(port for port in random.sample(_CANDIDATES, len(_CANDIDATES)) if is_free(port))
