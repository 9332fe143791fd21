"""An ASGI app on a port of this machine: bound before anything answers, stopped without dropping what is in flight."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Longer than the pools of common clients and load balancers keep an idle connection, so that it is they who close it.
IDLE_CLIENT_S = 120
CONNECTIONS_WAITING_MAX = 2048
CUT_OFF_S_MAX = 10
CONNECTION = "connection"
# Twice what one read of the socket brings, of which the head may be the last part; OpenAI's own limit is 64 KiB.
HEAD_BYTES_MAX = 512 * 1024
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
    b'{"error": {"message": "The request\'s headers are too large. Send fewer or shorter ones.", '
    b'"type": "invalid_request_error", "param": null, "code": "headers_too_large"}}'
)


class PortUnavailable(Exception):
    """A listener's address cannot be bound. Its text names it."""


@asynccontextmanager
async def listening(
    app: ASGIApp, host: str, port: int, *, grace_s: int, protocol: type[HttpToolsProtocol] | None = None
) -> AsyncIterator[str]:
    """Serve ``app`` while the block runs; yields its URL (port 0 takes any that is free). Raises ``PortUnavailable``.

    On leaving, no new connection is taken, and requests in flight have ``grace_s`` seconds to finish.
    """
    with _bound(host, port) as bound:
        config = uvicorn.Config(
            app,
            http=protocol or BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=CONNECTIONS_WAITING_MAX,
            timeout_keep_alive=IDLE_CLIENT_S,
            timeout_graceful_shutdown=grace_s,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve([bound]), name=f"listener {host}:{port}")
        serving.add_done_callback(lambda _: server.listening.set())
        await server.listening.wait()
        if serving.done():
            await serving
        try:
            yield _url(bound)
        finally:
            server.should_exit = True
            try:
                await serving
            finally:
                await _cut_off(server.server_state.tasks)


async def _cut_off(tasks: set[asyncio.Task[None]]) -> None:
    """End what outlived its time, and wait until it has: it may have books to close."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(set(tasks), timeout=CUT_OFF_S_MAX)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on a request's head, which it would otherwise collect without end.

    Requests find it as ``scope["state"][CONNECTION]``, to ask what ASGI does not tell.
    """

    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Called with what the socket delivers."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """Called where a request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self.scope["state"][CONNECTION] = self

    @property
    def congested(self) -> bool:
        """Whether the client takes less than it is given, so that sending waits."""
        return self.flow.write_paused

    @property
    def left(self) -> bool:
        """Whether the client of the request at hand has gone before its answer was complete."""
        return self.cycle.disconnected

    def cut_off(self) -> None:
        """Drop the connection and what waits in it."""
        self.transport.abort()

    def on_headers_complete(self) -> None:
        """Called where its head ends."""
        super().on_headers_complete()
        self._in_head = False


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens and leaves signals to whoever started it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(host: str, port: int) -> socket.socket:
    """Listening at once: with SO_REUSEADDR, two sockets may be bound to a port as long as neither listens."""
    # With the protocol named: asyncio's own loop sends small parts at once only on sockets that say that they are TCP.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(CONNECTIONS_WAITING_MAX)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise PortUnavailable(f"cannot listen on {host}:{port}: {reason}. Free the port or set another one.") from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
