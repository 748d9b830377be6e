"""The Lambda Runtime API (2018-06-01) for one function process, on loopback."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue


class Kind(Enum):
    """The kinds of messages from a function process."""

    READY = auto()
    RESPONSE = auto()
    ERROR = auto()
    INIT_ERROR = auto()
    EXIT = auto()


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the function process; `body` is JSON."""

    kind: Kind
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Request:
    """An invocation of the function."""

    request_id: str
    function_arn: str
    trace_id: str
    payload: bytes
    timeout_seconds: float


class RuntimeApi:
    """Hands out `requests` and collects `messages`. A None in `requests` releases the waiting client."""

    def __init__(self) -> None:
        self.requests: SimpleQueue[Request | None] = SimpleQueue()
        self.messages: SimpleQueue[Message] = SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, name=f"runtime-api-{self.address}", daemon=True
        ).start()

    def close(self) -> None:
        self.requests.put(None)
        self._server.shutdown()
        self._server.server_close()


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Serve /runtime/invocation/next, the client's only GET: wait for an invocation."""
            api.messages.put(Message(Kind.READY))
            request = api.requests.get()
            if request is None:
                self.close_connection = True
                return
            deadline = round((time.time() + request.timeout_seconds) * 1000)
            self._reply(
                200,
                request.payload,
                {
                    "Lambda-Runtime-Aws-Request-Id": request.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": request.function_arn,
                    "Lambda-Runtime-Trace-Id": request.trace_id,
                },
            )

        def do_POST(self) -> None:
            """Serve /runtime/invocation/{id}/response or error, and /runtime/init/error."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("/response"):
                api.messages.put(Message(Kind.RESPONSE, body))
            else:
                api.messages.put(Message(Kind.INIT_ERROR if "/init/" in self.path else Kind.ERROR, body))
            self._reply(202, b'{"status": "OK"}')

        def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Requests are not logged; the function's output is."""

    return Handler
