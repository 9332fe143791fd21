"""``GET /.well-known/jwks.json``: the public keys under which receipts and the ledger's roots hold."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.server.record import record_of

PATH = "/.well-known/jwks.json"
MAX_AGE_S = 300


def jwks_router(keys: Mapping[str, Any]) -> APIRouter:
    """A JWK set, for anybody; it may be kept for a while."""
    router = APIRouter()

    @router.get(PATH)
    async def jwks(request: Request) -> JSONResponse:
        record_of(request.scope).path = PATH
        headers = {"cache-control": f"public, max-age={MAX_AGE_S}"}
        return JSONResponse(dict(keys), headers=headers, media_type="application/jwk-set+json")

    return router
