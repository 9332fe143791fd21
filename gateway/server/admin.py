"""What operators ask and order: routes, their overrides, the configuration in force. It has no login: keep it private."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.config.change.reload import Reload, Reloader, Result
from gateway.core.routing.eligibility import Reason, Suspension
from gateway.core.snapshot import Route, RouteState
from gateway.engine.readiness_run import Readiness, WalkUnderWay
from gateway.engine.routes.health import Health
from gateway.engine.routes.overrides import Overrides
from gateway.engine.routes.readiness_results import walk_report
from gateway.ports import AuditTrail
from gateway.reports.document import plain
from gateway.reports.operations.routes import RouteStatuses, readiness_document
from gateway.server.admin_order import Unacceptable, Word, override_order, ready_order, word
from gateway.server.admin_problem import problem

# What enabling a route does not mend: an override is lifted by itself, readiness is proven by a walk.
_KEPT = frozenset({Reason.OVERRIDE, Reason.NOT_READY})


@dataclass(frozen=True, slots=True)
class Operations:
    """What the admin plane shows and moves. ``suspensions`` are all that keep requests off routes now, the overrides included."""

    reloader: Reloader
    overrides: Overrides
    suspensions: Callable[[], Mapping[str, tuple[Suspension, ...]]]
    health: Health
    readiness: Readiness
    audit: AuditTrail
    clock: Callable[[], datetime]


def admin_router(operations: Operations) -> APIRouter:
    """All of it, as JSON; every write is audited before it takes effect."""
    router = APIRouter()
    _add_routes(router, operations)
    _add_config(router, operations.reloader)
    return router


def _add_routes(router: APIRouter, operations: Operations) -> None:
    @router.get("/routes")
    async def routes() -> Response:
        return _answer(_route_statuses(operations).document())

    @router.post("/routes/{route_id}/override")
    async def override(request: Request, route_id: str) -> Response:
        order = await override_order(request)
        if order.state is None:
            return await _lifted(operations, request, route_id, order.word)
        route = _route(operations, route_id)
        details = {"route": route.id, "state": order.state.value, "for_s": round(order.for_s), "model": route.model}
        await _audit(operations, request, "route.override", order.word, details)
        await operations.overrides.put(route.id, order.state, order.for_s, order.word.who, order.word.why)
        return _answer(_route_statuses(operations).one(route))

    @router.delete("/routes/{route_id}/override")
    async def lift(request: Request, route_id: str) -> Response:
        return await _lifted(operations, request, route_id, await word(request))

    @router.post("/routes/{route_id}/ready")
    async def ready(request: Request, route_id: str) -> Response:
        order = await ready_order(request)
        route, snapshot = _route(operations, route_id), operations.reloader.loaded.snapshot
        budget = None if order.budget is None else f"{order.budget} {route.price_list.currency}"
        await _audit(operations, request, "route.ready", order.word, {"route": route.id, "budget": budget})
        try:
            return _answer(walk_report(await operations.readiness.walk(route, snapshot, order.budget)))
        except WalkUnderWay as error:
            raise Unacceptable(409, str(error), rule="one walk a route at a time", fix="Wait until it has ended.") from error


def _add_config(router: APIRouter, reloader: Reloader) -> None:
    @router.get("/config")
    async def config() -> Response:
        return _answer(_config(reloader))

    @router.post("/config/reload")
    async def reload(request: Request) -> Response:
        said = await word(request)
        ended = await reloader.reload(said.who, said.why)
        if ended.result is not Result.REFUSED:
            return _answer(_reload(ended))
        first = ended.problems[0]
        rule = "a configuration takes effect as a whole, or not at all"
        detail = f"The configuration was refused; {ended.revision} stays in force."
        return problem(422, detail, field=first.path, rule=rule, fix=first.fix, reload=_reload(ended))


async def _lifted(operations: Operations, request: Request, route_id: str, said: Word) -> Response:
    """What the file says holds again; what the breaker and the provider's limits have kept out is forgotten.

    It is allowed for a route that the configuration no longer has: an override may outlive it.
    """
    was = operations.overrides.in_force().get(route_id)
    route = operations.reloader.loaded.snapshot.routes.get(route_id) or (None if was else _route(operations, route_id))
    held = [suspension.what for suspension in operations.suspensions().get(route_id, ()) if suspension.reason not in _KEPT]
    if was is not None or held:
        details = {"route": route_id, "was": None if was is None else was.state.value, "forgotten": held}
        await _audit(operations, request, "route.enabled", said, details)
        await operations.overrides.lift(route_id)
        operations.health.forget((route_id,))
    if route is None:
        return _answer({"id": route_id, "override": None, "note": "The override is lifted; the configuration has no such route."})
    return _answer(_route_statuses(operations).one(route) | {"note": _note(route, lifted=was is not None, forgotten=bool(held))})


def _route_statuses(operations: Operations) -> RouteStatuses:
    snapshot, overrides = operations.reloader.loaded.snapshot, operations.overrides.in_force()
    known, now = operations.readiness.results.known(), operations.clock()
    readiness = {route.id: readiness_document(route, known.get(route.id), now) for route in snapshot.routes.values()}
    return RouteStatuses(snapshot, overrides, operations.suspensions(), operations.health.states(), readiness, today=now.date())


def _note(route: Route, *, lifted: bool, forgotten: bool) -> str:
    first = "The override is lifted" if lifted else "There was no override"
    first += "; what else kept the route out is forgotten" if forgotten else ""
    if route.state is RouteState.ACTIVE:
        return f"{first}; the configuration has the route active."
    return (
        f"{first}, but the configuration has the route {route.state}, and it stays so: the file is the truth. "
        f"To bring it back, set routes.{route.id}.state to active."
    )


def _config(reloader: Reloader) -> dict[str, Any]:
    return {
        "revision": reloader.loaded.snapshot.revision,
        "since": reloader.since,
        "main": os.path.realpath(reloader.loaded.files[0]),
        "instance": f"{socket.gethostname()}:{os.getpid()}",
        "files": list(map(str, reloader.loaded.files)),
        "credential_files": list(map(str, reloader.loaded.credential_files)),
        "last_reload": None if reloader.last is None else _reload(reloader.last),
    }


def _reload(ended: Reload) -> dict[str, Any]:
    document: dict[str, Any] = plain(ended)
    return document | {"problems": [plain(it) | {"text": str(it)} for it in ended.problems]}


def _route(operations: Operations, route_id: str) -> Route:
    """The route of that id; raises ``Unacceptable``, naming the nearest."""
    routes = operations.reloader.loaded.snapshot.routes
    if route_id in routes:
        return routes[route_id]
    near = get_close_matches(route_id[:200], routes, n=1)
    fix = f"Did you mean '{near[0]}'?" if near else "GET /routes lists them."
    raise Unacceptable(404, "The configuration has no such route.", field="route", rule="the id of a route", fix=fix)


async def _audit(operations: Operations, request: Request, what: str, said: Word, details: Mapping[str, object]) -> None:
    """``who`` is what the operator says; where it came from is beside it."""
    found = {**details, "client": request.client.host if request.client else "unknown"}
    await asyncio.to_thread(operations.audit.append, said.who, what, said.why, found, operations.clock())


def _answer(body: Mapping[str, Any]) -> Response:
    return JSONResponse(plain(body))
