"""One HTTP/1.1 connection to a provider: a request out, its answer in, nothing repeated and nothing held beyond the bounds."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import cast

from gateway.core.outcome import Stage
from gateway.ports import Content
from gateway.providers.answer import Answer
from gateway.providers.errors import BadAnswer, upstream_failed

# What one read of the socket brings at most, and how much of a body waits for its reader before the socket is left alone.
READ_BUFFER_BYTES = 256 * 1024
WRITE_BUFFER_BYTES = 256 * 1024
KEEP_ALIVE_EVERY_S = 60
# A request up to this size leaves as one piece.
_JOINED_BYTES_MAX = 64 * 1024
# Event loops count in milliseconds: a timer may fire this much early.
_CLOCK_TICK_S = 0.001


class Connection(asyncio.BufferedProtocol):
    """One connection and the exchange that runs on it, if any. Whoever is cancelled while waiting on it closes it.

    ``buffer`` may be shared by all connections of one event loop: what is read is taken out of it at once. ``on_made`` and
    ``on_lost`` are called when the connection stands and when it is gone.
    """

    def __init__(
        self, buffer: memoryview, on_made: Callable[["Connection"], None], on_lost: Callable[["Connection"], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer, self._on_made, self._on_lost = buffer, on_made, on_lost
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._failure: Exception | None = None
        self._sent = self._reading_paused = self._writing_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_s = self._deadline_s = 0.0

    @property
    def closing(self) -> bool:
        """Whether it can no longer be used."""
        return self._transport is None or self._transport.is_closing()

    async def exchange(self, head: bytes, body: bytes | Content, deadline_s: float) -> Answer:
        """Send a request and wait for its answer's head until ``deadline_s`` of the loop's clock; raises ``UpstreamFailed``."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise upstream_failed(ConnectionError(), Stage.CONNECT)
        self._answer = answer = Answer()
        self._sent = False
        if not isinstance(body, bytes):
            transport.write(head)
            await self._upload(transport, body, answer, deadline_s)
        else:
            if len(body) <= _JOINED_BYTES_MAX:
                transport.write(head + body)
            else:
                transport.write(head)
                transport.write(body)
            self._sent = True
        while not answer.has_head:
            if self._failure is not None:
                raise upstream_failed(self._failure, Stage.ANSWER) from self._failure
            await self._change(deadline_s)
        return answer

    async def read(self, answer: Answer, deadline_s: float) -> bytes:
        """What has arrived of the body, at once where there is something; empty at its end. Raises ``UpstreamFailed``."""
        while not (answer.pieces or answer.complete):
            if self._failure is not None:
                raise upstream_failed(self._failure, Stage.BODY) from self._failure
            await self._change(deadline_s)
        data = answer.take()
        if self._reading_paused:
            self._reading_paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    def finish(self) -> bool:
        """The exchange is over. Whether another may follow: it passed whole, both ways, and both sides keep the connection."""
        answer, transport = self._answer, self._transport
        self._answer = None
        if answer is None or transport is None or transport.is_closing():
            return False
        return answer.complete and answer.keep_alive and self._sent and transport.get_write_buffer_size() == 0

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._fail(ConnectionAbortedError())

    async def _upload(self, transport: asyncio.Transport, body: Content, answer: Answer, deadline_s: float) -> None:
        """Send the body as fast as the provider takes it, until it refuses the rest by an answer that is no success."""
        left_bytes = body.length
        chunks = body.chunks()
        try:
            async for chunk in chunks:
                left_bytes -= len(chunk)
                if left_bytes < 0:
                    break
                if transport.is_closing() or answer.refuses:
                    return
                transport.write(chunk)
                # Others get their turn, and an early answer is read before a later write can break on the closed connection.
                await asyncio.sleep(0)
                while self._writing_paused and not (transport.is_closing() or answer.refuses):
                    await self._change(deadline_s)
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
        if left_bytes:
            raise ValueError("a request's body has another length than it said")
        self._sent = True

    async def _change(self, deadline_s: float) -> None:
        """Wait until something happened; at the deadline the connection fails."""
        self._deadline_s = deadline_s
        # One timer serves call after call: it is set anew only where it would come too late, and looks at the deadline itself.
        if self._timer is None or self._timer_at_s > deadline_s:
            self._set_timer()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except BaseException:
            self.abort()
            raise
        finally:
            self._waiter = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_s = self._deadline_s
        self._timer = self._loop.call_at(self._timer_at_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._waiter is not None and self._loop.time() + _CLOCK_TICK_S < self._deadline_s:
            self._set_timer()
        elif self._waiter is not None:
            self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once, when connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        _keep_alive(transport.get_extra_info("socket"))
        self._on_made(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Called before each read."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Called with what was read. What comes unasked ends the connection: it could be taken for the next request's answer."""
        transport, answer = self._transport, self._answer
        if transport is None or answer is None or answer.complete or transport.is_closing():
            self.abort()
            return
        try:
            answer.feed(self._buffer[:nbytes])
        except BadAnswer as error:
            self._fail(error)
            return
        if answer.queued_bytes >= READ_BUFFER_BYTES and not answer.complete:
            self._reading_paused = True
            transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Called when the provider closes its side: the end of a body that has no other, or of all hope."""
        if self._answer is not None and self._failure is None:
            self._answer.close()
        self._fail(EOFError())

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once, when the connection is gone; with TLS perhaps without ``eof_received``."""
        if exc is None:
            self.eof_received()
        else:
            self._salvage()
        self._fail(exc or EOFError())
        if self._timer is not None:
            self._timer.cancel()
        self._transport = self._timer = None
        self._on_lost(self)

    def _salvage(self) -> None:
        """Read what the provider had answered before a write broke on the connection it had closed."""
        transport, answer = self._transport, self._answer
        if transport is None or answer is None or self._failure is not None or transport.get_extra_info("sslcontext"):
            return
        with suppress(OSError, BadAnswer):
            if data := os.read(transport.get_extra_info("socket").fileno(), READ_BUFFER_BYTES):
                answer.feed(memoryview(data))

    def pause_writing(self) -> None:
        """Called when the provider takes less than it is sent."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Called when it has taken most of it."""
        self._writing_paused = False
        self._wake()


def _keep_alive(connected: socket.socket) -> None:
    """A job may be silent for minutes, and address translators on the way forget a connection after as many."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_EVERY_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_EVERY_S)
