"""OpenRouter's image API on loopback: its paths, its names, its errors. It answers in a thread of its own.

Source: its OpenAPI description of ``POST /images`` as public copies have it, read 2026-11-24.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.integration.test_edits import picture

PNG = picture(64)
B64 = base64.b64encode(PNG).decode()
MODEL = "bytedance-seed/seedream-4.5"
KEY = "sk-or-fake-not-a-secret"
GENERATION = "gen-1764000000-AbCdEf"
_MEMBERS = frozenset({
    "aspect_ratio", "background", "input_references", "model", "n", "output_compression", "output_format", "prompt", "provider",
    "quality", "resolution", "seed", "session_id", "size", "stream", "trace", "user",
})  # fmt: skip
# As the number stands in the answer: finer than a nano-unit.
COST = "0.0387654325"


@dataclass
class OpenRouter:
    """``asked`` are the bodies that came. ``usage`` is the text of that member; ``fault`` is a status and a body instead."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    usage: str = ""
    fault: tuple[int, object] | None = None

    def reset(self) -> None:
        self.asked.clear()
        self.usage = f'{{"prompt_tokens":0,"completion_tokens":4175,"total_tokens":4175,"cost":{COST}}}'
        self.fault = None

    def answer(self, key: str, wanted: dict[str, Any]) -> tuple[int, str]:
        """Status and body."""
        self.asked.append(wanted)
        if self.fault is not None:
            return self.fault[0], json.dumps(self.fault[1])
        if key != f"Bearer {KEY}":
            return _error(401, "User not found.")
        for name, value in wanted.items():
            if name not in _MEMBERS or value is None:
                return _error(400, f"Invalid request parameters: {name}")
        if wanted.get("size") == "auto" or not isinstance(wanted.get("n", 1), int):
            return _error(400, "Invalid request parameters: size or n")
        items = ",".join([f'{{"b64_json":"{B64}","media_type":"image/png"}}'] * wanted.get("n", 1))
        usage = f',"usage":{self.usage}' if self.usage else ""
        return 200, f'{{"created":1748372400,"data":[{items}]{usage}}}'


@contextmanager
def openrouter() -> Iterator[OpenRouter]:
    """Until the block is left."""
    there = OpenRouter()
    there.reset()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = {"data": [{"id": MODEL, "created": 1, "object": "model"}]}
            self._send(*((200, json.dumps(found)) if self.path == "/api/v1/images/models" else _error(404, "Not Found")))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path != "/api/v1/images" or self.headers["content-type"] != "application/json":
                self._send(*_error(404, "Not Found"))
                return
            self._send(*there.answer(self.headers.get("authorization", ""), json.loads(body)))

        def _send(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text.encode())))
            self.send_header("x-generation-id", GENERATION)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    there.url = f"http://127.0.0.1:{server.server_address[1]}/api/v1"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _error(code: int, message: str) -> tuple[int, str]:
    return code, json.dumps({"error": {"code": code, "message": message}, "user_id": "user_2xExample"})
