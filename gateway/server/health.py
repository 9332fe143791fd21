"""Whether the process lives and whether it can take a request. Neither asks a provider anything: health costs nothing."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.server.record import Record, record_of

LEDGER_LAG_MAX_S = 10.0


def health_router(revision: str, ledger_lag_s: Callable[[], float]) -> APIRouter:
    """``/healthz`` is 200 while the process answers; ``/readyz`` is 503 while the ledger does not keep up."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz(request: Request) -> dict[str, str]:
        _mark(request)
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(request: Request) -> JSONResponse:
        _mark(request)
        lag_s = ledger_lag_s()
        ready = lag_s < LEDGER_LAG_MAX_S
        body = {"status": "ready" if ready else "ledger_lag", "config_revision": revision, "ledger_lag_s": round(lag_s, 3)}
        return JSONResponse(body, 200 if ready else 503)

    return router


def _mark(request: Request) -> None:
    record: Record = record_of(request.scope)
    record.path = "health"
