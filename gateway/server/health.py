"""Whether the process lives and whether it can take a request. Neither asks a provider anything: health costs nothing."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.config.current import Current
from gateway.ports import Ledger
from gateway.server.record import Record, record_of

LEDGER_LAG_MAX_S = 10.0


def health_router(current: Current, ledger: Ledger) -> APIRouter:
    """``/healthz`` is 200 while the process answers; ``/readyz`` is 503 while the ledger fails or does not keep up."""
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
        body = {"status": status, "config_revision": current.snapshot.revision, "ledger_lag_s": round(lag_s, 3)}
        return JSONResponse(body, 200 if status == "ready" else 503)

    return router


def _mark(request: Request) -> None:
    record: Record = record_of(request.scope)
    record.path = "health"
