"""A chat-completions server on loopback that answers as Azure does: real HTTP, no model behind it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

# The socket of a stream server; socketserver's own type covers datagrams too.
_Request: TypeAlias = Any
_COMPLETIONS = re.compile(r"/openai/deployments/(?P<deployment>[^/?]+)/chat/completions\?api-version=[^&]+")


def echo(prompt: str) -> str | None:
    """Answer that shows which prompt it belongs to."""
    return f"answer to: {prompt}"


class ChatServer:
    """Answers every prompt by `answer`; counts calls, and can refuse or delay them."""

    def __init__(
        self,
        refuse: float = 0,
        refusal_status: int = 429,
        refusal_headers: Mapping[str, str] = MappingProxyType({}),
        delay_seconds: float = 0,
        answer: Callable[[str], str | None] = echo,
    ) -> None:
        """Refuse the first `refuse` calls (`math.inf`: all of them) with `refusal_status`; delay every answer."""
        self.calls = 0
        self.last_request: dict[str, Any] = {}
        self.refusal_status = refusal_status
        self.refusal_headers = refusal_headers
        self.delay_seconds = delay_seconds
        self.answer = answer
        self._refuse = refuse
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="chat-server")

    @property
    def url(self) -> str:
        """What an Azure client calls its endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def admit_call(self, request: dict[str, Any]) -> bool:
        """Count a call and keep its body; False if it is to be refused."""
        with self._lock:
            self.calls += 1
            self.last_request = request
            return self.calls > self._refuse

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, chat: ChatServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.chat = chat
        self._connections: set[_Request] = set()
        self._connections_lock = threading.Lock()

    def process_request(self, request: _Request, client_address: object) -> None:
        """Serve one connection in a thread of its own, and remember it so that it can be hung up."""
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Request) -> None:
        """Close a connection; the thread that serves it always ends here."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep alive: their threads wait for another request otherwise."""
        with self._connections_lock:
            for connection in self._connections:
                # A client may have hung up first.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: _Request, client_address: object) -> None:
        """Report an error, but not that a client went away before its answer came."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two packets: without this the second waits for the client's delayed ACK.
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Answer one call, or refuse it."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chat = self.server.chat
        target = _COMPLETIONS.fullmatch(self.path)
        if target is None or not self.headers.get("api-key"):
            self._send(404 if target is None else 401, {"error": {"message": "no such deployment, or no key"}})
            return
        admitted = chat.admit_call(request)
        time.sleep(chat.delay_seconds)
        if admitted:
            prompt = request["messages"][-1]["content"]
            self._send(200, _completion(target["deployment"], prompt, chat.answer(prompt)))
        else:
            refusal = {"error": {"code": str(chat.refusal_status), "message": "refused"}}
            self._send(chat.refusal_status, refusal, chat.refusal_headers)

    def _send(self, status: int, content: object, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


def _completion(deployment: str, prompt: str, answer: str | None) -> dict[str, object]:
    return {
        "id": "chatcmpl-demo",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": deployment,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}],
        "usage": {"prompt_tokens": len(prompt), "completion_tokens": len(prompt), "total_tokens": 2 * len(prompt)},
    }
