"""The provider that all targets call: ``python -m bench.upstream PORT``. It answers what the prompt asks for.

``bytes=N`` in the prompt is the weight of the answer, ``delay_ms=N`` how long it is held. ``/bench/stats`` counts;
a POST to it begins anew.
"""

import asyncio
import json
import re
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import cast

import uvloop

from bench.image import answer, events
from bench.wire import READ_BUFFER_BYTES, Malformed, MessageReader

EVENT_EVERY_S = 0.2
EDIT_ANSWER_BYTES = 4096
STATS_PATH = "/bench/stats"
_ASKED = re.compile(rb"bytes=(\d+) delay_ms=(\d+)")
_STREAMED = re.compile(rb'"stream"\s*:\s*true')
_KEPT_BYTES = 16 * 1024
_BUFFER = memoryview(bytearray(READ_BUFFER_BYTES))  # one for all connections: it is read before the next one is filled
_HEAD = (
    b"HTTP/1.1 200 OK\r\nserver: bench\r\nx-request-id: req_5f2d1c0b9a8e4d7fa1b2c3d4e5f60718\r\n"
    b"openai-organization: bench\r\nopenai-version: 2020-10-01\r\nopenai-processing-ms: 1\r\n"
)
_STREAM_HEAD = _HEAD + b"content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
_NOTHING = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


@dataclass
class Stats:
    """What has arrived since the last beginning."""

    requests: int = 0
    in_flight: int = 0
    in_flight_peak: int = 0
    received_bytes: int = 0

    def enter(self, body_bytes: int) -> None:
        self.requests += 1
        self.received_bytes += body_bytes
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)

    def leave(self) -> None:
        self.in_flight -= 1

    def begin(self) -> None:
        self.requests, self.received_bytes, self.in_flight_peak = 0, 0, self.in_flight


class Exchange(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._loop = asyncio.get_running_loop()
        self._reader = MessageReader(self._answer, _KEPT_BYTES)
        self._held: list[asyncio.TimerHandle] = []
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._reader.feed(_BUFFER[:nbytes])
        except Malformed:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        for timer in self._held:
            timer.cancel()
        self._leave()

    def _answer(self) -> None:
        method, path, _ = self._reader.head.split(b" ", 2)
        if method == b"POST" and path.endswith(b"/images/generations"):
            self._generate(bytes(self._reader.body))
        elif method == b"POST" and path.endswith(b"/images/edits"):
            self._enter()
            self._deliver(_whole(EDIT_ANSWER_BYTES))
        elif path == STATS_PATH.encode():
            if method == b"POST":
                self._stats.begin()
            body = json.dumps(asdict(self._stats)).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        else:
            self._transport.write(_NOTHING)

    def _generate(self, body: bytes) -> None:
        self._enter()
        if _STREAMED.search(body):
            self._transport.write(_STREAM_HEAD)
            frames = _frames()
            self._held = [
                self._loop.call_later(EVENT_EVERY_S * (index + 1), self._send, frame, index == len(frames) - 1)
                for index, frame in enumerate(frames)
            ]
            return
        asked = _ASKED.search(body)
        size_bytes, delay_ms = (int(asked[1]), int(asked[2])) if asked else (4096, 0)
        if delay_ms:
            self._held = [self._loop.call_later(delay_ms / 1000, self._deliver, _whole(size_bytes))]
        else:
            self._deliver(_whole(size_bytes))

    def _deliver(self, pieces: tuple[bytes, bytes]) -> None:
        self._transport.writelines(pieces)
        self._leave()

    def _send(self, frame: bytes, last: bool) -> None:
        self._transport.write(frame)
        if last:
            self._leave()

    def _enter(self) -> None:
        self._stats.enter(self._reader.body_bytes)
        self._busy = True

    def _leave(self) -> None:
        if self._busy:
            self._stats.leave()
        self._busy, self._held = False, []


@lru_cache(maxsize=64)
def _whole(size_bytes: int) -> tuple[bytes, bytes]:
    body = answer(size_bytes)
    return _HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body), body


@lru_cache(maxsize=1)
def _frames() -> tuple[bytes, ...]:
    """The events as chunks, the last with the end of the body."""
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events()]
    return (*chunks[:-1], chunks[-1] + b"0\r\n\r\n")


async def _serve(port: int) -> None:
    stats = Stats()
    server = await asyncio.get_running_loop().create_server(lambda: Exchange(stats), "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
