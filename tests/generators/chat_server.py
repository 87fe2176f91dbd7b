"""A small chat server with scripted replies over real sockets: HTTP/1.1, keep-alive, streams."""

import json
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[[dict[str, Any]], "dict[str, Any] | tuple[int, dict[str, Any]] | list[Any]"]
"""Maps the body of a request to a reply, (status, reply), or the events of a stream, with thread events to wait for."""


class ChatServer:
    """Records request bodies, API keys, connections, and whether a client hung up."""

    def __init__(self, script: Script, models: list[dict[str, Any]]) -> None:
        self.script, self.models = script, models
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.connections: set[Any] = set()
        self.max_in_flight = self.in_flight = 0
        self.disconnected = threading.Event()
        self.headers: dict[str, str] = {}
        self.lock = threading.Lock()
        self.url = ""


def text(content: str, reason: str = "stop", **fields: Any) -> dict[str, Any]:
    """Return a reply with one choice."""
    usage = {"prompt_tokens": 7, "completion_tokens": len(content.split())}
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason, **fields}
    return {"choices": [choice], "usage": usage}


@contextmanager
def chat_server(script: Script, models: list[dict[str, Any]] | None = None) -> Iterator[ChatServer]:
    """Serve until the end of the block."""
    state = ChatServer(script, models or [{"id": "toy", "owned_by": "vllm", "max_model_len": 4096}])

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
                state.in_flight += 1
                state.max_in_flight = max(state.max_in_flight, state.in_flight)
            try:
                reply = state.script(body)
                if isinstance(reply, list):
                    self._stream(reply)
                else:
                    status, content = reply if isinstance(reply, tuple) else (200, reply)
                    self._reply(status, content)
            finally:
                with state.lock:
                    state.in_flight -= 1

        def _reply(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, events: list[Any]) -> None:
            self.close_connection = True
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            for event in events:
                if isinstance(event, threading.Event):
                    self._wait(event)
                else:
                    self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                    self.wfile.flush()

        def _wait(self, event: threading.Event) -> None:
            """Wait for the event, or for the client to hang up."""
            while not event.wait(0.02):
                if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1):
                    state.disconnected.set()
                    return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *arguments: Any) -> None:
            state.disconnected.set()

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
