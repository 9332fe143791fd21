"""Serving a simulated provider on a port of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from gateway.simulator.app import create_app
from gateway.simulator.connection import Connection
from gateway.simulator.settings import SimulatorSettings

# Longer than any client keeps an idle connection, so that none is reset by accident.
KEEP_ALIVE_S = 120
SHUTDOWN_S_MAX = 10
CONNECTIONS_WAITING_MAX = 1024


@asynccontextmanager
async def running(settings: SimulatorSettings, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve while the block runs; yields the base URL (``http://127.0.0.1:PORT``). Port 0 takes any that is free.

    Raises ``OSError`` where the port cannot be had. What is in flight at the end has ``SHUTDOWN_S_MAX`` to finish.
    """
    with _bound(host, port) as listener:
        config = uvicorn.Config(
            create_app(settings),
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=CONNECTIONS_WAITING_MAX,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S_MAX,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve([listener]), name=f"simulator {settings.name}")
        serving.add_done_callback(lambda _: server.listening.set())
        await server.listening.wait()
        if serving.done():
            await serving
        try:
            yield _url(listener)
        finally:
            server.should_exit = True
            await serving


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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Listening at once: with SO_REUSEADDR, two sockets may be bound to a port as long as neither listens.
        listener.listen(CONNECTIONS_WAITING_MAX)
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
