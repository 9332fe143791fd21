"""Whether the process lives and whether it can take a request. Neither asks a provider anything: health costs nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.config.current import Current
from gateway.core.readiness import Verdict
from gateway.core.snapshot import Snapshot
from gateway.ports import Ledger
from gateway.server.lame_duck import LameDuck
from gateway.server.record import Record, record_of

LEDGER_LAG_MAX_S = 10.0


def health_router(
    current: Current,
    ledger: Ledger,
    verdicts: Callable[[], Mapping[str, Verdict]],
    spool_room: Callable[[], bool],
    lame_duck: LameDuck,
) -> APIRouter:
    """``/healthz`` is 200 while the process answers; ``/readyz`` is 503 while the ledger fails or does not keep up.

    Unless there are contracts that may spool meanwhile, and room for what they book. It is 503 too once the gateway is to stop.

    ``/readyz?verbose`` also lists the routes of each model by ``verdicts``; they do not change the status.
    """
    router = APIRouter()

    @router.get("/healthz")
    async def healthz(request: Request) -> dict[str, str]:
        _mark(request)
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(request: Request) -> JSONResponse:
        _mark(request)
        lag_s = ledger.lag_s
        status = "ledger_failing" if ledger.failing else "ledger_lag" if lag_s > LEDGER_LAG_MAX_S else "ready"
        if status != "ready" and _spools(current.snapshot) and spool_room():
            status = "ledger_spooling"
        if lame_duck.begun:
            status = "stopping"
        body: dict[str, Any] = {"status": status, "config_revision": current.snapshot.revision, "ledger_lag_s": round(lag_s, 3)}
        if "verbose" in request.query_params:
            body["models"] = _models(current.snapshot, verdicts())
        return JSONResponse(body, 200 if status in {"ready", "ledger_spooling"} else 503)

    return router


def _spools(snapshot: Snapshot) -> bool:
    return any(contract.spools for contract in snapshot.contracts.values())


def _models(snapshot: Snapshot, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """For each model the routes that are ready, and the others with the word for why not."""
    found: dict[str, Any] = {}
    for model in {it.name: it for it in snapshot.models.values()}.values():
        words = {route.id: verdicts.get(route.id, Verdict.UNPROVEN) for route in model.routes}
        ready = [id_ for id_, word in words.items() if word is Verdict.READY]
        found[model.name] = {
            "ready": ready,
            "not_ready": {id_: word.value for id_, word in words.items() if word is not Verdict.READY},
        }
    return found


def _mark(request: Request) -> None:
    record: Record = record_of(request.scope)
    record.path = "health"
