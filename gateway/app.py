"""Composition root: the only file that names concrete adapters. Builds the two planes and owns what lives as long as they do."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from starlette.types import ASGIApp

from gateway.config import Loaded, load
from gateway.config.current import Current
from gateway.config.history import History
from gateway.config.reload import ITSELF, Reloader
from gateway.config.schema import Admin
from gateway.config.settings import EvidenceSettings, Settings, SigningSettings, StateSettings
from gateway.config.tree import read_tree
from gateway.config.watch import Watch
from gateway.core.chain import Root, Verification
from gateway.core.decision import decision_of
from gateway.core.snapshot import ProviderSettings, Snapshot
from gateway.core.staleness import Deadline
from gateway.engine.accounting import Accounting
from gateway.engine.admission import Admission
from gateway.engine.app_limits import AppLimiter
from gateway.engine.conditions import RouteConditions, both_held
from gateway.engine.contract_limits import ContractLimiter
from gateway.engine.deadlines import Deadlines
from gateway.engine.dispatch import Dispatcher
from gateway.engine.evidence import EvidenceKeeping
from gateway.engine.health import Health
from gateway.engine.observed_limits import ObservedLimits
from gateway.engine.overrides import Overrides
from gateway.engine.readiness import Readiness, Walker
from gateway.engine.ready_results import ReadyResults
from gateway.engine.receipts import Receipts
from gateway.engine.trail import Keep
from gateway.listener import listening
from gateway.ports import Books, Probe, SharedState
from gateway.providers.openai_wire import OpenAIWire
from gateway.server.admin import Operations
from gateway.server.images import image_endpoints
from gateway.server.planes import admin_plane, data_plane
from gateway.server.text_endpoints import text_endpoints
from gateway.signing import BadSignature, Signer, key_set, published, verified
from gateway.stores import (
    AuditLog,
    EvidenceFile,
    MemoryState,
    RedisState,
    SqliteBooks,
    SqliteEvidence,
    SqliteLedger,
    unsigned,
    verify_ledger,
)
from gateway.telemetry.decision_log import DecisionLog
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog

DEFAULT_CONFIG = Path("config/gateway.yaml")
ROOT = "ledger-root"
_log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running gateway listens, with the ports it really got."""

    data_plane: str
    admin_plane: str


def load_config(path: Path | None, environment: Mapping[str, str] | None = None) -> Loaded:
    """The configuration at ``path``, else at ``GATEWAY_CONFIG``, else the default; raises ``ConfigInvalid``."""
    found = os.environ if environment is None else environment
    return load(_config_path(path, found), found, _now().date())


def admin_address(path: Path | None) -> tuple[str, int]:
    """Host and port of the admin plane as that configuration has them, also where it is invalid: then it is needed most."""
    admin = read_tree(_config_path(path, os.environ), os.environ).root.member("admin")
    host, port = (None if admin is None or (node := admin.member(name)) is None else node.value for name in ("host", "port"))
    return host if isinstance(host, str) else Admin().host, port if isinstance(port, int) else Admin().port


def _config_path(path: Path | None, environment: Mapping[str, str]) -> Path:
    return path or Path(environment.get("GATEWAY_CONFIG", DEFAULT_CONFIG))


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
async def running(
    loaded: Loaded, request_log: RequestLog, load: Callable[[], Loaded], reload_requested: asyncio.Event | None = None
) -> AsyncIterator[Addresses]:
    """Serve both planes until the block is left; then no new connection is taken and the requests in flight finish.

    ``load`` reads the configuration anew whenever its files change or ``reload_requested`` is set. Raises before a port
    answers: ``LedgerUnavailable``, ``HistoryUnusable``, ``AuditUnavailable``, ``OverridesUnavailable``, ``PortUnavailable``.
    """
    settings, snapshot = loaded.settings, loaded.snapshot
    current = Current(snapshot)
    async with AsyncExitStack() as stack:
        stack.callback(request_log.flush)
        ledger = _ledger(settings)
        orphans = ledger.open()
        stack.callback(ledger.close)
        wire = await stack.enter_async_context(OpenAIWire())
        admission = Admission(settings.server.in_flight_requests_max, settings.server.in_flight_bytes_max)
        overrides, health = Overrides(settings.history.folder / "overrides.json", _now), Health(_now)
        observed = ObservedLimits(_now, lambda text: _log.warning("limit differs", problem=text))
        metrics = Metrics(lambda: ledger.lag_s, lambda: admission.bytes, snapshot.revision)
        metrics.watch_ledger(lambda: ledger.failing)
        metrics.expect(snapshot.routes.values())
        state = await stack.enter_async_context(_shared_state(settings.state))
        limiter = ContractLimiter(state, observed.effective, metrics.state_failed)
        accounting = Accounting(ledger, _now)
        ready = _ready_results(loaded, lambda: current.snapshot)
        readiness = Readiness(Walker(_official_sdk, accounting, _now), ready)
        conditions = RouteConditions(health, observed, limiter, both_held(overrides.holds, ready.holds), _now)
        deadlines = Deadlines(lambda: current.snapshot, _now, _tell_deadline)
        metrics.watch_deadlines(deadlines.days_left)
        metrics.watch_routes(conditions.holds, health.ejections, lambda: observed.readings(current.snapshot.routes.values()))
        decisions = DecisionLog(settings.decisions.path, settings.decisions.kept_max)
        stack.callback(decisions.flush)
        shelf = _shelf(settings.evidence, metrics.evidence_lost.inc)
        stack.callback(shelf.close)
        evidence = EvidenceKeeping(Keep(settings.evidence.keep) if settings.evidence.requests_max else Keep.NOTHING, shelf)
        dispatcher = Dispatcher(
            {"openai": wire},
            accounting,
            conditions,
            heartbeat_s=settings.server.heartbeat_s,
            decided=lambda call, known, found: decisions.note(
                decision_of(call.request, call.app, call.snapshot.revision, known, found)
            ),
            trails=evidence.begin,
            receipts=Receipts(_signer(settings.signing), _now),
        )
        app_limiter = AppLimiter(state, metrics.state_failed, metrics.app_limited)
        images = image_endpoints(settings.server, current, dispatcher, admission=admission, limiter=app_limiter, clock=_now)

        def applied(old: Loaded, new: Loaded) -> None:
            health.forget(old.snapshot.routes.keys() - new.snapshot.routes.keys())
            observed.keep(new.snapshot.routes.values())
            metrics.expect(new.snapshot.routes.values())

        audit = AuditLog(settings.history.folder / "audit.jsonl")
        reloader = Reloader(
            loaded,
            current,
            load=load,
            history=History(settings.history.folder, settings.history.revisions_max),
            audit=audit,
            applied=applied,
            metrics=metrics.config,
            clock=_now,
        )
        reloader.record_start()
        operations = Operations(reloader, overrides, conditions.holds, health, readiness, audit, _now)
        endpoints: dict[str, ASGIApp] = {**images, **text_endpoints(settings.server, current, admission)}
        data = data_plane(
            current,
            endpoints,
            metrics,
            request_log,
            ledger,
            verdicts=ready.verdicts,
            evidence=evidence,
            keys=published_keys(settings.signing),
        )
        grace_s = settings.server.shutdown_grace_s
        admin_url = await stack.enter_async_context(
            listening(
                admin_plane(metrics, operations, shelf, observed.readings), settings.admin.host, settings.admin.port, grace_s=1
            )
        )
        data_url = await stack.enter_async_context(listening(data, settings.server.host, settings.server.port, grace_s=grace_s))
        for warning in (*loaded.warnings, *loaded.lapsed):
            _log.warning("config", problem=str(warning))
        _log.info("ready", data_plane=data_url, admin_plane=admin_url, config_revision=snapshot.revision, orphans=orphans)
        await stack.enter_async_context(_tended(*_reloads(reloader, reload_requested), deadlines.tell_daily()))
        yield Addresses(data_url, admin_url)


@asynccontextmanager
async def walking(loaded: Loaded, *, spending: bool) -> AsyncIterator[Readiness]:
    """For readiness walks without a running gateway. With ``spending``, the ledger is this block's alone.

    Raises ``LedgerUnavailable`` where a gateway writes to it: then the walk must be that gateway's.
    """
    settings = loaded.settings
    ledger = _ledger(settings)
    if spending:
        ledger.open()
    try:
        yield Readiness(Walker(_official_sdk, Accounting(ledger, _now), _now), _ready_results(loaded, lambda: loaded.snapshot))
    finally:
        if spending:
            ledger.close()


def _ledger(settings: Settings) -> SqliteLedger:
    signer = _signer(settings.signing)
    sign = unsigned if signer is None else partial(signer.sign, kind=ROOT)
    return SqliteLedger(settings.ledger.path, settings.ledger.synchronous, _now, sign=sign)


def published_keys(signing: SigningSettings) -> dict[str, Any]:
    """A JWK set of those that sign or have signed; empty where nothing is signed."""
    texts = [*([signing.key.reveal()] if signing.key is not None else []), *signing.former]
    return key_set(map(published, texts))


def _signer(signing: SigningSettings) -> Signer | None:
    return None if signing.key is None else Signer(signing.key.reveal())


def verify(loaded: Loaded, keys: Mapping[str, Any] | None, progress: Callable[[int, int], None]) -> Verification:
    """Read the whole ledger of that configuration; ``keys`` (a JWK set) are those that its roots must be signed with."""
    return verify_ledger(loaded.settings.ledger.path, partial(_root_fault, keys=keys), progress)


def _root_fault(root: Root, signature: str, *, keys: Mapping[str, Any] | None) -> str:
    if keys is None:
        return ""
    if not signature:
        return "it is not signed"
    try:
        claims = verified(signature, keys, ROOT)
    except BadSignature as error:
        return f"its signature is wrong: {error}"
    return "" if claims == root.claims else "its signature is that of another root"


def _ready_results(loaded: Loaded, snapshot: Callable[[], Snapshot]) -> ReadyResults:
    path = loaded.settings.history.folder / "readiness.json"
    return ReadyResults(path, snapshot, _now, lambda text: _log.warning("readiness", problem=text))


@asynccontextmanager
async def _official_sdk(settings: ProviderSettings) -> AsyncIterator[Probe]:
    """The SDK takes half a second and 20 MB to import, and most gateways never walk: it is imported beside the event loop."""
    module = await asyncio.to_thread(import_module, "gateway.providers.openai_sdk")
    async with module.OpenAISdk(settings) as probe:
        yield probe


def _shelf(settings: EvidenceSettings, lost: Callable[[int], None]) -> SqliteEvidence:
    shelf = SqliteEvidence(settings.path, settings.days_max, settings.requests_max, lost=lost, clock=_now)
    if settings.requests_max:
        shelf.open()
    return shelf


def evidence_of(loaded: Loaded) -> EvidenceFile:
    """What is kept of requests, for reading."""
    return EvidenceFile(loaded.settings.evidence.path, loaded.settings.evidence.days_max, _now)


@asynccontextmanager
async def _shared_state(settings: StateSettings) -> AsyncIterator[SharedState]:
    """Redis where one is configured, so that all replicas count together; otherwise this process counts alone."""
    if settings.redis_url is None:
        yield MemoryState(time.monotonic)
        return
    redis = RedisState(settings.redis_url.reveal(), settings.timeout_s)
    try:
        yield redis
    finally:
        await redis.aclose()


def _reloads(reloader: Reloader, requested: asyncio.Event | None) -> Iterator[Coroutine[None, None, None]]:
    yield Watch(reloader.looked_at, lambda: reloader.reload(ITSELF, "the files were edited")).run()
    if requested is not None:
        yield reloader.reload_on(requested, "SIGHUP")


@asynccontextmanager
async def _tended(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Work that goes on beside the requests until the block is left; what ends it early is logged."""
    tasks = [asyncio.create_task(work, name=str(work)) for work in works]
    for task in tasks:
        task.add_done_callback(_log_end)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failed := task.exception()) is not None:
        _log.error("background work ended", work=task.get_name(), exc_info=failed)


def _tell_deadline(due: Deadline, what: str) -> None:
    _log.warning("deadline", kind=due.kind.value, name=due.name, on=due.on.isoformat(), problem=what, fix=due.fix)


def _now() -> datetime:
    return datetime.now(UTC)
