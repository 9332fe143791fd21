"""Peers that behave badly on purpose: one that stands between a client and a server, and one that answers from a script."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class Passage:
    """Passes bytes between clients and the server at ``port``. While ``mute``, answers are thrown away."""

    def __init__(self, port: int) -> None:
        self.mute = False
        self.connections = 0
        self._port = port
        self._silent = 0

    def silence(self) -> None:
        """The connections that there are never answer again, as when a firewall has forgotten them; new ones do."""
        self._silent = self.connections

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, to_writer, lambda: False))
                both.create_task(self._pass(to_reader, writer, lambda: self.mute or number <= self._silent))
        finally:
            writer.close()
            to_writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dropped: Callable[[], bool]) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                if not dropped():
                    writer.write(chunk)
                    await writer.drain()
        with suppress(OSError):
            writer.close()


class Script:
    """Answers every command with the same bytes, or never where there are none. ``connections`` counts them."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.read(65_536):
                if self.answer is not None:
                    writer.write(self.answer)
                    await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def listening(peer: Passage | Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port at which the peer serves; its connections are ended with the block."""
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(peer.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
