"""A provider that answers byte for byte as a test says, and a ledger that keeps its entries in a list."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from gateway.core.ledger.entry import Entry

# The beginning of a PNG of 1024 x 1024 pixels, and more than a scanner keeps.
PNG = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU" + "A" * 3956
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class KeptLedger:
    """``settled`` is set once an attempt has been closed."""

    lag_s = 0.0
    failing = False

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.closed = asyncio.Event()

    async def append(self, *entries: Entry, spool: bool = False) -> None:
        self.entries += entries
        if entries[0].kind != "reserve":
            self.closed.set()


@asynccontextmanager
async def provider(answer: bytes | Script) -> AsyncIterator[str]:
    """A server that gives every request these bytes, or what the script writes, and closes the connection."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(LENGTH.findall(head)[0]))
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            serving.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/v1"
        for task in serving:
            task.cancel()
        if serving:
            await asyncio.wait(serving)


def http(status: str, body: object, *headers: bytes) -> bytes:
    """A complete answer of JSON, or of these bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}".encode(), b"content-type: application/json", b"content-length: %d" % len(content), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def event(kind: str, **members: object) -> bytes:
    """One event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | members)}\n\n".encode()
