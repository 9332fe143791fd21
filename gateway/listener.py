"""An ASGI app on a port of this machine: bound before anything answers, stopped without dropping what is in flight."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Longer than the pools of common clients and load balancers keep an idle connection, so that it is they who close it.
IDLE_CLIENT_S = 120
CONNECTIONS_WAITING_MAX = 2048
CUT_OFF_S_MAX = 10


class PortUnavailable(Exception):
    """A listener's address cannot be bound. Its text names it."""


@asynccontextmanager
async def listening(
    app: ASGIApp, host: str, port: int, *, grace_s: int, protocol: type[HttpToolsProtocol] | Literal["httptools"] = "httptools"
) -> AsyncIterator[str]:
    """Serve ``app`` while the block runs; yields its URL (port 0 takes any that is free). Raises ``PortUnavailable``.

    On leaving, no new connection is taken, and requests in flight have ``grace_s`` seconds to finish.
    """
    with _bound(host, port) as bound:
        config = uvicorn.Config(
            app,
            http=protocol,
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
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
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
