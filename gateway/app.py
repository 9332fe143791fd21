"""Composition root: the only file that names concrete adapters. Builds the two planes and owns what lives as long as they do."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from gateway.config import Loaded, load
from gateway.engine.accounting import Accounting
from gateway.engine.dispatch import Dispatcher
from gateway.ports import Books
from gateway.providers.openai_wire import OpenAIWire
from gateway.server.planes import admin_plane, data_plane
from gateway.stores import SqliteBooks, SqliteLedger
from gateway.telemetry.metrics import Metrics

DEFAULT_CONFIG = Path("config/gateway.yaml")
# Longer than the pools of common clients and load balancers keep an idle connection, so that it is they who close it.
IDLE_CLIENT_S = 75
_log = structlog.get_logger("gateway")


class PortUnavailable(Exception):
    """A listener's address cannot be bound. Its text names it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running gateway listens, with the ports it really got."""

    data_plane: str
    admin_plane: str


def load_config(path: Path | None, environment: Mapping[str, str] | None = None) -> Loaded:
    """The configuration at ``path``, else at ``GATEWAY_CONFIG``, else the default; raises ``ConfigInvalid``."""
    found = os.environ if environment is None else environment
    return load(path or Path(found.get("GATEWAY_CONFIG", DEFAULT_CONFIG)), found, _now().date())


def open_books(config_path: Path | None) -> Books:
    """The ledger of that configuration, for reading; raises ``ConfigInvalid`` or ``LedgerUnavailable``."""
    return SqliteBooks(load_config(config_path).settings.ledger.path)


@asynccontextmanager
async def running(loaded: Loaded) -> AsyncIterator[Addresses]:
    """Serve both planes until the block is left; then no new connection is taken and the requests in flight finish.

    Raises ``LedgerUnavailable`` or ``PortUnavailable`` before a port answers.
    """
    settings, snapshot = loaded.settings, loaded.snapshot
    async with AsyncExitStack() as stack:
        ledger = SqliteLedger(settings.ledger.path, settings.ledger.synchronous, _now)
        orphans = ledger.open()
        stack.callback(ledger.close)
        wire = await stack.enter_async_context(OpenAIWire())
        metrics = Metrics(lambda: ledger.lag_s, snapshot.revision)
        dispatcher = Dispatcher({"openai": wire}, Accounting(ledger, _now), _now)
        data = data_plane(
            snapshot,
            dispatcher,
            metrics,
            body_bytes_max=settings.server.body_bytes_max,
            clock=_now,
            ledger_lag_s=lambda: ledger.lag_s,
        )
        grace_s = settings.server.shutdown_grace_s
        admin_url = await stack.enter_async_context(
            _listening(admin_plane(metrics), settings.admin.host, settings.admin.port, grace_s=1)
        )
        data_url = await stack.enter_async_context(_listening(data, settings.server.host, settings.server.port, grace_s=grace_s))
        for warning in loaded.warnings:
            _log.warning("config", problem=str(warning))
        _log.info("ready", data_plane=data_url, admin_plane=admin_url, config_revision=snapshot.revision, orphans=orphans)
        yield Addresses(data_url, admin_url)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which two servers in one process would take from each other."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def _listening(app: ASGIApp, host: str, port: int, *, grace_s: int) -> AsyncIterator[str]:
    """Serve ``app`` at that address; yields its URL. On leaving, requests in flight have ``grace_s`` to finish."""
    bound = _bind(host, port)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_CLIENT_S,
        timeout_graceful_shutdown=grace_s,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]), name=f"serve {host}:{port}")
    listening = asyncio.create_task(server.listening.wait(), name="listening")
    await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortUnavailable(f"cannot listen on {host}:{port}: {error.strerror}. Free the port or set another one.") from error
    listener.setblocking(False)
    return listener


def _now() -> datetime:
    return datetime.now(UTC)
