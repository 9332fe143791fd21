"""A provider that does to its connections exactly what a test says, and a client of it, on asyncio's loop and on uvloop."""

import asyncio
import inspect
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import uvloop

from gateway.core.outcome import Stage
from gateway.core.secret import Secret
from gateway.core.snapshot import ProviderSettings, Timeouts
from gateway.ports import Content, UpstreamCall, UpstreamFailed
from gateway.providers.openai_wire import OpenAIWire, WireResponse

SETTINGS = ProviderSettings("fake", "openai", "http://127.0.0.1:1/v1", Secret("sk-fake-1"), "org-1", "proj-1", Timeouts(5, 5))
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BEGUN = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun"


def on_every_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run the test on asyncio's own loop and on uvloop; an error that only the loop hears of fails it too."""

    def run(loop_factory: Callable[[], asyncio.AbstractEventLoop], **arguments: object) -> None:
        unheard: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: unheard.append(context))
            runner.run(asyncio.wait_for(test(**arguments), 30))
        assert unheard == []

    loop_factory = inspect.Parameter("loop_factory", inspect.Parameter.KEYWORD_ONLY)
    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    run.__signature__ = inspect.Signature([*inspect.signature(test).parameters.values(), loop_factory])  # type: ignore[attr-defined]  # a function may have one
    run.pytestmark = list(getattr(test, "pytestmark", []))  # type: ignore[attr-defined]  # what pytest.mark leaves on a function
    loops = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
    return loops(run)


@dataclass(slots=True)
class Peer:
    """The provider's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> bytes:
        """The next request's head."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> bytes:
        """The next request, whole."""
        head = await self.head()
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        return head + await self.reader.readexactly(length)

    async def send(self, *pieces: bytes) -> None:
        """Write these pieces, each on its own as far as TCP lets it."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def client_gone(self) -> None:
        """Wait until the client has closed its end; what it still sends is dropped."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Close by a TCP reset."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass(slots=True)
class Provider:
    """Where it is, and how many connections were made to it and have ended."""

    base_url: str = ""
    connections: int = 0
    ended: int = 0
    change: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def all_ended(self) -> None:
        """Wait until the script of each connection has ended."""
        async with self.change:
            await self.change.wait_for(lambda: self.ended == self.connections > 0)


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def provider(script: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Provider]:
    """Run the script on each connection that comes, and then close it."""
    found = Provider()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        # The client may close at any time: that is what many of these tests are about.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await script(Peer(reader, writer))
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        async with found.change:
            found.ended += 1
            found.change.notify_all()

    server = await asyncio.start_server(serve, host, 0, ssl=tls, backlog=512)
    async with server:
        port = server.sockets[0].getsockname()[1]
        scheme, name = "https" if tls else "http", "localhost" if tls else f"[{host}]" if ":" in host else host
        found.base_url = f"{scheme}://{name}:{port}/v1"
        yield found
        if found.connections:
            await found.all_ended()


@dataclass(slots=True)
class Client:
    """Sends calls to one provider."""

    wire: OpenAIWire
    settings: ProviderSettings

    async def send(self, body: bytes | Content = b"{}", request_id: str = "req-1") -> WireResponse:
        """One call; the answer's head."""
        return await self.wire.send(UpstreamCall(self.settings, "images/generations", request_id, body))

    async def get(self, body: bytes | Content = b"{}") -> bytes:
        """One call; the answer's body, and the connection given back."""
        response = await self.send(body)
        try:
            return b"".join([chunk async for chunk in response.chunks()])
        finally:
            response.release()

    async def failure(self, stage: Stage) -> str:
        """The text of a call that fails in this stage, after which nothing is left open."""
        with pytest.raises(UpstreamFailed) as failed:
            await self.get()
        assert failed.value.stage is stage
        return str(failed.value)


@asynccontextmanager
async def client_of(base_url: str, connect_s: float = 5, total_s: float = 5) -> AsyncIterator[Client]:
    """A client of the provider at that address."""
    async with OpenAIWire() as wire:
        yield Client(wire, replace(SETTINGS, base_url=base_url, timeouts=Timeouts(connect_s, total_s)))


@asynccontextmanager
async def scripted(script: Script, total_s: float = 5, host: str = "127.0.0.1") -> AsyncIterator[tuple[Client, Provider]]:
    """A provider that follows the script, and its client."""
    async with provider(script, host) as found, client_of(found.base_url, total_s=total_s) as client:
        yield client, found


def answering(*pieces: bytes) -> Script:
    """Give every request this answer, and close nothing."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*pieces)

    return script


def closing_after(*pieces: bytes) -> Script:
    """Give one request this answer, and close the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)

    return script


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until this holds."""
    while not condition():
        await asyncio.sleep(0.001)
