"""Connections to providers: idle ones wait here, by origin, for the next call."""

import asyncio
import ssl
from contextlib import suppress
from typing import NamedTuple

from gateway.core.outcome import Stage
from gateway.providers.connection import READ_BUFFER_BYTES, Connection
from gateway.providers.errors import FOREIGN, upstream_failed

# A provider that closes an idle connection just as it is used again leaves an ambiguous attempt, so idle ones are not kept long.
IDLE_CONNECTION_S = 15
# Per origin. There is no limit on connections in use: admission is decided before an attempt, not by a hidden queue.
IDLE_CONNECTIONS_MAX = 256
# An aborted connection is gone with the loop's next turn; nobody waits for one of which the loop does not tell.
LOST_S_MAX = 1.0


class Origin(NamedTuple):
    """Whom a connection leads to."""

    tls: bool
    host: str
    port: int


class _Idle(NamedTuple):
    connection: Connection
    since_s: float


class Pool:
    """Opens connections, keeps the idle ones and closes all in the end. It belongs to the event loop that runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._buffer = memoryview(bytearray(READ_BUFFER_BYTES))
        self._open: set[Connection] = set()
        self._idle: dict[Origin, list[_Idle]] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._all_lost = asyncio.Event()

    async def take(self, origin: Origin, connect_s: float) -> Connection:
        """An idle connection, the latest used first, or a new one; raises ``UpstreamFailed``."""
        if self._closed:
            raise RuntimeError("the pool of connections is closed")
        idle = self._idle.get(origin)
        while idle:
            connection, since_s = idle.pop()
            if not connection.closing and self._loop.time() - since_s < IDLE_CONNECTION_S:
                return connection
            connection.abort()
        try:
            async with asyncio.timeout(connect_s):
                return await self._connect(origin, connect_s)
        except FOREIGN as error:
            raise upstream_failed(error, Stage.CONNECT) from error

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """The end of a connection's use: it waits for the next one where it can serve, and is closed where it cannot."""
        if not connection.finish() or self._closed:
            connection.abort()
            return
        idle = self._idle.setdefault(origin, [])
        if len(idle) == IDLE_CONNECTIONS_MAX:
            idle.pop(0).connection.abort()
        idle.append(_Idle(connection, self._loop.time()))
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(IDLE_CONNECTION_S, self._sweep)

    async def aclose(self) -> None:
        """Close every connection, in use or not."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        for connection in tuple(self._open):
            connection.abort()
        if self._open:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOST_S_MAX):
                    await self._all_lost.wait()

    async def _connect(self, origin: Origin, connect_s: float) -> Connection:
        """The loop tries each address of the host."""
        begun: list[Connection] = []

        def protocol() -> Connection:
            begun.append(Connection(self._buffer, self._made, self._lost))
            return begun[-1]

        try:
            _, connection = await self._loop.create_connection(
                protocol,
                origin.host,
                origin.port,
                ssl=self._tls if origin.tls else None,
                ssl_handshake_timeout=connect_s if origin.tls else None,
            )
        except BaseException:
            # Of one that stood just as its caller was cancelled, uvloop never says that it is lost.
            for connection in begun:
                connection.abort()
                self._lost(connection)
            raise
        return connection

    def _made(self, connection: Connection) -> None:
        self._open.add(connection)
        if self._closed:
            connection.abort()

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if self._closed and not self._open:
            self._all_lost.set()

    def _sweep(self) -> None:
        """Close what has been idle for too long, and come again when the next one may be."""
        self._sweeper = None
        now_s = self._loop.time()
        kept: dict[Origin, list[_Idle]] = {}
        for origin, idle in self._idle.items():
            for one in idle:
                if one.connection.closing or now_s - one.since_s >= IDLE_CONNECTION_S:
                    one.connection.abort()
                else:
                    kept.setdefault(origin, []).append(one)
        self._idle = kept
        if kept:
            oldest_s = min(idle[0].since_s for idle in kept.values())
            self._sweeper = self._loop.call_at(oldest_s + IDLE_CONNECTION_S, self._sweep)
