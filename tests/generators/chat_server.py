"""A small chat server that says what a test wants, over real sockets: HTTP/1.1, keep-alive, streams."""

import json
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], "dict[str, Any] | tuple[int, dict[str, Any]] | list[Any]"]
"""The body of a request -> a reply; (status, reply); or the parts of a stream, among them events to wait for."""


class ChatServer:
    """What was asked, over how many connections, and how many were given up by the client."""

    def __init__(self, answer: Answer, models: list[dict[str, Any]]) -> None:
        self.answer, self.models = answer, models
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.connections: set[Any] = set()
        self.most_at_once = self.now = 0
        self.given_up = threading.Event()
        self.headers: dict[str, str] = {}
        self.lock = threading.Lock()
        self.url = ""


def text(said: str, reason: str = "stop", **more: Any) -> dict[str, Any]:
    """A reply with one text."""
    usage = {"prompt_tokens": 7, "completion_tokens": len(said.split())}
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": reason, **more}
    return {"choices": [choice], "usage": usage}


@contextmanager
def chat_server(answer: Answer, models: list[dict[str, Any]] | None = None) -> Iterator[ChatServer]:
    """Serve until the end of the block."""
    state = ChatServer(answer, models or [{"id": "toy", "owned_by": "vllm", "max_model_len": 4096}])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            pass

        def setup(self) -> None:
            super().setup()
            state.connections.add(self.client_address)

        def do_GET(self) -> None:
            state.keys.add(self.headers.get("Authorization"))
            self._reply(200 if self.path == "/v1/models" else 404, {"data": state.models})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                state.keys.add(self.headers.get("Authorization"))
                state.bodies.append(body)
                state.now += 1
                state.most_at_once = max(state.most_at_once, state.now)
            try:
                said = state.answer(body)
                if isinstance(said, list):
                    self._stream(said)
                else:
                    status, content = said if isinstance(said, tuple) else (200, said)
                    self._reply(status, content)
            finally:
                with state.lock:
                    state.now -= 1

        def _reply(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, parts: list[Any]) -> None:
            self.close_connection = True
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            for part in parts:
                if isinstance(part, threading.Event):
                    self._wait(part)
                else:
                    self.wfile.write(f"data: {json.dumps(part)}\n\n".encode())
                    self.wfile.flush()

        def _wait(self, event: threading.Event) -> None:
            """Wait for the event, or for the client to hang up."""
            while not event.wait(0.02):
                if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1):
                    state.given_up.set()
                    return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *arguments: Any) -> None:
            state.given_up.set()

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
