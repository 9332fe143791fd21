"""A port that an ASGI app answers on: bound before anything answers, stopped without dropping what is in flight."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog
import uvicorn
from starlette.types import ASGIApp

from gateway.listener.bounds import LATE_ANSWERS_A_SWEEP_MAX, REFUSED_AT_ONCE_MAX, SWEEP_EVERY_TICKS, Counts, Limits
from gateway.listener.connection import Connection
from gateway.listener.exchange import Exchange
from gateway.listener.refusal import TOO_MANY_CONNECTIONS, Refused
from gateway.ports import Unusable

CONNECTIONS_WAITING_MAX = 2048
CUT_OFF_S_MAX = 10
LOST_S_MAX = 1
# A flood is told of once in so long.
TELL_EVERY_S = 60.0
OUT_OF_DESCRIPTORS = "out_of_descriptors"
_TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
) % (len(TOO_MANY_CONNECTIONS.body), TOO_MANY_CONNECTIONS.body)
_log = structlog.get_logger("gateway.listener")


class PortUnavailable(Unusable):
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
        url = _url(bound)
        listener = Listener(app, url, grace_s, protocol=protocol, limits=limits or Limits(), counts=counts or Counts())
        serving = asyncio.create_task(listener.serve([bound]), name=f"listener {url}")
        serving.add_done_callback(lambda _: listener.listens.set())
        await listener.listens.wait()
        if serving.done():
            await serving
        try:
            yield url
        finally:
            listener.should_exit = True
            try:
                await serving
            finally:
                await listener.cut_off()


class Listener(uvicorn.Server):
    """uvicorn's server with connections of our own; signals are left to whoever started it. Implements ``connection.Owner``."""

    def __init__(
        self, app: ASGIApp, url: str, grace_s: int, *, protocol: type[Connection], limits: Limits, counts: Counts
    ) -> None:
        config = uvicorn.Config(
            app,
            http=lambda **_: protocol(self),  # type: ignore[arg-type]  # called as the class would be
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=CONNECTIONS_WAITING_MAX,
            timeout_graceful_shutdown=grace_s,
        )
        super().__init__(config)
        self.app, self.limits, self.counts = app, limits, counts
        self.loop = asyncio.get_running_loop()
        self.date = b""
        self.listens = asyncio.Event()
        self._all_lost = asyncio.Event()
        self._url = url
        self._connections: set[Connection] = self.server_state.connections  # type: ignore[assignment]  # all of them are ours
        self._told, self._tell_at_s = 0, 0.0

    def opened(self, connection: Connection) -> Refused | None:
        """See ``Owner``."""
        self._connections.add(connection)
        self.counts.open += 1
        if self.should_exit:
            # It was being accepted meanwhile.
            self.loop.call_soon(connection.shutdown)
        excess = len(self._connections) - self.limits.connections_max
        if excess > REFUSED_AT_ONCE_MAX:
            self.counts.refused[TOO_MANY_CONNECTIONS.reason] += 1
            connection.write(_TURNED_AWAY)
            connection.break_off(at_once=False)
            return None
        return TOO_MANY_CONNECTIONS if excess > 0 else None

    def lost(self, connection: Connection) -> None:
        """See ``Owner``."""
        self._connections.discard(connection)
        self.counts.open -= 1
        if not self._connections:
            self._all_lost.set()

    def answer(self, exchange: Exchange) -> None:
        """See ``Owner``."""
        task: asyncio.Task[None] = self.loop.create_task(exchange.run(self.app))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See ``uvicorn.Server``."""
        await super().startup(sockets)
        self.listens.set()

    async def on_tick(self, counter: int) -> bool:
        """See ``uvicorn.Server``: ten times a second."""
        ending = await super().on_tick(counter)
        if counter % SWEEP_EVERY_TICKS == 0:
            self.date = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
            self._sweep()
        return ending

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See ``uvicorn.Server``."""
        yield

    async def cut_off(self) -> None:
        """End what outlived its time, and wait until it has: it may have books to close."""
        tasks = set(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CUT_OFF_S_MAX)
        for at_once in (False, True):
            for connection in tuple(self._connections):
                connection.break_off(at_once=at_once)
            self._all_lost.clear()
            if self._connections:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._all_lost.wait(), LOST_S_MAX)

    def _sweep(self) -> None:
        """Whose patience is at an end, and what is to be told."""
        now_s, answers = self.loop.time(), 0
        for connection in [it for it in self._connections if it.deadline_s <= now_s]:
            answers += connection.overdue(answering=answers < LATE_ANSWERS_A_SWEEP_MAX)
        refused = self.counts.refused
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            # The event loop does not tell of those whom it could not accept.
            refused[OUT_OF_DESCRIPTORS] += 1
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
