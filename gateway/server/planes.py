"""The two ASGI apps: the data plane for applications, the admin plane for operators, each on a listener of its own."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.config.change.current import Current
from gateway.config.settings import AdminSettings
from gateway.core.outcome import Refusal
from gateway.engine.evidence import EvidenceKeeping
from gateway.engine.money.adjusting import Adjusting
from gateway.ports import EvidenceStore, Ledger
from gateway.server.admin import Operations, admin_router
from gateway.server.admin_contract import Readings, admin_contract_router
from gateway.server.admin_evidence import admin_evidence_router
from gateway.server.admin_host import HostGuard
from gateway.server.admin_ledger import admin_ledger_router
from gateway.server.admin_problem import add_problems
from gateway.server.errors import failure_of_refusal, gateway_fault
from gateway.server.evidence import evidence_router
from gateway.server.head import as_get
from gateway.server.health import health_router
from gateway.server.jwks import jwks_router
from gateway.server.lame_duck import LameDuck
from gateway.server.models import models_router
from gateway.server.not_found import not_found
from gateway.server.record import Recorded, record_of
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog


def data_plane(
    current: Current,
    endpoints: Mapping[str, ASGIApp],
    metrics: Metrics,
    log: RequestLog,
    ledger: Ledger,
    *,
    spool_room: Callable[[], bool] = lambda: False,
    evidence: EvidenceKeeping | None = None,
    keys: Mapping[str, Any] = MappingProxyType({"keys": ()}),
    routers: Sequence[APIRouter] = (),
    lame_duck: LameDuck | None = None,
) -> ASGIApp:
    """What applications call: the Images API (``endpoints`` by path), the models, and health for load balancers."""
    app, lame_duck = _bare_app(), lame_duck or LameDuck()
    for path, endpoint in endpoints.items():
        app.router.routes.append(Route(path, endpoint, methods=["POST"]))
    app.include_router(models_router(current))
    app.include_router(health_router(current, ledger, spool_room, lame_duck))
    app.include_router(jwks_router(keys))
    if evidence is not None:
        app.include_router(evidence_router(current, evidence.store))
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(HTTPException, not_found)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(Exception, _failed)
    return Recorded(_Shortcut(endpoints, app), metrics, log, evidence, lame_duck)


class _Shortcut:
    """Takes image requests past the framework's own handling, which costs more than all that the gateway does for them."""

    def __init__(self, endpoints: Mapping[str, ASGIApp], app: ASGIApp) -> None:
        self._endpoints, self._app = endpoints, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["method"] == "POST" else None
        if endpoint is not None:
            await endpoint(scope, receive, send)
        else:
            await self._app(as_get(scope), receive, send)


def admin_plane(
    metrics: Metrics,
    operations: Operations,
    store: EvidenceStore,
    readings: Readings,
    adjusting: Adjusting,
    *,
    settings: AdminSettings,
) -> ASGIApp:
    """What operators and Prometheus call; bind it where applications cannot reach it."""
    app = _bare_app()
    app.include_router(admin_router(operations))
    app.include_router(admin_evidence_router(store))
    app.include_router(admin_contract_router(lambda: operations.reloader.loaded.snapshot, readings, operations.clock))
    app.include_router(admin_ledger_router(adjusting))
    add_problems(app)

    @app.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return HostGuard(app, settings.host, settings.hosts)


def _bare_app() -> FastAPI:
    """No pages about itself: the data plane's reference is OpenAI's."""
    return FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)


async def _failed(request: Request, error: Exception) -> Response:
    """Answered here, before Starlette would in plain text; the middleware that records the request logs the fault."""
    record = record_of(request.scope)
    return record.error_answer(gateway_fault(sent=record.progress.attempts > 0))


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return record_of(request.scope).error_answer(failure_of_refusal(error))
