"""A system of record on loopback, which the gate looks facts up in: what it says, and what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class RecordKeeper:
    """
    `records` are its documents by path. `says` replaces the next answers: a status, headers and a body, or a function
    that answers them and may take its time.
    """

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}
        self.says: list[Answer | Callable[[], Answer]] = []
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self.host = ""
        self._lock = threading.Lock()

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        with self._lock:
            self.asked.append(path)
            self.headers.append(headers)
            said = self.says.pop(0) if self.says else None
        if callable(said):
            said = said()
        if said is not None:
            return said
        if path not in self.records:
            return 404, {}, b"{}"
        return 200, {"Content-Type": "application/json"}, json.dumps(self.records[path]).encode()


@contextmanager
def record_keeper() -> Iterator[RecordKeeper]:
    keeper = RecordKeeper()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = keeper.answer(self.path, dict(self.headers))
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                # Whoever asked has gone.
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    serving.start()
    keeper.host = f"127.0.0.1:{server.server_port}"
    keeper.url = f"http://{keeper.host}"
    try:
        yield keeper
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
