"""Composition root: the only file that names concrete adapters. Builds the two planes and owns what lives as long as they do."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.config import Loaded, load
from gateway.engine.accounting import Accounting
from gateway.engine.admission import Admission
from gateway.engine.dispatch import Dispatcher
from gateway.listener import listening
from gateway.ports import Books
from gateway.providers.openai_wire import OpenAIWire
from gateway.server.images import image_endpoints
from gateway.server.planes import admin_plane, data_plane
from gateway.stores import SqliteBooks, SqliteLedger
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog

DEFAULT_CONFIG = Path("config/gateway.yaml")
_log = structlog.get_logger("gateway")


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
    return books_of(load_config(config_path))


def books_of(loaded: Loaded) -> Books:
    """The ledger of a configuration that is loaded already."""
    return SqliteBooks(loaded.settings.ledger.path)


def check_unused(ledger: Path) -> None:
    """Raises ``LedgerUnavailable`` while a gateway writes to that file."""
    unused = SqliteLedger(ledger, "full", _now)
    unused.open()
    unused.close()


@asynccontextmanager
async def running(loaded: Loaded, request_log: RequestLog) -> AsyncIterator[Addresses]:
    """Serve both planes until the block is left; then no new connection is taken and the requests in flight finish.

    Raises ``LedgerUnavailable`` or ``PortUnavailable`` before a port answers.
    """
    settings, snapshot = loaded.settings, loaded.snapshot
    async with AsyncExitStack() as stack:
        stack.callback(request_log.flush)
        ledger = SqliteLedger(settings.ledger.path, settings.ledger.synchronous, _now)
        orphans = ledger.open()
        stack.callback(ledger.close)
        wire = await stack.enter_async_context(OpenAIWire())
        admission = Admission(settings.server.in_flight_requests_max, settings.server.in_flight_bytes_max)
        metrics = Metrics(lambda: ledger.lag_s, lambda: admission.bytes, snapshot.revision)
        dispatcher = Dispatcher({"openai": wire}, Accounting(ledger, _now), _now, heartbeat_s=settings.server.heartbeat_s)
        endpoints = image_endpoints(settings.server, snapshot, dispatcher, admission, _now)
        data = data_plane(snapshot, endpoints, metrics, request_log, ledger)
        grace_s = settings.server.shutdown_grace_s
        admin_url = await stack.enter_async_context(
            listening(admin_plane(metrics), settings.admin.host, settings.admin.port, grace_s=1)
        )
        data_url = await stack.enter_async_context(listening(data, settings.server.host, settings.server.port, grace_s=grace_s))
        for warning in loaded.warnings:
            _log.warning("config", problem=str(warning))
        _log.info("ready", data_plane=data_url, admin_plane=admin_url, config_revision=snapshot.revision, orphans=orphans)
        yield Addresses(data_url, admin_url)


def _now() -> datetime:
    return datetime.now(UTC)
