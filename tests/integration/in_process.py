"""A data plane inside the test, on a real port, for what no program can be made to do: a broken ledger, an odd provider."""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from starlette.types import ASGIApp

from gateway.config.change.current import Current
from gateway.config.schema.document import Configuration
from gateway.config.settings import settings_of
from gateway.core.request.images import Operation
from gateway.core.secret import Secret
from gateway.core.snapshot import App
from gateway.engine.admission import Admission
from gateway.engine.claims.claiming import Claiming, Lifetimes
from gateway.engine.claims.idempotency_guard import IdempotencyGuard
from gateway.engine.dispatch import Dispatcher, Door
from gateway.engine.money.accounting import Accounting
from gateway.engine.money.budgets import BudgetKeeper
from gateway.engine.routes.app_limits import AppLimiter
from gateway.engine.routes.conditions import RouteConditions
from gateway.engine.routes.contract_limits import ContractLimiter
from gateway.engine.routes.health import Health
from gateway.engine.routes.observed_limits import ObservedLimits
from gateway.listener import listening
from gateway.ports import Ledger
from gateway.providers.openai_wire import OpenAIWire
from gateway.relay.result_folder import ResultFolder
from gateway.server.images import image_endpoints
from gateway.server.planes import data_plane
from gateway.server.text_endpoints import text_endpoints
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.stores.ledger.sqlite.replays import SqliteReplays
from gateway.stores.memory.budgets import MemoryBudgets
from gateway.stores.memory.claims import MemoryClaims
from gateway.stores.memory.state import MemoryState
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog
from tests.unit.core.samples import APP, MODEL, PROVIDER, ROUTE, snapshot

KEY = "igw_test_not_a_secret"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
SERVER = replace(settings_of(Configuration()).server, body_wait_s_max=0.5)
CREDENTIAL = "providerLive1234567890"


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def gateway_to(
    base_url: str, ledger: Ledger, *, app: App = APP, operations: frozenset[Operation] = ROUTE.operations, **server: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a data plane whose only provider is at ``base_url`` and which books into that ledger.

    ``server`` changes settings of the server.
    """
    provider = replace(PROVIDER, base_url=base_url, credential=Secret(CREDENTIAL), organization="org-int")
    route = replace(ROUTE, provider=provider, operations=operations)
    found = replace(snapshot(replace(MODEL, routes=(route,))), apps={DIGEST: replace(app, key_hashes=(DIGEST,))})
    settings, current = replace(SERVER, **server), Current(found)
    async with OpenAIWire() as wire, _guard() as guard:
        admission = Admission(settings.in_flight_requests_max, settings.in_flight_bytes_max, settings.in_flight_app_share)
        metrics, state, observed = (
            Metrics(lambda: 0.0, lambda: admission.bytes.taken, found.revision),
            MemoryState(time.monotonic),
            ObservedLimits(now, print),
        )
        limiter = ContractLimiter(state, observed.effective, metrics.state_failed)
        app_limiter = AppLimiter(state, metrics.state_failed, metrics.app_limited)
        dispatcher = Dispatcher(
            Door(admission, app_limiter, guard),
            {"openai": wire},
            Accounting(ledger, now),
            RouteConditions(Health(now), observed, limiter, dict, now),
            heartbeat_s=settings.heartbeat_s,
            decided=lambda call, conditions, found: None,
            budgets=BudgetKeeper(MemoryBudgets(time.monotonic), SqliteBooks(Path("none")), metrics, now),
        )
        endpoints: dict[str, ASGIApp] = {**image_endpoints(settings, current, dispatcher, clock=now)}
        endpoints |= text_endpoints(settings, current, admission)
        plane = data_plane(current, endpoints, metrics, RequestLog(None), ledger)
        async with (
            listening(plane, "127.0.0.1", 0, grace_s=5) as url,
            aiohttp.ClientSession(url, headers={"authorization": f"Bearer {KEY}"}) as client,
        ):
            yield client


@asynccontextmanager
async def _guard() -> AsyncIterator[IdempotencyGuard]:
    """As in a gateway that runs alone, with a folder of its own."""
    with TemporaryDirectory() as folder:
        settings = replace(settings_of(Configuration()).results, folder=Path(folder))
        async with ResultFolder(settings, print).opened(alone=True) as results:
            claiming = Claiming(MemoryClaims(time.time, 1000), Lifetimes(keys_s=60, window_s=60), now, lambda what, policy: None)
            replays = SqliteReplays(Path(folder) / "ledger.sqlite")
            guard = IdempotencyGuard(claiming, results, replays, clock=now, saved=lambda how, app: None)
            yield guard
            await guard.ended()
