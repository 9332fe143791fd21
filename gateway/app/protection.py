"""What keeps a request from being paid twice: claims, kept answers, and their late pick-up."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from gateway.app.adapters import postgres, sharing
from gateway.app.clock import now
from gateway.app.reading import books_of
from gateway.config.load import Loaded
from gateway.config.settings import Settings
from gateway.engine.claims.claiming import Claiming, Lifetimes
from gateway.engine.claims.idempotency_guard import IdempotencyGuard
from gateway.engine.claims.pickup import PickUp
from gateway.ports import ClaimsStore, SharedState
from gateway.relay.result_folder import ResultFolder
from gateway.stores.ledger.sqlite.replays import SqliteReplays
from gateway.stores.memory.claims import remembered_claims
from gateway.telemetry.metrics import Metrics

_log = structlog.get_logger("gateway")


@asynccontextmanager
async def protection(loaded: Loaded, state: SharedState, metrics: Metrics) -> AsyncIterator[tuple[IdempotencyGuard, PickUp]]:
    """While the gateway runs. Only one that shares no state is sure to be alone in its folder of answers."""
    settings, found = loaded.settings, loaded.settings.idempotency
    replays = (
        SqliteReplays(settings.ledger.path) if settings.ledger.url is None else postgres().replays(settings.ledger.url.reveal())
    )
    folder = ResultFolder(settings.results, lambda text: _log.error("results", problem=text))
    async with folder.opened(alone=settings.state.redis_url is None) as results, _claims(settings, state) as claims:
        claiming = Claiming(claims, Lifetimes(found.keys_s, found.window_s), now, metrics.state_failed)
        pick_up = PickUp(claiming.running, results, books_of(loaded), replays)
        guard = IdempotencyGuard(claiming, results, replays, clock=now, saved=metrics.spared)
        try:
            yield guard, pick_up
        finally:
            await guard.ended()


@asynccontextmanager
async def _claims(settings: Settings, state: SharedState) -> AsyncIterator[ClaimsStore]:
    """Where the state is shared, claims are; otherwise this process keeps them, and a journal of them for the next one."""
    if settings.state.redis_url is not None:
        async with sharing().redis_claims(state) as shared:
            yield shared
        return
    found = settings.idempotency
    with remembered_claims(found.claims, found.names_max, time.time, _tell_claims) as remembered:
        yield remembered


def _tell_claims(what: str) -> None:
    _log.error("claims", problem=f"Requests of before a restart will not be known, because their journal failed: {what}.")
