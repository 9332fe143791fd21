"""The concrete adapters that a configuration chooses, unopened."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import structlog

from gateway.app.clock import now
from gateway.app.dialect_probe import DialectProbe, unlisted
from gateway.app.dialects import bridging
from gateway.config.load import Loaded
from gateway.config.settings import EvidenceSettings, Settings, SigningSettings, StateSettings
from gateway.core.contract.bridged import DIALECT
from gateway.core.contract.openrouter import DIALECT as OPENROUTER
from gateway.core.ledger.chain import ROOT
from gateway.core.snapshot import ProviderSettings, Snapshot
from gateway.engine.routes.readiness_results import ReadyResults
from gateway.ports import Probe, SharedState
from gateway.providers.openai_wire import OpenAIWire
from gateway.providers.openrouter import PATH, OpenRouterWire
from gateway.stores.evidence import SqliteEvidence
from gateway.stores.ledger.chain import unsigned
from gateway.stores.ledger.spool import LedgerSpool
from gateway.stores.ledger.spooled import SpoolingLedger
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from gateway.stores.memory.state import MemoryState

_log = structlog.get_logger("gateway")


def ledger_of(settings: Settings) -> SpoolingLedger:
    """The ledger for writing, not open yet."""
    signer, found = signer_of(settings.signing), settings.ledger
    sign = unsigned if signer is None else partial(signer.sign, kind=ROOT)
    ledger = (
        SqliteLedger(found.path, found.synchronous, now, sign=sign)
        if found.url is None
        else postgres().ledger(found.url.reveal(), sign)
    )
    return SpoolingLedger(ledger, LedgerSpool(found.spool, found.spool_bytes_max), now)


def signer_of(signing: SigningSettings) -> Any:
    """``None`` where nothing is signed: then the library is not imported."""
    return None if signing.key is None else import_module("gateway.signing").Signer(signing.key.reveal())


def published_keys(signing: SigningSettings) -> dict[str, Any]:
    """A JWK set of those that sign or have signed; empty where nothing is signed."""
    texts = [*([signing.key.reveal()] if signing.key is not None else []), *signing.former]
    if not texts:
        return {"keys": []}
    module = import_module("gateway.signing")
    keys: dict[str, Any] = module.key_set(map(module.published, texts))
    return keys


@contextmanager
def evidence_store(settings: EvidenceSettings, lost: Callable[[int], None]) -> Iterator[SqliteEvidence]:
    """For writing, until the block is left; a store for no request has no file."""
    store = SqliteEvidence(settings.path, settings.days_max, settings.requests_max, lost=lost, clock=now)
    if settings.requests_max:
        store.open()
    try:
        yield store
    finally:
        store.close()


@asynccontextmanager
async def shared_state(settings: StateSettings) -> AsyncIterator[SharedState]:
    """Redis where one is configured, so that all replicas count together; otherwise this process counts alone."""
    if settings.redis_url is None:
        yield MemoryState(time.monotonic)
        return
    async with sharing().redis_state(settings.redis_url.reveal(), settings.timeout_s) as redis:
        yield redis


def postgres() -> Any:
    """``app.postgres``, where a ledger is in one."""
    return import_module("gateway.app.postgres")


def sharing() -> Any:
    """``app.sharing``, where a Redis is configured."""
    return import_module("gateway.app.sharing")


@asynccontextmanager
async def probe_of(settings: ProviderSettings) -> AsyncIterator[Probe]:
    """OpenAI's SDK, or the dialect itself where the SDK does not speak it.

    The SDK takes half a second and 20 MB to import, and most gateways never walk: it is imported beside the event loop.
    """
    if settings.dialect == DIALECT:
        async with bridging() as bridge:
            yield DialectProbe(settings, bridge, unlisted)
        return
    module = await asyncio.to_thread(import_module, "gateway.providers.openai_sdk")
    if settings.dialect == OPENROUTER:
        # Its image models are listed beside its endpoint, in OpenAI's shape: GET images/models.
        beside = replace(settings, base_url=f"{settings.base_url.rstrip('/')}/{PATH}")
        async with OpenAIWire() as wire, module.OpenAISdk(beside) as sdk:
            yield DialectProbe(settings, OpenRouterWire(wire), sdk.models)
        return
    async with module.OpenAISdk(settings) as probe:
        yield probe


def ready_results(loaded: Loaded, snapshot: Callable[[], Snapshot]) -> ReadyResults:
    """What walks found, kept beside the configuration's history."""
    path = loaded.settings.history.folder / "readiness.json"
    return ReadyResults(path, snapshot, now, lambda text: _log.warning("readiness", problem=text))
