"""A provider, and a host of images, that answer byte for byte as a test says, however much that is; nothing of it is held."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.integration.odd_provider import LENGTH

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
IMAGE_HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: image/png\r\n\r\n"
PIECE = b"A" * (1024 * 1024)


@dataclass
class Hostile:
    """``answer`` is what a POST gets, ``image`` what a GET gets."""

    url: str = ""
    answer: bytes | Script = b""
    image: bytes | Script = b""


@asynccontextmanager
async def hostile() -> AsyncIterator[Hostile]:
    """It serves one request a connection."""
    found = Hostile()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            wanted = found.image if head.startswith(b"GET") else found.answer
            await reader.readexactly(int((LENGTH.findall(head) or [b"0"])[0]))
            if isinstance(wanted, bytes):
                writer.write(wanted)
            else:
                await wanted(writer)
            await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            serving.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        found.url = f"http://{host}:{port}"
        yield found
        for task in serving:
            task.cancel()
        if serving:
            await asyncio.wait(serving)


def sized(begin: bytes, piece: bytes, pieces: int, end: bytes, head: bytes = HEAD) -> Script:
    """An answer whose body is ``begin``, so many pieces and ``end``."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"content-length: %d\r\n\r\n" % (len(begin) + len(piece) * pieces + len(end)) + begin)
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
        writer.write(end)

    return script


def unsized(begin: bytes, pieces: int, head: bytes = IMAGE_HEAD, piece: bytes = PIECE) -> Script:
    """An answer whose body ends with its connection."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(head + begin)
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()

    return script


def dripping(begin: bytes, piece: bytes) -> Script:
    """An answer that never ends, and is never silent."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)

    return script
