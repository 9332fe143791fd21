"""A running gateway: both planes on their listeners, and all that stands behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from gateway.app.adapters import evidence_store, ledger_of, probe_of, published_keys, shared_state, signer_of
from gateway.app.adjusting import adjusting_of
from gateway.app.background import tended
from gateway.app.budgets import budget_keeper, look_at_budgets
from gateway.app.clock import now
from gateway.app.dialects import dialects
from gateway.app.planes import Addresses, planes
from gateway.app.protection import protection
from gateway.app.rolling import rolling
from gateway.app.supervision import Supervision, supervise
from gateway.config.change.current import Current
from gateway.config.change.history import History
from gateway.config.change.reload import ITSELF, Reloader
from gateway.config.change.watch import Watch
from gateway.config.load import Loaded
from gateway.config.secrets.token_command import Tokens
from gateway.config.settings import Settings
from gateway.core.routing.decision import decision_of
from gateway.core.snapshot import Snapshot
from gateway.engine.admission import Admission
from gateway.engine.attempt_trace import Keep
from gateway.engine.capacity import BridgedCapacity, Capacity
from gateway.engine.dispatch import Dispatcher, Door
from gateway.engine.evidence import EvidenceKeeping
from gateway.engine.money.accounting import Accounting
from gateway.engine.money.budgets import BudgetKeeper
from gateway.engine.money.receipts import Receipts
from gateway.engine.money.spool import drain
from gateway.engine.money.sweeper import sweep
from gateway.engine.readiness_run import Readiness, Walker
from gateway.engine.routes.app_limits import AppLimiter
from gateway.ports import Provider
from gateway.server.admin import Operations
from gateway.server.images import image_endpoints
from gateway.server.lame_duck import LameDuck
from gateway.server.planes import admin_plane, data_plane
from gateway.server.requests import requests_router
from gateway.server.text_endpoints import text_endpoints
from gateway.stores.audit_log import AuditLog
from gateway.telemetry.decision_log import DecisionLog
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog

_log = structlog.get_logger("gateway")


@asynccontextmanager
async def running(
    loaded: Loaded,
    request_log: RequestLog,
    load: Callable[[], Loaded],
    reload_requested: asyncio.Event | None = None,
    tokens: Tokens | None = None,
    *,
    lame_duck: LameDuck | None = None,
) -> AsyncIterator[Addresses]:
    """Serve both planes until the block is left; then no new connection is taken and the requests in flight finish.

    ``load`` reads the configuration anew whenever its files change or ``reload_requested`` is set, and before keys end that
    ``tokens`` has. ``lame_duck`` begins when the caller says so. Raises before a port answers: ``LedgerUnavailable``,
    ``HistoryUnusable``, ``AuditUnavailable``, ``OverridesUnavailable``, ``PortUnavailable``.
    """
    settings, current = loaded.settings, Current(loaded.snapshot)
    async with AsyncExitStack() as stack:
        if tokens is not None:
            stack.callback(tokens.close)
        ledger = ledger_of(settings)
        orphans = ledger.open()
        stack.callback(ledger.close)
        spoken = await stack.enter_async_context(dialects(loaded))
        served = settings.server
        admission = Admission(served.in_flight_requests_max, served.in_flight_bytes_max, served.in_flight_app_share)
        metrics = Metrics(lambda: ledger.lag_s, lambda: admission.bytes.taken, loaded.snapshot.revision)
        metrics.watch_log(lambda: request_log.dropped)
        metrics.watch_ledger(lambda: ledger.failing)
        metrics.watch_spool(lambda: ledger.waiting, lambda: ledger.refused)
        state = await stack.enter_async_context(shared_state(settings.state))
        routes = supervise(loaded, current, state, metrics)
        decisions = DecisionLog(settings.decisions.path, settings.decisions.kept_max)
        stack.callback(decisions.flush)
        store = stack.enter_context(evidence_store(settings.evidence, metrics.evidence_lost.inc))
        evidence = EvidenceKeeping(Keep(settings.evidence.keep) if settings.evidence.requests_max else Keep.NOTHING, store)
        accounting = Accounting(ledger, now)
        metrics.watch_owed(lambda: accounting.owed)
        budgets = await stack.enter_async_context(budget_keeper(loaded, state, metrics))
        limiter = AppLimiter(state, metrics.state_failed, metrics.app_limited)
        guard, pick_up = await stack.enter_async_context(protection(loaded, state, metrics))
        dispatcher = _dispatcher(
            settings,
            Door(admission, limiter, guard),
            spoken.providers,
            accounting,
            routes=routes,
            evidence=evidence,
            decisions=decisions,
            budgets=budgets,
            room=BridgedCapacity(admission, settings.server.bridged_answer_bytes_max),
        )
        images = image_endpoints(settings.server, current, dispatcher, clock=now)
        data = data_plane(
            current,
            {**images, **text_endpoints(settings.server, current, admission)},
            metrics,
            request_log,
            ledger,
            spool_room=lambda: ledger.room,
            evidence=evidence,
            keys=published_keys(settings.signing),
            routers=[requests_router(current, pick_up, settings.server.client_stall_s_max)],
            lame_duck=lame_duck,
        )
        operations = _operations(loaded, current, load, routes, accounting=accounting, metrics=metrics, warm=spoken.warm)
        admin = admin_plane(
            metrics,
            operations,
            store,
            routes.observed.readings,
            adjusting_of(loaded, ledger, budgets, lambda: current.snapshot),
            settings=settings.admin,
        )
        addresses = await stack.enter_async_context(planes(settings, data, admin, metrics))
        for warning in (*loaded.warnings, *loaded.expired):
            _log.warning("config", problem=str(warning))
        _log.info(
            "ready",
            data_plane=addresses.data_plane,
            admin_plane=addresses.admin_plane,
            config_revision=loaded.snapshot.revision,
            orphans=orphans,
        )
        reloads = _reloads(operations.reloader, reload_requested, tokens)
        sweeping = sweep(ledger, accounting, _tell_swept)
        draining = drain(ledger, _tell_drained)
        looking = look_at_budgets(budgets, current.snapshot)
        await stack.enter_async_context(
            tended(*reloads, routes.deadlines.tell_daily(), sweeping, draining, looking, rolling(settings.ledger))
        )
        yield addresses


def _dispatcher(
    settings: Settings,
    door: Door,
    spoken: Mapping[str, Provider],
    accounting: Accounting,
    *,
    routes: Supervision,
    evidence: EvidenceKeeping,
    decisions: DecisionLog,
    budgets: BudgetKeeper,
    room: Capacity,
) -> Dispatcher:
    return Dispatcher(
        door,
        spoken,
        accounting,
        routes.conditions,
        heartbeat_s=settings.server.heartbeat_s,
        decided=lambda call, known, found: decisions.note(
            decision_of(call.request, call.app, call.snapshot.revision, known, found)
        ),
        begin_trace=evidence.begin,
        receipts=Receipts(signer_of(settings.signing), now),
        budgets=budgets,
        room=room,
    )


def _operations(
    loaded: Loaded,
    current: Current,
    load: Callable[[], Loaded],
    routes: Supervision,
    *,
    accounting: Accounting,
    metrics: Metrics,
    warm: Callable[[Snapshot], None],
) -> Operations:
    def applied(old: Loaded, new: Loaded) -> None:
        routes.follow(old, new)
        warm(new.snapshot)
        metrics.expect(new.snapshot.routes.values())

    history = loaded.settings.history
    audit = AuditLog(history.folder / "audit.jsonl")
    reloader = Reloader(
        loaded,
        current,
        load=load,
        history=History(history.folder, history.revisions_max),
        audit=audit,
        applied=applied,
        metrics=metrics.config,
        clock=now,
    )
    reloader.record_start()
    readiness = Readiness(Walker(probe_of, accounting, now), routes.ready)
    return Operations(reloader, routes.overrides, routes.conditions.suspensions, routes.health, readiness, audit, now)


def _tell_swept(orphans: int, why: str) -> None:
    if orphans:
        _log.warning(
            "orphans", expired=orphans, problem="Attempts that a gateway which lives no more had open may have been billed."
        )
    if why:
        _log.error("ledger", problem=why)


def _tell_drained(booked: int, waiting: int, why: str) -> None:
    if booked:
        _log.info("ledger_spool", booked=booked, waiting=waiting)
    if why:
        _log.warning("ledger_spool", waiting=waiting, problem=why)


def _reloads(reloader: Reloader, requested: asyncio.Event | None, tokens: Tokens | None) -> Iterator[Coroutine[None, None, None]]:
    yield Watch(reloader.looked_at, lambda: reloader.reload(ITSELF, "the files were edited")).run()
    if requested is not None:
        yield reloader.reload_on(requested, "SIGHUP")
    if tokens is not None:
        yield reloader.keep_keys(tokens)
