"""A port that an ASGI app answers on: bound before anything answers, stopped without dropping what is in flight."""

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from email.utils import formatdate

import structlog
from starlette.types import ASGIApp

from gateway.listener.bounds import (
    ACCEPT_PAUSE_S,
    ACCEPTS_A_TURN_MAX,
    LATE_ANSWERS_A_SWEEP_MAX,
    REFUSED_AT_ONCE_MAX,
    SWEEP_EVERY_S,
    Counts,
    Limits,
)
from gateway.listener.connection import Connection
from gateway.listener.exchange import Exchange
from gateway.listener.refusal import TOO_MANY_CONNECTIONS, Refused

CONNECTIONS_WAITING_MAX = 2048
CUT_OFF_S_MAX = 10
LOST_S_MAX = 1
# A flood is told of once in so long.
TELL_EVERY_S = 60.0
OUT_OF_DESCRIPTORS = "out_of_descriptors"
# The process or the machine has no room for one more; all else that accept() says is over with the one connection.
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = structlog.get_logger("gateway.listener")


class PortUnavailable(Exception):
    """A listener's address cannot be bound. Its text names it."""


@asynccontextmanager
async def listening(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    grace_s: int,
    protocol: type[Connection] = Connection,
    limits: Limits | None = None,
    counts: Counts | None = None,
) -> AsyncIterator[str]:
    """Serve ``app`` while the block runs; yields its URL (port 0 takes any that is free). Raises ``PortUnavailable``.

    On leaving, no new connection is taken, and requests in flight have ``grace_s`` seconds to finish.
    """
    with _bound(host, port) as bound:
        listener = Listener(app, bound, protocol=protocol, limits=limits or Limits(), counts=counts or Counts())
        try:
            yield _url(bound)
        finally:
            await listener.stop(grace_s)


class Listener:
    """Implements ``connection.Owner``. Accepts by itself, since event loops do not tell what they could not accept."""

    def __init__(self, app: ASGIApp, bound: socket.socket, *, protocol: type[Connection], limits: Limits, counts: Counts) -> None:
        self.app, self.limits, self.counts = app, limits, counts
        self.loop = asyncio.get_running_loop()
        self.date = b""
        self._bound, self._url, self._protocol = bound, _url(bound), protocol
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._stopping = False
        self._changed = asyncio.Event()
        self._told, self._tell_at_s = 0, 0.0
        self._timer: asyncio.TimerHandle
        self._resumption: asyncio.TimerHandle | None = None
        self._sweep()
        self._listen()

    def opened(self, connection: Connection) -> Refused | None:
        """See ``Owner``."""
        self._connections.add(connection)
        self.counts.open += 1
        if self._stopping:
            # It was being accepted meanwhile.
            self.loop.call_soon(connection.shutdown)
        return TOO_MANY_CONNECTIONS if len(self._connections) > self.limits.connections_max else None

    def lost(self, connection: Connection) -> None:
        """See ``Owner``."""
        self._connections.discard(connection)
        self.counts.open -= 1
        self._changed.set()

    def run(self, exchange: Exchange) -> None:
        """See ``Owner``."""
        self._own(self.loop.create_task(exchange.run(self.app)))

    async def stop(self, grace_s: float) -> None:
        """Take no more, and let what runs end."""
        self._stopping = True
        if self._resumption is not None:
            self._resumption.cancel()
        self.loop.remove_reader(self._bound)
        self._bound.close()
        for connection in tuple(self._connections):
            connection.shutdown()
        try:
            await self._quiet(grace_s)
        finally:
            await self._cut_off()
            self._timer.cancel()

    async def _cut_off(self) -> None:
        """End what outlived its time, and wait until it has: it may have books to close."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=CUT_OFF_S_MAX)
        for connection in tuple(self._connections):
            connection.break_off(at_once=False)
        await self._quiet(LOST_S_MAX)
        for connection in tuple(self._connections):
            connection.break_off(at_once=True)

    async def _quiet(self, wait_s: float) -> None:
        """Wait until nothing is left, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while self._connections or self._tasks:
                    self._changed.clear()
                    await self._changed.wait()

    def _own(self, task: "asyncio.Task[object]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if self._stopping:
            self._changed.set()

    def _listen(self) -> None:
        if not self._stopping:
            self.loop.add_reader(self._bound, self._accept)

    def _accept(self) -> None:
        """Take those who wait, a turn's worth of them."""
        for _ in range(ACCEPTS_A_TURN_MAX):
            try:
                accepted, _ = self._bound.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    # Whoever waits goes on waiting: there may be room soon.
                    self.counts.refused[OUT_OF_DESCRIPTORS] += 1
                    self.loop.remove_reader(self._bound)
                    self._resumption = self.loop.call_later(ACCEPT_PAUSE_S, self._listen)
                    return
                continue
            accepted.setblocking(False)
            if len(self._connections) >= self.limits.connections_max + REFUSED_AT_ONCE_MAX:
                self.counts.refused[TOO_MANY_CONNECTIONS.reason] += 1
                accepted.close()
            else:
                self._own(self.loop.create_task(self._connect(accepted)))

    async def _connect(self, accepted: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: self._protocol(self), accepted)
        except OSError:
            accepted.close()

    def _sweep(self) -> None:
        """Once a second: the date, whose patience is at an end, and what is to be told."""
        self._timer = self.loop.call_later(SWEEP_EVERY_S, self._sweep)
        self.date = b"date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()
        now_s, answers = self.loop.time(), 0
        for connection in [it for it in self._connections if it.deadline_s <= now_s]:
            answers += connection.overdue(answering=answers < LATE_ANSWERS_A_SWEEP_MAX)
        refused = self.counts.refused
        count = refused[TOO_MANY_CONNECTIONS.reason] + refused[OUT_OF_DESCRIPTORS]
        if count > self._told and now_s >= self._tell_at_s:
            _log.warning(
                "connections refused",
                listener=self._url,
                open=self.counts.open,
                connections_max=self.limits.connections_max,
                too_many=refused[TOO_MANY_CONNECTIONS.reason],
                out_of_descriptors=refused[OUT_OF_DESCRIPTORS],
            )
            self._told, self._tell_at_s = count, now_s + TELL_EVERY_S


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Listening at once: with SO_REUSEADDR, two sockets may be bound to a port as long as neither listens."""
    # With the protocol named: asyncio's own loop sends small parts at once only on sockets that say that they are TCP.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(CONNECTIONS_WAITING_MAX)
            listener.setblocking(False)
        except OSError as error:
            reason = error.strerror or str(error)
            problem = f"cannot listen on {host}:{port}: {reason}. Free the port or set another one."
            raise PortUnavailable(problem) from error
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
