"""A load and what came of it: ``python -m bench.load`` takes a ``Load`` as JSON on its input and prints a ``Tally``."""

import asyncio
import json
import sys
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter

import uvloop

from bench.connection import Connection
from bench.image import BOUNDARY, form

SLACK_BYTES = 16 * 1024  # what a gateway may add around an image


@dataclass(frozen=True, kw_only=True)
class Load:
    """``connections`` that each send one request after the other.

    After ``warm_up_s`` they are measured for ``window_s`` at most; with ``requests`` they stop after so many. They open
    evenly over ``ramp_s``. ``files`` of ``file_bytes`` make an edit, otherwise ``prompt`` and ``stream`` a generation.
    ``answer_bytes`` is the least that a whole answer weighs.
    """

    port: int
    path: str
    headers: dict[str, str]
    prompt: str
    connections: int
    window_s: float
    warm_up_s: float = 0.0
    ramp_s: float = 0.0
    requests: int | None = None
    stream: bool = False
    files: int = 0
    file_bytes: int = 0
    answer_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Tally:
    """``served`` and ``moved_bytes`` count all of the run, bodies both ways; the rest only what was measured.

    ``latencies_ms`` and ``partial_ms`` (until the first whole partial image) are the median, the 99th percentile and the
    largest; empty where nothing succeeded.
    """

    succeeded: int
    failures: dict[str, int]
    elapsed_s: float
    latencies_ms: list[float]
    partial_ms: list[float]
    served: int
    moved_bytes: int
    measured_bytes: int


@dataclass
class Client:
    """Owns the connections of one load, and counts."""

    load: Load
    failures: Counter[str] = field(default_factory=Counter)
    latencies_s: "array[float]" = field(default_factory=lambda: array("d"))
    partials_s: "array[float]" = field(default_factory=lambda: array("d"))
    started: int = 0
    finished: int = 0
    served: int = 0
    moved_bytes: int = 0
    measured_bytes: int = 0

    def __post_init__(self) -> None:
        self.address = ("127.0.0.1", self.load.port)
        self.request = _request(self.load)
        self._body_bytes = len(self.request[1])
        self._done = asyncio.Event()
        self._began_s = self._measured_s = self._until_s = self._last_s = 0.0

    async def run(self) -> Tally:
        """Load the target until the window has passed or all requests have been answered."""
        load, loop = self.load, asyncio.get_running_loop()
        self._began_s = perf_counter()
        self._measured_s = self._last_s = self._began_s + load.warm_up_s
        self._until_s = self._measured_s + load.window_s
        opened = [Connection(self, streams=load.stream) for _ in range(load.connections)]
        for index, connection in enumerate(opened):
            loop.call_later(index * load.ramp_s / load.connections, connection.open)
        try:
            await asyncio.wait_for(self._done.wait(), load.warm_up_s + load.window_s)
        except TimeoutError:
            if load.requests is not None and (missing := load.requests - self.finished):
                self.failures[f"not delivered within {load.window_s:.0f} s"] += missing
        for connection in opened:
            connection.close()
        return self._tally()

    def may_send(self) -> bool:
        """Whether another request belongs to the load; the caller then sends it."""
        if perf_counter() >= self._until_s or self.started == self.load.requests:
            return False
        self.started += 1
        return True

    def ended(self, began_s: float, failure: str | None, body_bytes: int, partial_s: float | None) -> None:
        """Count one request that was answered, or failed."""
        now_s = perf_counter()
        self.finished += 1
        if failure is None:
            self.served += 1
            self.moved_bytes += body_bytes + self._body_bytes
        if began_s >= self._measured_s and now_s <= self._until_s:
            self._last_s = now_s
            if failure is None:
                self.latencies_s.append(now_s - began_s)
                self.measured_bytes += body_bytes + self._body_bytes
                if partial_s is not None:
                    self.partials_s.append(partial_s - began_s)
            else:
                self.failures[failure] += 1
        if self.finished == self.load.requests:
            self._done.set()

    def whole(self, body_bytes: int) -> bool:
        """Whether a body of that length can be what was asked for."""
        return self.load.stream or self.load.answer_bytes <= body_bytes <= self.load.answer_bytes + SLACK_BYTES

    def _tally(self) -> Tally:
        window_s = self.load.window_s if self.load.requests is None else self._last_s - self._measured_s
        return Tally(
            succeeded=len(self.latencies_s),
            failures=dict(self.failures),
            elapsed_s=window_s,
            latencies_ms=_summary(self.latencies_s),
            partial_ms=_summary(self.partials_s),
            served=self.served,
            moved_bytes=self.moved_bytes,
            measured_bytes=self.measured_bytes,
        )


def request_body(load: Load) -> tuple[str, bytes]:
    """``(content type, body)`` of each request."""
    if load.files:
        return f"multipart/form-data; boundary={BOUNDARY}", form(load.files, load.file_bytes, load.prompt)
    members = {"model": "gpt-image-2", "prompt": load.prompt, "size": "1024x1024", "quality": "low"}
    streamed = {"stream": True, "partial_images": 3} if load.stream else {}
    return "application/json", json.dumps(members | streamed).encode()


def _request(load: Load) -> tuple[bytes, memoryview]:
    content_type, body = request_body(load)
    headers = {"host": f"127.0.0.1:{load.port}", "content-type": content_type, "content-length": str(len(body)), **load.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {load.path} HTTP/1.1\r\n{lines}\r\n".encode(), memoryview(body)


def _summary(seconds: Sequence[float]) -> list[float]:
    """Median, 99th percentile and largest, in milliseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return [ordered[round(last * part)] * 1000 for part in (0.5, 0.99, 1.0)] if ordered else []


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(Client(Load(**json.load(sys.stdin))).run()))))
