"""Whether the process lives and whether it can take a request. Neither asks a provider anything: health costs nothing."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.config.change.current import Current
from gateway.core.snapshot import Snapshot
from gateway.ports import Ledger
from gateway.server.lame_duck import LameDuck
from gateway.server.record import Record, record_of

LEDGER_LAG_MAX_S = 10.0


def health_router(current: Current, ledger: Ledger, spool_room: Callable[[], bool], lame_duck: LameDuck) -> APIRouter:
    """``/healthz`` is 200 while the process answers; ``/readyz`` is 503 while the ledger fails or does not keep up.

    Unless there are contracts that may spool meanwhile, and room for what they book; and once the gateway is to stop.
    Nobody needs a key here, so they say nothing of models and routes: the admin plane does.
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
        body = {"status": status, "config_revision": current.snapshot.revision, "ledger_lag_s": round(lag_s, 3)}
        return JSONResponse(body, 200 if status in {"ready", "ledger_spooling"} else 503)

    return router


def _spools(snapshot: Snapshot) -> bool:
    return any(contract.spools for contract in snapshot.contracts.values())


def _mark(request: Request) -> None:
    record: Record = record_of(request.scope)
    record.path = "health"
